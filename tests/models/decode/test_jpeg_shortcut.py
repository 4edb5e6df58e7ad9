"""What the default bundle's early shrinking changes: no verdict on a damaged file, and next to nothing of a vector."""

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
    """Every so many-th JPEG of web and cameras, up to so many bytes."""
    paths = [path for name in SETS for path in sorted((corpus / name).rglob("*")) if path.is_file()]
    read = [path.read_bytes() for path in paths if path.stat().st_size <= most]
    return [data for data in read if data.startswith(b"\xff\xd8\xff")][::every]


def damaged(dice: random.Random, sound: bytes) -> bytes:
    """A bit, a byte, a stretch lost, added or zeroed, or the end."""
    at, many = dice.randrange(2, len(sound)), dice.choice((1, 64, 512))
    ways: tuple[Callable[[], bytes], ...] = (
        lambda: sound[:at] + bytes([sound[at] ^ 1 << dice.randrange(8)]) + sound[at + 1 :],
        lambda: sound[:at] + dice.randbytes(1) + sound[at + 1 :],
        lambda: sound[:at] + sound[at + many :],
        lambda: sound[:at] + dice.randbytes(many) + sound[at:],
        lambda: sound[:at] + bytes(len(sound[at : at + many])) + sound[at + many :],
        lambda: sound[:at],
    )
    return dice.choice(ways)()


def judged(data: bytes, bundle: Bundle) -> tuple[str, ...]:
    """All that is said of a file, but for its pixels."""
    try:
        picture = read_picture(data, bundle.recipe)
    except DecodeError as unfit:
        return unfit.reason.name, unfit.detail
    return "ok", picture.suspect, picture.note


def test_libjpeg_has_nothing_to_add_where_it_is_not_asked(
    corpus: Path, bundle: Bundle, monkeypatch: pytest.MonkeyPatch
) -> None:
    dice = random.Random(7)
    sound = real_jpegs(corpus, 1, 200_000)
    files = [damaged(dice, dice.choice(sound)) for _ in range(MUTANTS)]
    painted = [judged(data, bundle) for data in files]
    monkeypatch.setattr(jpeg, "_eighths", lambda *_: 0)
    assert painted == [judged(data, bundle) for data in files]
    assert 0.2 * MUTANTS < sum(said[0] == "ok" for said in painted) < 0.9 * MUTANTS, "the walk is given both kinds"


def test_vectors_stay_what_they_are(corpus: Path, bundle: Bundle) -> None:
    """Least 0.998, mean 0.9999 over all of the corpus."""
    exact = bundle.recipe._replace(scaled_jpeg=0.0)
    files = [data for data in real_jpegs(corpus, 4, 3_000_000) if judged(data, bundle)[0] == "ok"]
    session = Session(bundle, provider="cpu")
    ours, theirs = (
        session.run(np.stack([read_picture(data, recipe).pixels for data in files]))
        for recipe in (bundle.recipe, exact)
    )
    cosines = (ours * theirs).sum(1)
    assert len(files) > 60
    assert cosines.min() > 0.998
    assert cosines.mean() > 0.9999
