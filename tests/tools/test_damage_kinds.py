"""The kinds of damage do what their names say, are reproducible by seed, and are detected."""

from pathlib import Path
from random import Random

from tools.bench.damage import REJECTED, REJECTED_OR_SUSPECT, UNDAMAGED, CleanFile, measure_file
from tools.bench.damage_kinds import APPENDED, DAMAGE_KINDS, HEADER_BYTES, SECTOR_BYTES
from tools.bench.other_validators import VALIDATORS

NOISE = Random(1).randbytes(40_000)
BY_NAME = {kind.name: kind for kind in DAMAGE_KINDS}


def damaged(name: str, seed: int = 0, data: bytes = NOISE) -> bytes:
    changed = BY_NAME[name].damage(data, Random(seed))
    assert changed is not None
    return changed


def test_damage_depends_on_the_seed() -> None:
    for kind in DAMAGE_KINDS:
        assert damaged(kind.name, 1) == damaged(kind.name, 1) != NOISE
        assert (damaged(kind.name, 1) != damaged(kind.name, 2)) == kind.chance, kind.name


def test_each_kind_does_what_its_name_says() -> None:
    assert damaged("cut at 90%") == NOISE[:36_000]
    assert len(NOISE) - 16 <= len(damaged("1-16 bytes cut off")) < len(NOISE)
    assert damaged("tail zeroed from 50%") == NOISE[:20_000] + bytes(20_000)
    assert len(damaged("64 dropped")) == len(NOISE) - 64
    assert len(damaged("512 inserted")) == len(NOISE) + 512
    flips = [bin(a ^ b).count("1") for a, b in zip(damaged("one bit flipped"), NOISE, strict=True)]
    assert sum(flips) == 1
    assert damaged(APPENDED).startswith(NOISE)


def test_damaged_sectors_are_aligned_and_never_the_first() -> None:
    for name in ("sector zeroed", "sector random", "sectors swapped"):
        for seed in range(20):
            changed = damaged(name, seed)
            offsets = [at for at in range(len(NOISE)) if changed[at] != NOISE[at]]
            assert len(changed) == len(NOISE)
            assert len({at // SECTOR_BYTES for at in offsets}) == 1 + (name == "sectors swapped")
            assert min(offsets) >= SECTOR_BYTES


def test_only_the_header_kinds_damage_the_header() -> None:
    for kind in DAMAGE_KINDS:
        if not kind.name.startswith(("cut", "header", "tail")):
            assert all(damaged(kind.name, seed)[:HEADER_BYTES] == NOISE[:HEADER_BYTES] for seed in range(20)), kind.name


def test_unchanged_data_is_no_case() -> None:
    assert BY_NAME["sector zeroed"].damage(bytes(5000), Random(1)) is None
    assert BY_NAME["tail zeroed from 50%"].damage(bytes(50_000), Random(1)) is None


def test_a_validator_that_flags_the_undamaged_file_detects_nothing(tmp_path: Path) -> None:
    from tests.support.image_samples import saved, scene

    path = tmp_path / "sound.png"
    path.write_bytes(saved(scene(), "PNG"))
    alarmist = type(VALIDATORS[0])("alarmist", set)
    tally = measure_file(
        CleanFile(path, "png"), 0, (alarmist, *(validator for validator in VALIDATORS if not validator.command))
    )
    assert tally.share("alarmist", None, UNDAMAGED) == (1, 1)
    assert tally.share("alarmist") == (0, 0)
    assert tally.share(REJECTED, "png", UNDAMAGED) == (0, 1)
    assert tally.share(REJECTED_OR_SUSPECT, "png", APPENDED) == (0, 1)
    hits, cases = tally.share(REJECTED, "png")
    assert hits == cases > 15
    assert tally.share("Pillow verify", "png")[1] == cases
