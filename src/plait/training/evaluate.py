"""Accuracy on fresh sequences, the same for a member alone and among others."""

from typing import Any

import torch
from torch import Tensor

from plait.random import Stream
from plait.tasks.base import sample_labelled
from plait.training.ensemble import Ensemble

CHUNK = 64
"""Sequences drawn from one step of the evaluation stream. It is part of what decides the numbers."""

MOST_TOKENS = 2**14
"""Tokens of one member in one pass, unless a single sequence has more: bounds the memory of long sequences."""


@torch.no_grad()
def accuracy_counts(
    ensemble: Ensemble, task: Any, seeds: Tensor, *, sequences: int, seq_len: int, purpose: int
) -> tuple[Tensor, Tensor]:
    """Correct and scored tokens of every member over `sequences` sequences of the stream `purpose`."""
    correct = torch.zeros(len(ensemble), dtype=torch.int64)
    scored = torch.zeros_like(correct)
    rows = max(1, MOST_TOKENS // seq_len)
    for index, first in enumerate(range(0, sequences, CHUNK)):
        stream = Stream(seeds, index, purpose)
        tokens, targets = sample_labelled(task, stream, batch=min(CHUNK, sequences - first), seq_len=seq_len)
        parts = (tensor.split(rows, dim=1) for tensor in (tokens, *targets))
        for part in zip(*parts, strict=True):
            scores = ensemble.scores(part[0], (part[1], part[2]))
            correct += scores.correct.cpu()
            scored += scores.scored.cpu()
    return correct, scored
