"""Attestation of the text tower: hard strings through the whole path of this machine, against the source's own."""

from dataclasses import dataclass

import numpy as np

from models.bundle.folder import Bundle, BundleError
from models.runtime.attestation import max_unexplained_variance, row_cosines, unexplained_variance
from models.runtime.text_encoder import TextEncoder

SHOWN_CHARACTERS = 40  # characters of a string that differs
REMEDY = "reinstall tokenizers and onnxruntime in the versions that catalogd pins, or export the model again"


@dataclass(frozen=True, slots=True)
class TextAttestation:
    """`cosine`: of the worst golden string (`worst`); `word`: for people, with the remedy.

    `unexplained`: variance of the reference vectors that ours do not explain, 0...
    """

    cosine: float
    worst: str
    ok: bool
    word: str
    unexplained: float = 0.0


def open_text_encoder(bundle: Bundle, *, threads: int = 0) -> TextEncoder:
    """The text tower, loaded and attested: words that are understood otherwise than elsewhere find the wrong pictures.

    Raises BundleError for a bundle without one, a broken one, and one that does not give its goldens' vectors here.
    """
    encoder = TextEncoder(bundle, threads=threads)
    found = attest_text(bundle, encoder)
    if not found.ok:
        raise BundleError(f"the words of {bundle.name} are not attested on this machine: {found.word}")
    return encoder


def attest_text(bundle: Bundle, encoder: TextEncoder) -> TextAttestation:
    """Never raises for a bad model. `bundle.text` must not be None."""
    tower = bundle.text
    if tower is None or not tower.goldens:
        return TextAttestation(0.0, "", False, f"{bundle.name} has no golden strings: export it again with some")
    with np.load(tower.reference) as stored:
        expected, reference = stored["ids"], stored["vectors"]
    try:
        ids, mask = encoder.tokens(list(tower.goldens))
        vectors = encoder.network(ids, mask)
    except Exception as error:
        return TextAttestation(0.0, "", False, f"{bundle.name} cannot embed its golden strings ({error}): {REMEDY}")
    differing = np.flatnonzero((ids != expected).any(axis=1))
    found, lost = row_cosines(vectors, reference), unexplained_variance(vectors, reference)
    worst = int(differing[0]) if len(differing) else int(np.argmin(found))
    cosine, name = float(found.min()), tower.goldens[worst][:SHOWN_CHARACTERS]
    if len(differing):
        word = f"the tokens of {len(differing)} strings differ, such as {name!r}: {REMEDY}"
        return TextAttestation(cosine, name, False, word, lost)
    if cosine < bundle.golden_threshold or lost > max_unexplained_variance(bundle.golden_threshold):
        word = f"{name!r}: the text network differs (cosine {cosine:.4f}, {lost:.1%} unexplained): {REMEDY}"
        return TextAttestation(cosine, name, False, word, lost)
    return TextAttestation(cosine, name, True, f"text attested: cosine {cosine:.5f}", lost)
