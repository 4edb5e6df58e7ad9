"""Short sums of a content's blocks: how much of the old bytes stands in the new ones, and where they do not.

A file's SHA-256 says only that something changed. With a CRC-32 for each of some thirty blocks, kept from the last
proof, the new bytes tell which part changed, whether the rest moved, and whether a single bit was flipped.
"""

import hashlib
import re
import struct
from collections.abc import Iterable, Sequence
from typing import NamedTuple

from catalog.verdict.bit_flip import find_flip

SMALLEST = 4  # 16 bytes
BLOCKS = 32  # at most, each of 4 bytes: finer sums would be a tenth of all that is stored for an image
SECTOR = 512
HOLE = re.compile(rb"\0{512,}")


class Standing(NamedTuple):
    """What of the old bytes is found in the new ones, block by block.

    `in_place`: there are as many bytes as before. `leading`, `trailing`: bytes that stand at the start, and counted
    from the end. `share`: of all old bytes, 0 to 1. `first`, `last`: the new bytes that differ lie in [first, last).
    `holes`: bytes of whole sectors there that are zero, from edge to edge. `flip`: the one bit that differs, as
    byte * 8 + bit, the least significant bit first; proved by the SHA-256 of the old bytes.
    """

    in_place: bool
    leading: int
    trailing: int
    share: float
    first: int
    last: int
    holes: int = 0
    flip: int | None = None


def sums(data: bytes) -> bytes:
    """The stored form: the exponent of the block's size, then a CRC-32 (little-endian) of each block."""
    exponent = max(SMALLEST, (max(0, len(data) - 1) // BLOCKS).bit_length())
    return bytes([exponent]) + struct.pack(f"<{_count(len(data), exponent)}I", *_crcs(data, exponent))


def standing(stored: bytes, size: int, sha256: bytes, data: bytes) -> Standing | None:
    """Compare the `sums` of old bytes (of this size and SHA-256) with new bytes. None where they cannot be compared."""
    if not stored or len(stored) != 1 + 4 * _count(size, stored[0]) or not size:
        return None
    step, old = 1 << stored[0], struct.unpack_from(f"<{len(stored) // 4}I", stored, 1)
    if len(data) == size:
        return _in_place(old, step, sha256, data)
    from models.native.crc32 import crc32  # not for commands that only read what was judged

    view, shift = memoryview(data), len(data) - size
    edges = [(start, min(start + step, size)) for start in range(0, size, step)]
    head = _run(crc32(view[a:b]) == crc and b <= len(data) for (a, b), crc in zip(edges, old, strict=True))
    tail = _run(
        a + shift >= 0 and crc32(view[a + shift : b + shift]) == crc
        for (a, b), crc in zip(edges[head:][::-1], old[head:][::-1], strict=True)
    )
    leading = min(head * step, size)
    trailing = size - edges[len(edges) - tail][0] if tail else 0
    # Where bytes repeat, both runs may claim the same new ones.
    last = max(leading, len(data) - trailing)
    return Standing(False, leading, trailing, (leading + trailing) / size, leading, last)


def _in_place(old: Sequence[int], step: int, sha256: bytes, data: bytes) -> Standing:
    new = _crcs(data, step.bit_length() - 1)
    differ = [number for number, pair in enumerate(zip(old, new, strict=True)) if pair[0] != pair[1]]
    if not differ:  # 32 bits a block are no proof
        return Standing(True, 0, 0, 1.0, 0, len(data))
    first, last = differ[0] * step, min((differ[-1] + 1) * step, len(data))
    lost = sum(min((number + 1) * step, len(data)) - number * step for number in differ)
    holes = _holes(data, first, last)
    flip = None
    if len(differ) == 1:
        flip = find_flip(old[differ[0]] ^ new[differ[0]], first, last)
        if flip is not None and not _undoes(data, flip, sha256):
            flip = None
    return Standing(True, first, len(data) - last, 1 - lost / len(data), first, last, holes, flip)


def _undoes(data: bytes, flip: int, sha256: bytes) -> bool:
    byte, bit = divmod(flip, 8)
    digest = hashlib.sha256(memoryview(data)[:byte])
    digest.update(bytes([data[byte] ^ 1 << bit]))
    digest.update(memoryview(data)[byte + 1 :])
    return digest.digest() == sha256


def _holes(data: bytes, start: int, stop: int) -> int:
    """Zeros that begin and end with a sector: a brush or a black frame hardly ever does."""
    runs = (match.span() for match in HOLE.finditer(data, start, stop))
    return sum(end - begin for begin, end in runs if _edge(data, begin) and _edge(data, end))


def _edge(data: bytes, at: int) -> bool:
    """Whether a sector begins there and the zeros do not go on across it."""
    return at % SECTOR == 0 and (at in (0, len(data)) or bool(data[at - 1]) != bool(data[at]))


def _crcs(data: bytes, exponent: int) -> list[int]:
    from models.native.crc32 import crc32

    view = memoryview(data)
    return [crc32(view[start : start + (1 << exponent)]) for start in range(0, len(data), 1 << exponent)]


def _count(size: int, exponent: int) -> int:
    return -(-size >> exponent)


def _run(stands: Iterable[bool]) -> int:
    count = 0
    for one in stands:
        if not one:
            break
        count += 1
    return count
