"""Instance discrimination: two changed views of one picture must find each other among all others."""

import logging
import math
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from .augment import Augmenter
from .drawing.pixels import Pixels
from .network import Trunk
from .whitening import as_floats

LOG = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Schedule:
    """How long and how hard to train; `sizes` are (share of the schedule, side of a view).

    The schedule is `full` times as long as the training: its last steps hardly move the weights and are left out.
    """

    steps: int = 2250
    full: float = 2600 / 2250
    pictures: int = 128
    rate: float = 2.5e-3
    warm_up: int = 200
    decay: float = 0.05
    temperature: float = 0.1
    sizes: tuple[tuple[float, int], ...] = ((0.65, 96), (1.0, 128))

    def size(self, step: int) -> int:
        """Small views first: most is learnt at a fraction of the cost."""
        return next(size for share, size in self.sizes if step < share * self.steps * self.full)

    def rate_at(self, step: int) -> float:
        """Linear warm-up, then a cosine to zero."""
        fall = 0.5 + 0.5 * math.cos(math.pi * step / (self.steps * self.full))
        return max(1e-6, self.rate * min(1.0, (step + 1) / self.warm_up) * fall)


class Projector(nn.Module):
    """Features -> two unit vectors to compare by; discarded after training."""

    def __init__(self, size: int) -> None:
        super().__init__()
        self.first = nn.Linear(size, 256)
        self.second = nn.Linear(256, 128)

    def forward(self, features: Tensor) -> tuple[Tensor, Tensor]:
        """float32 [B, n] -> [B, 256] and [B, 128]."""
        linear = self.first(features)
        bent = self.second(functional.relu(linear))
        return functional.normalize(linear, dim=-1), functional.normalize(bent, dim=-1)


def contrastive_loss(vectors: Tensor, temperature: float) -> tuple[Tensor, float]:
    """Cross entropy of finding the other view, and how often it is found first.

    `vectors`, float32 [2B, d], holds unit vectors: first the one views of all pictures, then the other ones.
    """
    count = len(vectors)
    alike = (vectors @ vectors.T / temperature).masked_fill(torch.eye(count, dtype=torch.bool), -1e4)
    target = torch.arange(count).roll(count // 2)
    found = (alike.argmax(1) == target).float().mean()
    return functional.cross_entropy(alike, target), float(found)


def index_batches(count: int, size: int, seed: int) -> Iterator[np.ndarray]:
    """Endless shuffled indices; siblings always in the same batch, as each other's hard negatives."""
    rng = np.random.default_rng([seed, 4])
    while True:
        families = rng.permutation(count // 2)
        for start in range(0, len(families) - size // 2 + 1, size // 2):
            chosen = families[start : start + size // 2]
            yield np.concatenate([chosen * 2, chosen * 2 + 1])


def view_batches(pixels: Pixels, augment: Augmenter, schedule: Schedule, seed: int) -> Iterator[Tensor]:
    """A batch for every step, two views of each picture in -1..1, made by a thread one step ahead."""
    indices = index_batches(len(pixels), schedule.pictures, seed)

    def views(step: int) -> Tensor:
        pictures, size = as_floats(pixels[next(indices)]), schedule.size(step)
        both = torch.cat([augment(pictures, size), augment(pictures, size)]) * 2 - 1
        return both.contiguous(memory_format=torch.channels_last)

    with ThreadPoolExecutor(1) as ahead:
        coming = ahead.submit(views, 0)
        for step in range(1, schedule.steps + 1):
            ready = coming.result()
            if step < schedule.steps:
                coming = ahead.submit(views, step)
            yield ready


def train(pixels: Pixels, augment: Augmenter, schedule: Schedule, seed: int, checkpoint: Path | None = None) -> Trunk:
    """Train a trunk on pictures, uint8 [N, S, S, 3]; returns it ready for inference.

    Set the number of PyTorch's threads to half the cores before: a second thread makes the views. In float32: where
    a processor has no bfloat16 of its own, that is ten times as slow, and where it has, other weights come out.
    """
    torch.manual_seed(seed)
    trunk = Trunk()
    trunk.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    projector = Projector(trunk.size)
    weights = [*trunk.parameters(), *projector.parameters()]
    optimiser = torch.optim.AdamW(weights, lr=schedule.rate, weight_decay=schedule.decay)
    began, seen = time.monotonic(), [0.0, 0.0]
    for step, views in enumerate(view_batches(pixels, augment, schedule, seed)):
        for group in optimiser.param_groups:
            group["lr"] = schedule.rate_at(step)
        linear, bent = projector(trunk(views))
        loss, found = contrastive_loss(linear, schedule.temperature)
        loss = loss + 0.5 * contrastive_loss(bent, 2 * schedule.temperature)[0]
        optimiser.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        nn.utils.clip_grad_norm_(weights, 5.0)
        optimiser.step()
        seen = [seen[0] + float(loss.detach()), seen[1] + found]
        if (step + 1) % 50 == 0:
            minutes = (time.monotonic() - began) / 60
            LOG.info("step %d  %.1f min  loss %.3f  found %.3f", step + 1, minutes, seen[0] / 50, seen[1] / 50)
            seen = [0.0, 0.0]
            if checkpoint is not None and (step + 1) % 250 == 0:
                torch.save(trunk.state_dict(), checkpoint)
    trunk.eval()
    return trunk
