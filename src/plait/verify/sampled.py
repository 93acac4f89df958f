"""Inputs drawn from the task's own distribution."""

import itertools
import time
from collections.abc import Callable
from functools import partial

from plait.random import TEST, Stream
from plait.tasks import Task
from plait.verify.inputs import labels
from plait.verify.reading import Reader
from plait.verify.tally import Positions, Tally
from plait.verify.workers import in_order

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
    threads: int = 1,
    progress: Callable[[int, int], None] | None = None,
) -> Tally:
    """Whole sequences of `Stream(seed, first_step ..)`, until `samples` positions with a target are read.

    Raises:
        ValueError: what the task's sampler refuses, or a task without targets at this length.
    """
    batch = max(1, TOKENS // seq_len)

    def draw(step: int) -> Tally:
        tokens = task.sample(Stream(seed, step, TEST), batch=batch, seq_len=seq_len)
        known = labels(task, tokens, window=window)
        reading = reader.read(tokens, known.targets, known.sources)
        return Positions.of(tokens, known, reading).tally(inputs=batch)

    total, told = Tally(), time.monotonic()
    for part in in_order((partial(draw, step) for step in itertools.count(first_step)), threads=threads):
        total += part
        if total.checked >= samples:
            break
        if total.checked == 0 and total.inputs >= 100 * batch:
            raise ValueError(f"none of {total.read:,} positions of {seq_len} tokens has a target to sample")
        if progress is not None and time.monotonic() - told > 0.2:
            told = time.monotonic()
            progress(total.checked, samples)
    return total
