"""Models counted alike: every length, what fits, where one crosses full attention, what it can recall at most."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from plait.advisor.capacities import Capacity, capacity
from plait.checks import check_integer
from plait.memory import (
    Architecture,
    Cost,
    Crossing,
    MemoryReport,
    Storage,
    architecture_of,
    cost,
    crossing,
    with_full_attention,
)
from plait.memory.formats import OWN
from plait.model import HybridConfig

LONGEST_COUNTED = 1 << 40
"""Tokens beyond which no length is looked for."""


class AnyLength:
    """In the place of a greatest length: what is held stops growing before it fills the memory."""


ANY_LENGTH = AnyLength()


def sequences_in(report: MemoryReport, budget: int) -> int | None:
    """Sequences of the report's length that fit beside the weights; None where the weights' bytes are not known.

    Activations and what a framework itself takes are not counted.

    Raises:
        ValueError: a budget below 1 byte.
    """
    check_integer("budget", budget, least=1)
    if report.weight_bytes is None:
        return None
    return max(budget - report.weight_bytes, 0) // max(report.state_bytes, 1)


def longest_in(
    model: Architecture,
    budget: int,
    *,
    batch: int = 1,
    dtype: object = None,
    phase: str = "decode",
    storage: Storage = OWN,
) -> int | AnyLength | None:
    """The greatest length (tokens) at which `batch` sequences fit beside the weights, `LONGEST_COUNTED` at most.

    `ANY_LENGTH` where they fit at `LONGEST_COUNTED` and hold no more at twice as many tokens, 0 where not one token
    fits, None where the weights' bytes are not known. What is held may shrink a little where a compressed cache closes
    a pool: the length found is then one that fits, and the next does not.

    Raises:
        ValueError: a budget below 1 byte; as `Architecture.memory`.
    """
    check_integer("budget", budget, least=1)
    if model.memory(1, dtype=dtype, storage=storage).weight_bytes is None:
        return None

    def total(length: int) -> int | None:
        return model.memory(length, batch=batch, dtype=dtype, phase=phase, storage=storage).total_bytes

    def fits(length: int) -> bool:
        held = total(length)
        return held is not None and held <= budget

    if fits(LONGEST_COUNTED):
        return ANY_LENGTH if total(2 * LONGEST_COUNTED) == total(LONGEST_COUNTED) else LONGEST_COUNTED
    low, high = 0, 1
    while fits(high):
        low, high = high, 2 * high
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (middle, high) if fits(middle) else (low, middle)
    return low


@dataclass(frozen=True, kw_only=True)
class SizingRequest:
    """What models are counted at.

    Args:
        lengths: tokens that every sequence has read.
        batch: sequences at once.
        dtype: of the models; None = each one's own.
        budget: bytes for which to say what fits; None = for none.
        cost: count operations too.
    """

    lengths: tuple[int, ...]
    batch: int = 1
    dtype: str | None = None
    phase: str = "decode"
    storage: Storage = OWN
    budget: int | None = None
    cost: bool = False


@dataclass(frozen=True, kw_only=True)
class Fit:
    """What fits into a budget.

    Args:
        budget: bytes.
        sequences: of each length that was asked for; None where the weights' bytes are not known.
        longest: tokens that each sequence of the batch can have; None where they are not known.
            `LONGEST_COUNTED` stands for itself and more.
    """

    budget: int
    sequences: tuple[int | None, ...]
    longest: int | AnyLength | None


@dataclass(frozen=True, kw_only=True)
class Sized:
    """One model with its figures.

    Args:
        name: of its row.
        crossing: None for a model with a layer of its author, whose growth nobody knows.
        capacity: likewise.
        unknown: why these are None.
        fit: None where no budget was given.
    """

    name: str
    model: Architecture
    reports: tuple[MemoryReport, ...]
    crossing: Crossing | None
    capacity: Capacity | None
    unknown: str
    fit: Fit | None
    costs: tuple[Cost, ...]

    def to_json(self) -> dict[str, Any]:
        """Every figure, as plain JSON."""
        lengths = [report.to_json() for report in self.reports]
        for entry, made in zip(lengths, self.costs, strict=False):
            entry["cost"] = made.to_json()
        found: dict[str, Any] = {
            "model": self.name,
            "verified": self.model.verified,
            "crossing": None if self.crossing is None else self.crossing.to_json(),
            "capacity": None if self.capacity is None else self.capacity.to_json(),
        }
        if self.unknown:
            found["limits_unknown"] = self.unknown
        if self.fit is not None:
            for entry, sequences in zip(lengths, self.fit.sequences, strict=True):
                entry["sequences_that_fit"] = sequences
            longest = self.fit.longest
            found |= {
                "budget": self.fit.budget,
                "any_length_fits": None if longest is None else isinstance(longest, AnyLength),
                "longest_that_fits": None if isinstance(longest, AnyLength) else longest,
            }
        return {**found, "lengths": lengths}


def size_models(
    models: Sequence[tuple[str, HybridConfig | Architecture]], asked: SizingRequest
) -> list[Sized]:
    """Each model under its title, and with what it is called by where several have the same.

    Args:
        models: what each is called by, such as its file, and the model.

    Raises:
        ValueError: the same model twice; as `Architecture.memory`, with the model's name where there are several.
    """
    found = [
        (called, model if isinstance(model, Architecture) else architecture_of(model))
        for called, model in models
    ]
    titles = [model.title for _, model in found]
    names = [m.title if titles.count(m.title) == 1 else f"{m.title} ({called})" for called, m in found]
    if len(set(names)) < len(names):
        raise ValueError("the same config is given twice")
    sized: list[Sized] = []
    for name, (_, model) in zip(names, found, strict=True):
        try:
            sized.append(_sized(name, model, asked))
        except ValueError as error:
            raise ValueError(f"{name}: {error}" if len(names) > 1 else str(error)) from error
    return sized


def _sized(name: str, model: Architecture, asked: SizingRequest) -> Sized:
    reports = [
        model.memory(n, batch=asked.batch, dtype=asked.dtype, phase=asked.phase, storage=asked.storage)
        for n in asked.lengths
    ]
    costs = [
        cost(model, r.seq_len, batch=r.batch, dtype=r.dtype, phase=r.phase)
        for r in (reports if asked.cost else ())
    ]
    crosses, holds, unknown = None, None, ""
    try:
        crosses = crossing(model, dtype=asked.dtype, storage=asked.storage)
        holds = capacity(model, dtype=asked.dtype, storage=asked.storage)
    except ValueError as error:
        unknown = str(error)
    return Sized(
        name=name,
        model=model,
        reports=tuple(reports),
        crossing=crosses,
        capacity=holds,
        unknown=unknown,
        fit=None if asked.budget is None else _fit(model, asked, asked.budget),
        costs=tuple(costs),
    )


def _fit(model: Architecture, asked: SizingRequest, budget: int) -> Fit:
    how: dict[str, Any] = {"dtype": asked.dtype, "phase": asked.phase, "storage": asked.storage}
    return Fit(
        budget=budget,
        sequences=tuple(sequences_in(model.memory(n, **how), budget) for n in asked.lengths),
        longest=longest_in(model, budget, batch=asked.batch, **how),
    )


SHORTEST, _USUAL = 1 << 8, 1 << 17
"""Tokens at which a curve begins, and at which it ends where no longer length was asked for."""


@dataclass(frozen=True, kw_only=True)
class Curve:
    """Bytes held at each length.

    Args:
        compared: the same model with full attention in every layer.
        points: (tokens, bytes).
    """

    name: str
    points: tuple[tuple[int, int], ...]
    compared: bool = False


def curves(sized: Sequence[Sized], asked: SizingRequest) -> list[Curve]:
    """A curve for each model; one model alone beside itself with full attention, where that is known.

    Raises:
        ValueError: as `Architecture.memory`.
    """
    found = [_curve(one.name, one.model, asked) for one in sized]
    if len(sized) > 1:
        return found
    try:
        full = with_full_attention(sized[0].model)
    except ValueError:
        return found
    return [*found, replace(_curve("full attention", full, asked), compared=True)]


def _curve(name: str, model: Architecture, asked: SizingRequest) -> Curve:
    how: dict[str, Any] = {"batch": asked.batch, "dtype": asked.dtype, "storage": asked.storage}
    points = ((n, model.memory(n, **how).batch_bytes) for n in _lengths(max(asked.lengths)))
    return Curve(name=name, points=tuple(points))


def _lengths(until: int) -> Sequence[int]:
    last = max(until, _USUAL)
    powers = range(SHORTEST.bit_length() - 1, (last - 1).bit_length())
    return (*(1 << power for power in powers), last)
