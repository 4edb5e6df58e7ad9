"""Which of reading and embedding starves, and what is said of it."""

import pytest

from catalog.embedding.throughput import Throughput

CASES = {
    "reading is slower": (Throughput(0.01, 8, 500.0, 2, 200.0, 195.0), "the model waits for the reading"),
    "the model is slower": (Throughput(0.01, 8, 50.0, 2, 200.0, 49.0), "the reading waits for the model"),
    "they share cores": (Throughput(0.01, 8, 300.0, 2, 300.0, 150.0), "reach 50% of the slower one"),
    "they share cores beside a GPU": (Throughput(0.01, 64, 300.0, 2, 300.0, 150.0, 1), "fewer `[intake] workers`"),
    "the GPU is slower": (Throughput(0.01, 64, 50.0, 2, 200.0, 49.0, 1), "another GPU"),
    "nothing to read": (Throughput(0.01, 8, 300.0, 2, 0.0, 0.0), "no picture in the catalog"),
}


@pytest.mark.parametrize(("pace", "word"), CASES.values(), ids=CASES.keys())
def test_the_verdict_names_what_starves(pace: Throughput, word: str) -> None:
    assert word in pace.verdict
