"""Inputs and verdicts that the tests of constructions share."""

from typing import NamedTuple

import torch
from torch import Tensor

from plait.constructions import logit_gaps
from plait.model import HybridLM
from plait.random import TEST, Stream
from plait.tasks import DecodingRecall, SelectiveCopying

DOMAINS = ((4, 4, 2), (5, 3, 1), (5, 4, 2), (6, 3, 2), (6, 4, 3))
"""Length, words and numbers together, numbers 1 .. N."""

COPYING, RECALL = SelectiveCopying(), DecodingRecall()


class Verdict(NamedTuple):
    """Scored positions, how many of them are wrong, and the least lead of a target's logit."""

    scored: int
    wrong: int
    gap: float


def every_sequence(n_tokens: int, length: int) -> Tensor:
    """All sequences, one a row."""
    index = torch.arange(n_tokens**length)
    return torch.stack([index // n_tokens**place % n_tokens for place in range(length)], dim=-1)


@torch.no_grad()
def judge(
    model: HybridLM, task: SelectiveCopying | DecodingRecall, tokens: Tensor, *, rows: int = 4096
) -> Verdict:
    """The model's answers on these tokens, in batches of `rows` sequences."""
    scored = wrong = 0
    least = float("inf")
    for batch in tokens.split(rows):
        targets = task.targets(batch)
        gaps = logit_gaps(model(batch), targets.tokens)[targets.scored]
        scored += gaps.numel()
        wrong += int((gaps <= 0.0).sum())
        least = min(least, float(gaps.min())) if gaps.numel() else least
    return Verdict(scored, wrong, least)


def sampled(
    task: SelectiveCopying | DecodingRecall, *, batch: int, seq_len: int = 100, seed: int = 0
) -> Tensor:
    return task.sample(Stream(seed, 0, TEST), batch=batch, seq_len=seq_len)
