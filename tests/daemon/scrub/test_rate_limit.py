"""Rate limit, budget and pace of a scrub."""

import random

import pytest

from daemon.scrub.rate_limit import PLANNED_SHARE, TokenBucket, fits_budget, pause_seconds

DAY = 86400.0


@pytest.mark.parametrize("seed", range(20))
def test_no_interval_exceeds_the_rate_plus_one_burst(seed: int) -> None:
    rng = random.Random(seed)
    rate, burst = rng.uniform(1e3, 1e8), rng.uniform(1, 1e6)
    bucket, now = TokenBucket(rate, burst), rng.uniform(-1e6, 1e6)
    used: list[tuple[float, int]] = []
    for _ in range(300):
        amount = rng.randint(0, 1 << 20)
        now += bucket.take(amount, now)
        used.append((now, amount))
        now += rng.choice((0.0, 0.0, rng.expovariate(10), rng.uniform(0, 30)))
    for first in range(0, 300, 7):
        total = 0
        for at, amount in used[first:]:
            # What is used at an instant was allowed before it: its own amount is paid for afterwards.
            assert total <= rate * (at - used[first][0]) + burst + (1 << 20) + 1
            total += amount


def test_a_busy_bucket_gives_its_rate() -> None:
    bucket, now = TokenBucket(60e6, 1 << 20), 5.0
    for _ in range(6000):
        now += bucket.take(1 << 20, now)
    assert now - 5.0 == pytest.approx(6000 * (1 << 20) / 60e6, rel=0.01)


def test_a_pause_accumulates_no_more_than_the_burst() -> None:
    bucket = TokenBucket(1000, 1000)
    assert bucket.take(1000, 0.0) == 0.0
    assert bucket.take(1000, 1e6) == 0.0
    assert bucket.take(1000, 1e6) == pytest.approx(0.0)
    assert bucket.take(1000, 1e6) == pytest.approx(1.0)


def test_a_rate_of_zero_is_no_limit() -> None:
    assert [TokenBucket(0, 1).take(1 << 40, 0.0) for _ in range(3)] == [0.0] * 3


def test_a_file_is_read_only_if_it_fits_the_budget() -> None:
    assert fits_budget(10, 90, 100)
    assert not fits_budget(11, 90, 100)
    assert not fits_budget(0, 0, 0)


def test_a_file_larger_than_every_budget_is_read_alone() -> None:
    assert fits_budget(1000, 0, 100)
    assert not fits_budget(1000, 1, 100)


def test_a_round_takes_a_little_less_than_the_configured_days() -> None:
    sizes = [random.Random(3).randint(1, 10**8) for _ in range(500)]
    total = sum(sizes)
    assert sum(pause_seconds(size, total, 90, 45.0) for size in sizes) == pytest.approx(90 * PLANNED_SHARE * DAY)


def test_a_late_round_does_not_pause() -> None:
    assert pause_seconds(10**6, 10**12, 90, 90.1) == 0.0
    assert pause_seconds(10**6, 10**12, 90, 89.9) > 0.0
    assert pause_seconds(0, 0, 90, 0.0) == 0.0
