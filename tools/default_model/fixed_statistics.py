"""Fixed statistics of a picture: the half of the default embedding that is not trained.

All are unchanged when the picture is mirrored. Most exist a second time in a form that is unchanged
by quarter turns too; the whitening decides how far to trust each.
"""

import math

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

# ITU-R BT.601, as in JPEG.
TO_YCC = ((0.299, 0.587, 0.114), (-0.168736, -0.331264, 0.5), (0.5, -0.418688, -0.081312))
DIRECTIONS = 8
FREQUENCIES = 10
FLATNESS = (0.004, 0.015, 0.05, 0.15)


def ycc(picture: Tensor, channels: int = 3) -> Tensor:
    """Picture in -1..1, float32 [B, 3, S, S], to Y in 0..1 and, unless one channel is enough, Cb and Cr in -0.5..0.5.

    A matrix product: a convolution of three channels would be laid out for eight, at twice the time.
    """
    mixed = torch.tensor(TO_YCC[:channels]) / 2 @ picture.flatten(2)
    return mixed.unflatten(2, picture.shape[2:]) + torch.tensor([0.5, 0, 0][:channels]).view(-1, 1, 1)


def pooled(maps: Tensor, cells: int) -> Tensor:
    """Average [B, C, S, S] over a grid: [B, C, cells, cells].

    Two matrix products: ONNX Runtime's pooling of a few large maps takes ten times as long on a CPU.
    """
    edge = maps.shape[-1] // cells
    across = torch.eye(cells).repeat_interleave(edge, 1) / edge
    return across @ (maps @ across.T)


