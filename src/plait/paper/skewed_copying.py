"""Selective copying whose words follow Zipf's law: word r (from 1) with probability in proportion to 1/r."""

from dataclasses import dataclass

import torch
from jaxtyping import Int
from torch import Tensor

from plait.random import Stream
from plait.tasks import SelectiveCopying


@dataclass(frozen=True, kw_only=True)
class SkewedCopying(SelectiveCopying):
    """The numbers, their places and the targets are those of `SelectiveCopying`; words alone are drawn otherwise.

    Raises:
        ValueError: as `SelectiveCopying`, or another variant than uniform.
    """

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.variant != "uniform":
            raise ValueError(f"skewed words have the variant uniform alone, got {self.variant!r}")

    def _draw(self, stream: Stream, batch: int, seq_len: int) -> Int[Tensor, "*members batch time"]:
        tokens = super()._draw(stream, batch, seq_len)
        weights = 1.0 / torch.arange(1, self.n_words + 1, dtype=torch.float64)
        edges = (weights.cumsum(0) / weights.sum())[:-1].to(stream.device)
        uniform = stream.uniform((batch, seq_len), draw=3).double()
        words = torch.searchsorted(edges, uniform, right=True)
        return torch.where(tokens >= self.n_words, tokens, words)
