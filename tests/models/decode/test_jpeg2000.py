"""JPEG 2000: zeros in the codestream, which OpenJPEG ignores, and the order of channels, which Pillow ignores."""

import struct
from itertools import permutations

import numpy as np
import pytest
from PIL import Image

from models.decode.jpeg2000.codestream import find_codestream
from models.decode.reason import RejectReason
from models.picture import DecodeError, Picture, Recipe, read_picture
from tests.support.image_samples import reason_of, saved, scene

EXACT = Recipe(80, 120, "squash", "bicubic", 0)
NOISE = Image.effect_noise((300, 200), 60).convert("RGB")
SCENE = np.asarray(scene())


def read(data: bytes) -> Picture:
    return read_picture(data, EXACT)


def verdict(data: bytes) -> str:
    return reason_of(lambda: read(data))


def box(kind: bytes, content: bytes) -> bytes:
    return struct.pack(">I4s", 8 + len(content), kind) + content


def with_header(data: bytes, more: bytes) -> bytes:
    """Return the file with `more` boxes at the end of jp2h, replacing one of the same kind."""
    if (old := data.find(more[4:8]) - 4) >= 0:
        return data[:old] + more + data[old + len(more) :]
    at = data.index(b"jp2h") - 4
    (size,) = struct.unpack_from(">I", data, at)
    return data[:at] + struct.pack(">I", size + len(more)) + data[at + 4 : at + size] + more + data[at + size :]


