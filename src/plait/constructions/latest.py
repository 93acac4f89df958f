"""Where the latest occurrence of a wanted token lies: the position that recall has to look at."""

import torch
from jaxtyping import Bool, Int
from torch import Tensor


def latest_match(
    tokens: Int[Tensor, "*batch time"], wanted: Int[Tensor, "*batch time"]
) -> tuple[Int[Tensor, "*batch time"], Bool[Tensor, "*batch time"]]:
    """How far back stands the successor of the latest earlier occurrence of `wanted`, and whether there is one."""
    time = tokens.shape[-1]
    place = torch.arange(time)
    earlier = place.unsqueeze(-1) > place
    equal = (wanted.unsqueeze(-1) == tokens.unsqueeze(-2)) & earlier
    latest = (equal * (place + 1)).amax(-1)
    return (place - latest) * (latest > 0), latest > 0
