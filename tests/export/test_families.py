"""For each family: the service's whole path gives the vectors of the source's own pipeline."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from models.decode.reason import DecodeError
from models.picture import read_picture
from models.recipe import Recipe
from models.runtime.attestation import attest, unexplained_variance
from models.runtime.session import Session
from models.runtime.text_attestation import attest_text
from models.runtime.text_encoder import TextEncoder
from tests.export.requirements import FAMILIES, PROVIDER, Made
from tools.export.reference import picture_vectors, text_vectors
from tools.export.strings import GOLDEN_STRINGS

pytestmark = pytest.mark.parametrize("family", FAMILIES)


def readable(paths: list[Path], recipe: Recipe) -> list[Path]:
    """Return the files that the service does not reject: the corpus has damaged ones, too."""
    found = []
    for path in paths:
        try:
            read_picture(path.read_bytes(), recipe)
        except DecodeError:
            continue
        found.append(path)
    return found


def test_real_files_get_the_sources_vectors(family: str, made: Callable[[str], Made], real_files: list[Path]) -> None:
    source, bundle = made(family)
    session = Session(bundle, provider=PROVIDER, threads=2)
    paths = readable(real_files, bundle.recipe)
    assert len(paths) > 15
    _, reference = picture_vectors(source, paths)
    exact = bundle.recipe._replace(scaled_jpeg=0.0)
    for recipe, min_cosine in ((exact, 0.9999), (bundle.recipe, 0.999)):
        pixels = np.stack([read_picture(path.read_bytes(), recipe).pixels for path in paths])
        vectors = session.run(pixels)
        cosines = np.sum(vectors * reference, axis=1)
        assert cosines.min() >= min_cosine, (paths[int(cosines.argmin())], cosines.min())
        assert unexplained_variance(vectors, reference) < 0.02


def test_it_is_attested_and_says_where_it_came_from(family: str, made: Callable[[str], Made]) -> None:
    source, bundle = made(family)
    session = Session(bundle, provider=PROVIDER, threads=2)
    attestation = attest(bundle, session)
    assert attestation.ok, attestation.message
    assert attestation.cosine > 0.999
    assert attestation.pixels > 50
    assert bundle.source.family == source.family
    assert bundle.source.revision == "random seed 7"
    assert (bundle.version, bundle.opset, bundle.precision) == (2, 20, "fp32")
    assert {"torch", "onnx", *source.packages} <= bundle.made_with.keys()
    assert bundle.attested["cosine"] > 0.9999
    assert bundle.recipe.scaled_jpeg == max(
        (float(factor) for factor, cosine in bundle.attested["scaled_jpeg"].items() if cosine >= 0.999), default=0.0
    )
    one = np.zeros((1, bundle.recipe.height, bundle.recipe.width, 3), np.uint8)
    assert session.run(one).shape == (1, bundle.dims)


def test_hard_strings_get_the_sources_tokens_and_vectors(family: str, made: Callable[[str], Made]) -> None:
    source, bundle = made(family)
    if source.words is None:
        assert bundle.text is None
        pytest.skip("has no text tower")
    encoder = TextEncoder(bundle, threads=2)
    expected, reference = text_vectors(source.words, list(GOLDEN_STRINGS))
    ids, _ = encoder.tokens(list(GOLDEN_STRINGS))
    differing = [text for text, same in zip(GOLDEN_STRINGS, (ids == expected).all(axis=1), strict=True) if not same]
    assert differing == []
    vectors = encoder.encode(list(GOLDEN_STRINGS))
    assert np.sum(vectors * reference, axis=1).min() > 0.9999
    assert unexplained_variance(vectors, reference) < 1e-4
    assert attest_text(bundle, encoder).ok


def test_a_wrong_order_of_colours_is_refused(family: str, made: Callable[[str], Made]) -> None:
    class Reversed(Session):
        """The same network fed with blue first."""

        def run(self, pixels: np.ndarray) -> np.ndarray:
            return super().run(np.ascontiguousarray(pixels[..., ::-1]))

    _, bundle = made(family)
    attestation = attest(bundle, Reversed(bundle, provider="cpu", threads=2))
    assert not attestation.ok
    assert "the network differs" in attestation.message
