"""Mixers of `transformers` that are given more than hidden states."""

import torch
from torch import Tensor, nn


class Placed(nn.Module):
    """Called with the places of the tokens, without a cache."""

    def __init__(self, mixer: nn.Module) -> None:
        super().__init__()
        self.mixer = mixer

    def forward(self, x: Tensor) -> Tensor:
        places = torch.arange(x.shape[1], device=x.device).expand(len(x), -1)
        return self.mixer(x, places, None, False)[0]


class Unplaced(nn.Module):
    """Called without positions and mask."""

    def __init__(self, mixer: nn.Module) -> None:
        super().__init__()
        self.mixer = mixer

    def forward(self, x: Tensor) -> Tensor:
        return self.mixer(x, None, None)[0]


class Rotary(nn.Module):
    """Attention with the family's rotary angles, and a mask of the layer's window."""

    def __init__(self, mixer: nn.Module, rotary: nn.Module, window: int | None) -> None:
        super().__init__()
        self.mixer, self.rotary, self.window = mixer, rotary, window

    def forward(self, x: Tensor) -> Tensor:
        time = x.shape[1]
        places = torch.arange(time, device=x.device)
        distance = places.unsqueeze(1) - places
        unseen = (distance < 0) | (distance >= (time if self.window is None else self.window))
        mask = torch.zeros(1, 1, time, time, dtype=x.dtype, device=x.device)
        mask = mask.masked_fill(unseen, torch.finfo(x.dtype).min)
        return self.mixer(x, position_embeddings=self.rotary(x, places.unsqueeze(0)), attention_mask=mask)[0]
