"""Initial weights of a whole ensemble."""

import torch
from jaxtyping import Float
from torch import Tensor

from plait.model.config import HybridConfig
from plait.model.hybrid import HybridLM


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
    for member, seed in enumerate(seeds):
        model.reset_parameters(seed)
        for name, parameter in model.named_parameters():
            stacked[name][member] = parameter.detach()
    return stacked
