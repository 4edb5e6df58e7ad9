"""Changes that happen to image files in a year, each a function of the bytes, for `tools.bench.verdicts`.

Metadata is written byte by byte, as exiftool does: segments and chunks are inserted or overwritten, pixels stay.
"""

import io
import struct
import zlib
from collections.abc import Callable
from dataclasses import dataclass, field
from random import Random

import numpy as np
import pillow_heif
from PIL import Image, ImageDraw, ImageEnhance, ImageFilter, ImageOps

pillow_heif.register_heif_opener()

XMP = b"http://ns.adobe.com/xap/1.0/\0"
PADDING_BYTES = 2048
MIN_SIDE = 48  # pixels per side: in a smaller icon, a crop may keep everything and a patch cover everything
LOSSY_FORMATS = ("JPEG", "WEBP", "HEIF", "AVIF")


@dataclass(slots=True)
class ScriptedFile:
    """A file as it should be. `versions`: all intact contents so far, the current one last."""

    name: str
    versions: list[bytes] = field(default_factory=list)

    @property
    def data(self) -> bytes:
        """The current intact bytes."""
        return self.versions[-1]


ChangeFunction = Callable[[bytes, Random], bytes | None]


def _load(data: bytes) -> Image.Image:
    image = Image.open(io.BytesIO(data))
    image.load()
    return image


def _encode(image: Image.Image, like: Image.Image, rng: Random, quality: int = 0) -> bytes | None:
    """Encode in the format of `like`, in 80 % of cases with its EXIF; None where Pillow cannot write it."""
    kind = like.format or ""
    options: dict[str, object] = {}
    if kind in LOSSY_FORMATS:
        options["quality"] = quality or rng.choice((80, 88, 92, 95))
        image = image.convert("RGB")
    if kind in ("JPEG", "PNG", "WEBP", "HEIF", "AVIF") and rng.random() < 0.8 and like.info.get("exif"):
        options["exif"] = like.info["exif"]
    out = io.BytesIO()
    try:
        image.save(out, kind, **options)
    except (OSError, ValueError, KeyError):
        return None
    return out.getvalue()


def _edit_function(change: Callable[[Image.Image, Random], Image.Image]) -> ChangeFunction:
    def edit(data: bytes, rng: Random) -> bytes | None:
        image = _load(data)
        if getattr(image, "n_frames", 1) > 1 or image.mode not in ("RGB", "RGBA", "L") or min(image.size) < MIN_SIDE:
            return None
        return _encode(change(image, rng), image, rng)

    return edit


def _cropped(image: Image.Image, rng: Random) -> Image.Image:
    share = rng.uniform(0.8, 0.95)
    width, height = round(image.width * share), round(image.height * share)
    left, top = rng.randint(0, image.width - width), rng.randint(0, image.height - height)
    return image.crop((left, top, left + width, top + height))


