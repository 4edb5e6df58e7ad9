"""What stands behind the end of a JPEG: second pictures, films and notes of cameras, slack of memory cards, or junk."""

JPEG = b"\xff\xd8\xff"
SECTOR = 512  # bytes: cameras write whole sectors, and what lay there before comes along
# Second pictures, films, sounds, archives, and the trailers that ExifTool's documentation lists.
BEGINS = (
    b"CANON OPTIONAL DATA", b"<?xpacket", b"<?xml", b"<x:xmpmeta", b"RIFF", b"OggS", b"PK\x03\x04", b"AXS!", b"AXS*",
    b"8BIM", b"II*\0", b"MM\0*", b"%PDF", b"MotionPhoto", b"LIVE_", b"vivo{", b"QDIO", b"~\0\x04\0zmie~", b"\x89PNG",
    b"Rar!", b"7z\xbc\xaf", b"<html", b"SONYSONY", b"HUAWEI", b"jxrs", b"PreviewImage",
)  # fmt: skip
ENDS = (
    b"\xff\xd9",  # a preview without its header
    b"SEFT",
    b"CBIPCBBL",
    b"cbipcbbl",
    b"AXS!",
    b"AXS*",
    b"\xa1\0\0\0",
    b"8db42d694ccc418790edff439fe026bf",
    b"\0NIKON",
)
TEXT = bytes(range(0x20, 0x7F)) + b"\t\r\n"


def describe_trailer(data: bytes, end: int) -> tuple[str, bool]:
    """(words, known) for data[end:]; ("", True) for nothing but filling. `known` is false for what nobody writes."""
    size = len(data) - end
    rest = data[end:].strip(b"\0\xff\r\n\t ") if size else b""
    if not rest:
        return "", True
    place = data.find(JPEG, end)
    if place >= 0:
        return f"another picture follows, {size} bytes", True
    if rest.startswith(BEGINS) or rest.endswith(ENDS) or b"ftyp" in rest[:64]:
        return f"{size} bytes of other data follow the picture", True
    if not rest.translate(None, TEXT):
        return f"{size} bytes of text follow the picture", True
    if _is_slack(data, end):
        return f"{size} bytes of old disk contents follow the picture", True
    return f"{size} bytes of unknown data follow the end of the picture", False


def _is_slack(data: bytes, end: int) -> bool:
    """Whole sectors to the end of the file, or zeros to the end of the picture's last sector and others behind it."""
    edge = -(-end // SECTOR) * SECTOR
    return len(data) % SECTOR == 0 or (edge >= end + 8 and edge < len(data) and not any(data[end:edge]))
