"""Shards: what one ensemble trains in one go, and what is stored as one file.

A shard is a rectangle, learning rates x seeds, of one cell. Cells are cut into shards before anything is
known of what is stored, so that an interrupted sweep is cut the same way again and finds its checkpoints. Who looks on
while an experiment is trained is told of each.
"""

import itertools
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Protocol, TypeVar

import polars as pl

from plait.training.engines import engine_for
from plait.training.identity import canonical_json, identifying, member_id, parts_json, shard_id
from plait.training.run import Run

MAX_MEMBERS = 32
"""Members of one ensemble on a CPU, unless the caller says otherwise."""

MAX_MEMBERS_ON_GPU = 288
"""The same on a GPU, which only many members fill: 9 learning rates with 32 seeds."""

WIDEST_IN_FULL = 96
"""Of models wider than this fewer go together, so that an ensemble's memory stays bounded."""

_Value = TypeVar("_Value")


@dataclass(frozen=True, kw_only=True)
class Shard:
    """`runs` differ in `train.lr` and `train.seed` alone, and hold every pair of the two."""

    runs: tuple[Run, ...]

    @cached_property
    def members(self) -> tuple[str, ...]:
        return tuple(member_id(run) for run in self.runs)

    @cached_property
    def id(self) -> str:
        return shard_id(self.members)

    @property
    def lrs(self) -> tuple[float, ...]:
        return tuple(dict.fromkeys(run.train.lr for run in self.runs))

    @property
    def seeds(self) -> tuple[int, ...]:
        return tuple(dict.fromkeys(run.train.seed for run in self.runs))

    @property
    def steps(self) -> int:
        """Model-steps: those of one member, times the members."""
        return self.runs[0].train.steps * len(self.runs)

    @property
    def labour(self) -> int:
        """What tells longer shards from shorter ones before any is measured: tokens times width and layers."""
        train, model = self.runs[0].train, self.runs[0].model
        return self.steps * train.batch * train.seq_len * model.d_model * len(model.layers)

    def without(self, stored: Collection[str]) -> tuple["Shard", ...]:
        """What is left to train: this shard, nothing, or the rectangles of what is missing."""
        left = tuple(run for run, member in zip(self.runs, self.members, strict=True) if member not in stored)
        return (self,) if left == self.runs else tuple(_rectangles(left))


def cell_key(run: Run) -> str:
    """Equal for the members of one cell: the run without its learning rate and seed."""
    train = {name: value for name, value in vars(run.train).items() if name not in ("lr", "seed")}
    return f"{parts_json(run)}{canonical_json(train)}"


def told_key(run: Run) -> str:
    """The same for runs that are only told: what of a user's own is in it stands by its name, its code is not read."""
    parts = [
        canonical_json(identifying(part)) for part in (run.task, run.model, run.start) if part is not None
    ]
    train = {name: value for name, value in vars(run.train).items() if name not in ("lr", "seed")}
    return "".join((*parts, canonical_json(train)))


def cells_of(runs: Iterable[Run]) -> tuple[tuple[Run, ...], ...]:
    """The runs by cell, in order of first appearance."""
    cells: dict[str, list[Run]] = {}
    for run in runs:
        cells.setdefault(cell_key(run), []).append(run)
    return tuple(tuple(cell) for cell in cells.values())


def plan_shards(runs: Iterable[Run], *, max_members: int = MAX_MEMBERS) -> tuple[Shard, ...]:
    """The shards of an experiment's runs, of at most `max_members` members and about equal size in a cell.

    Models of twice the width `WIDEST_IN_FULL` go by half as many, and so on; those of the wide engine each alone.

    Raises:
        ValueError: `max_members` below 1.
    """
    if max_members < 1:
        raise ValueError(f"a shard needs at least one member, got max_members={max_members}")
    shards: list[Shard] = []
    for cell in cells_of(runs):
        most = min(max_members, max(1, max_members * WIDEST_IN_FULL // cell[0].model.d_model))
        most = 1 if engine_for(cell[0]) == "wide" else most
        for rectangle in _rectangles(cell):
            for rates in _even_chunks(rectangle.lrs, most):
                for seeds in _even_chunks(rectangle.seeds, most // len(rates)):
                    shards.append(_cut(rectangle, rates, seeds))
    return tuple(shards)


def _rectangles(runs: Sequence[Run]) -> Iterable[Shard]:
    """Seeds that want the same learning rates go together."""
    rates: dict[int, list[float]] = {}
    for run in runs:
        rates.setdefault(run.train.seed, []).append(run.train.lr)
    groups: dict[tuple[float, ...], list[int]] = {}
    for seed, lrs in rates.items():
        groups.setdefault(tuple(lrs), []).append(seed)
    whole = Shard(runs=tuple(runs))
    return [_cut(whole, lrs, seeds) for lrs, seeds in groups.items()]


def _cut(shard: Shard, lrs: Sequence[float], seeds: Sequence[int]) -> Shard:
    by_pair = {(run.train.lr, run.train.seed): run for run in shard.runs}
    return Shard(runs=tuple(by_pair[pair] for pair in itertools.product(lrs, seeds)))


def _even_chunks(values: Sequence[_Value], most: int) -> list[Sequence[_Value]]:
    n_chunks = -(-len(values) // most)
    edges = [round(i * len(values) / n_chunks) for i in range(n_chunks + 1)]
    return [values[a:b] for a, b in itertools.pairwise(edges)]


class Onlooker(Protocol):
    """Is told how an experiment goes on."""

    def planned(self, shards: Sequence[Shard]) -> None:
        """These shards make the experiment."""

    def noted(self, line: str) -> None:
        """Something that the user should know before it is trained."""

    def began(self, shard: Shard, part: Shard) -> None:
        """A planned shard is being trained, or the part of it that is not stored yet."""

    def advanced(self, steps: int, losses: Sequence[float]) -> None:
        """So many model-steps of that part are made, in all its members together."""

    def finished(self, shard: Shard, rows: pl.DataFrame | None) -> None:
        """A planned shard is stored; `rows` are those trained now, None if it was stored before."""

    def waiting(self, shards: int) -> None:
        """What is left, so many shards, is in the hands of other processes."""


class Unwatched:
    """Says nothing."""

    def planned(self, shards: Sequence[Shard]) -> None: ...
    def noted(self, line: str) -> None: ...
    def began(self, shard: Shard, part: Shard) -> None: ...
    def advanced(self, steps: int, losses: Sequence[float]) -> None: ...
    def finished(self, shard: Shard, rows: pl.DataFrame | None) -> None: ...
    def waiting(self, shards: int) -> None: ...
