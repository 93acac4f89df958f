"""Accuracy on fresh sequences, the same for a member alone and among others."""

from typing import Any

import torch
from torch import Tensor

from plait.random import Stream
from plait.tasks.base import sample_labelled
from plait.training.ensemble import Ensemble

CHUNK = 64
"""Sequences drawn from one step of the evaluation stream. It is part of what decides the numbers."""


@torch.no_grad()
def accuracy_counts(
    ensemble: Ensemble, task: Any, seeds: Tensor, *, sequences: int, seq_len: int, purpose: int
) -> tuple[Tensor, Tensor]:
    """Correct and scored tokens of every member over `sequences` sequences of the stream `purpose`."""
    correct = torch.zeros(len(ensemble), dtype=torch.int64)
    scored = torch.zeros_like(correct)
    for index, first in enumerate(range(0, sequences, CHUNK)):
        stream = Stream(seeds, index, purpose)
        tokens, targets = sample_labelled(task, stream, batch=min(CHUNK, sequences - first), seq_len=seq_len)
        scores = ensemble.scores(tokens, targets)
        correct += scores.correct.cpu()
        scored += scores.scored.cpu()
    return correct, scored
