"""Compare a file's extension with its content. Decoders never see a name; only this module does."""

from models.decode.file_type import UNKNOWN_TYPE
from models.decode.formats import FORMAT_BY_EXTENSION
from models.decode.reason import DecodeError, RejectReason

CAMERA_RAW_EXTENSIONS = (
    *("arw", "cr2", "cr3", "crw", "dng", "nef", "orf"),
    *("pef", "raf", "rw2", "sr2", "srw", "x3f"),
)
# Includes image formats that are not decoded: an HTML page with one of these extensions is just as wrong.
EXPECTED_FORMATS = (
    FORMAT_BY_EXTENSION
    | dict.fromkeys(CAMERA_RAW_EXTENSIONS, "camera raw")
    | {"jxl": "jxl", "jxr": "jxr", "qoi": "qoi", "exr": "exr", "dds": "dds", "psb": "psd"}
)


def extension(name: bytes) -> str:
    """Return the extension in lower case without its dot, or "". Extensions that are not ASCII match no format."""
    stem, dot, last = name.rpartition(b".")
    return last.decode("ascii", "replace").lower() if dot and stem else ""


def reclassify_by_name(error: DecodeError, name: bytes) -> DecodeError:
    """Return the error for a file of that name: one that is named like an image but is none is wrong or destroyed."""
    expected = EXPECTED_FORMATS.get(extension(name))
    if error.reason is not RejectReason.NOT_IMAGE or expected is None:
        return error
    if error.detail == UNKNOWN_TYPE:
        return DecodeError(RejectReason.DAMAGED, f"not the start of an image, although the name says {expected}")
    return DecodeError(RejectReason.WRONG_TYPE, error.detail)


def extension_mismatch(format_: str, name: bytes) -> str:
    """Return a note if the extension belongs to another format, such as "a PNG, though named .jpg"; else ""."""
    found = extension(name)
    if EXPECTED_FORMATS.get(found, format_) == format_:
        return ""
    article = "an" if format_[0] in "aeio" else "a"
    return f"{article} {format_.upper()}, though named .{found}"
