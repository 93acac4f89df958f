"""Statements that look back: what an attention layer fetches."""

from abc import abstractmethod
from dataclasses import dataclass
from fractions import Fraction
from typing import ClassVar

import torch
from jaxtyping import Int
from torch import Tensor

from plait.compiler.recurrent import truth
from plait.compiler.statement import NOTHING, Numeric, Searching, SignalValues, Statement, looked_up
from plait.compiler.values import Value, amounts_of, index_in


@dataclass(frozen=True, kw_only=True, eq=False, repr=False)
class Fetch(Searching):
    """What the first input holds at one position up to this one, which the other inputs decide."""

    @property
    def where_to(self) -> tuple[object, ...]:
        """What decides where it looks: fetches with the same can share a head."""
        return (type(self), *self.inputs[1:], *self.parameters().items())

    @abstractmethod
    def places(self, *columns: SignalValues) -> list[int | None]:
        """The position looked at, from each position; None for none. Columns are of all inputs but the first."""

    @abstractmethod
    def distances(self, *columns: Int[Tensor, "*batch time"]) -> Int[Tensor, "*batch time"]:
        """How far back that is, by tensors; -1 for none."""

    def meaning(self, *columns: SignalValues) -> SignalValues:
        return [None if place is None else columns[0][place] for place in self.places(*columns[1:])]

    def evaluate(self, *columns: Int[Tensor, "*batch time"]) -> Int[Tensor, "*batch time"]:
        value = columns[0]
        distance = self.distances(*columns[1:] or (value,))
        here = torch.arange(value.shape[-1], device=value.device)
        place = (here - distance.clamp(min=0)).clamp(min=0)
        return value.gather(-1, place).masked_fill(distance < 0, NOTHING)


@dataclass(frozen=True, kw_only=True, eq=False, repr=False)
class AtDistance(Fetch):
    """As many positions back as the second input says."""

    kind: ClassVar[str] = "at_distance"

    @property
    def reach(self) -> int:
        return max(amounts_of(self.inputs[1].domain, self.kind))

    def places(self, *columns: SignalValues) -> list[int | None]:
        (numbers,) = columns
        return [
            None if number is None or int(number) > here else here - int(number)  # type: ignore[arg-type]
            for here, number in enumerate(numbers)
        ]

    def distances(self, *columns: Int[Tensor, "*batch time"]) -> Int[Tensor, "*batch time"]:
        distance = looked_up(amounts_of(self.inputs[1].domain, self.kind), columns[0])
        here = torch.arange(distance.shape[-1], device=distance.device)
        return distance.masked_fill(distance > here, NOTHING)


@dataclass(frozen=True, kw_only=True, eq=False, repr=False)
class Previous(Fetch):
    """A fixed number of positions back."""

    kind: ClassVar[str] = "previous"

    distance: int

    def meaning(self, *columns: SignalValues) -> SignalValues:
        before: SignalValues = [None] * min(self.distance, len(columns[0]))
        return before + columns[0][: len(columns[0]) - len(before)]

    def places(self, *columns: SignalValues) -> list[int | None]:
        raise AssertionError("a fixed distance needs no columns")

    def distances(self, *columns: Int[Tensor, "*batch time"]) -> Int[Tensor, "*batch time"]:
        here = torch.arange(columns[0].shape[-1], device=columns[0].device)
        return torch.where(here >= self.distance, self.distance, NOTHING).expand(columns[0].shape)

    def parameters(self) -> dict[str, object]:
        return {"distance": self.distance}


