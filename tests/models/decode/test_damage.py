"""Each kind of damage has its own reason, with a helpful detail."""

import struct
import subprocess
import sys
import zlib
from pathlib import Path

import pytest
from PIL import Image

from models.decode.reason import DecodeError, RejectReason
from models.picture import Recipe, read_picture
from tests.support.image_samples import SPECIMENS, heic, psd, reason_of, saved, scene, specimen

ROOT = Path(__file__).parents[3]
RECIPES = [Recipe(32, 32, scaled_jpeg=0), Recipe(32, 32, scaled_jpeg=1.0)]
GREAT = scene(900, 700)
PROGRESSIVE, BASELINE = saved(GREAT, "JPEG", progressive=True), saved(GREAT, "JPEG", quality=95)


def verdict(data: bytes, recipe: Recipe = RECIPES[1], **options: int) -> str:
    return reason_of(lambda: read_picture(data, recipe, **options))


def message(data: bytes) -> str:
    with pytest.raises(DecodeError) as caught:
        read_picture(data, RECIPES[1])
    return caught.value.detail


def hole(data: bytes, size: int = 4096) -> bytes:
    middle = len(data) // 2
    return data[:middle] + bytes(size) + data[middle + size :]


def test_later_frames_are_verified() -> None:
    frames = [scene(seed=seed) for seed in range(3)]
    intact = saved(frames[0], "PNG", save_all=True, append_images=frames[1:])
    assert verdict(intact) == "ok"
    at = intact.rindex(b"fdAT")
    (size,) = struct.unpack(">I", intact[at - 4 : at])
    body = b"fdAT" + struct.pack(">I", 99) + intact[at + 8 : at + 4 + size]
    assert (
        verdict(intact[:at] + body + struct.pack(">I", zlib.crc32(body)) + intact[at + 8 + size :])
        == RejectReason.DAMAGED
    )


