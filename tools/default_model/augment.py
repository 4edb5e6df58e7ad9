"""Random changes that a copy of a picture may have gone through, on batches of tensors.

Every change falls on its own share of the batch, so that most views have gone through a few changes
and none through all: the whitening learns from the same views how much each statistic moves.
"""

import io

import numpy as np
import torch
from numpy.random import Generator
from PIL import Image
from torch import Tensor
from torch.nn import functional

from .drawing.pixels import Pixels


class Augmenter:
    """Draws changed views of pictures from one seeded generator."""

    def __init__(self, seed: int, overlays: Pixels, quarter_turns: float) -> None:
        self.rng: Generator = np.random.default_rng([seed, 3])
        self.chance = torch.Generator().manual_seed(seed)
        self.overlays = torch.from_numpy(overlays).permute(0, 3, 1, 2)
        self.quarter_turns = quarter_turns

    def __call__(self, pictures: Tensor, size: int) -> Tensor:
        """Pictures in 0..1, float32 [B, 3, S, S] -> views in 0..1, float32 [B, 3, size, size]."""
        views = self.placed(pictures, size)
        views = self.coarsened(views)
        views = self.covered(views, pictures)
        views = self.toned(views).clamp(0, 1)
        views = self.compressed(views)
        views = self.noisy(views)
        if self.quarter_turns > 0:
            turned = self.some(len(views), self.quarter_turns)
            views[turned] = views[turned].transpose(-1, -2).flip(-1)
        return views.clamp(0, 1)

    def some(self, count: int, share: float) -> Tensor:
        """Each of `count` with chance `share`: bool [count]."""
        return torch.rand(count, generator=self.chance) < share

    def between(self, low: float, high: float, *shape: int) -> Tensor:
        """Uniform values in a range: float32 of a shape."""
        return torch.rand(shape, generator=self.chance) * (high - low) + low

    def placed(self, pictures: Tensor, size: int) -> Tensor:
        """Crop, stretch, mirror, tilt or shrink onto a plain ground, all in one resampling."""
        count = len(pictures)
        kept = torch.where(self.some(count, 0.65), self.between(0.3, 1, count), torch.ones(count))
        aspect = torch.exp(self.between(-0.35, 0.35, count)) ** (kept < 1)
        across = (kept * aspect).sqrt().clamp(max=1)
        down = (kept / aspect).sqrt().clamp(max=1)
        framed = self.some(count, 0.15)
        even = self.between(1.03, 1.25, count)
        uneven = torch.where(self.some(count, 0.5), even, torch.ones(count))
        across, down = torch.where(framed, uneven, across), torch.where(framed, even, down)
        mirror = torch.where(self.some(count, 0.3), -1.0, 1.0)
        tilt = self.between(-0.17, 0.17, count) * self.some(count, 0.25)
        # Tilting keeps the frame: the corners show the ground, or the picture grows to hide them.
        grown = torch.where(self.some(count, 0.5), 1 - tilt.abs(), torch.ones(count))
        across, down = across * grown, down * grown
        rows = [
            torch.stack(
                [across * mirror * tilt.cos(), -down * tilt.sin(), self.between(-1, 1, count) * (1 - across).abs()], 1
            ),
            torch.stack(
                [across * mirror * tilt.sin(), down * tilt.cos(), self.between(-1, 1, count) * (1 - down).abs()], 1
            ),
        ]
        plain = torch.where(
            self.some(count, 0.5)[:, None],
            torch.rand(count, 1, generator=self.chance).round(),
            torch.rand(count, 3, generator=self.chance),
        )[..., None, None]
        field = functional.affine_grid(torch.stack(rows, 1), [count, 3, size, size], align_corners=False)
        return functional.grid_sample(pictures - plain, field, align_corners=False) + plain

    def coarsened(self, views: Tensor) -> Tensor:
        """Lose detail as small copies and blur do."""
        size = views.shape[-1]
        for factor, share in ((2, 0.12), (3, 0.06)):
            chosen = self.some(len(views), share)
            small = functional.interpolate(views[chosen], size=size // factor, mode="area")
            views[chosen] = functional.interpolate(small, size=size, mode="bilinear")
        return views

    def covered(self, views: Tensor, others: Tensor) -> Tensor:
        """Lay captions, logos and frames over some views, and pieces of other pictures over few."""
        size = views.shape[-1]
        chosen = self.some(len(views), 0.25).nonzero()[:, 0]
        drawn = torch.from_numpy(self.rng.integers(len(self.overlays), size=len(chosen)))
        cover = self.overlays[drawn].float() / 255
        if cover.shape[-1] != size:
            cover = functional.interpolate(cover, size=size, mode="bilinear", antialias=True)
        alpha = cover[:, 3:]
        views[chosen] = views[chosen] * (1 - alpha) + cover[:, :3] * alpha
        for place in self.some(len(views), 0.06).nonzero()[:, 0].tolist():
            tall, wide = self.rng.integers(size // 12, size // 3, 2)
            top, left = self.rng.integers(size - tall), self.rng.integers(size - wide)
            piece = others[self.rng.integers(len(others)), :, :tall, :wide]
            views[place, :, top : top + tall, left : left + wide] = piece
        return views

    def toned(self, views: Tensor) -> Tensor:
        """Brightness, contrast, gamma, saturation, tint; each on its share."""
        count = len(views)

        def shifted(share: float, low: float, high: float, channels: int = 1) -> Tensor:
            drawn = self.between(low, high, count, channels)
            return torch.where(self.some(count, share)[:, None], drawn, torch.ones(1))[..., None, None]

        views = views * shifted(0.4, 0.5, 1.55)
        mean = views.mean((1, 2, 3), keepdim=True)
        views = (views - mean) * shifted(0.4, 0.5, 1.5) + mean
        grey = views.mean(1, keepdim=True)
        views = grey + (views - grey) * (shifted(0.3, 0.3, 1.6) * shifted(0.1, 0, 0))
        views = views * shifted(0.2, 0.85, 1.15, 3) + shifted(0.2, 0.9, 1.1) - 1
        return views.clamp(0, 1) ** shifted(0.3, 0.55, 1.8)

    def compressed(self, views: Tensor) -> Tensor:
        """Send some views through JPEG at a low quality."""
        for place in self.some(len(views), 0.12).nonzero()[:, 0].tolist():
            pixels = (views[place] * 255).byte().permute(1, 2, 0).numpy()
            written = io.BytesIO()
            Image.fromarray(pixels).save(written, "JPEG", quality=int(self.rng.integers(15, 80)))
            read = np.array(Image.open(written))
            views[place] = torch.from_numpy(read).permute(2, 0, 1).float() / 255
        return views

    def noisy(self, views: Tensor) -> Tensor:
        """Add Gaussian noise to some views."""
        chosen = self.some(len(views), 0.2)
        strength = self.between(0.005, 0.06, int(chosen.sum()), 1, 1, 1)
        noise = torch.randn(views[chosen].shape, generator=self.chance)
        views[chosen] = views[chosen] + noise * strength
        return views
