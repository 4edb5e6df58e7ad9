"""Attestation: the goldens through the whole path of this machine, against what the model's maker measured.

Two figures judge vectors. The cosine to the reference, of the worst golden; and, over all of them, the fraction of
variance unexplained (1 - R², https://en.wikipedia.org/wiki/Fraction_of_variance_unexplained): a model whose vectors
lie close together gives a cosine near 1 to anything, but not the reference's differences.
"""

from typing import NamedTuple

import numpy as np

from models.bundle.folder import Bundle
from models.picture import read_picture
from models.recipe import Recipe
from models.runtime.session_pool import ModelSession

IDENTICAL_DECIBELS = 99.0  # dB that stand for "equal in every byte"
MIN_SPREAD = 0.1  # mean squared distance of goldens' vectors to their mean below which that counts more than the cosine
PIXELS_REMEDY = "reinstall pillow and simplejpeg in the versions that catalogd pins"


class Attestation(NamedTuple):
    """`cosine`, `pixels` (PSNR, dB): of the worst golden (`worst`); `word`: for people, with the remedy.

    `unexplained`: variance of the reference vectors that ours do not explain, 0..; 0 where it cannot be told.
    """

    cosine: float
    pixels: float
    worst: str
    ok: bool
    word: str
    unexplained: float = 0.0


def attest(bundle: Bundle, session: ModelSession) -> Attestation:
    """Never raises for a bad model: a golden that cannot be read or run is a failed attestation."""
    if not bundle.goldens:
        return Attestation(0.0, 0.0, "", False, f"{bundle.name} has no goldens: export it again with some")
    with np.load(bundle.reference) as stored:
        expected, reference = stored["pixels"], stored["vectors"]
    try:
        pixels = _read_goldens(bundle, bundle.recipe)
        vectors = session.run(pixels)
        if bundle.golden_decibels is not None and bundle.recipe.scaled_jpeg > 0:
            pixels = _read_goldens(bundle, bundle.recipe._replace(scaled_jpeg=0.0))
    except Exception as error:
        return Attestation(0.0, 0.0, "", False, f"{bundle.name} cannot embed its goldens ({error}): reinstall catalogd")
    likeness = [_psnr(*pair) for pair in zip(pixels, expected, strict=True)]
    poorest = int(np.argmin(likeness))
    if bundle.golden_decibels is not None and likeness[poorest] < bundle.golden_decibels:
        name = bundle.goldens[poorest].name
        word = f"{name}: the pixels differ ({likeness[poorest]:.0f} dB, "
        f"{bundle.golden_decibels:g} are needed); {PIXELS_REMEDY}"
        return Attestation(float(row_cosines(vectors, reference).min()), likeness[poorest], name, False, word)
    return _compare_vectors(bundle, session, vectors, expected, reference, likeness[poorest])


def row_cosines(vectors: np.ndarray, reference: np.ndarray) -> np.ndarray:
    """Of unit vectors, row by row: float [N]."""
    found: np.ndarray = np.sum(vectors * reference, axis=1)
    return found


def unexplained_variance(vectors: np.ndarray, reference: np.ndarray) -> float:
    """1 - R² over all rows; 0 where the reference does not vary."""
    spread = float(np.sum((reference - reference.mean(axis=0)) ** 2))
    return float(np.sum((vectors - reference) ** 2)) / spread if spread > 0 else 0.0


def max_unexplained_variance(threshold: float) -> float:
    """What a cosine of `threshold` throughout leaves unexplained, 2 (1 - cosine), of vectors that lie closely together.

    Of a model whose vectors spread further, as those of all trained ones do, it asks less than the cosine.
    """
    return 2 * (1 - threshold) / MIN_SPREAD


def _compare_vectors(
    bundle: Bundle,
    session: ModelSession,
    vectors: np.ndarray,
    expected: np.ndarray,
    reference: np.ndarray,
    pixels: float,
) -> Attestation:
    found, lost = row_cosines(vectors, reference), unexplained_variance(vectors, reference)
    worst = int(np.argmin(found))
    cosine, name = float(found[worst]), bundle.goldens[worst].name
    if cosine >= bundle.golden_threshold and lost <= max_unexplained_variance(bundle.golden_threshold):
        word = f"attested: cosine {cosine:.5f}, pixels {pixels:.0f} dB"
        return Attestation(cosine, pixels, name, True, word, lost)
    network = session.run(expected)
    if cosine < bundle.golden_threshold:
        what = f"{name}: cosine {cosine:.4f}, {bundle.golden_threshold:g} is needed"
    else:
        what = f"cosine {cosine:.4f}, but {lost:.1%} of what tells the goldens apart is lost"
    word = f"{what}: {_explain_difference(bundle, session.provider, network, reference)}"
    return Attestation(cosine, pixels, name, False, word, lost)


def _explain_difference(bundle: Bundle, provider: str, network: np.ndarray, reference: np.ndarray) -> str:
    cosine, lost = float(row_cosines(network, reference).min()), unexplained_variance(network, reference)
    wide = lost > max_unexplained_variance(bundle.golden_threshold)
    given = f"reference pixels give {cosine:.4f}" + (f", {lost:.1%} lost" if wide else "")
    if cosine < bundle.golden_threshold or wide:
        return (
            f"the network differs on {provider} ({given}); "
            'try provider = "cpu", or reinstall onnxruntime in the version that catalogd pins'
        )
    return f"the pixels differ, the network is right ({given}); {PIXELS_REMEDY}"


def _read_goldens(bundle: Bundle, recipe: Recipe) -> np.ndarray:
    return np.stack([read_picture(path.read_bytes(), recipe).pixels for path in bundle.goldens])


def _psnr(ours: np.ndarray, theirs: np.ndarray) -> float:
    """Peak signal to noise ratio in dB of two uint8 pictures."""
    error = float(np.mean((ours.astype(np.float32) - theirs) ** 2))
    return IDENTICAL_DECIBELS if error == 0 else min(IDENTICAL_DECIBELS, 10 * float(np.log10(255.0**2 / error)))
