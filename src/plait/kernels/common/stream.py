"""How sequences lie that go on from a state, and which layers can.

Hidden states and states are rows with the batch axis first, as a layer's `step` has them, or tiles of sixteen
sequences, one a lane: `(tiles, time, d_model, 16)` and `(tiles, features, 16)`. Lanes past the last sequence repeat it.
What a lane computes depends on its own sequence alone, bit for bit. There are no gradients.
"""

from typing import NamedTuple

import torch
from torch import Tensor

from plait.kernels.common import call

LANES = 16


def tiles(batch: int) -> int:
    """How many tiles hold `batch` sequences."""
    return -(-batch // LANES)


class Batch(NamedTuple):
    """`size` sequences, `time` tokens of each; `tiled` says how they lie."""

    size: int
    time: int
    tiled: bool

    def features(self, *shape: int) -> tuple[int, ...]:
        """The shape of a state of these features."""
        count = 1
        for extent in shape:
            count *= extent
        return (tiles(self.size), count, LANES) if self.tiled else (self.size, *shape)


def usable(hidden: Tensor, weights: tuple[Tensor, ...]) -> bool:
    """Whether the compiled step can take a single model's layer: on the CPU, float32 or float64, no gradients."""
    return not torch.is_grad_enabled() and weights[0].ndim == 1 and call.usable(hidden, *weights)