@pytest.mark.parametrize("recipe", RECIPES)
@pytest.mark.parametrize("intact", [BASELINE, PROGRESSIVE])
def test_a_shrunk_jpeg_is_verified_in_full(intact: bytes, recipe: Recipe) -> None:
    size = len(intact)
    assert verdict(intact, recipe) == "ok"
    assert verdict(intact[: size // 2], recipe) == RejectReason.TRUNCATED
    assert verdict(intact[:-2], recipe) == RejectReason.TRUNCATED
    assert verdict(intact[:300], recipe) == RejectReason.TRUNCATED
    assert verdict(hole(intact), recipe) == RejectReason.DAMAGED
    assert verdict(intact[: size // 2] + intact[size // 2 + 512 :], recipe) == RejectReason.DAMAGED


def test_a_tail_of_zeros_is_damage_not_truncation() -> None:
    for intact in (BASELINE, PROGRESSIVE, specimen("png"), specimen("gif", 1), heic(GREAT)):
        keep = len(intact) * 2 // 3
        assert verdict(intact[:keep] + bytes(len(intact) - keep)) in (RejectReason.DAMAGED, RejectReason.CHECKSUM)
    assert "filled with zeros" in message(BASELINE[:20000] + bytes(9000))


def test_quirks_of_cameras_are_accepted() -> None:
    thumbnail = saved(scene(80, 60), "JPEG")
    assert verdict(BASELINE + thumbnail) == "ok"  # multi-picture format
    assert verdict(BASELINE + bytes(5000)) == "ok"  # padding
    assert verdict(BASELINE + b"\0\0\0\x18ftypmp42" + bytes(100)) == "ok"  # motion photo
    assert verdict(b"\xff\xd8\xff\xff\xff" + BASELINE[3:]) == "ok"  # fill bytes
    app1 = b"\xff\xe1" + struct.pack(">H", 8 + len(thumbnail)) + b"Exif\0\0" + thumbnail
    assert verdict(BASELINE[:2] + app1 + BASELINE[2:]) == "ok"


def test_a_metadata_fault_is_noted_but_does_not_reject() -> None:
    stray = BASELINE[:2] + b"\xff\0\xff\0" + BASELINE[2:]
    picture = read_picture(stray, RECIPES[1])
    assert "metadata fault" in picture.note
    # Only what is beyond doubt is painted by the walk; the others are libjpeg's.
    assert abs(picture.pixels.astype(int) - read_picture(BASELINE, RECIPES[1]).pixels).max() <= 3
    assert verdict(hole(stray)) == RejectReason.DAMAGED


def test_every_png_chunk_is_checked() -> None:
    intact = saved(scene(), "PNG", pnginfo=None, dpi=(72, 72))
    for at in range(8 + 4, len(intact) - 12, 97):
        broken = intact[:at] + bytes([intact[at] ^ 4]) + intact[at + 1 :]
        assert verdict(broken) in (RejectReason.CHECKSUM, RejectReason.DAMAGED), at
    where = intact.index(b"pHYs") + 5
    assert verdict(intact[:where] + b"\x7f" + intact[where + 1 :]) == RejectReason.CHECKSUM
    assert "pHYs" in message(intact[:where] + b"\x7f" + intact[where + 1 :])
    assert verdict(intact[:-12]) == RejectReason.TRUNCATED
    assert verdict(intact[:-500]) == RejectReason.TRUNCATED
    assert verdict(intact[:3000] + intact[3500:]) == RejectReason.DAMAGED
    assert verdict(intact + b"trailing message") == "ok"


# Half an icon file holds its first icons in full; half a TGA has neither magic nor footer: "not an image" is the truth.
@pytest.mark.parametrize("name", sorted(set(SPECIMENS) - {"ico", "icns", "tga"}))
def test_half_a_file_is_rejected(name: str) -> None:
    for which in (0, 1):
        data = specimen(name, which)
        assert verdict(data[: len(data) // 2]) in (RejectReason.TRUNCATED, RejectReason.DAMAGED)


@pytest.mark.parametrize("kind", ["HEIF", "AVIF", "WEBP"])
def test_a_lost_sector_is_detected_although_decoders_conceal_it(kind: str) -> None:
    noise = Image.effect_noise((500, 400), 80).convert("RGB")
    data = heic(noise) if kind == "HEIF" else saved(noise, kind, quality=90)
    assert len(data) > 12288
    assert verdict(data) == "ok"
    assert verdict(data[:4096] + bytes(4096) + data[8192:]) == RejectReason.DAMAGED
    assert verdict(data[:8192] + bytes(len(data) - 8192)) == RejectReason.DAMAGED


@pytest.mark.slow
def test_zeros_of_flat_colour_are_accepted() -> None:
    flat = Image.new("RGB", (2400, 1800), (200, 10, 30))
    flat.paste(scene(2400, 300))
    lossless = saved(flat, "WEBP", lossless=True, method=0)
    assert bytes(9000) in lossless
    assert verdict(lossless) == "ok"
    for data in (saved(flat, "WEBP", method=0), saved(flat, "AVIF", speed=10), heic(flat)):
        assert verdict(data) == "ok"


def test_faults_of_fax_strips_that_libtiff_only_prints_are_damage(capfd: pytest.CaptureFixture[str]) -> None:
    intact = saved(scene(400, 300).convert("1"), "TIFF", compression="group4")
    middle = len(intact) // 3
    assert verdict(intact) == "ok"
    assert verdict(intact[:middle] + b"\xa5" * 40 + intact[middle + 40 :]) == RejectReason.DAMAGED
    assert capfd.readouterr().err == ""


@pytest.mark.parametrize(
    ("data", "reason", "word"),
    [
        (b"", RejectReason.EMPTY, ""),
        (bytes(5000), RejectReason.DAMAGED, "filled with zeros"),
        (b"<!DOCTYPE html><html>", RejectReason.NOT_IMAGE, "HTML"),
        (b'<?xml version="1.0"?><svg xmlns="">', RejectReason.NOT_IMAGE, "SVG"),
        (b"just some message\n", RejectReason.NOT_IMAGE, "text"),
        ("Grüße aus Köln".encode(), RejectReason.NOT_IMAGE, "text"),
        (b"\0\0\0\x18ftypmp42\0\0\0\0", RejectReason.NOT_IMAGE, "MP4"),
        (b"%PDF-1.4", RejectReason.NOT_IMAGE, "PDF"),
        (b"PK\x03\x04rest", RejectReason.NOT_IMAGE, "ZIP"),
        (b"SQLite format 3\0rest", RejectReason.NOT_IMAGE, "SQLite"),
        (b"RIFF\x10\0\0\0WAVEfmt ", RejectReason.NOT_IMAGE, "WAV"),
        (b"\x93\x01\xfe\x07" * 9, RejectReason.NOT_IMAGE, "unknown"),
        (b"\xff\x0a\xfa\x1f", RejectReason.UNSUPPORTED, "JPEG XL"),
        (b"qoif" + bytes(20), RejectReason.UNSUPPORTED, "QOI"),
        (b"DDS \x7c" + bytes(20), RejectReason.UNSUPPORTED, "DirectDraw"),
        (b"FUJIFILMCCD-RAW 0201", RejectReason.UNSUPPORTED, "camera raw"),
        (b"\0\0\0\x18ftypcrx \0\0\0\1", RejectReason.UNSUPPORTED, "camera raw"),
    ],
)
def test_other_file_types_are_named(data: bytes, reason: RejectReason, word: str) -> None:
    assert verdict(data) == reason
    assert word in message(data)


def test_camera_raw_is_rejected_despite_its_thumbnail() -> None:
    def directory(*entries: tuple[int, int, int]) -> bytes:
        rows = b"".join(struct.pack("<HHII", tag, kind, 1, value) for tag, kind, value in entries)
        return b"II*\0\x08\0\0\0" + struct.pack("<H", len(entries)) + rows + bytes(4 + 300)

    picture = ((256, 4, 8), (257, 4, 8), (258, 3, 8), (259, 3, 1), (262, 3, 1), (273, 4, 140), (279, 4, 64))
    assert verdict(directory(*picture)) == "ok"
    assert verdict(directory((254, 4, 1), *picture, (330, 4, 8))) == RejectReason.UNSUPPORTED
    assert verdict(directory(*picture, (50706, 4, 0x401))) == RejectReason.UNSUPPORTED
    assert "camera raw" in message(directory(*picture, (50706, 4, 0x401)))


def test_the_pixel_limit_applies_before_decoding() -> None:
    head = struct.pack(">IIBBBBB", 60000, 60000, 8, 2, 0, 0, 0)
    body = b"".join(
        struct.pack(">I", len(part)) + kind + part + struct.pack(">I", zlib.crc32(kind + part))
        for kind, part in ((b"IHDR", head), (b"IDAT", zlib.compress(bytes(1000))), (b"IEND", b""))
    )
    assert verdict(b"\x89PNG\r\n\x1a\n" + body) == RejectReason.PIXELS
    for name in SPECIMENS:
        for which in (0, 1):
            assert verdict(specimen(name, which), max_pixels=900) == RejectReason.PIXELS, (name, which)


def test_too_little_memory_has_its_own_reason() -> None:
    code = (
        "import sys, resource; from models.picture import *; data = sys.stdin.buffer.read()\n"
        "used = int(open('/proc/self/statm').read().split()[0]) * resource.getpagesize()\n"
        "resource.setrlimit(resource.RLIMIT_AS, (used + 60_000_000,) * 2)\n"
        "try: read_picture(data, Recipe(8, 8))\n"
        "except DecodeError as error: print(error.reason)"
    )
    great = Image.new("RGB", (6000, 6000), "navy")
    for kind in ("PNG", "JPEG", "TIFF"):
        done = subprocess.run([sys.executable, "-c", code], input=saved(great, kind), capture_output=True, cwd=ROOT)
        assert done.stdout.decode().strip() == RejectReason.MEMORY, done.stderr


def test_a_twelve_bit_jpeg_is_unsupported() -> None:
    deep = bytearray(BASELINE)
    deep[deep.index(b"\xff\xc0") + 4] = 12
    assert verdict(bytes(deep)) == RejectReason.UNSUPPORTED
    assert "12 bits" in message(bytes(deep))
    assert verdict(psd(scene().convert("L"), 32)) in (RejectReason.UNSUPPORTED, RejectReason.DAMAGED)


def suspicion(data: bytes) -> str:
    return read_picture(data, RECIPES[1]).suspect


def flipped(data: bytes, at: int) -> bytes:
    return data[:at] + bytes([data[at] ^ 16]) + data[at + 1 :]


NOISE = Image.effect_noise((500, 400), 80).convert("RGB")


def test_a_flipped_bit_in_heic_is_detected() -> None:
    intact = heic(NOISE)
    assert suspicion(intact) == ""
    start = intact.index(b"mdat") + 4
    places = range(start + 200, len(intact) - 200, (len(intact) - start) // 40)
    found = [verdict(flipped(intact, at)) != "ok" or suspicion(flipped(intact, at)) != "" for at in places]
    assert sum(found) > len(found) / 2  # an arithmetic code has no checksum: some flips only change a colour


def test_heic_nal_units_must_tile_their_item() -> None:
    intact = heic(NOISE)
    middle = (intact.index(b"mdat") + len(intact)) // 2
    assert suspicion(intact[:middle] + b"\x5a" * 64 + intact[middle:]).startswith("item 1: ")
    for changed in (
        intact[:middle] + intact[middle + 64 :],
        flipped(intact, intact.index(b"mdat") + 5),  # the length of the first unit
    ):
        assert verdict(changed) in (RejectReason.DAMAGED, RejectReason.TRUNCATED)
    assert verdict(intact + bytes(range(256)) * 8) == "ok"


def test_an_item_beyond_the_end_is_truncated() -> None:
    for intact in (heic(NOISE), saved(NOISE, "AVIF", speed=9)):
        start = intact.index(b"mdat") - 4
        size = int.from_bytes(intact[start : start + 4], "big") - 500
        assert verdict(intact[:start] + struct.pack(">I", size) + intact[start + 4 : -500]) == RejectReason.TRUNCATED


def test_a_bmp_of_the_wrong_length_is_suspect() -> None:
    intact = saved(NOISE, "BMP")
    assert suspicion(intact) == ""
    assert "1 byte more" in suspicion(intact[:9000] + b"x" + intact[9000:])
    assert verdict(intact[:9000] + intact[9001:]) == RejectReason.TRUNCATED
    assert suspicion(intact[:2] + bytes(4) + intact[6:]) == ""  # a writer that left the field empty
    few = bytearray(saved(scene().quantize(16), "BMP"))
    few[-1] = 255
    assert suspicion(bytes(few)) in ("colour 255 in a palette of 16", "colour 15 in a palette of 16") or few[28] == 4


@pytest.mark.parametrize(("kind", "upwards"), [("BMP", True), ("TIFF", False), ("TGA", True)])
def test_lost_sectors_and_tails_of_raw_pixels_are_suspect_with_their_row(kind: str, upwards: bool) -> None:
    bright = Image.eval(NOISE, lambda value: max(value, 1))
    intact = saved(bright, kind)
    assert suspicion(intact) == ""
    lost = suspicion(intact[:40960] + bytes(4096) + intact[45056:])
    row = 40960 // 1500
    assert lost == f"4096 zero bytes from row {399 - row - 3 if upwards else row} of 400"
    keep = 300_000 + 700
    tail = intact[:keep] + bytes(len(intact) - keep - 26) + intact[-26:] if kind == "TGA" else b""
    assert "zero bytes from row" in suspicion(tail or intact[:keep] + bytes(len(intact) - keep))
    letterbox = bright.copy()
    letterbox.paste("black", (0, 300, 500, 400))
    letterbox.paste("black", (0, 0, 500, 50))
    assert suspicion(saved(letterbox, kind)) == ""


def test_faults_of_tiff_directories_are_suspect() -> None:
    intact = saved(NOISE, "TIFF", compression="tiff_lzw", description="a picture", software="made here")
    assert suspicion(intact) == ""
    text = intact.index(b"a picture")
    assert "not text" in suspicion(intact[:text] + b"a\0pict" + intact[text + 6 :])
    order = "<" if intact[:1] == b"I" else ">"
    (first,) = struct.unpack_from(order + "I", intact, 4)
    swapped = (
        intact[: first + 2] + intact[first + 14 : first + 26] + intact[first + 2 : first + 14] + intact[first + 26 :]
    )
    assert "not in order" in suspicion(swapped)


def test_a_damaged_later_page_makes_a_tiff_suspect() -> None:
    intact = saved(NOISE, "TIFF", compression="tiff_adobe_deflate", save_all=True, append_images=[NOISE, NOISE])
    assert suspicion(intact) == ""
    assert "page 3 of 3" in suspicion(flipped(intact, len(intact) * 5 // 6))


def test_every_icon_is_verified() -> None:
    intact = saved(scene(64, 64), "ICO", sizes=[(64, 64), (32, 32), (16, 16)])
    assert verdict(intact) == "ok"
    assert verdict(intact[:-5]) == RejectReason.TRUNCATED
    for at in range(70, len(intact), 211):
        assert verdict(flipped(intact, at)) in (RejectReason.CHECKSUM, RejectReason.DAMAGED, RejectReason.TRUNCATED), at
    bitmaps = saved(scene(64, 64), "ICO", sizes=[(64, 64), (32, 32)], bitmap_format="bmp")
    assert verdict(bitmaps) == "ok"
    assert verdict(bitmaps[:-300]) == RejectReason.TRUNCATED
    apple = saved(scene(128, 128), "ICNS")
    assert verdict(apple[: len(apple) - 5]) == RejectReason.TRUNCATED
    assert verdict(flipped(apple, len(apple) // 2)) == RejectReason.CHECKSUM


def test_data_after_a_tga_is_accepted() -> None:
    intact = saved(scene(), "TGA")
    plain = intact[: 18 + 120 * 80 * 3]
    assert suspicion(intact) == suspicion(plain) == suspicion(intact + b"junk" * 99) == ""
    assert "5 bytes more" in suspicion(plain + b"extra")
    assert "1 byte fewer" in suspicion(intact[:900] + intact[901:])
