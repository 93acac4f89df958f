"""Inputs drawn from the task's own distribution."""

import time
from collections.abc import Callable

from plait.random import TEST, Stream
from plait.tasks import Task
from plait.verify.inputs import labels
from plait.verify.reading import Reader
from plait.verify.tally import Positions, Tally

TOKENS = 2**16
"""Tokens of one draw, unless a single sequence has more."""


def read_samples(
    reader: Reader,
    task: Task,
    *,
    seq_len: int,
    samples: int,
    seed: int,
    window: int | None,
    first_step: int = 0,
    progress: Callable[[int, int], None] | None = None,
) -> Tally:
    """Whole sequences of `Stream(seed, first_step ..)`, until `samples` positions with a target are read.

    Raises:
        ValueError: what the task's sampler refuses, or a task without targets at this length.
    """
    batch = max(1, TOKENS // seq_len)
    total, told, step = Tally(), time.monotonic(), first_step
    while total.checked < samples:
        tokens = task.sample(Stream(seed, step, TEST), batch=batch, seq_len=seq_len)
        known = labels(task, tokens, window=window)
        reading = reader.read(tokens, known.targets, known.sources)
        total += Positions.of(tokens, known, reading).tally(inputs=batch)
        step += 1
        if total.checked == 0 and step - first_step >= 100:
            raise ValueError(f"none of {total.read:,} positions of {seq_len} tokens has a target to sample")
        if progress is not None and time.monotonic() - told > 0.2:
            told = time.monotonic()
            progress(min(total.checked, samples), samples)
    return total
