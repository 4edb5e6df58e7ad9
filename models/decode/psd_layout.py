"""The sections of a Photoshop document (Adobe's file format specification) that describe the flattened image."""

from collections.abc import Iterator
from struct import error, unpack_from
from typing import NamedTuple

from models.decode.reason import DecodeError, RejectReason

VERSION_INFO, EXIF_RESOURCE = 1057, 1058  # image resources; byte 4 of the first is hasRealMergedData
BITMAP, INDEXED, RGB, MULTICHANNEL = 0, 2, 3, 7  # colour modes
CHANNELS_BY_MODE = {0: 1, 1: 1, 2: 1, 3: 3, 4: 4, 7: 1, 8: 1, 9: 3}  # by colour mode


class PsdLayout(NamedTuple):
    """The layout of a document.

    `channels`: stored planes, consecutive. `mode`: Adobe's number. `layers`: how many; negative if the first channel
    after the colours is the alpha channel of the flattened image. `has_merged_image`: false if the writer says that the
    flattened image is a placeholder. `exif`: the TIFF-structured block, or empty. `image_offset`: of the flattened
    image's section.
    """

    channels: int
    height: int
    width: int
    depth: int
    mode: int
    palette: bytes
    layers: int
    has_merged_image: bool
    exif: bytes
    image_offset: int

    @property
    def row_bytes(self) -> int:
        """Bytes of one row of one channel."""
        return (self.width * self.depth + 7) // 8

    @property
    def shown_channels(self) -> int:
        """Channels of the image itself; further ones are selections and spot colours.

        Pillow always takes a fourth one for alpha, and misreads packed files with any other extra channel.
        """
        colours = CHANNELS_BY_MODE.get(self.mode, self.channels)
        return colours + 1 if self.mode == RGB and self.layers < 0 and self.channels > colours else colours


def read_psd_layout(data: bytes) -> PsdLayout:
    """Read the header and the sections before the flattened image.

    Raises DecodeError(TRUNCATED) if the file ends before that image, DecodeError(DAMAGED) for too few channels.
    """
    try:
        return _read(data)
    except error as fault:
        raise DecodeError(RejectReason.TRUNCATED, "the file ends before the flattened image begins") from fault


def _read(data: bytes) -> PsdLayout:
    channels, height, width, depth, mode = unpack_from(">HIIHH", data, 12)
    palette, resources, (layers_start, layers_stop) = _sections(data)
    blocks = data[slice(*resources)]
    has_merged_image = all(len(block) < 5 or block[4] for block in _resources(blocks, VERSION_INFO))
    exif = next(_resources(blocks, EXIF_RESOURCE), b"")
    count = 0
    if layers_stop - layers_start >= 6 and any(data[layers_start : layers_start + 4]):
        (count,) = unpack_from(">h", data, layers_start + 4)
    unpack_from(">H", data, layers_stop)
    if channels < CHANNELS_BY_MODE.get(mode, 1):
        raise DecodeError(RejectReason.DAMAGED, f"{channels} channels in colour mode {mode}")
    return PsdLayout(
        channels,
        height,
        width,
        depth,
        mode,
        palette=data[slice(*palette)],
        layers=count,
        has_merged_image=has_merged_image,
        exif=exif,
        image_offset=layers_stop,
    )


def _sections(data: bytes) -> list[tuple[int, int]]:
    """Return (start, stop) of colour mode data, image resources and layers; each follows its length of four bytes."""
    spans, at = [], 26
    for _ in range(3):
        at += 4
        stop = at + int(unpack_from(">I", data, at - 4)[0])
        spans.append((at, stop))
        at = stop
    return spans


def _resources(data: bytes, wanted: int) -> Iterator[bytes]:
    """Yield the contents of resources with this number, up to the first that is out of bounds."""
    at = 0
    while at + 12 <= len(data):
        (number,) = unpack_from(">H", data, at + 4)
        at += 6 + (data[at + 6] + 2) // 2 * 2  # a name, padded to an even length
        size = int.from_bytes(data[at : at + 4], "big")
        if number == wanted:
            yield data[at + 4 : at + 4 + size]
        at += 4 + size + size % 2
