"""The box structure that HEIF and AVIF share (ISO/IEC 14496-12), to tell a truncated file from a damaged one."""

from models.decode.reason import DecodeError, RejectReason

HEIF_BRANDS = frozenset({b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx", b"hevm", b"hevs"})
HEIF_BRANDS |= {b"jpeg", b"jpgs", b"j2ki", b"avci", b"vvic"}  # still images of other codecs in the same boxes
AVIF_BRANDS = frozenset({b"avif", b"avis"})
GENERIC_BRANDS = frozenset({b"mif1", b"msf1", b"miaf"})


def brands(data: bytes) -> list[bytes]:
    """Return the major brand, then the compatible ones; empty if there is no file type box."""
    if data[4:8] != b"ftyp":
        return []
    size = min(int.from_bytes(data[:4], "big"), len(data), 256)
    return [data[8:12], *(data[i : i + 4] for i in range(16, size - 3, 4))]


def is_heif(data: bytes) -> bool:
    """Recognize a still image in HEVC, or in another codec than AV1."""
    names = brands(data)
    return bool(names) and (names[0] in HEIF_BRANDS or (names[0] in GENERIC_BRANDS and not is_avif(data)))


def is_avif(data: bytes) -> bool:
    """Recognize an AV1 still image or sequence."""
    names = brands(data)
    return bool(names) and (
        names[0] in AVIF_BRANDS
        or (names[0] in GENERIC_BRANDS and bool(AVIF_BRANDS & set(names)) and not HEIF_BRANDS & set(names))
    )


def media_data_spans(data: bytes) -> list[tuple[int, int]]:
    """Return (start, stop) of each media data box. Raises DecodeError: TRUNCATED past the end, else DAMAGED."""
    at, end = 0, len(data)
    kinds: set[bytes] = set()
    media: list[tuple[int, int]] = []
    while at + 8 <= end:
        size, kind = int.from_bytes(data[at : at + 4], "big"), data[at + 4 : at + 8]
        if size == 1:
            size = int.from_bytes(data[at + 8 : at + 16], "big")
        elif size == 0:
            size = end - at
        if b"meta" in kinds and b"mdat" in kinds and not kind.isalnum():
            break  # padding that a camera or phone added after the image
        if size < 8:
            raise DecodeError(RejectReason.DAMAGED, f"box of {size} bytes at byte {at}")
        if at + size > end:
            raise DecodeError(RejectReason.TRUNCATED, f"box {kind!r} at byte {at} runs past the end")
        if kind == b"mdat":
            media.append((at, at + size))
        kinds.add(kind)
        at += size
    if not kinds & {b"meta", b"moov"}:
        raise DecodeError(RejectReason.TRUNCATED, "the file ends before its image is described")
    return media
