"""A collection survives repeated kills: a few in the test suite, hundreds in the long runs."""

import os
import random
from collections import Counter

import pytest

from tests.crash.scenario import POINTS, Life
from tests.support.running_service import RunningService

SEED = int(os.environ.get("CATALOGD_TEST_SEED") or 20261121)
SPELL = 10  # deaths between two looks at everything


@pytest.mark.timeout(600)
def test_a_short_life(service: RunningService) -> None:
    live(service, 8, SEED)


@pytest.mark.stress
@pytest.mark.timeout(7200)
def test_two_hundred_deaths(service: RunningService) -> None:
    live(service, 200, SEED)


def live(service: RunningService, deaths: int, seed: int) -> None:
    """Each crash point equally often, in an order and at passages that the seed decides."""
    print(f"again: CATALOGD_TEST_SEED={seed}")
    with service.config_path.open("a") as file:
        file.write("[alarm]\nmissing_percent = 100\n")  # such a life loses half of all there is in a minute
    rng = random.Random(seed)
    life = Life(service, rng)
    points = (
        (list(POINTS) * (1 + deaths // len(POINTS)))[:deaths]
        if deaths > len(POINTS)
        else rng.sample(list(POINTS), deaths)
    )
    rng.shuffle(points)
    for number, point in enumerate(points, 1):
        life.day(point, rng.randint(1, POINTS[point]))
        if number % SPELL == 0 or number == deaths:
            life.quiet()
    print(f"{deaths} deaths:", dict(sorted(Counter(life.deaths).items())))
