"""Made-up models whose states can be counted."""

from collections.abc import Callable
from dataclasses import dataclass

import torch

from plait.tasks import SelectiveCopying
from plait.tasks.base import Task

SMALL = SelectiveCopying(n_words=4, numbers=(1, 2, 3))
"""Contents of three tokens out of seven: 343 of them."""


@dataclass
class Machine:
    """Reads a prefix, keeps only `remember(prefix)`, and answers as is right for what it remembers.

    Its states at the cut are the values of `remember`. `asked` counts what it reads before the cut.
    """

    task: Task
    prefix_length: int
    remember: Callable[[torch.Tensor], torch.Tensor]

    def init_state(self, batch):
        return torch.empty(batch, 0, dtype=torch.int64)

    def step(self, tokens, state):
        state = torch.cat((state, tokens.unsqueeze(-1)), dim=-1)
        if state.shape[-1] == self.prefix_length:
            state = self.remember(state)
        right, scored = self.task.targets(state)
        logits = torch.nn.functional.one_hot(right[:, -1] * scored[:, -1], self.task.vocab_size)
        return logits.float(), state


def keeps_last(count: int) -> Callable[[torch.Tensor], torch.Tensor]:
    """All but the last `count` tokens become 0: 7^count states on SMALL."""

    def remember(prefix):
        kept = prefix.clone()
        kept[:, : prefix.shape[-1] - count] = 0
        return kept

    return remember


def keeps_hash(states: int) -> Callable[[torch.Tensor], torch.Tensor]:
    """Prefixes fall into `states` classes; of each only its number is kept, spelled in base 7."""

    def remember(prefix):
        number = (prefix * torch.tensor([7**i for i in range(prefix.shape[-1])])).sum(-1)
        number = (number * 2654435761 >> 7) % states
        return torch.stack([number // 7**i % 7 for i in range(prefix.shape[-1])], dim=-1)

    return remember


def keeps_some(states: int) -> Callable[[torch.Tensor], torch.Tensor]:
    """The first `states` prefixes are kept whole, the others become the first."""

    def remember(prefix):
        number = (prefix * torch.tensor([7**i for i in range(prefix.shape[-1])])).sum(-1, keepdim=True)
        return torch.where(number < states, prefix, 0)

    return remember
