"""What a task of the user's own promises, tried on a few of its sequences before anything is trained."""

import torch
from torch import Tensor

from plait.checks import one_line
from plait.random import TRAIN, Stream
from plait.tasks.base import Targets, Task, sample_labelled

_ROWS = 4
_MANY = 256
"""Rows that are looked through before a task is said to score nothing."""


def check_task(task: Task, *, seq_len: int, seed: int = 0) -> None:
    """Refuse a task that breaks a promise of `plait.tasks.Task`.

    Tried are: the same stream gives the same tokens, and the same tokens the same targets; a member's tokens do not
    depend on the others; the target at a position is read from tokens up to it.

    Raises:
        ValueError: in one line, which promise.
    """
    said = type(task).__name__
    seeds = [seed, seed + 1 if seed < 2**62 else seed - 1]
    try:
        tokens, found = _drawn(task, seeds, seq_len)
        again, found_again = _drawn(task, seeds, seq_len)
        alone, _ = _drawn(task, seeds[1:], seq_len)
    except ValueError:
        raise
    except (Exception, SystemExit) as error:
        raise ValueError(f"{said} gives no sequence: {one_line(error)}") from error
    if not torch.equal(tokens, again):
        raise ValueError(
            f"{said}: sample gives other tokens when asked again: all randomness must come from its stream"
        )
    if not all(torch.equal(one, other) for one, other in zip(found, found_again, strict=True)):
        raise ValueError(f"{said}: targets gives other targets of the same tokens when asked again")
    if not torch.equal(tokens[1], alone[0]):
        raise ValueError(f"{said}: the tokens of a member depend on the other members of its ensemble")
    if not hasattr(task, "sample_labelled"):  # whose labels are not read from tokens at all
        _check_causality(said, task, tokens[0], Targets(found.tokens[0], found.scored[0]))


def check_scored(task: Task, *, seq_len: int, seed: int = 0) -> None:
    """Raises:
    ValueError: a task that scores nothing, from which there is nothing to learn.
    """
    _, found = _drawn(task, [seed], seq_len, rows=_MANY)
    if not bool(found.scored.any()):
        raise ValueError(f"{type(task).__name__}: nothing is scored in {_MANY} rows of {seq_len} tokens")


def _drawn(task: Task, seeds: list[int], seq_len: int, *, rows: int = _ROWS) -> tuple[Tensor, Targets]:
    return sample_labelled(task, Stream(torch.tensor(seeds), 0, TRAIN), batch=rows, seq_len=seq_len)


def _check_causality(said: str, task: Task, tokens: Tensor, found: Targets) -> None:
    """The rest of each row is taken from another row, and left out; rows that the task refuses are passed over."""
    time = tokens.shape[-1]
    for cut in sorted({1, time // 4, time // 2, 3 * time // 4, time - 1} & set(range(1, time))):
        begun = tokens[:, :cut].contiguous()
        for changed in (torch.cat((begun, tokens.roll(1, 0)[:, cut:]), dim=1), begun):
            other = _targets(task, changed)
            if other is None:
                continue
            both = found.scored[:, :cut] & other.scored[:, :cut]
            wrong = both & (found.tokens[:, :cut] != other.tokens[:, :cut])
            if bool(wrong.any()):
                place = int(wrong.any(dim=0).nonzero()[0])
                raise ValueError(
                    f"{said}: the target at position {place} changes with the tokens from position {cut} on: targets "
                    "are read from tokens up to their own position"
                )


def _targets(task: Task, tokens: Tensor) -> Targets | None:
    """None for rows that the task refuses."""
    try:
        found = task.targets(tokens)
    except (Exception, SystemExit):
        return None
    return Targets(*found) if found[0].shape == tokens.shape == found[1].shape else None
