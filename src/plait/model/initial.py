"""Initial weights of a whole ensemble."""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor

from plait.model.config import HybridConfig
from plait.model.hybrid import HybridLM
from plait.random import INIT, Stream


@dataclass(frozen=True)
class _Placed(Stream):
    """`Stream` of one seed whose matrices are drawn where `place` lies: the same bits, sooner.

    Vectors stay on the CPU: some of them go through exp and log, which every device rounds in its own way.
    """

    place: torch.device | str = "cpu"

    def bits(self, shape: Sequence[int], *, draw: int = 0) -> Tensor:
        if len(shape) < 2:
            return super().bits(shape, draw=draw)
        seed = torch.tensor([self.seed], device=self.place)
        return Stream(seed, self.step, self.purpose).bits(shape, draw=draw)[0]


def initial_parameters(
    config: HybridConfig,
    seeds: list[int],
    *,
    dtype: torch.dtype = torch.float32,
    device: torch.device | None = None,
) -> dict[str, Float[Tensor, "members *shape"]]:
    """The initial weights of many seeds, stacked: member i is bitwise `HybridLM(config, seeds[i])`, on every device.

    Raises:
        ValueError: no seed, or what `HybridLM` refuses.
    """
    if not seeds:
        raise ValueError("at least one seed is needed, got none")
    distinct = list(dict.fromkeys(seeds))
    # A layer of the user's own may do anything with its stream, on the CPU alone.
    place = device if device is not None and set(config.layers) <= {"SSM", "TF"} else torch.device("cpu")
    model = HybridLM(config, seed=None, dtype=dtype).to(place)
    stacked = {
        name: torch.empty(len(distinct), *parameter.shape, dtype=dtype, device=place)
        for name, parameter in model.named_parameters()
    }
    for member, seed in enumerate(distinct):
        model.draw_parameters([_Placed(seed, step, INIT, place) for step in range(len(config.layers) + 1)])
        for name, parameter in model.named_parameters():
            stacked[name][member] = parameter.detach()
    if len(distinct) == len(seeds):
        return stacked
    places = torch.tensor([distinct.index(seed) for seed in seeds], device=place)
    return {name: tensor[places] for name, tensor in stacked.items()}
