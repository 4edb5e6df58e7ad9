"""Which single bit was flipped, from two CRC-32 of a block: no old bytes are needed.

A CRC is linear: the XOR of two CRCs of equally long blocks is that of their XOR with zeros, so a block with one wrong
bit leaves one of 8 * length patterns, each another power of x modulo the polynomial (Peterson and Brown, "Cyclic Codes
for Error Detection", 1961). Which power is a discrete logarithm: Shanks' baby steps and giant steps, some thousand
operations for a block of megabytes.
"""

from math import isqrt

CRC32_POLYNOMIAL = 0xEDB88320  # reflected, as in zlib; also the pattern of the last bit of a block
HIGH_BIT = 1 << 31


def find_bit_flip(pattern: int, start: int, stop: int) -> int | None:
    """The bit in bytes [start, stop) of a file, as byte * 8 + bit, whose flip XORs the block's CRC with `pattern`.

    None where no single bit does. Another change gives some bit by chance, in one of 2**32 / (8 * length) cases: who
    asks has to prove it.
    """
    bits = 8 * (stop - start)
    stride = isqrt(bits) + 1
    baby: dict[int, int] = {}
    state = CRC32_POLYNOMIAL
    for step in range(stride):
        baby.setdefault(state, step)
        state = _multiply_by_x(state)
    back = [_divide_by_x_power(1 << bit, stride) for bit in range(32)]
    for giant in range(0, bits, stride):
        if pattern in baby:
            place = giant + baby[pattern]  # counted from the end of the block, the most significant bit first
            return _bit_position(place, stop) if place < bits else None
        pattern = _apply_linear_map(back, pattern)
    return None


def _bit_position(place: int, stop: int) -> int:
    byte, bit = divmod(place, 8)
    return (stop - 1 - byte) * 8 + 7 - bit


def _multiply_by_x(state: int) -> int:
    """One bit further from the end of the block: times x."""
    return state >> 1 ^ (CRC32_POLYNOMIAL if state & 1 else 0)


def _divide_by_x_power(state: int, steps: int) -> int:
    for _ in range(steps):
        state = (state ^ CRC32_POLYNOMIAL) << 1 | 1 if state & HIGH_BIT else state << 1
    return state


def _apply_linear_map(columns: list[int], state: int) -> int:
    """A linear map over bits: the XOR of its columns where `state` has a one."""
    found = 0
    for bit, column in enumerate(columns):
        if state >> bit & 1:
            found ^= column
    return found