def mirrored_mean(maps: Tensor) -> Tensor:
    """Mean of maps [B, C, n, n] with their mirror image; the left half, flattened: [B, C*n*n/2]."""
    both = (maps + maps.flip(-1)) * 0.5
    return both[..., : maps.shape[-1] // 2].flatten(1)


def turned_mean(maps: Tensor) -> Tensor:
    """Mean of maps [B, C, n, n] over the square's eight symmetries, one corner: [B, C*n*n/4]."""
    half = maps.shape[-1] // 2
    both = maps + maps.transpose(-1, -2)
    both = both + both.flip(-1)
    both = (both + both.flip(-2)) * 0.125
    return both[..., :half, :half].flatten(1)


def cosine_basis(size: int, count: int) -> Tensor:
    """The first `count` rows of the orthonormal DCT-II: float32 [count, size]."""
    order = np.arange(count)[:, None]
    place = np.arange(size)[None] + 0.5
    return torch.tensor(np.cos(np.pi * place * order / size) * np.sqrt(2 / size)).float()


class Statistics(nn.Module):
    """Picture in -1..1, float32 [B, 3, S, S] with S a multiple of 32 -> float32 [B, n]."""

    def __init__(self) -> None:
        super().__init__()
        across = torch.tensor([[-1.0, 0, 1], [-2, 0, 2], [-1, 0, 1]]) / 8
        self.register_buffer("sobel", torch.stack([across, across.T])[:, None])
        self.register_buffer("basis", cosine_basis(32, FREQUENCIES))
        turn = torch.arange(DIRECTIONS) * (2 * math.pi / DIRECTIONS)
        self.register_buffer("directions", torch.stack([turn.cos(), turn.sin()], 1)[..., None, None])
        self.register_buffer("hues", torch.linspace(-0.35, 0.35, 7).view(1, -1, 1))
        self.register_buffer("levels", torch.linspace(0, 1, 12).view(1, -1, 1, 1))

    def forward(self, picture: Tensor) -> Tensor:
        """Concatenate every group of statistics."""
        small = ycc(pooled(picture, 32))
        groups = [*self.layout(small), *self.spectrum(small), *self.histograms(small)]
        brightness = ycc(picture, 1)
        for _ in range(3):
            groups += self.contrast(brightness)
            # Edges at full size are mostly noise and the most expensive.
            brightness = pooled(brightness, brightness.shape[-1] // 2)
            groups += self.gradients(brightness)
        return torch.cat(groups, 1)

    def layout(self, small: Tensor) -> list[Tensor]:
        """Where the colours, float32 [B, 3, 32, 32], lie on coarse grids."""
        fine, coarse = pooled(small, 8), pooled(small, 4)
        return [mirrored_mean(fine) * 6, turned_mean(fine) * 6, turned_mean(coarse) * 8]

    def spectrum(self, small: Tensor) -> list[Tensor]:
        """Magnitudes of low DCT coefficients: mirroring only changes their signs."""
        basis = self.get_buffer("basis")
        luma = (basis @ small[:, :1] @ basis.T).abs()
        chroma = (basis[:5] @ small[:, 1:] @ basis[:5].T).abs()
        groups = []
        for magnitudes in (luma * 0.6, chroma):
            # A quarter turn swaps (i, j) and (j, i); the greater and the lesser of both stay the same.
            other = magnitudes.transpose(-1, -2)
            greater, lesser = torch.maximum(magnitudes, other), torch.minimum(magnitudes, other)
            rows, columns = np.triu_indices(magnitudes.shape[-1])
            groups += [magnitudes.flatten(1), greater[..., rows, columns].flatten(1)]
            groups += [lesser[..., rows, columns].flatten(1)]
        return groups

    def histograms(self, small: Tensor) -> list[Tensor]:
        """Soft histograms of brightness and of colour."""
        away = (small[:, :1] - self.get_buffer("levels")) * 12
        bright = torch.exp(-away * away).mean((2, 3))
        # A round window in two dimensions is the product of two: 14 maps, not 49.
        bluer, redder = (small[:, place].flatten(1)[:, None] - self.get_buffer("hues") for place in (1, 2))
        tint = torch.exp(-150 * bluer * bluer) @ torch.exp(-150 * redder * redder).transpose(1, 2)
        return [torch.log(bright + 0.01), torch.log(tint.flatten(1) / small[0, 0].numel() + 0.003)]

    def gradients(self, brightness: Tensor) -> list[Tensor]:
        """Oriented gradients and the share of flat pixels at one scale."""
        edges = functional.conv2d(functional.pad(brightness, (1, 1, 1, 1), mode="replicate"), self.get_buffer("sobel"))
        across, down = edges[:, :1], edges[:, 1:]
        # The exporter treats a smaller addend as zero and drops it: a flat picture would divide by zero.
        squared = across * across + down * down + 1e-6
        strength = squared.sqrt()
        # The doubled angle makes an edge the same from either side.
        doubled = torch.cat([across * across - down * down, 2 * across * down], 1) / squared
        alike = functional.conv2d(doubled, self.get_buffer("directions"))
        oriented = pooled(torch.exp(4 * (alike - 1)) * strength, 4)
        flat = [torch.sigmoid((limit - strength) * 400).mean((2, 3)) for limit in FLATNESS]
        return [*self.oriented_groups(oriented), torch.cat(flat, 1) * 4]

    def contrast(self, brightness: Tensor) -> list[Tensor]:
        """Local variance on a coarse grid at one scale."""
        cells = brightness.shape[-1] // 4
        local = pooled(brightness, cells)
        variance = pooled(brightness * brightness, cells) - local * local
        spread = torch.log(pooled(variance.clamp_min(0), 4) * 300 + 0.02)
        return [mirrored_mean(spread), turned_mean(spread)]

    def oriented_groups(self, oriented: Tensor) -> list[Tensor]:
        """Energies [B, 8, 4, 4], averaged over mirroring and over all eight symmetries."""
        order = torch.arange(DIRECTIONS)
        mirror = oriented.flip(-1)[:, (-order) % DIRECTIONS]
        upright = (oriented + mirror) * 0.5
        swapped = upright.transpose(-1, -2)[:, (DIRECTIONS // 2 - order) % DIRECTIONS]
        turned = upright + upright.flip(-2)[:, (-order) % DIRECTIONS]
        turned = turned + swapped + swapped.flip(-1)[:, (-order) % DIRECTIONS]
        turned = (turned + turned.flip(-1)[:, (-order) % DIRECTIONS]) * 0.125
        return [
            torch.log(upright[..., :2].flatten(1) * 30 + 0.05),
            torch.log(turned[..., :2, :2].flatten(1) * 30 + 0.05),
        ]