@pytest.mark.parametrize("options", [{}, {"no_jp2": True}, {"irreversible": True, "quality_layers": [9, 3]}])
@pytest.mark.parametrize("size", [80, 4096])
def test_zeros_in_the_codestream_are_damage(size: int, options: dict[str, object]) -> None:
    intact = saved(NOISE, "JPEG2000", **options)
    assert verdict(intact) == "ok"
    for at in range(1000, len(intact) - size - 2, len(intact) // 7):
        assert verdict(intact[:at] + bytes(size) + intact[at + size :]) == RejectReason.DAMAGED, at
    assert verdict(intact[:-99]) in (RejectReason.DAMAGED, RejectReason.TRUNCATED)


def test_zeros_outside_the_codestream_are_accepted() -> None:
    intact = saved(NOISE, "JPEG2000")
    at = intact.index(b"jp2c") - 4
    filled = box(b"uuid", bytes(9000))
    assert verdict(intact[:at] + filled + intact[at:] + filled) == "ok"
    open_ended = intact[:at] + bytes(4) + intact[at + 4 :]
    wide = intact[:at] + struct.pack(">I4sQ", 1, b"jp2c", len(intact) - at + 8) + intact[at + 8 :]
    for data in (open_ended + bytes(5000), saved(NOISE, "JPEG2000", no_jp2=True) + bytes(5000), wide + filled):
        assert verdict(data) == "ok"
    comment = struct.pack(">HHH", 0xFF64, 504, 0) + bytes(500)
    plain = saved(NOISE, "JPEG2000", no_jp2=True)
    start = plain.index(b"\xff\x90")
    assert verdict(plain[:start] + comment + plain[start:]) == "ok"


def empty_packets(number: int) -> bytes:
    """Return a flat grey without coded data: 4 layers, 3 resolutions, 16 x 16 precincts each."""
    options = {"num_resolutions": 3, "precinct_size": (32, 32), "quality_layers": [8, 4, 2, 1], "no_jp2": True}
    made = saved(Image.new("L", (512, 512), 128), "JPEG2000", **options)
    tile = made.index(b"\xff\x90")
    head = made[:tile] + made[tile : tile + 6] + struct.pack(">I", 14 + number) + made[tile + 10 : tile + 12]
    return head + b"\xff\x93" + bytes(number) + b"\xff\xd9"


def test_empty_packets_are_accepted() -> None:
    packets = 4 * 3 * 16 * 16
    picture = read(empty_packets(packets))
    assert set(picture.pixels.ravel()) == {128}
    assert verdict(empty_packets(2 * packets)) == RejectReason.DAMAGED
    marked = bytearray(empty_packets(packets))
    marked[marked.index(b"\xff\x52") + 4] |= 4  # each of them would end in a mark
    found = find_codestream(bytes(marked))
    assert found is not None
    assert found.min_zero_run == 64


def test_raw_code_blocks_may_contain_zeros() -> None:
    intact = saved(NOISE, "JPEG2000", no_jp2=True)
    place = intact.index(b"\xff\x52") + 4 + 8
    found, arithmetic = (find_codestream(intact[:place] + bytes([style]) + intact[place + 1 :]) for style in (1, 4))
    assert found is not None
    assert arithmetic is not None
    assert (found.min_zero_run, arithmetic.min_zero_run) == (0, 64)
    assert intact[found.start : found.start + 2] == b"\xff\x90"
    assert found.stop == len(intact)


def defined(*rows: tuple[int, int, int]) -> bytes:
    """Return a cdef box of (channel, 0 for colour or 1 for opacity, number of the colour)."""
    return box(b"cdef", struct.pack(">H", len(rows)) + b"".join(struct.pack(">3H", *row) for row in rows))


@pytest.mark.parametrize("order", list(permutations(range(3))))
def test_channels_are_reordered_by_their_definition(order: tuple[int, ...]) -> None:
    """Channel i is stored as colour order[i]."""
    stored = Image.fromarray(np.ascontiguousarray(SCENE[..., order]))
    rows = [(channel, 0, colour + 1) for channel, colour in enumerate(order)]
    assert np.array_equal(read(with_header(saved(stored, "JPEG2000"), defined(*rows))).pixels, SCENE)


def test_the_alpha_channel_may_come_first_or_be_absent() -> None:
    alpha = np.asarray(Image.linear_gradient("L").resize((120, 80)))
    expected = Image.new("RGB", (120, 80), "white")
    expected.paste(Image.fromarray(SCENE), mask=Image.fromarray(alpha))
    first = saved(Image.fromarray(np.dstack([alpha, SCENE])), "JPEG2000")
    last = saved(Image.fromarray(np.dstack([SCENE, alpha])), "JPEG2000")
    colours = [(0, 0, 1), (1, 0, 2), (2, 0, 3)]
    moved = [(channel + 1, kind, colour) for channel, kind, colour in colours]
    assert np.array_equal(read(with_header(first, defined((0, 1, 0), *moved))).pixels, np.asarray(expected))
    assert np.array_equal(read(with_header(last, defined(*colours, (3, 1, 0)))).pixels, np.asarray(expected))
    assert np.array_equal(read(with_header(last, defined(*colours, (3, 0xFFFF, 0xFFFF)))).pixels, SCENE)
    for strange in ((3, 3, 0), (3, 0, 4), (3, 1, 1)):
        assert verdict(with_header(last, defined(*colours, strange))) == RejectReason.UNSUPPORTED


def test_premultiplied_colours_are_supported() -> None:
    alpha = np.asarray(Image.linear_gradient("L").resize((120, 80)))
    expected = Image.new("RGB", (120, 80), "white")
    expected.paste(Image.fromarray(SCENE), mask=Image.fromarray(alpha))
    dimmed = np.rint(SCENE * (alpha[:, :, None] / 255)).astype(np.uint8)
    stored = saved(Image.fromarray(np.dstack([dimmed, alpha])), "JPEG2000")
    shown = read(with_header(stored, defined((0, 0, 1), (1, 0, 2), (2, 0, 3), (3, 2, 0)))).pixels
    assert np.abs(shown.astype(int) - np.asarray(expected)).max() <= 2


def test_deep_colours_are_unsupported_and_deep_grey_is_read() -> None:
    """Pillow shows the white of deep colours in black. It cannot write such a file, so its header is edited."""
    deep = bytearray(saved(scene(), "JPEG2000", no_jp2=True))
    for component in range(3):
        deep[42 + 3 * component] = 15
    assert verdict(bytes(deep)) == RejectReason.UNSUPPORTED
    grey = Image.fromarray(np.asarray(scene().convert("L")).astype(np.uint16) * 257)
    shown = read(saved(grey, "JPEG2000")).pixels.astype(int)
    assert np.abs(shown - np.asarray(scene().convert("L").convert("RGB"))).max() <= 1


def with_palette(colours: np.ndarray, columns: tuple[int, ...], *, depth: int = 7, kind: int = 1) -> bytes:
    """Return a gradient of indices with a palette; `colours`: uint8 [256, columns]."""
    wide = colours.shape[1]
    table = struct.pack(">HB", 256, wide) + bytes([depth]) * wide + colours.tobytes()
    mapped = b"".join(struct.pack(">HBB", 0, kind, column) for column in columns)
    return with_header(saved(INDICES, "JPEG2000"), box(b"pclr", table) + box(b"cmap", mapped)).replace(
        struct.pack(">I", 17), struct.pack(">I", 16), 1
    )


INDICES = Image.linear_gradient("L").resize((120, 80))
COLOURS = np.random.default_rng(3).integers(0, 256, (256, 3)).astype(np.uint8)


def test_repeated_palette_colours_keep_their_index() -> None:
    twice = COLOURS.copy()
    twice[50:60] = twice[10]
    assert np.array_equal(read(with_palette(twice, (0, 1, 2))).pixels, twice[np.asarray(INDICES)])


def test_palette_columns_are_reordered_by_their_definition() -> None:
    expected = COLOURS[np.asarray(INDICES)]
    swapped = with_palette(np.ascontiguousarray(COLOURS[:, ::-1]), (0, 1, 2))
    assert np.array_equal(read(with_header(swapped, defined((0, 0, 3), (1, 0, 2), (2, 0, 1)))).pixels, expected)
    assert np.array_equal(read(with_palette(np.ascontiguousarray(COLOURS[:, ::-1]), (2, 1, 0))).pixels, expected)
    grey = read(with_palette(COLOURS[:, :1], (0,))).pixels
    assert np.array_equal(grey, np.repeat(expected[..., :1], 3, 2))


def test_other_palettes_are_unsupported_or_damaged() -> None:
    two = np.ascontiguousarray(COLOURS[:, :2])
    for strange in (
        with_palette(COLOURS, (0, 1, 2), depth=5),
        with_palette(COLOURS, (0, 1, 3)),
        with_palette(COLOURS, (0, 1, 2), kind=0),
        with_palette(two, (0, 1)),
    ):
        with pytest.raises(DecodeError) as caught:
            read(strange)
        assert caught.value.reason is RejectReason.UNSUPPORTED
    short = with_palette(COLOURS, (0, 1, 2))
    at = short.index(b"pclr") + 4
    assert verdict(short[:at] + struct.pack(">H", 999) + short[at + 2 :]) in (
        RejectReason.DAMAGED,
        RejectReason.TRUNCATED,
    )
