"""Texts give the source's tokens and vectors, or a clear error."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from models.bundle.folder import Bundle, BundleError, load_bundle
from models.bundle.text_cleaning import clean_text
from models.runtime.text_attestation import attest_text, open_text_encoder
from models.runtime.text_encoder import TextEncoder
from tests.support.tiny_bundle import DIMS
from tests.support.tiny_text import STRINGS, tower_tokens, tower_vectors, write_talking_bundle


@pytest.fixture(scope="module")
def text_bundle(tmp_path_factory: pytest.TempPathFactory) -> Bundle:
    return load_bundle(write_talking_bundle(tmp_path_factory.mktemp("text_bundle") / "tiny"))


def with_reference(bundle: Bundle, folder: Path, **arrays: np.ndarray) -> Bundle:
    assert bundle.text
    with np.load(bundle.text.reference) as stored:
        np.savez(folder / "text.npz", **({name: stored[name] for name in stored.files} | arrays))
    return replace(bundle, text=bundle.text._replace(reference=folder / "text.npz"))


def test_texts_give_tokens_and_unit_vectors(text_bundle: Bundle) -> None:
    encoder = TextEncoder(text_bundle, threads=1)
    ids, mask = encoder.tokens(list(STRINGS))
    assert (ids == tower_tokens()).all()
    assert mask.sum(axis=1).tolist() == [4, 2, 6, 6]
    vectors = encoder.encode(list(STRINGS))
    assert vectors.dtype == np.float32
    assert np.allclose(vectors, tower_vectors(tower_tokens()), atol=1e-6)
    assert encoder.encode([]).shape == (0, DIMS)
    assert encoder.encode(["moon"] * 20).shape == (20, DIMS)


def test_padding_may_be_on_the_left(text_bundle: Bundle) -> None:
    assert text_bundle.text
    other = replace(text_bundle, text=text_bundle.text._replace(side="left"))
    ids, mask = TextEncoder(other, threads=1).tokens(["moon"])
    assert ids.tolist() == [[0, 0, 0, *tower_tokens(("moon",))[0, :3]]]
    assert mask.tolist() == [[0, 0, 0, 1, 1, 1]]


def test_a_bundle_without_text_names_alternatives(tiny: Bundle) -> None:
    assert tiny.text is None
    with pytest.raises(BundleError, match=r"supports images only.*SigLIP.*catalog model use"):
        TextEncoder(tiny)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"tokenizer": "lost.json"}, "lost.json cannot be read"),
        ({"tokenizer_sha256": "0" * 64}, "tokenizer.json was altered or cut"),
        ({"graph_sha256": "0" * 64}, "text.onnx was altered or cut"),
        ({"clean": ["wash"]}, "'wash' is not one of tidy"),
        ({"side": "top"}, "side 'top' is not one of left, right"),
        ({"mask": 7}, "mask must be str or null"),
        ({"colour": 1}, "text: unknown colour"),
    ],
)
def test_an_invalid_text_tower_is_refused(tmp_path: Path, change: dict[str, object], words: str) -> None:
    with pytest.raises(BundleError, match=words):
        load_bundle(write_talking_bundle(tmp_path / "tiny", **change))


def test_missing_golden_strings_are_refused(tmp_path: Path) -> None:
    folder = write_talking_bundle(tmp_path / "tiny")
    (folder / "goldens" / "text.npz").unlink()
    with pytest.raises(BundleError, match=r"text\.npz is missing, so its text cannot be attested"):
        load_bundle(folder)


def test_an_invalid_tokeniser_or_graph_is_refused(text_bundle: Bundle, tmp_path: Path) -> None:
    assert text_bundle.text
    broken = tmp_path / "broken"
    broken.write_bytes(b"{}")
    with pytest.raises(BundleError, match="is not a tokeniser"):
        TextEncoder(replace(text_bundle, text=text_bundle.text._replace(tokenizer=broken)))
    broken.write_bytes(text_bundle.text.graph.read_bytes()[:-40])
    with pytest.raises(BundleError, match="cannot be loaded"):
        TextEncoder(replace(text_bundle, text=text_bundle.text._replace(graph=broken)))


def test_a_text_tower_of_other_dims_is_refused(text_bundle: Bundle) -> None:
    with pytest.raises(BundleError, match=f"gives {DIMS} numbers, its bundle says {DIMS + 1}"):
        TextEncoder(replace(text_bundle, dims=DIMS + 1))


def test_attestation_names_the_failing_step(text_bundle: Bundle, tmp_path: Path) -> None:
    encoder = TextEncoder(text_bundle, threads=1)
    assert attest_text(text_bundle, encoder).ok
    turned = with_reference(text_bundle, tmp_path, vectors=tower_vectors(tower_tokens())[:, ::-1])
    assert "the text network differs" in attest_text(turned, encoder).message
    ids = tower_tokens()
    ids[0, 1] = 1
    assert "the tokens of 1 string differ, such as 'Red  moon'" in (
        attest_text(with_reference(text_bundle, tmp_path, ids=ids), encoder).message
    )
    assert text_bundle.text
    unwashed = replace(text_bundle, text=text_bundle.text._replace(clean=("spaces",)))
    assert "tokens" in attest_text(unwashed, TextEncoder(unwashed, threads=1)).message
    assert not attest_text(replace(text_bundle, text=text_bundle.text._replace(goldens=())), encoder).ok
    with pytest.raises(BundleError, match="not attested on this machine: the tokens"):
        open_text_encoder(unwashed, threads=1)
    assert open_text_encoder(text_bundle, threads=1).encode(["moon"]).shape == (1, DIMS)


@pytest.mark.parametrize(
    ("result", "meant"),
    [
        ("“curly” ‘quotes’ ﬁne ＷＩＤＥ　cafe\u0301", "\"curly\" 'quotes' fine wide café"),
        ("one\r\ntwo\rthree\u2028 four\x07\ufeff", "one two three four"),
        ("a &eacute; &amp;lt; &#65; &nonsense;", "a é < a &nonsense;"),
        ("<b> “x”\n&ldquo;kept&rdquo;", '<b> "x" “kept”'),  # after a tag, entities are decoded but not tidied
        ("\x1b[31mred\x1b[0m \ud83d\ude00 \ud83d", "red 😀 \ufffd"),
        ("", ""),
    ],
)
def test_cleaning_as_open_clip_does(result: str, meant: str) -> None:
    assert clean_text(result, ("tidy", "html", "spaces", "lower")) == meant


def test_cleaning_as_big_vision_does() -> None:
    assert clean_text("A_snake-case: DON'T!", ("punctuation", "lower", "spaces")) == "a snakecase dont"
