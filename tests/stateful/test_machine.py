"""Any order of what people, disks and machines do: once quiet, the invariant holds."""

import os
import random

import pytest
from hypothesis import HealthCheck, Phase, seed, settings
from hypothesis.stateful import run_state_machine_as_test

from tests.stateful.machine import Machine

SEED = int(os.environ.get("CATALOGD_TEST_SEED") or random.SystemRandom().randrange(1 << 32))


def drive(examples: int, steps: int) -> None:
    """Run the machine. Nothing is shrunk: no two runs of a real service are alike, and each takes seconds."""
    chosen = settings(
        max_examples=examples,
        stateful_step_count=steps,
        deadline=None,
        database=None,
        print_blob=True,
        phases=(Phase.explicit, Phase.generate),
        suppress_health_check=list(HealthCheck),
    )
    print(f"again: CATALOGD_TEST_SEED={SEED}")
    run_state_machine_as_test(seed(SEED)(Machine), settings=chosen)


@pytest.mark.timeout(900)
def test_the_invariant_holds_after_any_short_history() -> None:
    drive(examples=6, steps=15)


@pytest.mark.stress
@pytest.mark.timeout(7200)
def test_the_invariant_holds_after_many_long_histories() -> None:
    drive(examples=120, steps=40)
