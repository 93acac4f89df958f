"""Accuracy on fresh sequences, the same for a member alone and among others."""

from collections.abc import Iterator
from typing import Any, NamedTuple

import torch
from torch import Tensor

from plait.random import Stream
from plait.tasks.base import sample_labelled
from plait.training.ensemble import Ensemble

CHUNK = 64
"""Sequences drawn from one step of the evaluation stream. It is part of what decides the numbers."""

_MOST_TOKENS = 2**14
"""Tokens of one member in one pass, unless a single sequence has more: bounds the memory of long sequences."""


MOST_TOKENS_ON_A_GPU = 2**22
"""Tokens of all members in one pass on a GPU: about 13 GB at d_model 24, and enough to fill it."""

WIDTH_OF_MOST_TOKENS = 24
"""Of wider models it is as many fewer tokens."""


class AnswerCounts(NamedTuple):
    """Per member: correct and scored tokens of all sequences, and the mean of each one's share of right tokens.

    A sequence without a target counts as right in the mean, as the program released with arXiv 2603.08859 has it.
    """

    correct: Tensor
    scored: Tensor
    sequence_accuracy: Tensor


def accuracy_counts(
    ensemble: Ensemble, task: Any, seeds: Tensor, *, sequences: int, seq_len: int, purpose: int
) -> tuple[Tensor, Tensor]:
    """Correct and scored tokens of every member over `sequences` sequences of the stream `purpose`."""
    found = answer_counts(ensemble, task, seeds, sequences=sequences, seq_len=seq_len, purpose=purpose)
    return found.correct, found.scored


@torch.no_grad()
def answer_counts(
    ensemble: Ensemble, task: Any, seeds: Tensor, *, sequences: int, seq_len: int, purpose: int
) -> AnswerCounts:
    """What every member gets right in `sequences` sequences of the stream `purpose`."""
    together, rows = len(ensemble), max(1, _MOST_TOKENS // seq_len)
    if ensemble.parameters.device.type != "cpu":
        wider = max(1.0, ensemble.config.d_model / WIDTH_OF_MOST_TOKENS)
        most = int(MOST_TOKENS_ON_A_GPU / wider)
        together = max(1, min(together, most // (min(CHUNK, sequences) * seq_len)))
        rows = max(1, most // (together * seq_len))
    found: list[AnswerCounts] = []
    for first in range(0, len(ensemble), together):
        some = ensemble if together == len(ensemble) else ensemble.some(first, first + together)
        found.append(_counts(some, task, seeds[first : first + together], sequences, seq_len, purpose, rows))
    return AnswerCounts(*(torch.cat(column) for column in zip(*found, strict=True)))


EIGHT = 8
"""Test sequences of the score that the paper's released program reports."""


@torch.no_grad()
def eight_accuracy(
    ensemble: Ensemble, task: Any, seeds: Tensor, *, sequences: int, seq_len: int, purpose: int
) -> Tensor:
    """Per member, the mean over the first eight sequences of each one's share of right tokens, 1 for empty ones."""
    batch = min(CHUNK, sequences)
    tokens, (targets, scored) = sample_labelled(task, Stream(seeds, 0, purpose), batch=batch, seq_len=seq_len)
    tokens, targets, scored = (tensor[:, :EIGHT] for tensor in (tokens, targets, scored))
    shares: list[Tensor] = []
    for index in range(tokens.shape[1]):
        alone = torch.zeros_like(scored)
        alone[:, index] = scored[:, index]
        scores = ensemble.scores(tokens, (targets, alone))
        share = scores.correct.double() / scores.scored.clamp(min=1)
        shares.append(torch.where(scores.scored > 0, share, 1.0).cpu())
    return torch.stack(shares).mean(dim=0)


def _counts(
    ensemble: Ensemble, task: Any, seeds: Tensor, sequences: int, seq_len: int, purpose: int, rows: int
) -> AnswerCounts:
    correct = torch.zeros(len(ensemble), dtype=torch.int64)
    scored, shares = torch.zeros_like(correct), torch.zeros(len(ensemble), dtype=torch.float64)
    for tokens, targets, asked_of in _passes(ensemble, task, seeds, (sequences, seq_len, purpose), rows):
        right, asked = (count.cpu() for count in ensemble.row_counts(tokens, (targets, asked_of)))
        correct += right.sum(1)
        scored += asked.sum(1)
        shares += torch.where(asked > 0, right.double() / asked.clamp(min=1), 1.0).sum(1)
    return AnswerCounts(correct, scored, shares / sequences)


def _passes(
    ensemble: Ensemble, task: Any, seeds: Tensor, size: tuple[int, int, int], rows: int
) -> Iterator[tuple[Tensor, ...]]:
    """Tokens, targets and what is scored, at most `rows` sequences of a member at once.

    A wide model on a GPU takes several draws together: it goes through one kernel after the other, whatever their size.
    """
    sequences, seq_len, purpose = size
    together = max(1, rows // CHUNK) if ensemble.engine == "wide" and ensemble.parameters.is_cuda else 1
    held: list[tuple[Tensor, ...]] = []
    draws = range(0, sequences, CHUNK)
    for index, first in enumerate(draws):
        stream = Stream(seeds, index, purpose)
        tokens, targets = sample_labelled(task, stream, batch=min(CHUNK, sequences - first), seq_len=seq_len)
        held.append((tokens, *targets))
        if len(held) == together or index == len(draws) - 1:
            whole = held[0] if len(held) == 1 else [torch.cat(p, dim=1) for p in zip(*held, strict=True)]
            yield from zip(*(part.split(rows, dim=1) for part in whole), strict=True)
            held = []
