"""Tests of the bottleneck that `catalog doctor` names: decoding or embedding."""

import pytest

from catalog.embedding.throughput import Throughput

CASES = {
    "decoding is slower": (Throughput(0.01, 8, 500.0, 2, 200.0, 195.0), "the model waits for decoding"),
    "the model is slower": (Throughput(0.01, 8, 50.0, 2, 200.0, 49.0), "decoding waits for the model"),
    "they compete for cores": (Throughput(0.01, 8, 300.0, 2, 300.0, 150.0), "reach 50% of the slower rate"),
    "they compete for cores with a GPU": (Throughput(0.01, 64, 300.0, 2, 300.0, 150.0, 1), "fewer `[intake] workers`"),
    "the GPU is slower": (Throughput(0.01, 64, 50.0, 2, 200.0, 49.0, 1), "another GPU"),
    "nothing to decode": (Throughput(0.01, 8, 300.0, 2, 0.0, 0.0), "no image in the catalog"),
}


@pytest.mark.parametrize(("measured", "text"), CASES.values(), ids=CASES.keys())
def test_the_verdict_names_the_bottleneck(measured: Throughput, text: str) -> None:
    assert text in measured.verdict
