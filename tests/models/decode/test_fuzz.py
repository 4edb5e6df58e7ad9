"""Any bytes give a Picture or a DecodeError, within the limit of pixels."""

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from models.decode.reason import DecodeError, RejectReason
from models.picture import Picture, Recipe, read_picture
from tests.support.image_samples import SPECIMENS, specimen

RECIPE = Recipe(16, 24, "shortest", "bicubic", 2.0)
CAP = 4_000_000
BLUNT = settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
EDIT = st.tuples(
    st.sampled_from(("overwrite", "insert", "delete", "flip")),
    st.one_of(st.integers(0, 200), st.integers(0, 500_000)),
    st.binary(min_size=1, max_size=12),
)


def edited(data: bytes, edits: list[tuple[str, int, bytes]]) -> bytes:
    for what, place, noise in edits:
        at = place % max(1, len(data))
        if what == "insert":
            data = data[:at] + noise + data[at:]
        elif what == "delete":
            data = data[:at] + data[at + noise[0] + 1 :]
        elif what == "overwrite":
            data = data[:at] + noise + data[at + len(noise) :]
        else:
            data = data[:at] + bytes([data[at] ^ 1 << noise[0] % 8]) + data[at + 1 :] if data else data
    return data


def holds(data: bytes) -> None:
    try:
        picture = read_picture(data, RECIPE, max_pixels=CAP)
    except DecodeError as rejection:
        assert isinstance(rejection.reason, RejectReason)
        assert len(rejection.detail) < 500
        assert rejection.detail or rejection.reason is RejectReason.EMPTY
    else:
        assert isinstance(picture, Picture)
        assert picture.pixels.shape == (16, 24, 3)
        assert picture.pixels.dtype == np.uint8
        assert 0 < picture.width * picture.height <= CAP


@pytest.mark.parametrize("name", sorted(SPECIMENS))
def test_mutated_files_give_an_image_or_a_reason(name: str) -> None:
    @BLUNT
    @given(st.integers(0, 1), st.lists(EDIT, min_size=1, max_size=6))
    def mutate(which: int, edits: list[tuple[str, int, bytes]]) -> None:
        holds(edited(specimen(name, which), edits))

    mutate()


@BLUNT
@given(st.sampled_from(sorted(SPECIMENS)), st.binary(max_size=400), st.integers(2, 40))
def test_noise_after_a_valid_start_gives_an_image_or_a_reason(name: str, noise: bytes, keep: int) -> None:
    holds(specimen(name)[:keep] + noise)


@BLUNT
@given(st.binary(max_size=300))
def test_noise_gives_an_image_or_a_reason(noise: bytes) -> None:
    holds(noise)
