"""The items of a HEIF or AVIF (ISO/IEC 23008-12): location, decoder configuration, size and crop of each."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from struct import unpack

from models.decode.reason import DecodeError, RejectReason

ByteSpan = tuple[int, int]


@dataclass(slots=True)
class HeifItem:
    """One item.

    `extents`: (start, stop) in the file. `config`: the decoder configuration (hvcC, av1C) without its header. `size`:
    width and height in pixels according to the container (ispe), or None. `crop`: the clean aperture (clap), four
    fractions as eight numbers: width, height, and the offset of its centre to the right and down.
    """

    kind: bytes = b""
    extents: list[ByteSpan] = field(default_factory=list)
    config: bytes = b""
    size: tuple[int, int] | None = None
    crop: tuple[int, ...] = ()

    def data(self, whole: bytes) -> bytes:
        """Return its bytes, joined."""
        return b"".join(whole[start:stop] for start, stop in self.extents)


class BoxReader:
    """A reader of consecutive big-endian numbers. Raises DecodeError(DAMAGED) if the box ends too early."""

    def __init__(self, data: bytes, at: int, stop: int) -> None:
        self.data, self.at, self.stop = data, at, stop

    def number(self, size: int) -> int:
        """Return the next `size` bytes as a number."""
        if self.at + size > self.stop:
            raise DecodeError(RejectReason.DAMAGED, f"a box ends in the middle of a field, at byte {self.at}")
        self.at += size
        return int.from_bytes(self.data[self.at - size : self.at], "big")

    def boxes(self) -> Iterator[tuple[bytes, "BoxReader"]]:
        """Yield (kind, content) of each box up to the end."""
        while self.at + 8 <= self.stop:
            start, size, kind = self.at, self.number(4), self.number(4).to_bytes(4, "big")
            header_bytes = 8
            if size == 1:
                size, header_bytes = self.number(8), 16
            size = size or self.stop - start
            if size < header_bytes or start + size > self.stop:
                raise DecodeError(RejectReason.DAMAGED, f"box of {size} bytes at byte {start}")
            yield kind, BoxReader(self.data, start + header_bytes, start + size)
            self.at = start + size


def read_items(data: bytes) -> dict[int, HeifItem]:
    """Return the items by id; none if the file is a sequence without items.

    Raises DecodeError(TRUNCATED) for an item beyond the end of the file, DecodeError(DAMAGED) for inconsistent boxes.
    """
    boxes = _meta_boxes(data)
    items: dict[int, HeifItem] = {}
    if b"iinf" in boxes and b"iloc" in boxes:
        _read_item_types(boxes[b"iinf"], items)
        _read_locations(boxes[b"iloc"], items, boxes.get(b"idat"), len(data))
        if b"iprp" in boxes:
            _read_properties(dict(boxes[b"iprp"].boxes()), items)
    return items


def primary_item_id(data: bytes) -> int:
    """Return the id of the item that is the primary image; 0 if none is named."""
    box = _meta_boxes(data).get(b"pitm")
    return box.number(4 if box.number(4) >> 24 else 2) if box else 0


def _meta_boxes(data: bytes) -> dict[bytes, BoxReader]:
    meta = next((box for kind, box in BoxReader(data, 0, len(data)).boxes() if kind == b"meta"), None)
    if meta is None:
        return {}
    meta.number(4)
    return dict(meta.boxes())


def _read_item_types(box: BoxReader, items: dict[int, HeifItem]) -> None:
    version = box.number(4) >> 24
    box.number(4 if version else 2)
    for kind, entry in box.boxes():
        version = entry.number(4) >> 24
        if kind == b"infe" and version >= 2:
            number = entry.number(4 if version == 3 else 2)
            entry.number(2)
            items[number] = HeifItem(entry.number(4).to_bytes(4, "big"))


def _read_locations(box: BoxReader, items: dict[int, HeifItem], item_data: BoxReader | None, file_size: int) -> None:
    version = box.number(4) >> 24
    sizes = box.number(2)
    offset_size, length_size, base_size, index_size = sizes >> 12, sizes >> 8 & 15, sizes >> 4 & 15, sizes & 15
    for _ in range(box.number(4 if version == 2 else 2)):
        number = box.number(4 if version == 2 else 2)
        method = box.number(2) & 15 if version else 0
        box.number(2)
        start = box.number(base_size)
        for _ in range(box.number(2)):
            if version and index_size:
                box.number(index_size)
            at = start + box.number(offset_size)
            stop = at + box.number(length_size)
            if method == 0 and number in items:
                if stop > file_size:
                    detail = f"item {number} should end at byte {stop}, the file has {file_size}"
                    raise DecodeError(RejectReason.TRUNCATED, detail)
                items[number].extents.append((at, stop))
            elif method == 1 and item_data is not None and item_data.at + stop > item_data.stop:
                raise DecodeError(RejectReason.DAMAGED, f"item {number} runs past its box")


def _read_properties(boxes: dict[bytes, BoxReader], items: dict[int, HeifItem]) -> None:
    if b"ipco" not in boxes or b"ipma" not in boxes:
        return
    properties = [(kind, box.data[box.at : box.stop]) for kind, box in boxes[b"ipco"].boxes()]
    box = boxes[b"ipma"]
    version_and_flags = box.number(4)
    index_bytes = 2 if version_and_flags & 1 else 1
    for _ in range(box.number(4)):
        number = box.number(4 if version_and_flags >> 24 else 2)
        for _ in range(box.number(1)):
            index = box.number(index_bytes) & (0x7FFF if index_bytes == 2 else 0x7F)
            if 0 < index <= len(properties) and number in items:
                _set_property(items[number], *properties[index - 1])


def _set_property(item: HeifItem, kind: bytes, value: bytes) -> None:
    if kind in (b"hvcC", b"av1C"):
        item.config = value
    elif kind == b"ispe":
        item.size = int.from_bytes(value[4:8], "big"), int.from_bytes(value[8:12], "big")
    elif kind == b"clap" and len(value) >= 32:
        item.crop = unpack(">IIIIiIiI", value[:32])
