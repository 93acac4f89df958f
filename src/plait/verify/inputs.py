"""The tokens that may occur, labels with what is claimed of them, and domains that are read whole."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import torch
from jaxtyping import Bool, Int
from torch import Tensor

from plait.checks import counted
from plait.compiler import Program
from plait.tasks import AssociativeRecall, BuiltInTask, DecodingRecall, SelectiveCopying, Targets, Task
from plait.tasks.lookup import follow_latest
from plait.tasks.rows import checked_targets


def source_distances(
    task: Task, tokens: Int[Tensor, "*batch time"], targets: Targets
) -> Int[Tensor, "*batch time"] | None:
    """int32; -1 where nothing is scored; None for a task whose targets are not read from one known place."""
    time = tokens.shape[-1]
    if isinstance(task, Program):
        distances = task.sources(tokens)
        return None if distances is None else torch.where(targets.scored, distances, -1).to(torch.int32)
    if type(task) is SelectiveCopying:
        steps, _ = task.control(tokens)
        found = steps
    elif type(task) is DecodingRecall or type(task) is AssociativeRecall:
        keys = task.control(tokens)[0] if type(task) is DecodingRecall else tokens
        here = torch.arange(time, device=tokens.device)
        places = follow_latest(here.expand(tokens.shape), tokens, keys)
        found = here - places.tokens
    else:
        return None
    return torch.where(targets.scored, found, -1).to(torch.int32)


class Labels(NamedTuple):
    """Targets that the model is held to, those beyond its window, and where the former stand."""

    targets: Targets
    beyond: Bool[Tensor, "*batch time"] | None
    sources: Int[Tensor, "*batch time"] | None

    def last(self, count: int) -> "Labels":
        """Of the last positions alone."""
        targets = Targets(*(part[..., -count:] for part in self.targets))
        beyond, sources = (None if part is None else part[..., -count:] for part in self[1:])
        return Labels(targets, beyond, sources)


def labels(task: Task, tokens: Int[Tensor, "*batch time"], *, window: int | None) -> Labels:
    """Targets of the tokens; with a window, those further back than it holds are set apart.

    Raises:
        ValueError: as `checked_targets`, or a window of a task whose targets stand in no known place.
    """
    targets = checked_targets(task, tokens)
    sources = source_distances(task, tokens, targets)
    if window is None:
        return Labels(targets, None, sources)
    if sources is None:
        raise ValueError(
            f"a window cannot be claimed for {type(task).__name__}: its targets have no known place"
        )
    beyond = sources >= window
    held = targets.scored & ~beyond
    return Labels(Targets(targets.tokens * held, held), beyond, torch.where(held, sources, -1))


def occurring_tokens(task: Task) -> int:
    """How many tokens inputs are made of: all but the specials, of a built-in task."""
    return task.ordinary_tokens if isinstance(task, BuiltInTask) else task.vocab_size


@dataclass(frozen=True, kw_only=True)
class Domain:
    """Every input of `seq_len` tokens out of `n_tokens`."""

    n_tokens: int
    seq_len: int

    @property
    def inputs(self) -> int:
        return self.n_tokens**self.seq_len

    @property
    def prefixes(self) -> int:
        """Different prefixes of all lengths: the positions that differ."""
        return sum(self.n_tokens**length for length in range(1, self.seq_len + 1))

    def rows(self, first: int, stop: int) -> Int[Tensor, "inputs seq_len"]:
        """The inputs numbered from `first` to `stop - 1`, in the order of a dictionary."""
        return self._numbered(torch.arange(first, stop))

    def spread(self, count: int) -> Int[Tensor, "inputs seq_len"]:
        """All inputs, or about `count` of them evenly over the domain."""
        return self._numbered(torch.arange(0, self.inputs, max(1, self.inputs // count)))

    def _numbered(self, number: Int[Tensor, " inputs"]) -> Int[Tensor, "inputs seq_len"]:
        columns: list[Tensor] = []
        for _ in range(self.seq_len):
            columns.append(number % self.n_tokens)
            number = number.div(self.n_tokens, rounding_mode="floor")
        return torch.stack(columns[::-1], dim=-1)

    def blocks(self, size: int) -> Iterator[Int[Tensor, "inputs seq_len"]]:
        """All inputs, at most `size` at once."""
        for first in range(0, self.inputs, size):
            yield self.rows(first, min(first + size, self.inputs))


def count_of_inputs(domain: Domain) -> str:
    """The number in words that a reader can take in: exactly up to 10^15, then as a power of ten."""
    inputs = domain.inputs
    if inputs < 10**15:
        return counted(inputs, "input")
    text = str(inputs)
    return f"{text[0]}.{text[1]}e{len(text) - 1} inputs ({domain.n_tokens}^{domain.seq_len})"


def duration_text(seconds: float) -> str:
    """A time in the unit that suits it."""
    for unit, size in (("years", 365.25 * 86400), ("days", 86400.0), ("hours", 3600.0), ("minutes", 60.0)):
        if seconds >= 2 * size:
            return (
                f"{seconds / size:,.0f} {unit}" if seconds < 1e15 * size else f"{seconds / size:.1e} {unit}"
            )
    return f"{seconds:.0f} seconds"


_MOST_EXHAUSTED = 2**14
"""Inputs of a length that are all tried."""

_MOST_TOKENS = 2**20
"""Tokens of candidates that are tried together."""

IsWrong = Callable[[Int[Tensor, "inputs time"]], Bool[Tensor, " inputs"]]
"""Whether each input's last position has a target and a wrong answer."""


