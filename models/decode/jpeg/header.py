"""The segments of a JPEG before its first scan (ITU-T T.81 annex B)."""

from dataclasses import dataclass, field

from models.decode.reason import DecodeError, RejectReason

END_OF_IMAGE = b"\xff\xd9"
SOI, EOI, SOS, APP0, APP1, APP2, APP14, APP15, COM = 0xD8, 0xD9, 0xDA, 0xE0, 0xE1, 0xE2, 0xEE, 0xEF, 0xFE
FRAME_MARKERS = frozenset(range(0xC0, 0xD0)) - {0xC4, 0xC8, 0xCC}
STANDALONE_MARKERS = frozenset(range(0xD0, 0xD8)) | {0x00, 0x01}  # markers without a length: restarts, stuffing, TEM


@dataclass(slots=True)
class JpegHeader:
    """The frame and the segments before the first scan.

    `width`, `height`: pixels. `precision`: bits per sample. `components`: channels. `process`: the frame's marker (0xC0
    baseline, 0xC2 progressive). `exif`: without its identifier. `scan`: offset of the first scan. `segments`: marker,
    start and stop of each.
    """

    width: int = 0
    height: int = 0
    precision: int = 8
    components: int = 0
    process: int = 0
    exif: bytes = b""
    scan: int = 0
    segments: list[tuple[int, int, int]] = field(default_factory=list)

    def without_metadata(self, data: bytes) -> bytes:
        """Return the file without stray bytes and application data, except JFIF 1.x and Adobe, which set colours."""
        kept = [data[a:b] for marker, a, b in self.segments if _affects_pixels(marker, data[a:b], self.components)]
        return b"".join([b"\xff\xd8", *kept, data[self.scan :]])

    def is_ordinary(self, data: bytes) -> bool:
        """Whether the application data cannot make libjpeg warn, and does not declare other colours than YCbCr."""
        profiles = 0
        for marker, start, stop in self.segments:
            body = data[start + 4 : min(stop, start + 18)]
            if marker == APP0 and body[:5] == b"JFIF\0" and body[5:6] != b"\1":
                return False
            if marker == APP14 and body[:5] == b"Adobe" and body[11:12] != b"\1":
                return False
            if marker == APP2 and body[:12] == b"ICC_PROFILE\0":
                profiles += 1
                if profiles > 1 or body[12:14] != b"\1\1":
                    return False
        return True


def _affects_pixels(marker: int, segment: bytes, components: int) -> bool:
    if marker == APP0:
        return segment[4:10] == b"JFIF\0\1"
    if marker == APP14:  # 2 is YCCK, meaningless in three channels: all decoders read YCbCr
        return segment[4:9] == b"Adobe" and segment[-1] <= (1 if components == 3 else 2)
    return not (APP0 < marker <= APP15 or marker == COM)


def read_header(data: bytes) -> JpegHeader:
    """Read the segments before the first scan. Raises DecodeError: TRUNCATED, or DAMAGED without a frame header."""
    header, at, end = JpegHeader(), 2, len(data)
    while True:
        at = data.find(b"\xff", at)
        while 0 <= at < end and data[at] == 0xFF:
            at += 1
        if at < 0 or at + 3 > end:
            raise DecodeError(RejectReason.TRUNCATED, "the file ends before the image data begins")
        marker = data[at]
        if marker in STANDALONE_MARKERS or marker == SOI:
            at += 1
            continue
        if marker in (SOS, EOI):
            break
        stop = at + 1 + (data[at + 1] << 8 | data[at + 2])
        _add_segment(header, marker, at - 1, stop, data)
        at = max(stop, at + 3)
    header.scan = at - 1
    if not header.components:
        raise DecodeError(RejectReason.DAMAGED, "no frame header")
    return header


def _add_segment(header: JpegHeader, marker: int, start: int, stop: int, data: bytes) -> None:
    header.segments.append((marker, start, stop))
    body = start + 4
    if marker in FRAME_MARKERS and not header.components and stop >= body + 6 and stop <= len(data):
        header.process = marker
        header.precision = data[body]
        header.height = data[body + 1] << 8 | data[body + 2]
        header.width = data[body + 3] << 8 | data[body + 4]
        header.components = data[body + 5]
    elif marker == APP1 and not header.exif and data[body : body + 6] == b"Exif\0\0":
        header.exif = data[body + 6 : stop]


def coded_span(data: bytes) -> tuple[int, int] | None:
    """Return the span (start, stop) from a JPEG's first scan through its end-of-image marker; None for other formats.

    The span holds no metadata. Other formats have no such span: EXIF may be anywhere in the data of a HEIF, and the
    tags of a TIFF may follow its strips. The marker cannot occur within a scan: T.81 puts a zero after each 0xFF of
    coded data.
    """
    if data[:2] != b"\xff\xd8":
        return None
    try:
        start = read_header(data).scan
    except DecodeError:
        return None
    stop = data.find(END_OF_IMAGE, start)
    return (start, stop + len(END_OF_IMAGE)) if stop >= 0 else None
