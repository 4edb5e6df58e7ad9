"""Tastes to learn: real pictures of the corpus under several of them, and synthetic clusters."""

from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from models.bundle.folder import Bundle, default_folder, load_bundle
from models.decode.reason import DecodeError
from models.learn.dataset import LabelledRows, near_duplicate_groups
from models.learn.file_features import FileMetadata, file_features
from models.learn.training import Floats
from models.picture import Picture, read_picture
from models.runtime.session import Session

LAST_ANIMAL = "n02655020"  # ImageNet's classes are in the order of WordNet's numbers, animals first


class CorpusImage(NamedTuple):
    """One picture of the corpus: which folder it lay in, and what its file tells apart from its name."""

    folder: str
    name: str
    picture: Picture
    told: Floats


def synthetic_task(rows: int, dims: int, seed: int = 0, wrong: float = 0.03) -> LabelledRows:
    """Clusters with a taste of their own, half of the rows in groups of near duplicates, some labels turned over."""
    dice = np.random.default_rng(seed)
    group = np.concatenate([dice.integers(0, 3 * rows // 20, rows // 2), rows + np.arange(rows - rows // 2)])
    _, group = np.unique(group, return_inverse=True)
    cluster = dice.integers(0, 40, group.max() + 1)
    base = dice.normal(size=(40, dims))[cluster] + 1.2 * dice.normal(size=(len(cluster), dims))
    made = base[group] + 0.25 * dice.normal(size=(rows, dims))
    taste = 1.3 * dice.normal(size=40)[cluster][group] + 3 * (base @ dice.normal(size=dims))[group] / np.sqrt(dims)
    wanted = taste > np.quantile(taste, 5 / 6)
    wanted ^= dice.random(rows) < wrong
    unit = made / np.linalg.norm(made, axis=1, keepdims=True)
    extra = dice.normal(size=(rows, 4))
    features = np.hstack([unit, extra]).astype(np.float32)
    return LabelledRows(features, wanted.astype(np.float32), group.astype(np.int64), np.arange(rows, dtype=float), dims)


def corpus_tasks(corpus: Path) -> dict[str, LabelledRows]:
    """Photos kept, the rest deleted; then, among photos alone, half of them by subject, colour and detail. By the
    embedding only, unless the name says otherwise: what a file tells would give the answer to some.
    """
    bundle = load_bundle(default_folder())
    found = _read(corpus, bundle)
    vectors = Session(bundle, provider="cpu").run(np.stack([one.picture.pixels for one in found]))
    photos = np.array([one.folder == "photo" for one in found])
    shown = [one for one in found if one.folder == "photo"]
    colour = np.array([_redness(one.picture) for one in shown])
    sharp = np.array([one.picture.detail for one in shown])
    near, seen = bundle.near_duplicate_cosine, vectors[photos]
    middle = np.abs(colour - np.median(colour))
    return {
        "memes and screenshots": _task(vectors, ~photos, near),
        "the same, with what files tell": _task(vectors, ~photos, near, np.stack([one.told for one in found])),
        "photos of animals": _task(seen, np.array([one.name <= LAST_ANIMAL for one in shown]), near),
        "the redder photos": _task(seen, colour > np.median(colour), near),
        "photos of middling redness": _task(seen, middle < np.median(middle), near),
        "the more detailed photos": _task(seen, sharp > np.median(sharp), near),
        "upright photos": _task(seen, np.array([one.picture.height > one.picture.width for one in shown]), near),
    }


def _read(corpus: Path, bundle: Bundle) -> list[CorpusImage]:
    found = []
    for folder in ("photo", "meme", "screenshot"):
        for path in sorted((corpus / folder).rglob("*")):
            try:
                data = path.read_bytes()
                picture = read_picture(data, bundle.recipe)
            except (OSError, DecodeError):
                continue
            found.append(
                CorpusImage(folder, path.name[: len(LAST_ANIMAL)], picture, _file_features(picture, len(data)))
            )
    return found


def _file_features(picture: Picture, size: int) -> Floats:
    """Without the path: in the corpus it names the answer."""
    taken, suspect = picture.taken_at, bool(picture.suspect)
    shape = (picture.format, picture.width, picture.height, size)
    return file_features(FileMetadata(*shape, picture.camera, taken, picture.detail, suspect, ""))


def _redness(picture: Picture) -> float:
    mean = picture.pixels.reshape(-1, 3).mean(0)
    return float(mean[0] - mean[2])


def _task(vectors: Floats, wanted: NDArray[np.bool_], near: float, told: Floats | None = None) -> LabelledRows:
    rest = np.zeros((len(vectors), 1), np.float32) if told is None else told
    times = np.arange(len(vectors), dtype=float)
    rows = np.hstack([vectors, rest])
    return LabelledRows(rows, wanted.astype(np.float32), near_duplicate_groups(vectors, near), times, vectors.shape[1])
