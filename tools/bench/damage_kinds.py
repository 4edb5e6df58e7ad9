"""Kinds of damage to stored files, each a pure function of the bytes and a seeded generator.

Cuts are interrupted copies; zeroed tails are downloads that were allocated and never filled; zeroed, overwritten and
swapped blocks of 4096 bytes, aligned, are losses of disks and filesystems; all others come from cables, memory and
programs. Random damage stays behind the first 512 bytes, since a damaged header is trivial to detect; the "header"
kinds cover that case.
"""

from collections.abc import Callable
from dataclasses import dataclass
from random import Random

SECTOR_BYTES, HEADER_BYTES = 4096, 512
APPENDED = "junk appended"  # the image itself is intact: a validator may or may not flag it

DamageFunction = Callable[[bytes, Random], bytes | None]


@dataclass(frozen=True, slots=True)
class DamageKind:
    """One kind. `inflict` returns None where the file is too small; `chance`: another draw gives another result."""

    name: str
    inflict: DamageFunction
    chance: bool = True

    def damage(self, data: bytes, rng: Random) -> bytes | None:
        """Return damaged bytes, or None where `data` is too small or eight draws change nothing."""
        for _ in range(8):
            changed = self.inflict(data, rng)
            if changed is None or changed != data:
                return changed
        return None


def _random_offset(data: bytes, length: int, rng: Random) -> int | None:
    """Return a random offset for `length` bytes behind the header, or None where `data` is too small."""
    first = min(HEADER_BYTES, len(data) // 4)
    return rng.randint(first, len(data) - length) if len(data) >= first + 2 * length else None


def _overwrite(data: bytes, at: int, patch: bytes) -> bytes:
    return data[:at] + patch + data[at + len(patch) :]


def _cut_at(share: float) -> DamageFunction:
    return lambda data, rng: data[: int(len(data) * share)]


def _cut_anywhere(data: bytes, rng: Random) -> bytes:
    return data[: rng.randrange(1, len(data))]


def _cut_end(data: bytes, rng: Random) -> bytes:
    return data[: -rng.randint(1, 16)]


def _zero_tail(share: float) -> DamageFunction:
    return lambda data, rng: data[: int(len(data) * share)].ljust(len(data), b"\0")


def _random_sector_offset(data: bytes, rng: Random) -> int | None:
    """Return the offset of a random whole sector other than the first, or None without one."""
    return SECTOR_BYTES * rng.randrange(1, len(data) // SECTOR_BYTES) if len(data) >= 2 * SECTOR_BYTES else None


def _zero_sector(data: bytes, rng: Random) -> bytes | None:
    at = _random_sector_offset(data, rng)
    return None if at is None else _overwrite(data, at, bytes(SECTOR_BYTES))


def _random_sector(data: bytes, rng: Random) -> bytes | None:
    at = _random_sector_offset(data, rng)
    return None if at is None else _overwrite(data, at, rng.randbytes(SECTOR_BYTES))


def _swap_sectors(data: bytes, rng: Random) -> bytes | None:
    if len(data) < 3 * SECTOR_BYTES:
        return None
    one, other = (SECTOR_BYTES * number for number in sorted(rng.sample(range(1, len(data) // SECTOR_BYTES), 2)))
    swapped = _overwrite(data, one, data[other : other + SECTOR_BYTES])
    return _overwrite(swapped, other, data[one : one + SECTOR_BYTES])


def _zero_anywhere(data: bytes, rng: Random) -> bytes | None:
    at = _random_offset(data, SECTOR_BYTES, rng)
    return None if at is None else _overwrite(data, at, bytes(SECTOR_BYTES))


def _drop(length: int) -> DamageFunction:
    def inflict(data: bytes, rng: Random) -> bytes | None:
        at = _random_offset(data, length, rng)
        return None if at is None else data[:at] + data[at + length :]

    return inflict


def _insert(length: int) -> DamageFunction:
    def inflict(data: bytes, rng: Random) -> bytes | None:
        at = _random_offset(data, length, rng)
        return None if at is None else data[:at] + rng.randbytes(length) + data[at:]

    return inflict


def _flip_bit(data: bytes, rng: Random) -> bytes | None:
    at = _random_offset(data, 1, rng)
    return None if at is None else _overwrite(data, at, bytes([data[at] ^ 1 << rng.randrange(8)]))


def _flip_bits(data: bytes, rng: Random) -> bytes | None:
    changed: bytes | None = data
    for _ in range(16):
        changed = changed and _flip_bit(changed, rng)
    return changed


def _replace(data: bytes, rng: Random) -> bytes | None:
    at = _random_offset(data, 1, rng)
    return None if at is None else _overwrite(data, at, rng.randbytes(1))


def _random_header(data: bytes, rng: Random) -> bytes:
    return _overwrite(data, 0, rng.randbytes(16))[: len(data)]


def _zero_header(data: bytes, rng: Random) -> bytes:
    return _overwrite(data, 0, bytes(16))[: len(data)]


def _append(data: bytes, rng: Random) -> bytes:
    return data + rng.randbytes(rng.randint(1, 4096))


DAMAGE_KINDS: tuple[DamageKind, ...] = (
    *(DamageKind(f"cut at {share:.0%}", _cut_at(share), chance=False) for share in (0.1, 0.5, 0.9, 0.99)),
    DamageKind("cut anywhere", _cut_anywhere),
    DamageKind("1-16 bytes cut off", _cut_end),
    *(DamageKind(f"tail zeroed from {share:.0%}", _zero_tail(share), chance=False) for share in (0.5, 0.9)),
    DamageKind("sector zeroed", _zero_sector),
    DamageKind("sector random", _random_sector),
    DamageKind("sectors swapped", _swap_sectors),
    DamageKind("4096 bytes zeroed", _zero_anywhere),
    *(DamageKind(f"{length} dropped", _drop(length)) for length in (1, 64, 512)),
    *(DamageKind(f"{length} inserted", _insert(length)) for length in (1, 64, 512)),
    DamageKind("one bit flipped", _flip_bit),
    DamageKind("16 bits flipped", _flip_bits),
    DamageKind("one byte replaced", _replace),
    DamageKind("header random", _random_header),
    DamageKind("header zeroed", _zero_header, chance=False),
    DamageKind(APPENDED, _append),
)
