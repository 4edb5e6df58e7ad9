"""What a file's name promises, held against what its bytes are. The decoders never see a name; this alone does."""

from models.decode.file_type import UNKNOWN_TYPE
from models.decode.formats import FORMATS
from models.decode.reason import DecodeError, RejectReason

FORMAT_BY_EXTENSION = {extension: row.name for row in FORMATS for extension in row.extensions}
# Pictures that are known by name but not decoded: an HTML page named so is as wrong.
FORMAT_BY_EXTENSION |= dict.fromkeys(
    ("arw", "cr2", "cr3", "crw", "dng", "nef", "orf", "pef", "raf", "rw2", "sr2", "srw", "x3f"), "camera raw"
)
FORMAT_BY_EXTENSION |= {"jxl": "jxl", "jxr": "jxr", "qoi": "qoi", "exr": "exr", "dds": "dds", "psb": "psd"}


def extension(name: bytes) -> str:
    """In lower case and without its dot; "" where there is none. Bytes that are not ASCII are no extension of ours."""
    stem, dot, last = name.rpartition(b".")
    return last.decode("ascii", "replace").lower() if dot and stem else ""


def reclassify_by_name(unfit: DecodeError, name: bytes) -> DecodeError:
    """The same verdict for a file of that name: what is no image but named like one is wrong, or destroyed."""
    promised = FORMAT_BY_EXTENSION.get(extension(name))
    if unfit.reason is not RejectReason.NOT_IMAGE or promised is None:
        return unfit
    if unfit.detail == UNKNOWN_TYPE:
        return DecodeError(RejectReason.DAMAGED, f"no picture begins here although the name says {promised}")
    return DecodeError(RejectReason.WRONG_TYPE, unfit.detail)


def extension_mismatch(format_: str, name: bytes) -> str:
    """A remark on a picture whose name promises another format, such as "a PNG, though named .jpg"; else ""."""
    said = extension(name)
    if FORMAT_BY_EXTENSION.get(said, format_) == format_:
        return ""
    article = "an" if format_[0] in "aeio" else "a"
    return f"{article} {format_.upper()}, though named .{said}"
