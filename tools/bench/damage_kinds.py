"""The ways in which stored files die, each a pure function of the bytes and of one seeded generator.

Cuts are interrupted copies; zeroed tails are downloads that were allocated and never filled; zeroed, overwritten and
swapped blocks of 4096 bytes on their own grid are what disks and filesystems lose; the rest is what cables, memory and
programs do. Damage that would fall on the header is kept behind the first 512 bytes, since that is trivial to see;
"header" does the trivial thing on purpose.
"""

from collections.abc import Callable
from dataclasses import dataclass
from random import Random

SECTOR, HEADER = 4096, 512
APPENDED = "junk appended"  # the picture itself is whole: telling it apart is the point, and no fault of the picture

Inflict = Callable[[bytes, Random], bytes | None]


@dataclass(frozen=True, slots=True)
class Kind:
    """`inflict` gives None where the file is too small for it; `chance`: another draw gives another place."""

    name: str
    inflict: Inflict
    chance: bool = True

    def damage(self, data: bytes, rng: Random) -> bytes | None:
        """Bytes that differ from `data`, or None where this kind cannot harm it (eight draws changed nothing)."""
        for _ in range(8):
            changed = self.inflict(data, rng)
            if changed is None or changed != data:
                return changed
        return None


def _place(data: bytes, length: int, rng: Random) -> int | None:
    """Where `length` bytes may be hit, wherever they fall behind the header."""
    first = min(HEADER, len(data) // 4)
    return rng.randint(first, len(data) - length) if len(data) >= first + 2 * length else None


def _over(data: bytes, at: int, patch: bytes) -> bytes:
    return data[:at] + patch + data[at + len(patch) :]


def _cut(share: float) -> Inflict:
    return lambda data, rng: data[: int(len(data) * share)]


def _cut_anywhere(data: bytes, rng: Random) -> bytes:
    return data[: rng.randrange(1, len(data))]


def _cut_the_end(data: bytes, rng: Random) -> bytes:
    return data[: -rng.randint(1, 16)]


def _zero_tail(share: float) -> Inflict:
    return lambda data, rng: data[: int(len(data) * share)].ljust(len(data), b"\0")


def _sector(data: bytes, rng: Random) -> int | None:
    """The place of a whole sector that is not the first."""
    return SECTOR * rng.randrange(1, len(data) // SECTOR) if len(data) >= 2 * SECTOR else None


def _zero_sector(data: bytes, rng: Random) -> bytes | None:
    at = _sector(data, rng)
    return None if at is None else _over(data, at, bytes(SECTOR))


def _random_sector(data: bytes, rng: Random) -> bytes | None:
    at = _sector(data, rng)
    return None if at is None else _over(data, at, rng.randbytes(SECTOR))


def _swap_sectors(data: bytes, rng: Random) -> bytes | None:
    if len(data) < 3 * SECTOR:
        return None
    one, other = (SECTOR * number for number in sorted(rng.sample(range(1, len(data) // SECTOR), 2)))
    swapped = _over(data, one, data[other : other + SECTOR])
    return _over(swapped, other, data[one : one + SECTOR])


def _zero_anywhere(data: bytes, rng: Random) -> bytes | None:
    at = _place(data, SECTOR, rng)
    return None if at is None else _over(data, at, bytes(SECTOR))


def _drop(length: int) -> Inflict:
    def inflict(data: bytes, rng: Random) -> bytes | None:
        at = _place(data, length, rng)
        return None if at is None else data[:at] + data[at + length :]

    return inflict


def _insert(length: int) -> Inflict:
    def inflict(data: bytes, rng: Random) -> bytes | None:
        at = _place(data, length, rng)
        return None if at is None else data[:at] + rng.randbytes(length) + data[at:]

    return inflict


def _flip(data: bytes, rng: Random) -> bytes | None:
    at = _place(data, 1, rng)
    return None if at is None else _over(data, at, bytes([data[at] ^ 1 << rng.randrange(8)]))


def _flips(data: bytes, rng: Random) -> bytes | None:
    changed: bytes | None = data
    for _ in range(16):
        changed = changed and _flip(changed, rng)
    return changed


def _replace(data: bytes, rng: Random) -> bytes | None:
    at = _place(data, 1, rng)
    return None if at is None else _over(data, at, rng.randbytes(1))


def _random_header(data: bytes, rng: Random) -> bytes:
    return _over(data, 0, rng.randbytes(16))[: len(data)]


def _zero_header(data: bytes, rng: Random) -> bytes:
    return _over(data, 0, bytes(16))[: len(data)]


def _append(data: bytes, rng: Random) -> bytes:
    return data + rng.randbytes(rng.randint(1, 4096))


KINDS: tuple[Kind, ...] = (
    *(Kind(f"cut at {share:.0%}", _cut(share), chance=False) for share in (0.1, 0.5, 0.9, 0.99)),
    Kind("cut anywhere", _cut_anywhere),
    Kind("1-16 bytes cut off", _cut_the_end),
    *(Kind(f"tail zeroed from {share:.0%}", _zero_tail(share), chance=False) for share in (0.5, 0.9)),
    Kind("sector zeroed", _zero_sector),
    Kind("sector random", _random_sector),
    Kind("sectors swapped", _swap_sectors),
    Kind("4096 bytes zeroed", _zero_anywhere),
    *(Kind(f"{length} dropped", _drop(length)) for length in (1, 64, 512)),
    *(Kind(f"{length} inserted", _insert(length)) for length in (1, 64, 512)),
    Kind("one bit flipped", _flip),
    Kind("16 bits flipped", _flips),
    Kind("one byte replaced", _replace),
    Kind("header random", _random_header),
    Kind("header zeroed", _zero_header, chance=False),
    Kind(APPENDED, _append),
)
