"""The columns of a stored member: what decided its numbers, what came out, and where from."""

import json
from collections.abc import Mapping, Sequence
from typing import Any, Protocol

import polars as pl

from plait.experiments.identity import NUMERICS, canonical_json, member_id
from plait.experiments.shards import Shard
from plait.training.run import Run

SCHEMA_VERSION = 2
"""Raised when a column is added, removed or changes its meaning."""

COLUMNS: dict[str, pl.DataType] = {
    "member": pl.String(),
    "schema_version": pl.Int64(),
    "numerics": pl.Int64(),
    "task": pl.String(),
    "task_json": pl.String(),
    "config_json": pl.String(),
    "start_json": pl.String(),
    "pattern": pl.String(),
    "d_model": pl.Int64(),
    "parameters": pl.Int64(),
    "window": pl.String(),
    "lr": pl.Float64(),
    "seed": pl.Int64(),
    "steps": pl.Int64(),
    "batch": pl.Int64(),
    "seq_len": pl.Int64(),
    "warmup": pl.Int64(),
    "weight_decay": pl.Float64(),
    "clip": pl.Float64(),
    "dtype": pl.String(),
    "test_sequences": pl.Int64(),
    "select_sequences": pl.Int64(),
    "accuracy": pl.Float64(),
    "correct": pl.Int64(),
    "scored": pl.Int64(),
    "select_accuracy": pl.Float64(),
    "select_correct": pl.Int64(),
    "select_scored": pl.Int64(),
    "diverged_at": pl.Int64(),
    "loss_steps": pl.List(pl.Int64()),
    "losses": pl.List(pl.Float64()),
    "plait": pl.String(),
    "torch": pl.String(),
    "python": pl.String(),
    "device": pl.String(),
}
"""`window` is `20`, `full`, or one a layer as in `20-full`; `start_json` is null for a member that began at
random weights; `diverged_at` is null for a member whose loss
stayed finite, else the step at which it was frozen, and its accuracy is that of the frozen weights."""

PROVENANCE = ("plait", "torch", "python", "device")
"""Columns that say where a row came from and decide none of its numbers on one device."""

_TRAIN = (
    "lr", "seed", "steps", "batch", "seq_len", "warmup", "weight_decay", "clip", "dtype", "test_sequences",
    "select_sequences",
)  # fmt: skip
_OUTCOME = (
    "parameters", "accuracy", "correct", "scored", "select_accuracy", "select_correct", "select_scored",
    "diverged_at",
)  # fmt: skip


class TrainedMember(Protocol):
    """What training returns for one member."""

    @property
    def lr(self) -> float: ...
    @property
    def seed(self) -> int: ...


class TrainedShard(Protocol):
    """What training returns for an ensemble."""

    @property
    def members(self) -> Sequence[TrainedMember]: ...
    @property
    def device(self) -> str: ...
    @property
    def versions(self) -> Mapping[str, str]: ...


def rows_of(shard: Shard, result: TrainedShard) -> pl.DataFrame:
    """One row a member, in the shard's order.

    Raises:
        ValueError: training returned other members than it was asked for.
    """
    trained = {(member.lr, member.seed): member for member in result.members}
    asked = {(run.train.lr, run.train.seed) for run in shard.runs}
    if set(trained) != asked or len(result.members) != len(asked):
        raise ValueError(
            f"training was asked for {len(asked)} members and returned {len(result.members)} others"
        )
    provenance = provenance_of(result)
    rows = [_row(run, trained[run.train.lr, run.train.seed]) | provenance for run in shard.runs]
    return pl.DataFrame(rows, schema=COLUMNS)


def provenance_of(result: TrainedShard) -> dict[str, str]:
    """The columns `PROVENANCE`."""
    return {name: result.versions[name] for name in ("plait", "torch", "python")} | {"device": result.device}


def _row(run: Run, member: TrainedMember) -> dict[str, Any]:
    data = run.to_json()
    return {
        "member": member_id(run),
        "schema_version": SCHEMA_VERSION,
        "numerics": NUMERICS,
        "task": data["task"]["task"],
        "task_json": canonical_json(data["task"]),
        "config_json": canonical_json(data["model"]),
        "start_json": canonical_json(data["start"]) if "start" in data else None,
        "pattern": run.model.pattern,
        "d_model": run.model.d_model,
        "window": window_text(run.model.window),
        **{name: data["train"][name] for name in _TRAIN},
        **{name: getattr(member, name) for name in _OUTCOME},
        **{name: list(getattr(member, name)) for name in ("loss_steps", "losses")},
    }


def run_of(row: dict[str, Any]) -> Run:
    """The run behind a stored row."""
    parts = {"task": "task_json", "model": "config_json", "start": "start_json"}
    given = {part: json.loads(row[column]) for part, column in parts.items() if row[column] is not None}
    return Run.from_json(given | {"train": {name: row[name] for name in _TRAIN}})


def window_text(window: int | Sequence[int | None] | None) -> str:
    each = [window] if window is None or isinstance(window, int) else list(window)
    return "-".join("full" if size is None else str(size) for size in each)
