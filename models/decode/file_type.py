"""File types that are not decoded, by signature, so that a rejected file is reported with its type."""

import re

# Image formats that are not decoded: the owner should know that these files are images.
UNSUPPORTED_FORMATS = (
    (b"\xff\x0a", "JPEG XL"),
    (b"\0\0\0\x0cJXL \r\n\x87\n", "JPEG XL"),
    (b"II\xbc\x01", "JPEG XR"),
    (b"v/1\x01", "OpenEXR"),
    (b"#?RADIANCE", "Radiance HDR"),
    (b"SIMPLE  =", "FITS"),
    (b"qoif", "QOI"),
    (b"DDS |", "DirectDraw surface"),
    (b"FUJIFILMCCD-RAW", "camera raw (Fujifilm RAF)"),
    (b"II*\0\x10\0\0\0CR", "camera raw (Canon CR2)"),
    (b"II\x1a\0\0\0HEAPCCDR", "camera raw (Canon CRW)"),
    (b"IIRO", "camera raw (Olympus ORF)"),
    (b"IIRS", "camera raw (Olympus ORF)"),
    (b"MMOR", "camera raw (Olympus ORF)"),
    (b"IIU\0", "camera raw (Panasonic RW2)"),
    (b"FOVb", "camera raw (Sigma X3F)"),
    (b"\0MRM", "camera raw (Minolta MRW)"),
    (b"8BPB", "Photoshop large document"),
    (b"gimp xcf", "GIMP document"),
    (b"%!PS-Adobe", "PostScript"),
    (b"\xc5\xd0\xd3\xc6", "PostScript"),
    (b"\xd7\xcd\xc6\x9a", "Windows metafile"),
    (b"AT&TFORM", "DjVu"),
    (b"/* XPM */", "X pixmap"),
    (b"\x59\xa6\x6a\x95", "Sun raster"),
    (b"PF\n", "portable float map"),
    (b"Pf\n", "portable float map"),
)
IFF_TYPES = frozenset({b"ILBM", b"PBM ", b"ACBM"})
PLAIN_PNM = re.compile(rb"P[1-3]\s+(?:#|\d)")  # not every text that starts with P1
OS2_TYPES = frozenset({b"BM", b"CI", b"CP", b"IC", b"PT"})  # contents of an OS/2 array of bitmaps, icons or pointers
OTHER_TYPES = (
    (b"%PDF", "a PDF document"),
    (b"PK\x03\x04", "a ZIP archive or office document"),
    (b"PK\x05\x06", "an empty ZIP archive"),
    (b"\x1f\x8b", "gzip data"),
    (b"7z\xbc\xaf\x27\x1c", "a 7-Zip archive"),
    (b"Rar!", "a RAR archive"),
    (b"BZh", "bzip2 data"),
    (b"\xfd7zXZ", "xz data"),
    (b"\x28\xb5\x2f\xfd", "zstd data"),
    (b"SQLite format 3\0", "an SQLite database"),
    (b"\x7fELF", "a program"),
    (b"MZ", "a Windows program"),
    (b"\x1aE\xdf\xa3", "a Matroska or WebM video"),
    (b"ID3", "MP3 audio"),
    (b"\xff\xfb", "MP3 audio"),
    (b"fLaC", "FLAC audio"),
    (b"OggS", "Ogg audio or video"),
    (b"FLV\x01", "a Flash video"),
    (b"\0\0\x01\xba", "an MPEG video"),
    (b"\0\0\x01\xb3", "an MPEG video"),
    (b"0&\xb2u\x8ef\xcf\x11", "a Windows Media file"),
    (b"\xd0\xcf\x11\xe0", "an old office document"),
    (b"\0\x05\x16\x07", "a macOS resource fork (._ file)"),
    (b"{\\rtf", "an RTF document"),
    (b"#!", "a script"),
)
MARKUP = (
    (b"<!doctype html", "an HTML page"),
    (b"<html", "an HTML page"),
    (b"<svg", "an SVG drawing"),
    (b"<?xml", "XML"),
)
UNKNOWN_TYPE = "unknown bytes"
RIFF_TYPES = {b"AVI ": "an AVI video", b"WAVE": "WAV audio"}


def unsupported_format(data: bytes) -> str:
    """Return the name of an image format that is known but not decoded, or ""."""
    if data[4:12] == b"ftypcrx ":
        return "camera raw (Canon CR3)"
    if data[4:12] == b"ftypmif3":
        return "HEIF in its short form"
    if data.startswith(b"FORM") and data[8:12] in IFF_TYPES:
        return "IFF image"
    if data.startswith(b"BA") and data[14:16] in OS2_TYPES:
        return "OS/2 icon or bitmap array"
    if data.startswith(b"\0\0\2\0") and data[4:5] != b"\0" and data[5:6] == data[9:10] == b"\0":
        return "Windows cursor"
    if data.startswith(b"\x28\0\0\0") and data[12:14] == b"\1\0" and data[14:15] in b"\1\4\x08\x10\x18\x20":
        return "bitmap without its file header"
    if data[:7] == b"#define" and b"_width " in data[:300] and b"_height " in data[:300]:
        return "X bitmap"
    if PLAIN_PNM.match(data):
        return "portable map in decimal digits"
    return next((name for magic, name in UNSUPPORTED_FORMATS if data.startswith(magic)), "")


def file_type(data: bytes) -> str:
    """Return a short noun phrase for the type of a file that is not an image."""
    if data[4:8] == b"ftyp":
        return f"a video or other MP4 file ({data[8:12].decode('latin-1').strip()})"
    if data[4:8] in (b"moov", b"mdat", b"wide", b"free"):
        return "a QuickTime video"
    if data[:4] == b"RIFF":
        return RIFF_TYPES.get(data[8:12], "a RIFF file")
    for magic, name in OTHER_TYPES:
        if data.startswith(magic):
            return name
    return _markup(data[:1024]) or ("text" if _is_text(data[:4096]) else UNKNOWN_TYPE)


def _markup(head: bytes) -> str:
    head = head.removeprefix(b"\xef\xbb\xbf").lstrip().lower()
    if not head.startswith(b"<"):
        return ""
    if b"<svg" in head:
        return "an SVG drawing"
    return next((name for start, name in MARKUP if head.startswith(start)), "")


def _is_text(head: bytes) -> bool:
    if head[:2] in (b"\xff\xfe", b"\xfe\xff"):
        return True
    if any(c < 32 and c not in b"\t\n\r\f\x1b" for c in head):
        return False
    try:
        head.decode("utf-8")
    except UnicodeDecodeError as error:
        return error.start >= len(head) - 3  # the sample may end inside a character
    return True
