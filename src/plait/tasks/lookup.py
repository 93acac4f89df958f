"""What followed the latest earlier occurrence of a key: the lookup of all recall tasks.

On the CPU one compiled pass over each row; elsewhere, or without a compiler, a sort and a binary search, so
that memory grows with the length and not with its square. Both give the same integers.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Iterable, Iterator, Sequence
from typing import TYPE_CHECKING

from plait.deferred import deferred
from plait.native.library import INTEGER, POINTER, CompiledFunction
from plait.tasks.base import BuiltInTask, Targets

if TYPE_CHECKING:
    import torch
    from jaxtyping import Bool, Int
    from torch import Tensor
else:
    torch = deferred("torch")


_FOLLOW_LATEST = CompiledFunction("plait_follow_latest", (*(POINTER,) * 7, *(INTEGER,) * 4))


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


def latest(
    values: Int[Tensor, "*batch time"], keys: Int[Tensor, "*batch time"], queries: Int[Tensor, "*batch time"]
) -> Targets:
    """At i, `values[j]` for the latest j <= i with `keys[j] == queries[i]`; not scored where there is none.

    Negative keys and queries, and how large keys may be: as `follow_latest`, at one position more.
    """
    none = torch.full_like(keys[..., :1], -1)
    found = follow_latest(
        torch.cat((none, values), dim=-1), torch.cat((keys, none), dim=-1), torch.cat((none, queries), dim=-1)
    )
    return Targets(found.tokens[..., 1:], found.scored[..., 1:])


def earliest(
    values: Int[Tensor, "*batch time"], keys: Int[Tensor, "*batch time"], queries: Int[Tensor, "*batch time"]
) -> Targets:
    """`latest`, of the first j with that key."""
    repeated = follow_latest(keys, keys, keys).scored
    return latest(values, torch.where(repeated, -1, keys), queries)


def shifted(values: Int[Tensor, "*batch time"], *, fill: int) -> Int[Tensor, "*batch time"]:
    """At i, the value at i - 1; `fill` at the first position."""
    moved = values.roll(1, -1)
    moved[..., :1] = fill
    return moved


def last_place(mask: Bool[Tensor, "*batch time"]) -> Int[Tensor, "*batch time"]:
    """At i, the latest position up to i where `mask` holds; -1 where there is none."""
    places = torch.arange(mask.shape[-1], device=mask.device)
    return torch.where(mask, places, -1).cummax(-1).values


class Lookup(BuiltInTask):
    """A task whose answer is looked up under a number read from the tokens so far: its control."""

    @abstractmethod
    def _asked(self, tokens: Int[Tensor, "*batch time"]) -> Int[Tensor, "*batch time"]:
        """The control at each position, negative where nothing is asked for."""

    def control(
        self, tokens: Int[Tensor, "*batch time"]
    ) -> tuple[Int[Tensor, "*batch time"], Bool[Tensor, "*batch time"]]:
        """The number under which the answer is looked up at each position, and whether there is one (else 0).

        Raises:
            ValueError: as `targets`.
        """
        asked = self._asked(self.check_tokens(tokens))
        return asked.clamp(min=0), asked >= 0