@dataclass(frozen=True, kw_only=True, eq=False, repr=False)
class Match(Fetch):
    """The latest or the earliest position up to this one whose keys are this position's queries.

    Inputs: what is fetched, the keys, as many queries, and a condition on the position looked at, if any.

    Args:
        n_keys: how many keys there are.
        last: positions looked at, this one included; None for all.
    """

    earliest: ClassVar[bool]

    n_keys: int
    last: int | None = None

    @property
    def keys(self) -> tuple[Statement, ...]:
        return self.inputs[1 : 1 + self.n_keys]

    @property
    def queries(self) -> tuple[Statement, ...]:
        return self.inputs[1 + self.n_keys : 1 + 2 * self.n_keys]

    @property
    def condition(self) -> Statement | None:
        return self.inputs[-1] if len(self.inputs) == 2 + 2 * self.n_keys else None

    def places(self, *columns: SignalValues) -> list[int | None]:
        time = len(columns[0])
        keys = list(zip(*columns[: self.n_keys], strict=True))
        queries = list(zip(*columns[self.n_keys : 2 * self.n_keys], strict=True))
        condition = columns[-1] if self.condition is not None else [True] * time
        held: dict[tuple[Value | None, ...], list[int]] = {}
        found: list[int | None] = []
        for here in range(time):
            if condition[here] is True and None not in keys[here]:
                held.setdefault(keys[here], []).append(here)
            first = 0 if self.last is None else max(0, here - self.last + 1)
            matches = held.get(queries[here], []) if None not in queries[here] else []
            seen = [place for place in matches if place >= first] if self.earliest else matches[-1:]
            found.append(seen[0] if seen and seen[0] >= first else None)
        return found

    def distances(self, *columns: Int[Tensor, "*batch time"]) -> Int[Tensor, "*batch time"]:
        keys, queries = torch.zeros_like(columns[0]), torch.zeros_like(columns[0])
        no_key, no_query = (torch.zeros_like(columns[0], dtype=torch.bool) for _ in range(2))
        for place, (key, query) in enumerate(zip(self.keys, self.queries, strict=True)):
            known = index_in(tuple(dict.fromkeys((*key.domain, *query.domain))))
            one = looked_up([known[value] for value in key.domain], columns[place])
            other = looked_up([known[value] for value in query.domain], columns[self.n_keys + place])
            keys, queries = keys * len(known) + one.clamp(min=0), queries * len(known) + other.clamp(min=0)
            no_key, no_query = no_key | (one < 0), no_query | (other < 0)
        if self.condition is not None:
            no_key |= ~truth(self.condition, columns[-1])
        return self._searched(keys.masked_fill(no_key, -1), queries).masked_fill(no_query, NOTHING)

    def _searched(self, keys: Tensor, queries: Tensor) -> Tensor:
        """By binary search among pairs of key and position, written as one number."""
        time = keys.shape[-1]
        here = torch.arange(time, device=keys.device).expand(keys.shape).contiguous()
        pairs = (keys * time + here).sort(-1).values
        first = torch.zeros_like(here) if self.last is None else (here - self.last + 1).clamp(min=0)
        sought = queries * time + (first if self.earliest else here + 1)
        place = torch.searchsorted(pairs, sought) - (0 if self.earliest else 1)
        inside = (place >= 0) & (place < time)
        match = pairs.gather(-1, place.clamp(0, time - 1)) - queries * time
        found = inside & (match >= first) & (match <= here)
        return (here - match).masked_fill(~found, NOTHING)

    def parameters(self) -> dict[str, object]:
        return {"n_keys": self.n_keys, "last": self.last}


@dataclass(frozen=True, kw_only=True, eq=False, repr=False)
class Latest(Match):
    kind: ClassVar[str] = "latest"
    earliest: ClassVar[bool] = False


@dataclass(frozen=True, kw_only=True, eq=False, repr=False)
class Earliest(Match):
    kind: ClassVar[str] = "earliest"
    earliest: ClassVar[bool] = True


@dataclass(frozen=True, kw_only=True, eq=False, repr=False)
class Mean(Numeric):
    """The mean of the amounts over the last positions that there are, true being 1 and nothing 0.

    Args:
        last: positions, this one included.
    """

    kind: ClassVar[str] = "mean"

    last: int

    def meaning(self, *columns: SignalValues) -> SignalValues:
        amounts = [0 if value is None else int(value) for value in columns[0]]  # type: ignore[arg-type]
        parts = (amounts[max(0, here - self.last + 1) : here + 1] for here in range(len(amounts)))
        return [Fraction(sum(part), len(part)) for part in parts]

    def evaluate(self, *columns: Int[Tensor, "*batch time"]) -> Int[Tensor, "*batch time"]:
        amounts = looked_up(amounts_of(self.inputs[0].domain, self.kind), columns[0], nothing=0)
        before = amounts.new_zeros(*amounts.shape[:-1], 1)
        total = torch.cat((before, amounts.cumsum(-1)), dim=-1)
        here = torch.arange(amounts.shape[-1], device=amounts.device)
        n = (here + 1).clamp(max=self.last)
        total = total[..., 1:] - total[..., here + 1 - n]
        low, high = mean_ends(self.inputs[0])
        low, high = min(low, 0), max(high, 0)  # fewer positions than `last` sum to less
        index, span = index_in(self.domain), self.last * (high - low) + 1
        table = [
            index.get(Fraction(more + self.last * low, count), NOTHING)
            for count in range(1, self.last + 1)
            for more in range(span)
        ]
        return looked_up(table, (n - 1) * span + total - self.last * low)

    def parameters(self) -> dict[str, object]:
        return {"last": self.last}


def mean_ends(signal: Statement) -> tuple[int, int]:
    """The least and the greatest amount, nothing being 0."""
    amounts = amounts_of(signal.domain, Mean.kind)
    none = (0,) if signal.maybe else ()
    return min((*amounts, *none)), max((*amounts, *none))
