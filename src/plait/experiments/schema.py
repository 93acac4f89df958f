"""The columns of a stored member: what decided its numbers, what came out, and where from."""

import functools
import json
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any, Protocol

import polars as pl

from plait.checks.own_names import foreign_names, refuse_foreign
from plait.experiments.named_task import named_task
from plait.experiments.shards import Shard
from plait.model import HybridConfig
from plait.tasks import task_from_json
from plait.training.identity import (
    NUMERICS,
    canonical_json,
    code_json,
    foreign_tasks,
    hashed,
    identifying,
    member_id,
    stored_own_names,
)
from plait.training.run import Evaluation, Measured, Run, Train
from plait.training.start import Start

SCHEMA_VERSION = 5
"""Raised when a column is added, removed or changes its meaning; files from version 4 on carry a checksum."""

OLDEST_VERSION = 2
"""Files from here on are read; columns that they could not have are null."""

SINCE: Mapping[str, int] = {
    **dict.fromkeys(("code_json", "engine", "threads", "eight_accuracy", "sequence_accuracy"), 3),
    "products": 5,
}
"""The version that brought a column, where it is not `OLDEST_VERSION`; for members and evaluations."""

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
    "code_json": pl.String(),
    "engine": pl.String(),
    "threads": pl.Int64(),
    "eight_accuracy": pl.Float64(),
    "sequence_accuracy": pl.Float64(),
    "products": pl.String(),
}
"""`window` is `20`, `full`, or one a layer as in `20-full`; `start_json` is null for a member that began at
random weights; `diverged_at` is null for a member whose loss
stayed finite, else the step at which it was frozen, and its accuracy is that of the frozen weights.

`accuracy` pools all tokens; `sequence_accuracy` is the mean over test sequences of each one's share of right
tokens, one without a target counting as 1, and `eight_accuracy` the same over the first eight. `code_json` holds
digests of the user's own code. `engine` says what computed the numbers, `threads` with how many threads where that
matters."""

PROVENANCE = ("plait", "torch", "python", "device", "engine", "threads")
"""Columns that say where a row came from; on one device and engine they decide none of its numbers."""

TRAIN_COLUMNS = (
    "lr", "seed", "steps", "batch", "seq_len", "warmup", "weight_decay", "clip", "dtype", "test_sequences",
    "select_sequences", "products",
)  # fmt: skip
_OUTCOME = (
    "parameters", "accuracy", "correct", "scored", "select_accuracy", "select_correct", "select_scored",
    "diverged_at", "eight_accuracy", "sequence_accuracy",
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
    def engine(self) -> str: ...
    @property
    def threads(self) -> int | None: ...
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
    versions = {name: result.versions[name] for name in ("plait", "torch", "python")}
    return versions | {"device": result.device, "engine": result.engine, "threads": result.threads}


def _row(run: Run, member: TrainedMember) -> dict[str, Any]:
    data = run.to_json()
    code = code_json(run)
    return {
        "member": member_id(run),
        "schema_version": SCHEMA_VERSION,
        "numerics": NUMERICS,
        "task": data["task"]["task"],
        "task_json": canonical_json(data["task"]),
        "config_json": canonical_json(data["model"]),
        "start_json": canonical_json(data["start"]) if "start" in data else None,
        "code_json": None if code == "null" else code,
        "pattern": run.model.pattern,
        "d_model": run.model.d_model,
        "window": window_text(run.model.window),
        **{name: data["train"][name] for name in TRAIN_COLUMNS},
        **{name: getattr(member, name) for name in _OUTCOME},
        **{name: list(getattr(member, name)) for name in ("loss_steps", "losses")},
    }


def run_of(row: Mapping[str, Any], *, trust_code: bool = False) -> Run:
    """The run behind a stored row.

    Args:
        trust_code: whether a row may name tasks, layers and start weights of other packages: its task is imported.

    Raises:
        ValueError: code that is not trusted, a task that is not there any more, or what `Run` refuses.
    """
    parts = _parts(row["task_json"], row["config_json"], row["start_json"], trust_code)
    return replace(parts, train=_train_of(row))


def named_run(row: Mapping[str, Any]) -> Run:
    """The run behind a stored row as it is told: a task of other packages by its name and parameters alone.

    Nothing of theirs is imported, so such a run can be named and compared, not trained.

    Raises:
        ValueError: a task that is not there any more, or what `Run` refuses.
    """
    task, model = json.loads(row["task_json"]), json.loads(row["config_json"])
    start = None if row["start_json"] is None else json.loads(row["start_json"])
    if not foreign_names(stored_own_names(task, model, start)):
        return run_of(row)
    config = HybridConfig.from_json(model)
    return Run(
        task=named_task(task, config.vocab_size) if foreign_tasks(task) else task_from_json(task),
        model=config,
        train=_train_of(row),
        start=None if start is None else Start.from_json(start),
    )


def _train_of(row: Mapping[str, Any]) -> Train:
    given = {name: row[name] for name in TRAIN_COLUMNS if name not in SINCE or row.get(name) is not None}
    return Train.from_json(given)


@functools.lru_cache(maxsize=4096)  # cells of a folder; each has many rows
def _parts(task: str, model: str, start: str | None, trust_code: bool) -> Run:
    """Members of one cell share all but `train`; what was written is read once."""
    given = {"task": json.loads(task), "model": json.loads(model)}
    given |= {} if start is None else {"start": json.loads(start)}
    refuse_foreign(stored_own_names(given["task"], given["model"], given.get("start")), trust_code=trust_code)
    return Run.from_json(given)


def window_text(window: int | Sequence[int | None] | None) -> str:
    """Windows as rows have them: `20`, `full`, or `20-full`, one a layer."""
    each = [window] if window is None or isinstance(window, int) else list(window)
    return "-".join("full" if size is None else str(size) for size in each)


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
            rows.append(_evaluation_row(run, evaluation.of(run.task), measured) | provenance)
    return pl.DataFrame(rows, schema=EVALUATION_COLUMNS)


def _evaluation_row(run: Run, evaluation: Evaluation, measured: Measured) -> dict[str, Any]:
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
