"""The sections of a Photoshop document (Adobe's file format specification): what each says of the flattened picture."""

from collections.abc import Iterator
from struct import error, unpack_from
from typing import NamedTuple

from models.decode.reason import DecodeError, RejectReason

VERSION_INFO, EXIF_RESOURCE = 1057, 1058  # image resources; of the first the fifth byte: hasRealMergedData
BITMAP, INDEXED, RGB, MULTICHANNEL = 0, 2, 3, 7  # colour modes
CHANNELS_BY_MODE = {0: 1, 1: 1, 2: 1, 3: 3, 4: 4, 7: 1, 8: 1, 9: 3}  # of each mode


class PsdLayout(NamedTuple):
    """`channels`: all that are stored, one plane behind the other; `mode`: Adobe's number; `palette`: its bytes.

    `layers`: how many; below zero where the first channel behind the colours is the flattened picture's transparency.
    `merged`: False where the writer says that the flattened picture is none. `exif`: the TIFF-structured block, empty
    where there is none. `at`: byte where the flattened picture's section begins.
    """

    channels: int
    height: int
    width: int
    depth: int
    mode: int
    palette: bytes
    layers: int
    merged: bool
    exif: bytes
    at: int

    @property
    def row(self) -> int:
        """Bytes of one row of one channel."""
        return (self.width * self.depth + 7) // 8

    @property
    def shown(self) -> int:
        """Channels that make the picture: further ones are selections and spot inks.

        Pillow takes a fourth one for transparency always, and misreads a packed file that has any other further one.
        """
        own = CHANNELS_BY_MODE.get(self.mode, self.channels)
        return own + 1 if self.mode == RGB and self.layers < 0 and self.channels > own else own


def read_psd_layout(data: bytes) -> PsdLayout:
    """Raises Unfit(TRUNCATED) where the flattened picture lies behind the end, and Unfit(DAMAGED) for no channels."""
    try:
        return _read(data)
    except error as fault:
        raise DecodeError(RejectReason.TRUNCATED, "it ends before the flattened picture begins") from fault


def _read(data: bytes) -> PsdLayout:
    channels, height, width, depth, mode = unpack_from(">HIIHH", data, 12)
    palette, resources, layers = _sections(data)
    blocks = data[slice(*resources)]
    merged = all(len(block) < 5 or block[4] for block in _resources(blocks, VERSION_INFO))
    exif = next(_resources(blocks, EXIF_RESOURCE), b"")
    count = 0
    if layers[1] - layers[0] >= 6 and any(data[layers[0] : layers[0] + 4]):
        (count,) = unpack_from(">h", data, layers[0] + 4)
    unpack_from(">H", data, layers[1])
    if channels < CHANNELS_BY_MODE.get(mode, 1):
        raise DecodeError(RejectReason.DAMAGED, f"{channels} channels in colour mode {mode}")
    return PsdLayout(channels, height, width, depth, mode, data[slice(*palette)], count, merged, exif, layers[1])


def _sections(data: bytes) -> list[tuple[int, int]]:
    """(start, stop) of colour mode data, image resources, layers; each has its length of four bytes before it."""
    found, at = [], 26
    for _ in range(3):
        at += 4
        stop = at + int(unpack_from(">I", data, at - 4)[0])
        found.append((at, stop))
        at = stop
    return found


def _resources(data: bytes, wanted: int) -> Iterator[bytes]:
    """The contents of those of this number, as far as the list can be followed: most are no matter of pixels."""
    at = 0
    while at + 12 <= len(data):
        (number,) = unpack_from(">H", data, at + 4)
        at += 6 + (data[at + 6] + 2) // 2 * 2  # a name, filled up to an even length
        size = int.from_bytes(data[at : at + 4], "big")
        if number == wanted:
            yield data[at + 4 : at + 4 + size]
        at += 4 + size + size % 2
