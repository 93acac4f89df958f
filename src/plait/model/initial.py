"""Initial weights of a whole ensemble."""

import torch
from jaxtyping import Float
from torch import Tensor

from plait.model.config import HybridConfig
from plait.model.hybrid import HybridLM

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
    distinct = list(dict.fromkeys(seeds))
    model = HybridLM(config, seed=None, dtype=dtype)
    stacked = {
        name: torch.empty(len(distinct), *parameter.shape, dtype=dtype)
        for name, parameter in model.named_parameters()
    }
    for member, seed in enumerate(distinct):
        model.reset_parameters(seed)
        for name, parameter in model.named_parameters():
            stacked[name][member] = parameter.detach()
    if len(distinct) == len(seeds):
        return stacked
    places = torch.tensor([distinct.index(seed) for seed in seeds])
    return {name: tensor[places] for name, tensor in stacked.items()}
