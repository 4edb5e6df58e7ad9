"""Early shrinking for the default bundle changes no result of a damaged file, and vectors hardly at all."""

import random
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from models.bundle.folder import Bundle, default_folder, load_bundle
from models.decode.jpeg import decoder as jpeg
from models.decode.reason import DecodeError
from models.picture import read_picture
from models.runtime.session import Session

SETS = ("photo", "meme", "camera")
MUTANTS = 400


@pytest.fixture(scope="module")
def bundle() -> Bundle:
    return load_bundle(default_folder())


def real_jpegs(corpus: Path, every: int, most: int) -> list[bytes]:
    """Return every n-th JPEG of web and cameras, up to a size."""
    paths = [path for name in SETS for path in sorted((corpus / name).rglob("*")) if path.is_file()]
    read = [path.read_bytes() for path in paths if path.stat().st_size <= most]
    return [data for data in read if data.startswith(b"\xff\xd8\xff")][::every]


def damaged(rng: random.Random, intact: bytes) -> bytes:
    """Damage a file: a bit, a byte, bytes lost, added or zeroed, or the end."""
    at, many = rng.randrange(2, len(intact)), rng.choice((1, 64, 512))
    ways: tuple[Callable[[], bytes], ...] = (
        lambda: intact[:at] + bytes([intact[at] ^ 1 << rng.randrange(8)]) + intact[at + 1 :],
        lambda: intact[:at] + rng.randbytes(1) + intact[at + 1 :],
        lambda: intact[:at] + intact[at + many :],
        lambda: intact[:at] + rng.randbytes(many) + intact[at:],
        lambda: intact[:at] + bytes(len(intact[at : at + many])) + intact[at + many :],
        lambda: intact[:at],
    )
    return rng.choice(ways)()


def result_of(data: bytes, bundle: Bundle) -> tuple[str, ...]:
    """Return the whole result of a file, except its pixels."""
    try:
        picture = read_picture(data, bundle.recipe)
    except DecodeError as rejection:
        return rejection.reason.name, rejection.detail
    return "ok", picture.suspect, picture.note


def test_the_walk_alone_gives_the_same_result_as_libjpeg(
    corpus: Path, bundle: Bundle, monkeypatch: pytest.MonkeyPatch
) -> None:
    rng = random.Random(7)
    intact = real_jpegs(corpus, 1, 200_000)
    files = [damaged(rng, rng.choice(intact)) for _ in range(MUTANTS)]
    painted = [result_of(data, bundle) for data in files]
    monkeypatch.setattr(jpeg, "_eighths", lambda *_: 0)
    assert painted == [result_of(data, bundle) for data in files]
    assert 0.2 * MUTANTS < sum(said[0] == "ok" for said in painted) < 0.9 * MUTANTS, "the walk is given both kinds"


def test_vectors_hardly_change(corpus: Path, bundle: Bundle) -> None:
    """The cosine is at least 0.998, and 0.9999 on average over the corpus."""
    exact = bundle.recipe._replace(scaled_jpeg=0.0)
    files = [data for data in real_jpegs(corpus, 4, 3_000_000) if result_of(data, bundle)[0] == "ok"]
    session = Session(bundle, provider="cpu")
    ours, theirs = (
        session.run(np.stack([read_picture(data, recipe).pixels for data in files]))
        for recipe in (bundle.recipe, exact)
    )
    cosines = (ours * theirs).sum(1)
    assert len(files) > 60
    assert cosines.min() > 0.998
    assert cosines.mean() > 0.9999
