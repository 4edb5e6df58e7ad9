"""The whole model: uint8 pixels, features of trunk and statistics, one linear layer, unit vectors."""

import torch
from torch import Tensor, nn
from torch.nn import functional

from .fixed_statistics import Statistics
from .network import Trunk

SIZE = 128
DIMENSIONS = 256


class Features(nn.Module):
    """uint8 [B, S, S, 3] -> input of the last layer, float32 [B, n]."""

    def __init__(self, trunk: Trunk | None) -> None:
        super().__init__()
        self.trunk = trunk
        self.statistics = Statistics()

    def forward(self, image: Tensor) -> Tensor:
        """Join the trunk's features with the statistics.

        A second pass over the transposed picture, for quarter turns, lost: it doubled the time for 0.001 of recall.
        """
        picture = (image.permute(0, 3, 1, 2).float() - 127.5) * (1 / 127.5)
        fixed: Tensor = self.statistics(picture)
        if self.trunk is None:
            return fixed
        return torch.cat([fixed, self.trunk(picture)], 1)


class Embedder(nn.Module):
    """Features, centred and projected: uint8 [B, S, S, 3] -> unit vectors, float32 [B, d]."""

    def __init__(self, features: Features, mean: Tensor, projection: Tensor) -> None:
        super().__init__()
        self.features = features
        self.register_buffer("mean", mean)
        self.register_buffer("projection", projection)

    def forward(self, image: Tensor) -> Tensor:
        """Embed a batch."""
        centred = self.features(image) - self.get_buffer("mean")
        return functional.normalize(centred @ self.get_buffer("projection"), dim=-1)
