"""From a wrong answer to the shortest one that can be found from it."""

from collections.abc import Callable, Iterator, Sequence

import torch
from jaxtyping import Bool, Int
from torch import Tensor

from plait.verify.inputs import Domain

MOST_EXHAUSTED = 2**14
"""Inputs of a length that are all tried."""

MOST_TOKENS = 2**20
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
    while length < len(wrong) and n_tokens**length <= MOST_EXHAUSTED:
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
    together = max(1, MOST_TOKENS // length)
    rows: list[list[int]] = []
    for candidate in candidates:
        rows.append(candidate)
        if len(rows) == together:
            break
    if not rows:
        return None
    found = is_wrong(torch.tensor(rows))
    return rows[int(found.int().argmax())] if bool(found.any()) else None
