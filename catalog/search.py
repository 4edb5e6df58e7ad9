"""Search by words, by pictures, and by both: one vector is made of all of them, and the nearest pictures answer."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from catalog.asking import Asking
from catalog.bundles import serving_bundle
from catalog.entries import Entry, holders
from catalog.faults import StoreFault, UsageFault
from catalog.heads import needed
from catalog.likeness import MOST, embedded, hits
from catalog.model_rows import Model, current
from catalog.models import held
from catalog.speaking import Speaker
from catalog.tree import below

if TYPE_CHECKING:
    import numpy as np

    from models.bundle import Bundle

FIRST = 4  # times as many contents as are wanted are asked for at first; a filter takes some of them


@dataclass(frozen=True, slots=True)
class Question:
    """What is looked for: words and pictures that it should be like, and those that it should not be like."""

    words: tuple[str, ...] = ()
    unlike: tuple[str, ...] = ()
    pictures: tuple[bytes, ...] = ()


@dataclass(frozen=True, slots=True)
class Only:
    """Which pictures may answer; what is left empty takes all. Dates are ISO 8601, compared as text; sizes in bytes;
    `least` and `most` are of p_delete.
    """

    below: bytes = b""
    since: str = ""
    until: str = ""
    label: str = ""
    format: str = ""
    larger: int = 0
    smaller: int = 0
    least: float | None = None
    most: float | None = None

    @property
    def narrow(self) -> bool:
        """Whether anything is left out at all."""
        return self != Only()

    def takes(self, entry: Entry, taken_at: str | None, label: str | None) -> bool:
        """Whether a picture may answer. Pure. One without a date is not in any span of dates; so with p_delete."""
        low, high = below(self.below) if self.below else (b"", b"\xff")
        day = (taken_at or "")[: len(self.until)]
        return (
            (not self.below or entry.directory == self.below or low <= entry.directory < high)
            and (not self.since or (taken_at or "") >= self.since)
            and (not self.until or "" < day <= self.until)
            and (not self.label or label == self.label)
            and (not self.format or entry.format == self.format)
            and entry.size >= self.larger
            and (not self.smaller or entry.size <= self.smaller)
            and entry.scored(self.least, self.most)
        )


def search(asking: Asking, question: Question, only: Only, count: int) -> Iterator[tuple[Entry, float]]:
    """The `count` files that answer best: (file, cosine), best first. A picture of the question does not answer itself.

    Raises StoreFault without vectors, UsageFault for a model that knows no words, a question that says nothing, or
    limits of p_delete without a head.
    """
    if (only.least, only.most) != (None, None):
        needed(asking.database)
    model = current(asking.database)
    if model is None:
        raise StoreFault("the catalog holds no vectors yet", "Run `catalogd --once` first.")
    vector = _vector(asking, question)
    wanted = FIRST * count if only.narrow else count + len(question.pictures) + FIRST
    while True:
        found = hits(asking, model, vector, min(wanted, MOST))
        answers = list(_answers(asking, question, only, found, count))
        if len(answers) >= count or len(found) < wanted:
            break
        if wanted >= MOST:
            answers = list(_answers(asking, question, only, _every(asking, model, vector), count))
            break
        wanted *= FIRST
    yield from answers


def _every(asking: Asking, model: Model, vector: "np.ndarray") -> list[tuple[int, float]]:
    """All contents by their cosine: a filter so narrow that the nearest ten thousand do not satisfy it."""
    from catalog.vectors import live_blocks

    found: list[tuple[int, float]] = []
    for _, contents, vectors in live_blocks(asking.database, model.id, model.dims):
        found += zip(contents.tolist(), (vectors @ vector).tolist(), strict=True)
    return sorted(found, key=lambda hit: (-hit[1], hit[0]))


def _answers(
    asking: Asking, question: Question, only: Only, found: list[tuple[int, float]], count: int
) -> Iterator[tuple[Entry, float]]:
    given = 0
    for content, cosine in found:
        taken_at, label = asking.database.row(
            "SELECT c.taken_at, l.value FROM content c LEFT JOIN label l ON l.content = c.id WHERE c.id = ?", content
        ) or (None, None)
        for entry in holders(asking.database, content):
            if entry.path in question.pictures or entry.state not in ("ok", "unreachable", "pending"):
                continue
            if only.takes(entry, taken_at, label):
                yield entry, cosine
                given += 1
                if given == count:
                    return


def _vector(asking: Asking, question: Question) -> "np.ndarray":
    """float32 [D], unit length: the sum of what is wanted less the sum of what is not, each a unit vector."""
    import numpy as np

    bundle = serving_bundle(asking.config, asking.database)
    texts = [*question.words, *question.unlike]
    signs = [1.0] * len(question.words) + [-1.0] * len(question.unlike)
    rows = list(zip(signs, in_words(asking, bundle, texts), strict=True)) if texts else []
    rows += [(1.0, embedded(asking, path)) for path in question.pictures]
    if not any(sign > 0 for sign, _ in rows):
        raise UsageFault("the question says only what it should not be", "Say what to look for, too.")
    total = np.sum([np.float32(sign) * row for sign, row in rows], axis=0)
    length = float(np.linalg.norm(total))
    if length < 1e-6:
        raise UsageFault("the question cancels itself out", "Say what to look for in other words.")
    vector: np.ndarray = (total / length).astype(np.float32)
    return vector


def in_words(asking: Asking, bundle: "Bundle", texts: list[str]) -> "np.ndarray":
    """float32 [N, D]: the service's text model where it runs, else ours, loaded for this question."""
    if bundle.text is None:
        raise UsageFault(f"the model {bundle.name} knows pictures only, it cannot be asked in words", _others(asking))
    return Speaker(asking.config, bundle).say(texts)


def _others(asking: Asking) -> str:
    names = [one.name for one in held(asking.config, asking.database) if one.bundle and one.bundle.text is not None]
    if names:
        return f"These do: {', '.join(names)}. Choose one: `catalog model use NAME`."
    example = "immich-app/ViT-B-16-SigLIP2__webli"
    return f"Pull one that knows words, such as `catalog model pull {example}`, then `catalog model use` it."


def described(entry: Entry, cosine: float) -> dict[str, Any]:
    """The line that `search --json` promises."""
    from catalog.display import text

    return {"path": text(entry.path), "cosine": round(cosine, 6)}
