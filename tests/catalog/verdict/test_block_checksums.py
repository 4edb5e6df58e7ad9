"""Block checksums: how much of the old bytes remains, and which bit was flipped."""

import hashlib
import random
import zlib

import pytest

from catalog.verdict.bit_flip import find_bit_flip
from catalog.verdict.block_checksums import MAX_BLOCKS, BlockComparison, block_checksums, compare_blocks


def noise(size: int, seed: int = 1) -> bytes:
    return random.Random(seed).randbytes(size)


def compare(old: bytes, new: bytes) -> BlockComparison:
    found = compare_blocks(block_checksums(old), len(old), hashlib.sha256(old).digest(), new)
    assert found is not None
    return found


@pytest.mark.parametrize("size", [0, 1, 511, 512, 513, 16384, 16385, 99_999, 1 << 20])
def test_checksums_are_few_and_small(size: int) -> None:
    stored = block_checksums(noise(size))
    block_size = 1 << stored[0]
    assert len(stored) <= 1 + 4 * MAX_BLOCKS
    assert block_size >= 16
    assert len(stored) == 1 + 4 * -(-size // block_size)


@pytest.mark.parametrize("size", [1, 2, 511, 513, 5000, 70_001])
@pytest.mark.parametrize("seed", range(4))
def test_a_flipped_bit_is_located(size: int, seed: int) -> None:
    old = noise(size)
    bit = (0, 8 * size - 1, *(random.Random(seed).randrange(8 * size) for _ in range(2)))[seed]
    new = bytearray(old)
    new[bit // 8] ^= 1 << bit % 8
    assert compare(old, bytes(new)).flipped_bit == bit


def test_two_flipped_bits_are_not_reported_as_one() -> None:
    old = noise(5000)
    new = bytearray(old)
    new[4000] ^= 3
    found = compare(old, bytes(new))
    assert found.flipped_bit is None
    assert found.same_size
    assert (found.start, found.stop) == (3840, 4096)


def test_a_pattern_that_no_single_bit_explains() -> None:
    assert find_bit_flip(0, 0, 512) is None
    assert find_bit_flip(zlib.crc32(b"two words") ^ zlib.crc32(b"and more!"), 0, 9) is None


def test_a_flipped_bit_is_verified_with_the_sha256() -> None:
    """The CRC alone is no proof."""
    old = noise(5000)
    new = bytearray(old)
    new[10] ^= 1
    found = compare_blocks(block_checksums(old), len(old), bytes(32), bytes(new))
    assert found is not None
    assert found.flipped_bit is None


def test_zeros_count_only_if_they_fill_whole_sectors() -> None:
    old = noise(40_000)
    assert compare(old, old[:8192] + bytes(4096) + old[12288:]).zero_bytes == 4096
    assert compare(old, old[:8200] + bytes(4096) + old[12296:]).zero_bytes == 0


def test_shifted_bytes_count_as_unchanged() -> None:
    old = noise(40_000)
    for new in (old[:17_000] + old[17_512:], old[:17_000] + b"x" * 100 + old[17_000:]):
        found = compare(old, new)
        assert not found.same_size
        assert found.leading == 16_384
        assert found.trailing > 20_000
        assert 0.9 < found.unchanged_share < 1


def test_a_truncated_file_is_unchanged_up_to_the_cut() -> None:
    old = noise(40_000)
    found = compare(old, old[:20_000])
    assert (found.leading, found.trailing) == (18_432, 0)


def test_a_file_that_grew_keeps_all_old_bytes() -> None:
    old = noise(3333)
    assert compare(old, old + b"more").unchanged_share == 1
    assert compare(old, b"more" + old).unchanged_share == 1
    assert compare(old, b"").unchanged_share == 0


def test_repeated_bytes_are_counted_at_most_once() -> None:
    found = compare(bytes(40_000), bytes(30_000))
    assert found.unchanged_share <= 1
    assert 0 <= found.start <= found.stop <= 30_000


def test_checksums_that_do_not_fit_give_no_comparison() -> None:
    old = noise(100)
    assert compare_blocks(b"", 100, hashlib.sha256(old).digest(), old) is None
    assert compare_blocks(block_checksums(old), 5000, hashlib.sha256(old).digest(), old) is None
