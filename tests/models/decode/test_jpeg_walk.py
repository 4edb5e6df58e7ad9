"""The entropy walk locates what no encoder writes, and accepts everything that encoders write."""

import random
import re
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from models.decode.jpeg.entropy import JpegFault, JpegWalk, walk_jpeg
from models.decode.reason import DecodeError, RejectReason
from models.picture import Picture, Recipe, read_picture
from tests.support.image_samples import reason_of, saved, scene

RECIPE = Recipe(64, 64, "squash", "bilinear", 2.0)
LIMIT = 100_000_000


def textured(width: int = 400, height: int = 304, seed: int = 3) -> Image.Image:
    """Return a smooth image with grain, with as many codes as a photograph."""
    grain = np.random.default_rng(seed).normal(0, 6, (height, width, 3))
    return Image.fromarray((np.asarray(scene(width, height)) * 0.7 + 40 + grain).clip(0, 255).astype(np.uint8))


PICTURE = textured()
KINDS = {
    "baseline": saved(PICTURE, "JPEG", quality=85),
    "4:4:4": saved(PICTURE, "JPEG", quality=95, subsampling=0),
    "4:2:2": saved(PICTURE, "JPEG", quality=75, subsampling=1),
    "grey": saved(PICTURE.convert("L"), "JPEG", quality=85),
    "ink": saved(PICTURE.convert("CMYK"), "JPEG", quality=85),
    "own tables": saved(PICTURE, "JPEG", quality=85, optimize=True),
    "progressive": saved(PICTURE, "JPEG", quality=85, progressive=True),
    "restarts": saved(PICTURE, "JPEG", quality=85, restart_marker_rows=1),
    "many restarts": saved(PICTURE, "JPEG", quality=85, restart_marker_blocks=4, progressive=True),
}
BASELINE, PROGRESSIVE, RESTARTS = KINDS["baseline"], KINDS["progressive"], KINDS["restarts"]


def walked(data: bytes) -> JpegWalk:
    found = walk_jpeg(data, LIMIT)
    assert found is not None
    return found


def scan_of(data: bytes) -> int:
    """Return the offset of the first scan's data."""
    start = data.index(b"\xff\xda")
    return start + 2 + int.from_bytes(data[start + 2 : start + 4], "big")


def over(data: bytes, at: int, patch: bytes) -> bytes:
    return data[:at] + patch + data[at + len(patch) :]


def flipped(data: bytes, at: int, bit: int) -> bytes:
    return over(data, at, bytes([data[at] ^ 1 << bit]))


def read(data: bytes) -> Picture:
    return read_picture(data, RECIPE)


def message(data: bytes) -> str:
    with pytest.raises(DecodeError) as caught:
        read(data)
    return f"{caught.value.reason}: {caught.value.detail}"


@pytest.mark.parametrize("kind", KINDS)
def test_intact_files_have_no_fault(kind: str) -> None:
    walk = walked(KINDS[kind])
    assert (walk.fault, walk.ended, walk.padded_zeros, sum(walk.counts)) == (JpegFault.SOUND, True, 0, 0)
    assert walk.end == len(KINDS[kind])
    assert read(KINDS[kind]).suspect == ""


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("share", [0.3, 0.6, 0.95])
def test_truncation_is_reported_with_its_row(kind: str, share: float) -> None:
    said = message(KINDS[kind][: int(len(KINDS[kind]) * share)])
    assert said.startswith("truncated: ")
    if kind not in ("progressive", "many restarts"):
        found = re.search(r"at row (\d+) of 304", said)
        assert found
        assert abs(int(found[1]) - 304 * share) < 60


@pytest.mark.parametrize("kind", KINDS)
def test_dropped_bytes_are_detected(kind: str) -> None:
    intact, rng = KINDS[kind], random.Random(5)
    places = [rng.randrange(scan_of(intact), len(intact) - 1000) for _ in range(20)]
    sound_ones = [at for at in places if walked(intact[:at] + intact[at + 512 :]).fault is JpegFault.SOUND]
    assert len(sound_ones) <= 2


