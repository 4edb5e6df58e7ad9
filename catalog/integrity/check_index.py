"""The saved index against the vectors it was made from."""

from collections.abc import Iterator
from pathlib import Path

from catalog.integrity.check_row import Finding
from catalog.similarity.index_replay import open_index
from catalog.store.database import Database
from catalog.store.models import current

FEW = 5  # labels that a finding names


def index_findings(database: Database, state: Path) -> Iterator[Finding]:
    """What is wrong with the snapshot. That there is none is no fault: it is a cache."""
    model = current(database)
    if model is None:
        return
    opened = open_index(database, state, model.id, model.digest, model.dims)
    if opened.header is None:
        if opened.why != "there is none":
            yield Finding("index", None, f"the snapshot cannot be used: {opened.why}")
        return
    yield from compare_labels(set(opened.neighbours.labels().tolist()), _expected(database, model.id), opened.seq)


def _expected(database: Database, model: int) -> dict[int, tuple[int, bool]]:
    rows = database.rows("SELECT id, seq, live FROM vector WHERE model = ?", model)
    return {id_: (seq, bool(live)) for id_, seq, live in rows}


def compare_labels(labels: set[int], vectors: dict[int, tuple[int, bool]], seq: int) -> Iterator[Finding]:
    """Labels have to be the living vectors, as far as the snapshot reaches. Pure."""
    living = {id_ for id_, (at, live) in vectors.items() if live and at <= seq}
    later = {id_ for id_, (at, _) in vectors.items() if at > seq}
    for word, wrong in (("lacks vectors", living - labels), ("holds dead vectors", labels - living - later)):
        if wrong:
            some = ", ".join(map(str, sorted(wrong)[:FEW]))
            yield Finding("index", None, f"the snapshot {word}: {len(wrong)} of them, such as {some}")
