"""Locate a single flipped bit from two CRC-32 checksums of a block, without the old bytes.

A CRC is linear: the XOR of the CRCs of two blocks of equal length depends only on the XOR of the blocks. So one wrong
bit leaves one of 8 * length patterns, each a different power of x modulo the polynomial (Peterson and Brown, "Cyclic
Codes for Error Detection", 1961). Finding the exponent is a discrete logarithm: Shanks' baby-step giant-step needs a
few thousand operations for a block of megabytes.
"""

from math import isqrt

CRC32_POLYNOMIAL = 0xEDB88320  # reflected, as in zlib; also the pattern of a flip of the last bit
HIGH_BIT = 1 << 31


def find_bit_flip(pattern: int, start: int, stop: int) -> int | None:
    """Return the bit in bytes [start, stop) of a file, as byte * 8 + bit, whose flip XORs the block's CRC by `pattern`.

    Return None if no single bit does. Any other change yields some bit by chance in one of 2**32 / (8 * length) cases,
    so the caller has to verify the result.
    """
    bits = 8 * (stop - start)
    stride = isqrt(bits) + 1
    baby_steps: dict[int, int] = {}
    state = CRC32_POLYNOMIAL
    for step in range(stride):
        baby_steps.setdefault(state, step)
        state = _multiply_by_x(state)
    giant_step = [_divide_by_x_power(1 << bit, stride) for bit in range(32)]
    for offset in range(0, bits, stride):
        if pattern in baby_steps:
            exponent = offset + baby_steps[pattern]  # counts bits from the end of the block, most significant bit first
            return _bit_position(exponent, stop) if exponent < bits else None
        pattern = _apply_linear_map(giant_step, pattern)
    return None


def _bit_position(exponent: int, stop: int) -> int:
    byte, bit = divmod(exponent, 8)
    return (stop - 1 - byte) * 8 + 7 - bit


def _multiply_by_x(state: int) -> int:
    """Return the pattern of the bit before, one further from the end of the block."""
    return state >> 1 ^ (CRC32_POLYNOMIAL if state & 1 else 0)


def _divide_by_x_power(state: int, steps: int) -> int:
    for _ in range(steps):
        state = (state ^ CRC32_POLYNOMIAL) << 1 | 1 if state & HIGH_BIT else state << 1
    return state


def _apply_linear_map(columns: list[int], state: int) -> int:
    """Apply a linear map over GF(2): XOR the columns for which `state` has a one."""
    result = 0
    for bit, column in enumerate(columns):
        if state >> bit & 1:
            result ^= column
    return result
