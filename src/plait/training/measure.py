"""The accuracy of a finished model on fresh sequences of any task, length and distribution."""

import math
from dataclasses import dataclass

import torch
from torch import Tensor

from plait.checks import check_integer
from plait.kernels.head import plain_scores
from plait.model import HybridLM
from plait.random import TEST, Stream
from plait.tasks.base import Task, sample_labelled
from plait.training.evaluate import CHUNK
from plait.training.streamed import TOGETHER, StreamedAnswers

MOST_TOKENS = 2**16
"""Tokens of one forward pass, unless a single sequence has more."""


@dataclass(frozen=True, kw_only=True)
class Accuracy:
    """`correct` of `scored` tokens in `sequences` sequences of `seq_len` tokens.

    `state_bytes` is the most that was carried from token to token, for all sequences that were read together; None
    where sequences were read whole.
    """

    correct: int
    scored: int
    sequences: int
    seq_len: int
    state_bytes: int | None = None

    @property
    def accuracy(self) -> float | None:
        """None where nothing was scored."""
        return self.correct / self.scored if self.scored else None

    @property
    def interval(self) -> tuple[float, float] | None:
        """Wilson's 95% interval, which takes the scored tokens as independent; None where nothing was scored."""
        return wilson_interval(self.correct, self.scored) if self.scored else None


@torch.no_grad()
def measure(
    model: HybridLM,
    task: Task,
    *,
    sequences: int = 1024,
    seq_len: int = 100,
    seed: int = 0,
    streamed: bool = False,
) -> Accuracy:
    """The model on the sequences of `Stream(seed, .., TEST)`: those that a member of this seed is tested on.

    Args:
        streamed: read each sequence in parts, with carried state: beyond the tokens and targets themselves, memory does
            not grow with the length. Answers are the same to rounding.

    Raises:
        ValueError: a vocabulary that is not the task's, no sequence, what the task's sampler refuses, or a model to be
            streamed whose state grows.
    """
    vocab_size, device = model.config.vocab_size, model.embedding.weight.device
    if vocab_size != task.vocab_size:
        raise ValueError(f"the model must have the task's vocab_size, {task.vocab_size}, got {vocab_size}")
    check_integer("sequences", sequences, least=1)
    reader = StreamedAnswers(model) if streamed else None
    correct = scored = 0
    seeds = torch.tensor([Stream(seed).seed], device=device)
    for index, first in enumerate(range(0, sequences, CHUNK)):
        stream = Stream(seeds, index, TEST)
        tokens, targets = sample_labelled(task, stream, batch=min(CHUNK, sequences - first), seq_len=seq_len)
        rows = max(1, MOST_TOKENS // (min(seq_len, TOGETHER) if streamed else seq_len))
        for part in zip(*(tensor.split(rows, dim=1) for tensor in (tokens, *targets)), strict=True):
            if reader is not None:
                correct += _streamed_correct(reader, part[0][0], part[1][0], part[2][0])
                scored += int(part[2].sum())
                continue
            scores = plain_scores(model(part[0][0]).unsqueeze(0), part[1], part[2])
            correct += int(scores.correct)
            scored += int(scores.scored)
    return Accuracy(
        correct=correct, scored=scored, sequences=sequences, seq_len=seq_len,
        state_bytes=None if reader is None else reader.state_bytes,
    )  # fmt: skip


def _streamed_correct(reader: StreamedAnswers, tokens: Tensor, targets: Tensor, scored: Tensor) -> int:
    """Right answers among the scored tokens of `(batch, time)` sequences."""
    correct, first = torch.zeros((), dtype=torch.int64, device=tokens.device), 0
    for answers in reader.read(tokens):
        last = first + answers.shape[1]
        correct += ((answers == targets[:, first:last]) & scored[:, first:last]).sum()
        first = last
    return int(correct)


def wilson_interval(correct: int, trials: int, *, z: float = 1.959963984540054) -> tuple[float, float]:
    """Where a success rate lies at 95% confidence (E. B. Wilson, JASA 22 (1927) 209-212).

    Raises:
        ValueError: counts that are not 0 <= correct <= trials with a trial.
    """
    if not 0 <= correct <= trials or trials < 1:
        raise ValueError(f"needed 0 <= correct <= trials and a trial, got {correct} of {trials}")
    rate, spread = correct / trials, z * z / trials
    centre = rate + spread / 2
    reach = z * math.sqrt(rate * (1 - rate) / trials + spread / (4 * trials))
    low, high = ((centre + sign * reach) / (1 + spread) for sign in (-1, 1))
    return (0.0 if correct == 0 else low, 1.0 if correct == trials else high)
