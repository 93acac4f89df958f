"""What of a shard is to be trained, and how what was trained is stored: the same whoever trains it."""

from collections.abc import Sequence
from dataclasses import dataclass

import polars as pl

from plait.experiments.evaluations import MeasurableShard, evaluation_rows, wanted_evaluations
from plait.experiments.schema import rows_of
from plait.experiments.shards import Shard
from plait.experiments.store import Store
from plait.training.evaluation import Evaluation


@dataclass(frozen=True, kw_only=True)
class Trained:
    """The rows of a part that was trained, and those of its evaluations, None where there are none."""

    rows: pl.DataFrame
    evaluations: pl.DataFrame | None


def trained(part: Shard, result: MeasurableShard, evaluations: Sequence[Evaluation]) -> Trained:
    """The rows of an ensemble, measured wherever it is asked for while its weights are at hand."""
    elsewhere = evaluation_rows(part, result, evaluations) if evaluations else None
    return Trained(rows=rows_of(part, result), evaluations=elsewhere)


def missing(store: Store, shard: Shard, evaluations: Sequence[Evaluation]) -> tuple[Shard, ...]:
    """The parts of a shard whose members are not stored with every evaluation that is asked for."""
    stored = store.stored()
    if not evaluations:
        return shard.without(stored)
    evaluated = store.evaluated()
    pairs = zip(shard.members, shard.runs, strict=True)
    return shard.without(
        frozenset(
            member
            for member, run in pairs
            if member in stored and wanted_evaluations(run, evaluations) <= evaluated
        )
    )


def keep(store: Store, part: Shard, found: Trained) -> None:
    """Store what was trained; members that are stored already keep their rows.

    Raises:
        StoreError: the disk is full or the folder cannot be written.
    """
    if found.evaluations is not None:
        # Before the shard: a stored member then has its evaluations, wherever a kill comes between.
        store.add_evaluations(found.evaluations)
    new = found.rows.filter(~pl.col("member").is_in(list(store.stored())))
    if len(new):
        store.add(new)
    store.sweep(part)
