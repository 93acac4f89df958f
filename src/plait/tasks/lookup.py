"""What followed the latest earlier occurrence of a key: the lookup of all recall tasks.

On the CPU one compiled pass over each row; elsewhere, or without a compiler, a sort and a binary search, so
that memory grows with the length and not with its square. Both give the same integers.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import TYPE_CHECKING

from plait.deferred import deferred
from plait.native.library import INTEGER, POINTER, Function
from plait.tasks.base import Targets

if TYPE_CHECKING:
    import torch
    from jaxtyping import Int
    from torch import Tensor
else:
    torch = deferred("torch")


_FOLLOW_LATEST = Function("plait_follow_latest", (*(POINTER,) * 7, *(INTEGER,) * 4))


def follow_latest(
    tokens: Int[Tensor, "*batch time"],
    keys: Int[Tensor, "*batch time"],
    queries: Int[Tensor, "*batch time"],
    *,
    inclusive: bool = False,
) -> Targets:
    """At i, `tokens[j + 1]` for the latest j < i with `keys[j] == queries[i]`; not scored where there is
    none.

    A negative key records nothing, a negative query asks for nothing; (greatest key + 1) * time must be below
    2^63. With `inclusive`, j may be i itself if a position i + 1 exists.
    """
    compiled = _FOLLOW_LATEST.find() if tokens.device.type == "cpu" else None
    if compiled is None:
        return _by_search(tokens, keys, queries, inclusive=inclusive)
    tokens, keys, queries = tokens.contiguous(), keys.contiguous(), queries.contiguous()
    targets, scored = torch.empty_like(tokens), torch.empty_like(tokens, dtype=torch.bool)
    time = tokens.shape[-1]
    bits = time.bit_length() + 1
    table = torch.zeros(2, 1 << bits, dtype=torch.int64)
    arrays = (targets, scored, tokens, keys, queries, table[0], table[1])
    pointers = (array.data_ptr() for array in arrays)
    compiled(*pointers, bits, tokens.numel() // time, time, inclusive)
    return Targets(targets, scored)


def _by_search(tokens: Tensor, keys: Tensor, queries: Tensor, *, inclusive: bool) -> Targets:
    time = tokens.shape[-1]
    positions = torch.arange(time, device=tokens.device)
    recorded = (keys * time + positions).sort(-1).values
    # The greatest (key, position) below (query, i) is the match if it has that key.
    place = torch.searchsorted(recorded, queries * time + positions + int(inclusive)) - 1
    match = recorded.gather(-1, place.clamp(min=0)) - queries * time
    scored = (queries >= 0) & (place >= 0) & (match >= 0) & (match < time - 1)
    return Targets(tokens.gather(-1, (match + 1) * scored) * scored, scored)


def followed_latest(row: Sequence[int], keys: Sequence[int], queries: Iterable[int]) -> Iterator[int | None]:
    """`follow_latest` of one row, position by position; None where nothing is scored."""
    followers: dict[int, int] = {}
    for place, query in enumerate(queries):
        if place and keys[place - 1] >= 0:
            followers[keys[place - 1]] = row[place]
        yield followers.get(query)
