"""Random fields with power-law spectra: clouds, ground, cloth, and the texture of everything else."""

import numpy as np
from numpy.random import Generator

from .palette import colour_covariance
from .pixels import Pixels, Plane, grid, to_pixels


def fractal_noise(
    rng: Generator, height: int, width: int, exponent: float, stretch: float = 1.0, angle: float = 0.0
) -> Plane:
    """Gaussian noise whose amplitude falls as frequency**-exponent: float32 [H, W], mean 0, sd 1."""
    vertical = np.fft.fftfreq(height)[:, None]
    horizontal = np.fft.rfftfreq(width)[None]
    along = np.cos(angle) * horizontal + np.sin(angle) * vertical
    across = np.cos(angle) * vertical - np.sin(angle) * horizontal
    frequency = np.sqrt(along**2 * stretch + across**2 / stretch)
    frequency[0, 0] = 1
    phases = rng.standard_normal((2, height, width // 2 + 1))
    spectrum = (phases[0] + 1j * phases[1]) / frequency**exponent
    spectrum[0, 0] = 0
    field = np.fft.irfft2(spectrum, (height, width))
    steady: Plane = (field / (field.std() + 1e-9)).astype(np.float32)
    return steady


def turbulence(rng: Generator, height: int, width: int) -> Plane:
    """Noise of a random kind: smooth, ridged, banded like wood or marble, or quantised."""
    stretch = rng.choice([1.0, rng.uniform(1.5, 12)])
    field = fractal_noise(rng, height, width, rng.uniform(0.7, 1.9), stretch, rng.uniform(0, np.pi))
    kind = rng.integers(5)
    if kind == 0:
        field = np.abs(field) * 1.6 - 1.2
    elif kind == 1:
        rows, columns = grid(height, width)
        angle = rng.uniform(0, np.pi)
        ramp = np.cos(angle) * columns + np.sin(angle) * rows
        field = np.sin(ramp * rng.uniform(4, 60) + field * rng.uniform(0.3, 3)) * 1.3
    elif kind == 2:
        field = np.sign(field) * np.sqrt(np.abs(field))
    return field.astype(np.float32)


def coloured_noise(style: Generator, rng: Generator, height: int, width: int) -> Plane:
    """Three noise planes with a natural colour covariance, around 0: float32 [H, W, 3]."""
    exponent = style.uniform(0.8, 1.7)
    stretch = style.choice([1.0, 1.0, style.uniform(1.5, 4)])
    angle = style.uniform(0, np.pi)
    planes = [fractal_noise(rng, height, width, exponent, stretch, angle) for _ in range(3)]
    return np.stack(planes, -1) @ colour_covariance(style)


def spectrum_picture(style: Generator, rng: Generator, height: int, width: int) -> Pixels:
    """A picture that is nothing but coloured noise on a gradient."""
    mean = style.uniform(50, 200, 3)
    rows, columns = grid(height, width)
    ramp = rows[..., None] * rng.normal(0, 45, 3) + columns[..., None] * rng.normal(0, 45, 3)
    values = coloured_noise(style, rng, height, width) + mean + ramp
    if style.random() < 0.5:
        values += turbulence(rng, height, width)[..., None] * style.normal(0, 30, 3)
    return to_pixels(values.astype(np.float32))