def shortest(wrong: Sequence[int], is_wrong: IsWrong, *, n_tokens: int) -> tuple[int, ...]:
    """An input with a wrong answer at its last position, as short and as plain as the search finds.

    All inputs of small lengths are tried first, so a short answer is the shortest there is. Else pieces are cut
    out, longest first, and tokens replaced by smaller ones, until nothing more can go.

    Args:
        wrong: such an input.
        is_wrong: tells them.
        n_tokens: tokens of the domain, from 0 on.
    """
    length = 1
    while length < len(wrong) and n_tokens**length <= _MOST_EXHAUSTED:
        rows = Domain(n_tokens=n_tokens, seq_len=length).rows(0, n_tokens**length)
        found = is_wrong(rows)
        if bool(found.any()):
            return tuple(rows[int(found.int().argmax())].tolist())
        length += 1
    current = list(wrong)
    while True:
        smaller = _cut(current, is_wrong)
        smaller = _replaced(smaller, is_wrong)
        if smaller == current:
            return tuple(current)
        current = smaller


def _cut(current: list[int], is_wrong: IsWrong) -> list[int]:
    size = len(current) // 2
    while size >= 1:
        candidates = (
            current[:at] + current[at + size :] for at in range(0, len(current) - size + 1, max(size // 2, 1))
        )
        found = _first(candidates, is_wrong, length=len(current) - size)
        if found is None:
            size //= 2
        else:
            current, size = found, min(size, len(found) // 2)
    return current


def _replaced(current: list[int], is_wrong: IsWrong) -> list[int]:
    for at in range(len(current)):
        candidates = ([*current[:at], token, *current[at + 1 :]] for token in _plainer(current[at]))
        current = _first(candidates, is_wrong, length=len(current)) or current
    return current


def _plainer(token: int) -> list[int]:
    """A few smaller tokens, smallest first."""
    return sorted({0, 1, token // 2, token - 1} & set(range(token)))


def _first(candidates: Iterator[list[int]], is_wrong: IsWrong, *, length: int) -> list[int] | None:
    if length < 1:
        return None
    together = max(1, _MOST_TOKENS // length)
    rows: list[list[int]] = []
    for candidate in candidates:
        rows.append(candidate)
        if len(rows) == together:
            break
    if not rows:
        return None
    found = is_wrong(torch.tensor(rows))
    return rows[int(found.int().argmax())] if bool(found.any()) else None
