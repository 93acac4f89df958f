"""Initial weights of a whole ensemble."""

from collections.abc import Sequence
from dataclasses import dataclass, field

import torch
from jaxtyping import Float
from torch import Tensor

from plait.model.config import HybridConfig
from plait.model.hybrid import HybridLM
from plait.random import INIT, Stream

_TOGETHER = 256
"""Seeds whose random numbers are drawn at once: bounds their memory."""


def initial_parameters(
    config: HybridConfig, seeds: list[int], *, dtype: torch.dtype = torch.float32
) -> dict[str, Float[Tensor, "members *shape"]]:
    """The initial weights of many seeds, stacked: member i is bitwise `HybridLM(config, seeds[i])`.

    Raises:
        ValueError: no seed, or what `HybridLM` refuses.
    """
    if not seeds:
        raise ValueError("at least one seed is needed, got none")
    model = HybridLM(config, seed=None, dtype=dtype)
    stacked = {
        name: torch.empty(len(seeds), *parameter.shape, dtype=dtype)
        for name, parameter in model.named_parameters()
    }
    targets = [(stacked[name], parameter.detach()) for name, parameter in model.named_parameters()]
    for first in range(0, len(seeds), _TOGETHER):
        some = torch.tensor([Stream(seed).seed for seed in seeds[first : first + _TOGETHER]])
        steps = [_Drawn(Stream(some, step, INIT)) for step in range(len(model.layers) + 1)]
        for place, seed in enumerate(some.tolist()):
            model.draw_parameters(
                [_Own(seed, step, INIT, together=drawn, place=place) for step, drawn in enumerate(steps)]
            )
            for target, parameter in targets:
                target[first + place] = parameter
    return stacked


@dataclass(frozen=True)
class _Drawn:
    """The random numbers of many seeds, drawn once for all of them and kept."""

    stream: Stream
    kept: dict[tuple[str, int, tuple[int, ...]], Tensor] = field(default_factory=dict)

    def rows(self, kind: str, shape: Sequence[int], draw: int) -> Tensor:
        key = kind, draw, tuple(shape)
        if key not in self.kept:
            self.kept[key] = getattr(self.stream, kind)(shape, draw=draw)
        return self.kept[key]


@dataclass(frozen=True, kw_only=True)
class _Own(Stream):
    """One seed's stream, which reads its numbers from those of many; a draw is the same bits either way."""

    together: _Drawn
    place: int

    def bits(self, shape: Sequence[int], *, draw: int = 0) -> Tensor:
        return self.together.rows("bits", shape, draw)[self.place].clone()

    def normal(self, shape: Sequence[int], *, draw: int = 0) -> Tensor:
        return self.together.rows("normal", shape, draw)[self.place].clone()
