"""A task of your own: say the token that stood `lag` places back. Copy this file and change it.

plait train --task examples.my_task:DelayedCopy --param lag=3
"""

from dataclasses import dataclass

import torch
from torch import Tensor

from plait import Stream
from plait.tasks import Targets


@dataclass(frozen=True, kw_only=True)
class DelayedCopy:
    n_words: int = 8
    lag: int = 2

    @property
    def vocab_size(self) -> int:
        return self.n_words

    @property
    def token_names(self) -> tuple[str, ...]:
        return tuple(f"w{word}" for word in range(self.n_words))

    def sample(self, stream: Stream, batch: int = 8, seq_len: int = 100) -> Tensor:
        return stream.integers(self.n_words, (batch, seq_len))  # (*members, batch, time)

    def targets(self, tokens: Tensor) -> Targets:
        seen = torch.arange(tokens.shape[-1], device=tokens.device) >= self.lag
        return Targets(tokens.roll(self.lag, -1) * seen, seen.expand(tokens.shape))
