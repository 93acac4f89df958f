"""The table of evaluations: one row for each trained member and each place it was measured at besides its own."""

from collections.abc import Sequence
from typing import Any, Protocol

import polars as pl

from plait.experiments.schema import SCHEMA_VERSION, TrainedShard, provenance_of
from plait.experiments.shards import Shard
from plait.training.evaluation import Evaluation, Measured
from plait.training.identity import NUMERICS, canonical_json, hashed, identifying, member_id
from plait.training.run import Run

EVALUATION_COLUMNS: dict[str, pl.DataType] = {
    "member": pl.String(),
    "evaluation": pl.String(),
    "schema_version": pl.Int64(),
    "task": pl.String(),
    "task_json": pl.String(),
    "seq_len": pl.Int64(),
    "sequences": pl.Int64(),
    "accuracy": pl.Float64(),
    "correct": pl.Int64(),
    "scored": pl.Int64(),
    "plait": pl.String(),
    "torch": pl.String(),
    "python": pl.String(),
    "device": pl.String(),
    "engine": pl.String(),
    "threads": pl.Int64(),
    "sequence_accuracy": pl.Float64(),
}
"""`member` is that of the members' table; `task`, `seq_len` and `sequences` are those of the measurement."""


class MeasurableShard(TrainedShard, Protocol):
    """What training returns for an ensemble, its weights still at hand."""

    def evaluate(self, evaluation: Evaluation) -> Sequence[Measured]: ...


def evaluation_id(evaluation: Evaluation) -> str:
    """80 bits of the hash of what decides the sequences of an evaluation (beside a member's seed)."""
    document = evaluation.to_json() | {"task": identifying(evaluation.task)}
    return hashed(canonical_json({"evaluation": document, "numerics": NUMERICS}))


def wanted_evaluations(run: Run, evaluations: Sequence[Evaluation]) -> frozenset[tuple[str, str]]:
    """The pairs (member, evaluation) that an experiment asks of one run."""
    member = member_id(run)
    return frozenset((member, evaluation_id(evaluation.of(run.task))) for evaluation in evaluations)


def evaluation_rows(shard: Shard, result: MeasurableShard, evaluations: Sequence[Evaluation]) -> pl.DataFrame:
    """Every evaluation of every member; the members of `result` come in any order."""
    provenance = provenance_of(result)
    by_pair = {(run.train.lr, run.train.seed): run for run in shard.runs}
    rows: list[dict[str, Any]] = []
    for evaluation in evaluations:
        found = result.evaluate(evaluation)
        for member, measured in zip(result.members, found, strict=True):
            run = by_pair[member.lr, member.seed]
            rows.append(_row(run, evaluation.of(run.task), measured) | provenance)
    return pl.DataFrame(rows, schema=EVALUATION_COLUMNS)


def _row(run: Run, evaluation: Evaluation, measured: Measured) -> dict[str, Any]:
    data = evaluation.to_json()
    return {
        "member": member_id(run),
        "evaluation": evaluation_id(evaluation),
        "schema_version": SCHEMA_VERSION,
        "task": data["task"]["task"],
        "task_json": canonical_json(data["task"]),
        "seq_len": evaluation.seq_len,
        "sequences": evaluation.sequences,
        "accuracy": measured.correct / measured.scored if measured.scored else 0.0,
        **measured._asdict(),
    }
