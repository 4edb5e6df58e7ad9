"""Short sums of a content's blocks: how much of the old bytes stands in the new ones, and where they do not.

A file's SHA-256 says only that something changed. With a CRC-32 for each of some thirty blocks, kept from the last
proof, the new bytes tell which part changed, whether the rest moved, and whether a single bit was flipped.
"""

import hashlib
import re
import struct
from collections.abc import Iterable, Sequence
from typing import NamedTuple

from catalog.verdict.bit_flip import find_bit_flip

MIN_BLOCK_EXPONENT = 4  # 16 bytes
MAX_BLOCKS = 32  # at most, each of 4 bytes: finer sums would be a tenth of all that is stored for an image
SECTOR_BYTES = 512
ZERO_RUN = re.compile(rb"\0{512,}")


class BlockComparison(NamedTuple):
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


def block_checksums(data: bytes) -> bytes:
    """The stored form: the exponent of the block's size, then a CRC-32 (little-endian) of each block."""
    exponent = max(MIN_BLOCK_EXPONENT, (max(0, len(data) - 1) // MAX_BLOCKS).bit_length())
    return bytes([exponent]) + struct.pack(f"<{_block_count(len(data), exponent)}I", *_block_crcs(data, exponent))


def compare_blocks(stored: bytes, size: int, sha256: bytes, data: bytes) -> BlockComparison | None:
    """Compare the `sums` of old bytes (of this size and SHA-256) with new bytes. None where they cannot be compared."""
    if not stored or len(stored) != 1 + 4 * _block_count(size, stored[0]) or not size:
        return None
    step, old = 1 << stored[0], struct.unpack_from(f"<{len(stored) // 4}I", stored, 1)
    if len(data) == size:
        return _compare_same_size(old, step, sha256, data)
    from models.native.crc32 import crc32  # not for commands that only read what was judged

    view, shift = memoryview(data), len(data) - size
    edges = [(start, min(start + step, size)) for start in range(0, size, step)]
    head = _leading_true_count(
        crc32(view[a:b]) == crc and b <= len(data) for (a, b), crc in zip(edges, old, strict=True)
    )
    tail = _leading_true_count(
        a + shift >= 0 and crc32(view[a + shift : b + shift]) == crc
        for (a, b), crc in zip(edges[head:][::-1], old[head:][::-1], strict=True)
    )
    leading = min(head * step, size)
    trailing = size - edges[len(edges) - tail][0] if tail else 0
    # Where bytes repeat, both runs may claim the same new ones.
    last = max(leading, len(data) - trailing)
    return BlockComparison(False, leading, trailing, (leading + trailing) / size, leading, last)


def _compare_same_size(old: Sequence[int], step: int, sha256: bytes, data: bytes) -> BlockComparison:
    new = _block_crcs(data, step.bit_length() - 1)
    differ = [number for number, pair in enumerate(zip(old, new, strict=True)) if pair[0] != pair[1]]
    if not differ:  # 32 bits a block are no proof
        return BlockComparison(True, 0, 0, 1.0, 0, len(data))
    first, last = differ[0] * step, min((differ[-1] + 1) * step, len(data))
    lost = sum(min((number + 1) * step, len(data)) - number * step for number in differ)
    holes = _zero_sector_bytes(data, first, last)
    flip = None
    if len(differ) == 1:
        flip = find_bit_flip(old[differ[0]] ^ new[differ[0]], first, last)
        if flip is not None and not _flip_restores(data, flip, sha256):
            flip = None
    return BlockComparison(True, first, len(data) - last, 1 - lost / len(data), first, last, holes, flip)


def _flip_restores(data: bytes, flip: int, sha256: bytes) -> bool:
    byte, bit = divmod(flip, 8)
    digest = hashlib.sha256(memoryview(data)[:byte])
    digest.update(bytes([data[byte] ^ 1 << bit]))
    digest.update(memoryview(data)[byte + 1 :])
    return digest.digest() == sha256


def _zero_sector_bytes(data: bytes, start: int, stop: int) -> int:
    """Zeros that begin and end with a sector: a brush or a black frame hardly ever does."""
    runs = (match.span() for match in ZERO_RUN.finditer(data, start, stop))
    return sum(end - begin for begin, end in runs if _is_sector_edge(data, begin) and _is_sector_edge(data, end))


def _is_sector_edge(data: bytes, at: int) -> bool:
    """Whether a sector begins there and the zeros do not go on across it."""
    return at % SECTOR_BYTES == 0 and (at in (0, len(data)) or bool(data[at - 1]) != bool(data[at]))


def _block_crcs(data: bytes, exponent: int) -> list[int]:
    from models.native.crc32 import crc32

    view = memoryview(data)
    return [crc32(view[start : start + (1 << exponent)]) for start in range(0, len(data), 1 << exponent)]


def _block_count(size: int, exponent: int) -> int:
    return -(-size >> exponent)


def _leading_true_count(stands: Iterable[bool]) -> int:
    count = 0
    for one in stands:
        if not one:
            break
        count += 1
    return count
