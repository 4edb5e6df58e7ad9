"""The order of a JP2's channels and its palette (T.800, I.5.3.4 to I.5.3.6), which Pillow does not apply correctly.

Pillow takes channels in stored order, and skips repeated colours of a palette, so that all further ones are wrong.
"""

from struct import unpack_from
from typing import NamedTuple

from PIL import Image

from models.decode.jpeg2000.codestream import component_bits, first_box, jp2_boxes
from models.decode.reason import DecodeError, RejectReason

COLOUR, OPACITY, PREMULTIPLIED, UNSPECIFIED = 0, 1, 2, 0xFFFF  # types of channels
MODE_BY_COLOURS = {1: "L", 3: "RGB"}  # modes by number of colours
DIRECT_USE = 0  # the channel is a component itself, not a column of the palette


class ChannelRoles(NamedTuple):
    """Channel numbers: `colours` in the order of the colour space, `opacity` none or one.

    `alpha`: Pillow's name of the opacity channel: "A", or "a" for premultiplied colours.
    """

    colours: list[int]
    opacity: list[int]
    alpha: str = "A"


def arrange_channels(image: Image.Image, data: bytes) -> Image.Image:
    """Return the image with its channels in order. Raises DecodeError(UNSUPPORTED) if Pillow has no mode for them."""
    header = first_box(data, b"jp2h", 0, len(data))
    if header is None:
        return image
    parts = {box.kind: data[box.start : box.stop] for box in jp2_boxes(data, header.start, header.stop)}
    if b"pclr" in parts:
        return _with_palette(image, parts, image.mode == "P" or component_bits(data) == 8)
    return _reorder(image, _roles(parts[b"cdef"])) if b"cdef" in parts else image


def _roles(definition: bytes) -> ChannelRoles:
    rows = [unpack_from(">3H", definition, at) for at in range(2, len(definition) - 5, 6)]
    colours = sorted((colour, channel) for channel, kind, colour in rows if kind == COLOUR)
    others = [(kind, colour, channel) for channel, kind, colour in rows if kind not in (COLOUR, UNSPECIFIED)]
    if len(others) > 1 or any(kind not in (OPACITY, PREMULTIPLIED) or colour for kind, colour, _ in others):
        raise DecodeError(RejectReason.UNSUPPORTED, "JPEG 2000 with more than plain transparency")
    alpha = "a" if others and others[0][0] == PREMULTIPLIED else "A"
    return ChannelRoles([channel for _, channel in colours], [channel for _, _, channel in others], alpha)


def _reorder(image: Image.Image, roles: ChannelRoles) -> Image.Image:
    wanted, bands = roles.colours + roles.opacity, image.getbands()
    alpha = bands[-1] if bands[-1] in ("A", "a") else ""
    if wanted == list(range(len(bands))) and alpha == roles.alpha * len(roles.opacity):
        return image
    mode = "CMYK" if image.mode == "CMYK" else MODE_BY_COLOURS.get(len(roles.colours), "")
    if not mode or len(mode) != len(roles.colours) or max(wanted) >= len(bands) or image.mode.startswith("I"):
        raise _unsupported_roles(roles)
    channels = [image.getchannel(channel) for channel in wanted]
    return Image.merge(mode + roles.alpha * len(roles.opacity), channels)


def _with_palette(image: Image.Image, parts: dict[bytes, bytes], whole: bool) -> Image.Image:
    """Return the image with the file's palette. `whole`: 8-bit indices; Pillow stretches smaller ones to 0..255."""
    palette = parts[b"pclr"]
    colours, width = unpack_from(">HB", palette)
    table = palette[3 + width : 3 + width + colours * width]
    deep = any(depth != 7 for depth in palette[3 : 3 + width])
    cmyk = image.palette is not None and image.palette.mode == "CMYK"
    if deep or image.mode not in ("L", "P") or cmyk or not whole:
        raise DecodeError(RejectReason.UNSUPPORTED, "JPEG 2000 with a palette of other than RGB of 8 bits")
    if len(table) < colours * width:
        raise DecodeError(RejectReason.DAMAGED, f"a palette of {len(table)} bytes for {colours} colours")
    mapping = parts.get(b"cmap") or b"".join(bytes((0, 0, 1, column)) for column in range(width))
    sources = [unpack_from(">HBB", mapping, at) for at in range(0, len(mapping) - 3, 4)]
    roles = _roles(parts[b"cdef"]) if b"cdef" in parts else _default_roles(len(sources))
    columns = [_column(sources, channel, width, roles) for channel in roles.colours]
    if len(columns) not in MODE_BY_COLOURS:
        raise _unsupported_roles(roles)
    columns = columns * (3 // len(columns)) + [_column(sources, channel, width, roles) for channel in roles.opacity]
    rows = zip(*(table[column::width] for column in columns), strict=True)
    image.putpalette(bytes(value for row in rows for value in row), "RGBA"[: len(columns)])
    return image


def _default_roles(channels: int) -> ChannelRoles:
    """Return the roles that Pillow assumes; T.800 does not define a fourth channel."""
    return ChannelRoles(list(range(min(channels, 3))), list(range(3, channels)))


def _column(sources: list[tuple[int, int, int]], channel: int, width: int, roles: ChannelRoles) -> int:
    component, kind, column = sources[channel] if channel < len(sources) else (0, DIRECT_USE, 0)
    if component or kind == DIRECT_USE or column >= width:
        raise _unsupported_roles(roles)
    return column


def _unsupported_roles(roles: ChannelRoles) -> DecodeError:
    return DecodeError(RejectReason.UNSUPPORTED, f"JPEG 2000 with the channels {roles.colours + roles.opacity}")
