"""Attestation: the goldens through the whole path of this machine, against what the model's maker measured."""

from dataclasses import dataclass

import numpy as np

from models.bundle import Bundle
from models.picture import read_picture
from models.session import Session

SAME = 99.0  # dB that stand for "equal in every byte"


@dataclass(frozen=True, slots=True)
class Attestation:
    """`cosine`, `pixels` (PSNR, dB): of the worst golden (`worst`); `word`: for people, with the remedy."""

    cosine: float
    pixels: float
    worst: str
    ok: bool
    word: str


def attest(bundle: Bundle, session: Session) -> Attestation:
    """Never raises for a bad model: a golden that cannot be read or run is a failed attestation."""
    if not bundle.goldens:
        return Attestation(0.0, 0.0, "", False, f"{bundle.name} has no goldens: export it again with some")
    with np.load(bundle.reference) as stored:
        expected, reference = stored["pixels"], stored["vectors"]
    try:
        pixels = np.stack([_read(path.read_bytes(), bundle) for path in bundle.goldens])
        cosines = np.sum(session.run(pixels) * reference, axis=1)
    except Exception as error:
        return Attestation(0.0, 0.0, "", False, f"{bundle.name} cannot embed its goldens ({error}): reinstall catalogd")
    likeness = [_psnr(*pair) for pair in zip(pixels, expected, strict=True)]
    worst, poorest = int(np.argmin(cosines)), min(likeness)
    cosine, name = float(cosines[worst]), bundle.goldens[worst].name
    if cosine >= bundle.golden_threshold:
        return Attestation(cosine, poorest, name, True, f"attested: cosine {cosine:.5f}, pixels {poorest:.0f} dB")
    network = float(np.min(np.sum(session.run(expected) * reference, axis=1)))
    word = _blame(bundle, session, f"{name}: cosine {cosine:.4f}", network)
    return Attestation(cosine, poorest, name, False, word)


def _blame(bundle: Bundle, session: Session, what: str, network: float) -> str:
    need = f"{bundle.golden_threshold:g} is needed"
    if network < bundle.golden_threshold:
        return (
            f"{what}, {need}: the network differs on {session.provider} (reference pixels give {network:.4f}); "
            'try provider = "cpu", or reinstall onnxruntime in the version that catalogd pins'
        )
    return (
        f"{what}, {need}: the pixels differ, the network is right ({network:.4f}); "
        "reinstall pillow and simplejpeg in the versions that catalogd pins"
    )


def _read(data: bytes, bundle: Bundle) -> np.ndarray:
    return read_picture(data, bundle.recipe).pixels


def _psnr(ours: np.ndarray, theirs: np.ndarray) -> float:
    """Peak signal to noise ratio in dB of two uint8 pictures."""
    error = float(np.mean((ours.astype(np.float32) - theirs) ** 2))
    return SAME if error == 0 else min(SAME, 10 * float(np.log10(255.0**2 / error)))
