"""The images most like one image: from the service's index in milliseconds, else exactly from the stored vectors."""

import base64
from collections.abc import Iterator
from functools import partial
from typing import TYPE_CHECKING, Any, NamedTuple

from catalog.ask import ask
from catalog.asking import Asking
from catalog.bundles import serving_bundle
from catalog.display import show
from catalog.entries import Entry, entry_at, holders
from catalog.faults import PlaceFault, StoreFault, UsageFault
from catalog.matching import MOST as CONTESTANTS
from catalog.matching import Found, told_apart
from catalog.model_rows import Model, current
from catalog.reading import read_whole

if TYPE_CHECKING:
    import numpy as np

MOST = 10_000  # what the service gives in one answer
SPARE = 8  # contents to ask for beyond k: one may have lost its last file a moment ago


class Likeness(NamedTuple):
    """A file like another one. `same`: see catalog.matching.Found."""

    entry: Entry
    cosine: float
    same: float | None


def similar(asking: Asking, path: bytes, count: int) -> Iterator[Likeness]:
    """The `count` files nearest to the image at `path`, itself left out, best first; where several are equally near,
    those first that show the very same picture.

    Of a content that several files hold, each file is given. `path` need not be in the catalog.
    """
    model = current(asking.database)
    if model is None:
        raise StoreFault("the catalog holds no vectors yet", "Run `catalogd --once` first.")
    entry = entry_at(asking.database, path)
    vector = None if entry is None else _stored(asking, model, entry)
    own = None if entry is None or vector is None else entry.content
    if vector is None:
        vector = embedded(asking, path)
    found = [Found(*hit) for hit in hits(asking, model, vector, max(count, CONTESTANTS) + SPARE)]
    copies, others = [one for one in found if one.content == own], [one for one in found if one.content != own]
    max_pixels = int(asking.config.intake.max_megapixels * 1e6)
    others = told_apart(others, path, partial(holders, asking.database), max_pixels)
    given = 0
    for content, cosine, same in [*copies, *others]:
        for other in holders(asking.database, content):
            if other.path != path and other.state in ("ok", "unreachable", "pending"):
                yield Likeness(other, cosine, same)
                given += 1
                if given == count:
                    return


def _stored(asking: Asking, model: Model, entry: Entry) -> Any:
    from catalog.vectors import unpack

    if entry.state not in ("ok", "unreachable"):
        return None
    data = asking.database.value("SELECT data FROM vector WHERE content = ? AND model = ?", entry.content, model.id)
    return None if data is None else unpack([data], model.dims)[0]


def hits(asking: Asking, model: Model, vector: "np.ndarray", count: int) -> list[tuple[int, float]]:
    """The `count` contents (at most `MOST`) nearest to a unit vector, float32 [D]: (content id, cosine), best first."""
    return hits_each(asking, model, vector[None], count)[0]


def hits_each(asking: Asking, model: Model, vectors: "np.ndarray", count: int) -> list[list[tuple[int, float]]]:
    """`hits` of each vector, float32 [N, D]. Without the service all of them cost one pass over what is stored."""
    found: list[list[tuple[int, float]]] = []
    for vector in vectors:
        answer = _asked(asking, vector, count)
        if answer is None:
            break
        found.append(answer)
    if len(found) < len(vectors):
        from catalog.vectors import nearest_each

        rest = nearest_each(asking.database, model.id, model.dims, vectors[len(found) :], count)
        found += [[(content, cosine) for _, content, cosine in best] for best in rest]
    return found


def _asked(asking: Asking, vector: "np.ndarray", count: int) -> list[tuple[int, float]] | None:
    wire = base64.b64encode(vector.astype("<f4").tobytes()).decode("ascii")
    answer = ask(asking.config.state, {"op": "similar", "vector": wire, "k": count})
    if answer is None or not answer.get("ok"):
        return None
    return [(int(content), float(cosine)) for content, cosine in answer["hits"]]


def embedded(asking: Asking, path: bytes) -> "np.ndarray":
    """The vector of a file on disk, float32 [D]. Decoded here, so that a hostile file ends us and not the service.

    Raises PlaceFault for a file that is not there, UsageFault for one that is no healthy image.
    """
    import numpy as np

    from models.picture import read_picture
    from models.reason import Unfit

    bundle = serving_bundle(asking.config, asking.database)
    try:
        max_pixels = int(asking.config.intake.max_megapixels * 1e6)
        picture = read_picture(read_whole(path), bundle.recipe, max_pixels=max_pixels)
    except OSError as error:
        raise PlaceFault(f"cannot read {show(path)}: {error.strerror}", "Mend the path.") from error
    except Unfit as unfit:
        raise UsageFault(f"{show(path)} cannot be embedded: {unfit}", "Ask with a healthy image.") from unfit
    wire = base64.b64encode(picture.pixels.tobytes()).decode("ascii")
    answer = ask(asking.config.state, {"op": "embed", "pixels": wire})
    if answer is not None and answer.get("ok"):
        return np.frombuffer(base64.b64decode(answer["vector"]), np.float32)
    from models.session import Session

    vector: np.ndarray = Session(bundle, provider="cpu").run(picture.pixels[None])[0]
    return vector