def _retouched(image: Image.Image, rng: Random) -> Image.Image:
    side = max(8, min(image.size) // 10)
    left, top = rng.randint(0, max(0, image.width - side)), rng.randint(0, max(0, image.height - side))
    box = (left, top, min(image.width, left + side), min(image.height, top + side))
    changed = image.copy()
    changed.paste(ImageOps.invert(image.convert("RGB").crop(box)).filter(ImageFilter.GaussianBlur(2)), box)
    return changed


def _lettered(image: Image.Image, rng: Random) -> Image.Image:
    changed = image.copy()
    place = (rng.randint(0, image.width // 2), rng.randint(0, image.height - 1) // 2)
    ImageDraw.Draw(changed).text(place, "Summer in the garden", "white", font_size=max(10, image.height // 12))
    return changed


def saved_again(data: bytes, rng: Random) -> bytes | None:
    """Encode a lossy file again at another quality."""
    image = _load(data)
    return _encode(image, image, rng, rng.choice((60, 75, 85, 93))) if image.format in LOSSY_FORMATS else None


def packed_again(data: bytes, rng: Random) -> bytes | None:
    """Compress a PNG's data again: every pixel stays the same."""
    image = _load(data)
    if image.format != "PNG" or getattr(image, "n_frames", 1) > 1:
        return None
    chunks = list(_chunks(data))
    pixels = zlib.compress(
        zlib.decompress(b"".join(body for kind, body in chunks if kind == b"IDAT")), rng.choice((1, 4))
    )
    first = next(number for number, (kind, _) in enumerate(chunks) if kind == b"IDAT")
    kept = [chunk for chunk in chunks if chunk[0] != b"IDAT"]
    return data[:8] + b"".join(_chunk(*chunk) for chunk in [*kept[:first], (b"IDAT", pixels), *kept[first:]])


def _chunks(data: bytes) -> list[tuple[bytes, bytes]]:
    at, chunks = 8, []
    while at + 12 <= len(data):
        length = int.from_bytes(data[at : at + 4], "big")
        chunks.append((data[at + 4 : at + 8], data[at + 8 : at + 8 + length]))
        at += 12 + length
    return chunks


def _chunk(kind: bytes, body: bytes) -> bytes:
    return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))


def tagged(data: bytes, rng: Random) -> bytes | None:
    """Insert XMP, a text chunk or a comment; the image data moves."""
    tag = b"<rating>%d</rating>" % rng.randrange(10**6)
    if data[:2] == b"\xff\xd8":
        packet = XMP + tag.ljust(PADDING_BYTES)
        return data[:2] + b"\xff\xe1" + struct.pack(">H", len(packet) + 2) + packet + data[2:]
    if data[:8] == b"\x89PNG\r\n\x1a\n":
        return data[:33] + _chunk(b"tEXt", b"Comment\0" + tag.ljust(64)) + data[33:]
    if data[:4] == b"GIF8":
        table = 13 + (3 << (data[10] & 7) + 1 if data[10] & 0x80 else 0)
        return data[:table] + b"!\xfe" + bytes([len(tag)]) + tag + b"\0" + data[table:]
    if data[:4] == b"RIFF" and data[12:16] == b"VP8X":
        body = data[12:] + b"XMP " + struct.pack("<I", len(tag) + len(tag) % 2) + tag + b"\0" * (len(tag) % 2)
        return b"RIFF" + struct.pack("<I", len(body) + 4) + b"WEBP" + body
    return None


def tagged_in_place(data: bytes, rng: Random) -> bytes | None:
    """Overwrite the padding of an earlier tag; the length stays the same."""
    tag = b"<label>%d</label>" % rng.randrange(10**6)
    at = data.find(XMP, 0, 1 << 18)
    if data[:2] == b"\xff\xd8" and at > 0:
        end = at + int.from_bytes(data[at - 2 : at], "big") - 2
        return data[: end - len(tag)] + tag + data[end:]
    at = data.find(b"tEXtComment\0", 0, 1 << 18)
    if at > 0:
        length = int.from_bytes(data[at - 4 : at], "big")
        body = data[at + 4 : at + 4 + length - len(tag)] + tag
        return data[: at - 4] + _chunk(b"tEXt", body) + data[at + 8 + length :]
    return None


def turned_by_tag(data: bytes, rng: Random) -> bytes | None:
    """Rotate a JPEG without loss: change the orientation in its EXIF."""
    image = _load(data)
    if image.format != "JPEG":
        return None
    exif = Image.Exif()
    exif.load(image.info.get("exif", b""))
    exif[0x0112] = rng.choice([value for value in (3, 6, 8) if value != exif.get(0x0112)])
    block = exif.tobytes()
    if len(block) > 65000:
        return None
    return data[:2] + b"\xff\xe1" + struct.pack(">H", len(block) + 2) + block + _without_exif(data)


def _without_exif(data: bytes) -> bytes:
    at, kept = 2, []
    while data[at + 1] != 0xDA and data[at] == 0xFF:
        stop = at + 2 + int.from_bytes(data[at + 2 : at + 4], "big")
        if not (data[at + 1] == 0xE1 and data[at + 4 : at + 10] == b"Exif\0\0"):
            kept.append(data[at:stop])
        at = stop
    return b"".join(kept) + data[at:]


def webpage(data: bytes, rng: Random) -> bytes:
    """Replace the file by an error page, as a broken download does."""
    return b"<!DOCTYPE html><html><body>404 not found %d</body></html>" % rng.randrange(10**6)


def emptied(data: bytes, rng: Random) -> bytes:
    """Empty the file, as a full disk does."""
    return b""


EDITS: dict[str, ChangeFunction] = {
    "cropped": _edit_function(_cropped),
    "brightened": _edit_function(lambda image, rng: ImageEnhance.Brightness(image).enhance(rng.choice((0.75, 1.3)))),
    "a patch retouched": _edit_function(_retouched),
    "text drawn": _edit_function(_lettered),
    "turned by 90 degrees": _edit_function(lambda image, rng: image.transpose(Image.Transpose.ROTATE_90)),
    "mirrored": _edit_function(lambda image, rng: ImageOps.mirror(image)),
    "half the size": _edit_function(
        lambda image, rng: image.resize((max(8, image.width // 2), max(8, image.height // 2)))
    ),
    "saved again": saved_again,
}
METADATA_CHANGES: dict[str, ChangeFunction] = {
    "tag put in": tagged,
    "tag in place": tagged_in_place,
    "turned by its tag": turned_by_tag,
    "packed again": packed_again,
}


def same_pixels_shown(before: bytes, after: bytes) -> bool:
    """Return whether Pillow decodes both to the same pixels."""
    try:
        one, other = _load(before), _load(after)
        return one.size == other.size and np.array_equal(np.asarray(one), np.asarray(other))
    except Exception:  # damaged bytes raise anything
        return False
