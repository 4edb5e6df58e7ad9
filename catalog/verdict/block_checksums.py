"""Checksums of a content's blocks, and a comparison of new bytes with them.

A SHA-256 says only that something changed. The CRC-32 of each of about thirty blocks, kept since the last
verification, shows which part changed, whether the rest moved, and whether a single bit was flipped.
"""

import hashlib
import re
import struct
from collections.abc import Iterable, Sequence
from itertools import takewhile
from typing import NamedTuple

from catalog.verdict.bit_flip import find_bit_flip

MIN_BLOCK_EXPONENT = 4  # 16 bytes
MAX_BLOCKS = 32  # 4 bytes each: more would take a tenth of all that is stored for an image
SECTOR_BYTES = 512
ZERO_RUN = re.compile(rb"\0{512,}")


class BlockComparison(NamedTuple):
    """How much of the old bytes the new ones still contain, block by block.

    `same_size`: whether the size is unchanged. `leading`, `trailing`: unchanged bytes at the start and at the end.
    `unchanged_share`: of all old bytes, 0 to 1. `start`, `stop`: all new bytes that differ are in [start, stop).
    `zero_bytes`: zeros there that fill whole sectors. `flipped_bit`: the only bit that differs, as byte * 8 + bit, the
    least significant bit first; verified with the SHA-256 of the old bytes.
    """

    same_size: bool
    leading: int
    trailing: int
    unchanged_share: float
    start: int
    stop: int
    zero_bytes: int = 0
    flipped_bit: int | None = None


def block_checksums(data: bytes) -> bytes:
    """Return the stored form: the exponent of the block size, then the CRC-32 (little-endian) of each block."""
    exponent = max(MIN_BLOCK_EXPONENT, (max(0, len(data) - 1) // MAX_BLOCKS).bit_length())
    return bytes([exponent]) + struct.pack(f"<{_block_count(len(data), exponent)}I", *_block_crcs(data, exponent))


def compare_blocks(stored: bytes, size: int, sha256: bytes, data: bytes) -> BlockComparison | None:
    """Compare new bytes with the stored checksums of old ones, of this size and SHA-256.

    Return None if there are no checksums, or they do not fit the size.
    """
    if not stored or not size:
        return None
    exponent, packed = stored[0], stored[1:]
    if len(packed) != 4 * _block_count(size, exponent):
        return None
    step, old = 1 << exponent, struct.unpack(f"<{len(packed) // 4}I", packed)
    if len(data) == size:
        return _compare_same_size(old, step, sha256, data)
    from models.native.crc32 import crc32  # not needed by commands that only read verdicts

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
    trailing = size - (len(edges) - tail) * step if tail else 0
    # If bytes repeat, both runs may cover the same new bytes.
    stop = max(leading, len(data) - trailing)
    return BlockComparison(False, leading, trailing, (leading + trailing) / size, leading, stop)


def _compare_same_size(old: Sequence[int], step: int, sha256: bytes, data: bytes) -> BlockComparison:
    new = _block_crcs(data, step.bit_length() - 1)
    differing = [number for number, (before, after) in enumerate(zip(old, new, strict=True)) if before != after]
    if not differing:  # the SHA-256 differs all the same: 32 bits per block are no proof of equality
        return BlockComparison(True, 0, 0, 1.0, 0, len(data))
    first, last = differing[0], differing[-1]
    start, stop = first * step, min((last + 1) * step, len(data))
    changed = sum(min((number + 1) * step, len(data)) - number * step for number in differing)
    zero_bytes = _zero_sector_bytes(data, start, stop)
    flipped_bit = None
    if first == last:
        flipped_bit = find_bit_flip(old[first] ^ new[first], start, stop)
        if flipped_bit is not None and not _flip_restores(data, flipped_bit, sha256):
            flipped_bit = None
    share = 1 - changed / len(data)
    return BlockComparison(True, start, len(data) - stop, share, start, stop, zero_bytes, flipped_bit)


def _flip_restores(data: bytes, flipped_bit: int, sha256: bytes) -> bool:
    byte, bit = divmod(flipped_bit, 8)
    digest = hashlib.sha256(memoryview(data)[:byte])
    digest.update(bytes([data[byte] ^ 1 << bit]))
    digest.update(memoryview(data)[byte + 1 :])
    return digest.digest() == sha256


def _zero_sector_bytes(data: bytes, start: int, stop: int) -> int:
    """Count zeros in runs that begin and end at sector boundaries, as a brush or a black frame hardly ever does."""
    runs = (match.span() for match in ZERO_RUN.finditer(data, start, stop))
    return sum(end - begin for begin, end in runs if _is_sector_edge(data, begin) and _is_sector_edge(data, end))


def _is_sector_edge(data: bytes, at: int) -> bool:
    """Return whether a sector begins at `at` and a run of zeros begins or ends there."""
    return at % SECTOR_BYTES == 0 and (at in (0, len(data)) or bool(data[at - 1]) != bool(data[at]))


def _block_crcs(data: bytes, exponent: int) -> list[int]:
    from models.native.crc32 import crc32

    view = memoryview(data)
    return [crc32(view[start : start + (1 << exponent)]) for start in range(0, len(data), 1 << exponent)]


def _block_count(size: int, exponent: int) -> int:
    return -(-size >> exponent)


def _leading_true_count(flags: Iterable[bool]) -> int:
    return sum(1 for _ in takewhile(bool, flags))