def test_a_block_of_more_than_64_coefficients_is_damage() -> None:
    """Repeat two codes of the baseline table, sixteen zeros and a one, until a block is past its end."""
    start = scan_of(KINDS["grey"])
    zrl = "11111111001" * 3 + "1111111111110101" + "1"  # 48 zeros, then 15 zeros and a one: place 64
    stream = "00" + zrl + "1" * 7
    stream += "1" * (-len(stream) % 8)
    bits = int(stream, 2).to_bytes(len(stream) // 8, "big").replace(b"\xff", b"\xff\0")
    broken = over(KINDS["grey"], start, bits)
    assert walked(broken).fault is JpegFault.INDEX
    assert message(broken) == "damaged: a block with more than 64 coefficients at row 0 of 304"


def test_bits_that_are_not_a_code_are_damage() -> None:
    broken = over(BASELINE, len(BASELINE) // 2, b"\xff\0" * 6)
    walk = walked(broken)
    assert walk.fault is JpegFault.CODE
    assert message(broken) == f"damaged: bits that are not a Huffman code at row {walk.row} of 304"
    assert 60 < walk.row < 260


def test_a_scan_that_ends_early_is_damage() -> None:
    half = BASELINE[: len(BASELINE) // 2] + b"\xff\xd9"
    assert "damaged: a scan that ends early at row" in message(half)


def test_codes_after_the_last_block_are_suspect() -> None:
    assert walked(BASELINE[:-2] + b"\x5a\x5a\x5a\x5a" + BASELINE[-2:]).fault is JpegFault.LONG


def test_restart_markers_out_of_order_are_suspect() -> None:
    second = RESTARTS.index(b"\xff\xd1")
    assert walked(over(RESTARTS, second, b"\xff\xd4")).fault is JpegFault.RESTART
    assert reason_of(lambda: read(over(RESTARTS, second, b"\xff\xd4"))) == RejectReason.DAMAGED
    third = RESTARTS.index(b"\xff\xd2")
    assert walked(RESTARTS[:second] + RESTARTS[third:]).fault is JpegFault.RESTART  # a whole row is missing


def test_inconsistent_padding_is_suspect_but_consistent_zeros_are_not() -> None:
    ends = [found.start() - 1 for found in re.finditer(rb"\xff[\xd0-\xd7\xd9]", RESTARTS[scan_of(RESTARTS) :])]
    places = [scan_of(RESTARTS) + end for end in ends]
    walk = walked(RESTARTS)
    assert walk.padded_ones > 10
    for place in places:
        for bit in range(7):  # the last bit of a segment is padding unless the codes fill its last byte
            touched = walked(flipped(RESTARTS, place, bit))
            if touched.fault is JpegFault.SOUND and touched.padded_ones < walk.padded_ones:
                assert "padding" in read(flipped(RESTARTS, place, bit)).suspect
                return
    pytest.fail("no padding was found")


def test_brightness_out_of_range_is_suspect() -> None:
    """Double the first DC of a white image in its largest bit: everything after it is beyond white."""
    white = saved(Image.new("L", (320, 320), 250), "JPEG", quality=90)
    grey = saved(Image.new("L", (320, 320), 129), "JPEG", quality=90)
    start = scan_of(white)
    assert walked(white).fault is JpegFault.SOUND
    dark = over(grey, scan_of(grey), white[start : start + 3])  # white, and then on from there
    suspects = {walked(flipped(white, start, bit)).fault for bit in range(8)} | {walked(dark).fault}
    assert JpegFault.RANGE in suspects


def test_contrast_beyond_eight_bits_is_suspect() -> None:
    """Quantise a checkerboard finely and dequantise it coarsely: no samples can differ so much."""
    board = np.kron(np.indices((40, 40)).sum(0) % 2 * 255, np.ones((2, 2))).astype(np.uint8)
    intact = saved(Image.fromarray(board), "JPEG", quality=95)
    table = intact.index(b"\xff\xdb") + 5
    louder = over(intact, table + 1, bytes(min(255, 3 * value) for value in intact[table + 1 : table + 64]))
    assert walked(intact).fault is JpegFault.SOUND
    assert walked(louder).fault is JpegFault.CONTRAST
    assert "contrast beyond what samples can hold" in read(louder).suspect


def test_a_progressive_image_without_refinement_is_suspect() -> None:
    scans = [found.start() for found in re.finditer(rb"\xff\xda", PROGRESSIVE)]
    tables = PROGRESSIVE.rindex(b"\xff\xc4", 0, scans[-1])
    early = PROGRESSIVE[:tables] + b"\xff\xd9"
    assert walked(early).fault is JpegFault.UNREFINED
    assert "scans are missing" in read(early).suspect


def test_invalid_tables_are_reported() -> None:
    table = BASELINE.index(b"\xff\xc4")
    twice = over(BASELINE, table + 5 + 16, BASELINE[table + 5 + 17 : table + 5 + 18])  # one symbol stands twice
    assert walked(twice).fault is JpegFault.TABLES
    assert walked(over(BASELINE, table + 5, b"\x09")).fault is JpegFault.TABLES  # more codes of one bit than there are


def test_files_that_are_not_walked_are_left_to_the_decoder() -> None:
    arithmetic = over(BASELINE, BASELINE.index(b"\xff\xc0"), b"\xff\xc9")
    assert walk_jpeg(arithmetic, LIMIT) is None
    assert walked_size(BASELINE, 400 * 304 - 1) is JpegFault.HEADER


def walked_size(data: bytes, limit: int) -> JpegFault:
    found = walk_jpeg(data, limit)
    assert found is not None
    return found.fault


@pytest.mark.parametrize("kind", KINDS)
def test_the_walk_survives_any_mutation(kind: str) -> None:
    """All mutations end with a result; another test runs the C code under sanitizers."""
    intact, rng = KINDS[kind], random.Random(kind)
    for turn in range(300):
        broken = bytearray(intact[: rng.randrange(1, len(intact))] if turn % 4 == 0 else intact)
        reach = len(broken) if turn % 2 else min(700, len(broken))
        for _ in range(rng.choice((1, 3, 40))):
            broken[rng.randrange(reach)] = rng.choice((0, 255, rng.randrange(256)))
        walk = walk_jpeg(bytes(broken), LIMIT)
        assert walk is None or 0 <= walk.end <= len(broken)
    for tiny in (b"", b"\xff", b"\xff\xd8", b"\xff\xd8\xff", b"\xff\xd8\xff\xda\0\x02"):
        assert walked(tiny).ended is False


def test_clean_files_have_no_fault(corpus: Path) -> None:
    faults, suspects = [], []
    for folder in ("photo", "meme", "exif", "camera"):
        for path in sorted((corpus / folder).rglob("*")):
            data = path.read_bytes() if path.is_file() else b""
            if not data.startswith(b"\xff\xd8") or path.name.startswith("ImageTestSuite__") or path.name == "beach.jpg":
                continue
            if (fault := walked(data).fault) < JpegFault.OVERSHOOT and fault:
                faults.append((path.name, fault))
            if suspect := read(data).suspect:
                suspects.append((path.name, suspect))
    assert faults == []
    assert len(suspects) <= 3, suspects  # under 1 % of 382


def test_single_flipped_bits_in_photos_are_detected(corpus: Path) -> None:
    """It detects twice as many as libjpeg's warnings (about 18 %), including those."""
    rng, found, cases = random.Random(2), 0, 0
    for path in sorted((corpus / "photo").iterdir())[::2]:
        data = path.read_bytes()
        for _ in range(2):
            broken = flipped(data, rng.randrange(512, len(data)), rng.randrange(8))
            cases += 1
            try:
                found += bool(read(broken).suspect)
            except DecodeError:
                found += 1
    assert cases >= 240
    assert found > 0.31 * cases, found / cases
