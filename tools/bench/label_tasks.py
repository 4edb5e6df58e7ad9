"""Labelling tasks: corpus images labelled by several rules, and synthetic clusters."""

from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from models.bundle.folder import Bundle, default_folder, load_bundle
from models.decode.reason import DecodeError
from models.learn.dataset import LabelledRows, near_duplicate_groups
from models.learn.file_features import FileMetadata, file_features
from models.learn.logistic import Floats
from models.picture import Picture, read_picture
from models.runtime.session import Session

LAST_ANIMAL = "n02655020"  # ImageNet classes are sorted by WordNet number, animals first


class CorpusImage(NamedTuple):
    """An image of the corpus: its folder, the start of its name, and the features of its file."""

    folder: str
    name: str
    picture: Picture
    features: Floats


def synthetic_task(rows: int, dims: int, seed: int = 0, wrong: float = 0.03) -> LabelledRows:
    """Return clusters labelled by cluster and direction; half of the rows are in groups of near duplicates.

    A share `wrong` of the labels is flipped.
    """
    rng = np.random.default_rng(seed)
    group = np.concatenate([rng.integers(0, 3 * rows // 20, rows // 2), rows + np.arange(rows - rows // 2)])
    _, group = np.unique(group, return_inverse=True)
    cluster = rng.integers(0, 40, group.max() + 1)
    base = rng.normal(size=(40, dims))[cluster] + 1.2 * rng.normal(size=(len(cluster), dims))
    noisy = base[group] + 0.25 * rng.normal(size=(rows, dims))
    score = 1.3 * rng.normal(size=40)[cluster][group] + 3 * (base @ rng.normal(size=dims))[group] / np.sqrt(dims)
    labels = score > np.quantile(score, 5 / 6)
    labels ^= rng.random(rows) < wrong
    unit = noisy / np.linalg.norm(noisy, axis=1, keepdims=True)
    extra = rng.normal(size=(rows, 4))
    features = np.hstack([unit, extra]).astype(np.float32)
    return LabelledRows(features, labels.astype(np.float32), group.astype(np.int64), np.arange(rows, dtype=float), dims)


def corpus_tasks(corpus: Path) -> dict[str, LabelledRows]:
    """Return tasks by name: delete what is no photo; then, among photos, delete by subject, colour, detail and shape.

    Rows hold the embedding only, unless the name says otherwise: file features would give some answers away.
    """
    bundle = load_bundle(default_folder())
    images = _read(corpus, bundle)
    vectors = Session(bundle, provider="cpu").run(np.stack([image.picture.pixels for image in images]))
    photos = np.array([image.folder == "photo" for image in images])
    shown = [image for image in images if image.folder == "photo"]
    colour = np.array([_redness(image.picture) for image in shown])
    sharp = np.array([image.picture.detail for image in shown])
    near, photo_vectors = bundle.near_duplicate_cosine, vectors[photos]
    deviation = np.abs(colour - np.median(colour))
    return {
        "memes and screenshots": _task(vectors, ~photos, near),
        "the same, with what files tell": _task(vectors, ~photos, near, np.stack([image.features for image in images])),
        "photos of animals": _task(photo_vectors, np.array([image.name <= LAST_ANIMAL for image in shown]), near),
        "the redder photos": _task(photo_vectors, colour > np.median(colour), near),
        "photos of middling redness": _task(photo_vectors, deviation < np.median(deviation), near),
        "the more detailed photos": _task(photo_vectors, sharp > np.median(sharp), near),
        "upright photos": _task(
            photo_vectors, np.array([image.picture.height > image.picture.width for image in shown]), near
        ),
    }


def _read(corpus: Path, bundle: Bundle) -> list[CorpusImage]:
    images = []
    for folder in ("photo", "meme", "screenshot"):
        for path in sorted((corpus / folder).rglob("*")):
            try:
                data = path.read_bytes()
                picture = read_picture(data, bundle.recipe)
            except (OSError, DecodeError):
                continue
            images.append(
                CorpusImage(folder, path.name[: len(LAST_ANIMAL)], picture, _file_features(picture, len(data)))
            )
    return images


def _file_features(picture: Picture, size: int) -> Floats:
    """Leave the path out: in the corpus it gives the answer."""
    taken, suspect = picture.taken_at, bool(picture.suspect)
    shape = (picture.format, picture.width, picture.height, size)
    return file_features(FileMetadata(*shape, picture.camera, taken, picture.detail, suspect, ""))


def _redness(picture: Picture) -> float:
    mean = picture.pixels.reshape(-1, 3).mean(0)
    return float(mean[0] - mean[2])


def _task(vectors: Floats, labels: NDArray[np.bool_], near: float, features: Floats | None = None) -> LabelledRows:
    extra = np.zeros((len(vectors), 1), np.float32) if features is None else features
    times = np.arange(len(vectors), dtype=float)
    rows = np.hstack([vectors, extra])
    return LabelledRows(rows, labels.astype(np.float32), near_duplicate_groups(vectors, near), times, vectors.shape[1])
