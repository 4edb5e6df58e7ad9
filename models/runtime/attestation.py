"""Attestation: embed the goldens on this machine, and compare the results with those of the model's exporter.

Vectors must pass two tests: the cosine of the worst golden to its reference; and, over all goldens, the fraction of
variance unexplained (1 - R², https://en.wikipedia.org/wiki/Fraction_of_variance_unexplained). A model whose vectors are
close together gives a cosine near 1 for any image, but does not reproduce the differences of the reference.
"""

from typing import NamedTuple

import numpy as np

from models.bundle.folder import Bundle
from models.picture import read_picture
from models.recipe import Recipe
from models.runtime.session_pool import ModelSession

IDENTICAL_DECIBELS = 99.0  # dB reported for identical pixels
# Mean squared distance of golden vectors to their mean; below it, this test is stricter than the cosine.
MIN_SPREAD = 0.1
PIXELS_REMEDY = "reinstall pillow and simplejpeg in the versions that catalogd pins"


class Attestation(NamedTuple):
    """The result.

    `cosine`, `pixels` (PSNR, dB; 0 for text): of the worst golden (`worst`). `message`: for people, with the remedy.
    `unexplained`: fraction of the reference vectors' variance that ours do not explain, >= 0; 0 if unknown.
    """

    cosine: float
    pixels: float
    worst: str
    ok: bool
    message: str
    unexplained: float = 0.0


def attest(bundle: Bundle, session: ModelSession) -> Attestation:
    """Attest a bundle on this machine. Never raises for a bad model: a golden that cannot be embedded is a failure."""
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
    decibels = [_psnr(*pair) for pair in zip(pixels, expected, strict=True)]
    worst = int(np.argmin(decibels))
    lowest, name = decibels[worst], bundle.goldens[worst].name
    if bundle.golden_decibels is not None and lowest < bundle.golden_decibels:
        required = f"at least {bundle.golden_decibels:g} required"
        message = f"{name}: the pixels differ ({lowest:.0f} dB, {required}); {PIXELS_REMEDY}"
        return Attestation(float(row_cosines(vectors, reference).min()), lowest, name, False, message)
    return _compare_vectors(bundle, session, vectors, expected, reference, lowest)


def row_cosines(vectors: np.ndarray, reference: np.ndarray) -> np.ndarray:
    """Return the cosines of unit vectors, row by row: float [N]."""
    cosines: np.ndarray = np.sum(vectors * reference, axis=1)
    return cosines


def unexplained_variance(vectors: np.ndarray, reference: np.ndarray) -> float:
    """Return 1 - R² over all rows; 0 if the reference does not vary."""
    spread = float(np.sum((reference - reference.mean(axis=0)) ** 2))
    return float(np.sum((vectors - reference) ** 2)) / spread if spread > 0 else 0.0


def max_unexplained_variance(threshold: float) -> float:
    """Return the fraction that a cosine of `threshold` for every row leaves unexplained at the minimum spread.

    The squared distance is 2 (1 - cosine). For vectors with more spread, as of all trained models, the cosine is
    stricter.
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
    cosines, lost = row_cosines(vectors, reference), unexplained_variance(vectors, reference)
    worst = int(np.argmin(cosines))
    cosine, name = float(cosines[worst]), bundle.goldens[worst].name
    if cosine >= bundle.golden_threshold and lost <= max_unexplained_variance(bundle.golden_threshold):
        message = f"attested: cosine {cosine:.5f}, pixels {pixels:.0f} dB"
        return Attestation(cosine, pixels, name, True, message, lost)
    network = session.run(expected)
    if cosine < bundle.golden_threshold:
        fault = f"{name}: cosine {cosine:.4f}, at least {bundle.golden_threshold:g} required"
    else:
        fault = f"cosine {cosine:.4f}, but {lost:.1%} of the differences between the goldens is lost"
    message = f"{fault}: {_explain_difference(bundle, session.provider, network, reference)}"
    return Attestation(cosine, pixels, name, False, message, lost)


def _explain_difference(bundle: Bundle, provider: str, network: np.ndarray, reference: np.ndarray) -> str:
    cosine, lost = float(row_cosines(network, reference).min()), unexplained_variance(network, reference)
    too_much_lost = lost > max_unexplained_variance(bundle.golden_threshold)
    result = f"reference pixels give {cosine:.4f}" + (f", {lost:.1%} lost" if too_much_lost else "")
    if cosine < bundle.golden_threshold or too_much_lost:
        return (
            f"the network differs on {provider} ({result}); "
            'try provider = "cpu", or reinstall onnxruntime in the version that catalogd pins'
        )
    return f"the pixels differ, the network is right ({result}); {PIXELS_REMEDY}"


def _read_goldens(bundle: Bundle, recipe: Recipe) -> np.ndarray:
    return np.stack([read_picture(path.read_bytes(), recipe).pixels for path in bundle.goldens])


def _psnr(ours: np.ndarray, theirs: np.ndarray) -> float:
    """Return the peak signal-to-noise ratio in dB of two uint8 images."""
    error = float(np.mean((ours.astype(np.float32) - theirs) ** 2))
    return IDENTICAL_DECIBELS if error == 0 else min(IDENTICAL_DECIBELS, 10 * float(np.log10(255.0**2 / error)))
