"""Attestation of the text tower: difficult strings, embedded on this machine and compared with the reference."""

import numpy as np

from models.bundle.folder import Bundle, BundleError
from models.runtime.attestation import Attestation, max_unexplained_variance, row_cosines, unexplained_variance
from models.runtime.text_encoder import TextEncoder

SHOWN_CHARACTERS = 40
REMEDY = "reinstall tokenizers and onnxruntime in the versions that catalogd pins, or export the model again"


def open_text_encoder(bundle: Bundle, *, threads: int = 0) -> TextEncoder:
    """Load and attest the text tower: wrong text vectors would find the wrong images.

    Raises BundleError for a bundle without one, a broken one, and one that does not reproduce its goldens' vectors.
    """
    encoder = TextEncoder(bundle, threads=threads)
    attestation = attest_text(bundle, encoder)
    if not attestation.ok:
        raise BundleError(f"the text tower of {bundle.name} is not attested on this machine: {attestation.message}")
    return encoder


def attest_text(bundle: Bundle, encoder: TextEncoder) -> Attestation:
    """Attest the text tower on this machine. Never raises for a bad model. `bundle.text` must not be None."""
    tower = bundle.text
    if tower is None or not tower.goldens:
        return Attestation(0.0, 0.0, "", False, f"{bundle.name} has no golden strings: export it again with some")
    with np.load(tower.reference) as stored:
        expected, reference = stored["ids"], stored["vectors"]
    try:
        ids, mask = encoder.tokens(list(tower.goldens))
        vectors = encoder.network(ids, mask)
    except Exception as error:
        return Attestation(0.0, 0.0, "", False, f"{bundle.name} cannot embed its golden strings ({error}): {REMEDY}")
    differing = np.flatnonzero((ids != expected).any(axis=1))
    cosines, lost = row_cosines(vectors, reference), unexplained_variance(vectors, reference)
    worst = int(differing[0]) if len(differing) else int(np.argmin(cosines))
    cosine, name = float(cosines.min()), tower.goldens[worst][:SHOWN_CHARACTERS]
    if len(differing):
        strings = "string" if len(differing) == 1 else "strings"
        message = f"the tokens of {len(differing)} {strings} differ, such as {name!r}: {REMEDY}"
        return Attestation(cosine, 0.0, name, False, message, lost)
    if cosine < bundle.golden_threshold or lost > max_unexplained_variance(bundle.golden_threshold):
        message = f"{name!r}: the text network differs (cosine {cosine:.4f}, {lost:.1%} unexplained): {REMEDY}"
        return Attestation(cosine, 0.0, name, False, message, lost)
    return Attestation(cosine, 0.0, name, True, f"text attested: cosine {cosine:.5f}", lost)
