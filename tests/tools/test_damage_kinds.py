"""The damage that the harness does is what it says, comes again with the same seed, and is seen where it must be."""

from pathlib import Path
from random import Random

from tools.bench.damage import REJECTED, REJECTED_OR_SUSPECT, UNDAMAGED, CleanFile, measure_file
from tools.bench.damage_kinds import APPENDED, DAMAGE_KINDS, HEADER_BYTES, SECTOR_BYTES
from tools.bench.other_validators import VALIDATORS

NOISE = Random(1).randbytes(40_000)
BY_NAME = {kind.name: kind for kind in DAMAGE_KINDS}


def hurt(name: str, seed: int = 0, data: bytes = NOISE) -> bytes:
    changed = BY_NAME[name].damage(data, Random(seed))
    assert changed is not None
    return changed


def test_the_same_seed_does_the_same_damage_and_another_another() -> None:
    for kind in DAMAGE_KINDS:
        assert hurt(kind.name, 1) == hurt(kind.name, 1) != NOISE
        assert (hurt(kind.name, 1) != hurt(kind.name, 2)) == kind.chance, kind.name


def test_each_kind_does_what_it_is_called() -> None:
    assert hurt("cut at 90%") == NOISE[:36_000]
    assert len(NOISE) - 16 <= len(hurt("1-16 bytes cut off")) < len(NOISE)
    assert hurt("tail zeroed from 50%") == NOISE[:20_000] + bytes(20_000)
    assert len(hurt("64 dropped")) == len(NOISE) - 64
    assert len(hurt("512 inserted")) == len(NOISE) + 512
    flips = [bin(a ^ b).count("1") for a, b in zip(hurt("one bit flipped"), NOISE, strict=True)]
    assert sum(flips) == 1
    assert hurt(APPENDED).startswith(NOISE)


def test_sectors_are_lost_on_their_grid_and_never_the_first() -> None:
    for name in ("sector zeroed", "sector random", "sectors swapped"):
        for seed in range(20):
            changed = hurt(name, seed)
            places = [at for at in range(len(NOISE)) if changed[at] != NOISE[at]]
            assert len(changed) == len(NOISE)
            assert len({at // SECTOR_BYTES for at in places}) == 1 + (name == "sectors swapped")
            assert min(places) >= SECTOR_BYTES


def test_the_header_is_hit_on_purpose_only() -> None:
    for kind in DAMAGE_KINDS:
        if not kind.name.startswith(("cut", "header", "tail")):
            assert all(hurt(kind.name, seed)[:HEADER_BYTES] == NOISE[:HEADER_BYTES] for seed in range(20)), kind.name


def test_what_cannot_be_harmed_gives_no_case() -> None:
    assert BY_NAME["sector zeroed"].damage(bytes(5000), Random(1)) is None
    assert BY_NAME["tail zeroed from 50%"].damage(bytes(50_000), Random(1)) is None


def test_a_rival_gets_no_credit_where_it_complains_of_the_sound_file(tmp_path: Path) -> None:
    from tests.support.image_samples import saved, scene

    path = tmp_path / "sound.png"
    path.write_bytes(saved(scene(), "PNG"))
    grumbler = type(VALIDATORS[0])("grumbler", set)
    tally = measure_file(CleanFile(path, "png"), 0, (grumbler, *(rival for rival in VALIDATORS if not rival.command)))
    assert tally.share("grumbler", None, UNDAMAGED) == (1, 1)
    assert tally.share("grumbler") == (0, 0)
    assert tally.share(REJECTED, "png", UNDAMAGED) == (0, 1)
    assert tally.share(REJECTED_OR_SUSPECT, "png", APPENDED) == (0, 1)
    hits, cases = tally.share(REJECTED, "png")
    assert hits == cases > 15
    assert tally.share("Pillow verify", "png")[1] == cases
