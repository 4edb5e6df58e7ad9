"""The items of a HEIF or AVIF (ISO/IEC 23008-12): where each one's bytes lie, and how they are cut into units."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from struct import unpack

from models.decode.reason import DecodeError, RejectReason

ByteSpan = tuple[int, int]


@dataclass(slots=True)
class HeifItem:
    """`extents`: (start, stop) in the file. `config`: the decoder configuration (hvcC, av1C) without its header.

    `size`: width and height in pixels, as the container says (ispe); None where it does not. `crop`: the clean
    aperture (clap), eight numbers: width, height, and how far right and down of the middle, each by its divisor.
    """

    kind: bytes = b""
    extents: list[ByteSpan] = field(default_factory=list)
    config: bytes = b""
    size: tuple[int, int] | None = None
    crop: tuple[int, ...] = ()

    def data(self, whole: bytes) -> bytes:
        """Its bytes, put together."""
        return b"".join(whole[start:stop] for start, stop in self.extents)


class BoxReader:
    """Big-endian numbers, one after the other. Raises Unfit(DAMAGED) where the box ends too early."""

    def __init__(self, data: bytes, at: int, stop: int) -> None:
        self.data, self.at, self.stop = data, at, stop

    def number(self, size: int) -> int:
        """The next `size` bytes."""
        if self.at + size > self.stop:
            raise DecodeError(RejectReason.DAMAGED, f"a box ends in the middle of a field, at byte {self.at}")
        self.at += size
        return int.from_bytes(self.data[self.at - size : self.at], "big")

    def boxes(self) -> Iterator[tuple[bytes, "BoxReader"]]:
        """(kind, content) of each box up to the end."""
        while self.at + 8 <= self.stop:
            start, size, kind = self.at, self.number(4), self.number(4).to_bytes(4, "big")
            head = 8
            if size == 1:
                size, head = self.number(8), 16
            size = size or self.stop - start
            if size < head or start + size > self.stop:
                raise DecodeError(RejectReason.DAMAGED, f"box of {size} bytes at byte {start}")
            yield kind, BoxReader(self.data, start + head, start + size)
            self.at = start + size


def read_items(data: bytes) -> dict[int, HeifItem]:
    """Items by id; none where the file is a sequence without items.

    Raises Unfit(TRUNCATED) for an item beyond the end of the file, Unfit(DAMAGED) for boxes that do not fit.
    """
    inner = _meta_boxes(data)
    found: dict[int, HeifItem] = {}
    if b"iinf" in inner and b"iloc" in inner:
        _read_item_types(inner[b"iinf"], found)
        _read_locations(inner[b"iloc"], found, inner.get(b"idat"), len(data))
        if b"iprp" in inner:
            _read_properties(dict(inner[b"iprp"].boxes()), found)
    return found


def primary_item_id(data: bytes) -> int:
    """The id of the item that is the picture; 0 where none is named."""
    box = _meta_boxes(data).get(b"pitm")
    return box.number(4 if box.number(4) >> 24 else 2) if box else 0


def _meta_boxes(data: bytes) -> dict[bytes, BoxReader]:
    meta = next((box for kind, box in BoxReader(data, 0, len(data)).boxes() if kind == b"meta"), None)
    if meta is None:
        return {}
    meta.number(4)
    return dict(meta.boxes())


def _read_item_types(box: BoxReader, found: dict[int, HeifItem]) -> None:
    version = box.number(4) >> 24
    box.number(4 if version else 2)
    for kind, entry in box.boxes():
        form = entry.number(4) >> 24
        if kind == b"infe" and form >= 2:
            number = entry.number(4 if form == 3 else 2)
            entry.number(2)
            found[number] = HeifItem(entry.number(4).to_bytes(4, "big"))


def _read_locations(box: BoxReader, found: dict[int, HeifItem], inside: BoxReader | None, end: int) -> None:
    version = box.number(4) >> 24
    sizes = box.number(2)
    offset, length, base, index = sizes >> 12, sizes >> 8 & 15, sizes >> 4 & 15, sizes & 15
    for _ in range(box.number(4 if version == 2 else 2)):
        number = box.number(4 if version == 2 else 2)
        method = box.number(2) & 15 if version else 0
        box.number(2)
        start = box.number(base)
        for _ in range(box.number(2)):
            if version and index:
                box.number(index)
            at = start + box.number(offset)
            stop = at + box.number(length)
            if method == 0 and number in found:
                if stop > end:
                    raise DecodeError(
                        RejectReason.TRUNCATED, f"item {number} should end at byte {stop}, the file has {end}"
                    )
                found[number].extents.append((at, stop))
            elif method == 1 and inside is not None and inside.at + stop > inside.stop:
                raise DecodeError(RejectReason.DAMAGED, f"item {number} runs past its box")


def _read_properties(boxes: dict[bytes, BoxReader], found: dict[int, HeifItem]) -> None:
    if b"ipco" not in boxes or b"ipma" not in boxes:
        return
    properties = [(kind, box.data[box.at : box.stop]) for kind, box in boxes[b"ipco"].boxes()]
    box = boxes[b"ipma"]
    head = box.number(4)
    wide = 2 if head & 1 else 1
    for _ in range(box.number(4)):
        number = box.number(4 if head >> 24 else 2)
        for _ in range(box.number(1)):
            place = box.number(wide) & (0x7FFF if wide == 2 else 0x7F)
            if 0 < place <= len(properties) and number in found:
                _set_property(found[number], *properties[place - 1])


def _set_property(item: HeifItem, kind: bytes, value: bytes) -> None:
    if kind in (b"hvcC", b"av1C"):
        item.config = value
    elif kind == b"ispe":
        item.size = int.from_bytes(value[4:8], "big"), int.from_bytes(value[8:12], "big")
    elif kind == b"clap" and len(value) >= 32:
        item.crop = unpack(">IIIIiIiI", value[:32])
