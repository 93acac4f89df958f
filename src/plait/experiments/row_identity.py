"""Whether the identities in stored rows are the hashes of what stands beside them. Nothing of others' code is run."""

import functools
import json
from typing import Any, NamedTuple

import polars as pl

from plait.checks import neutral_fields
from plait.experiments.schema import TRAIN_COLUMNS
from plait.model import HybridConfig
from plait.tasks import task_from_json, task_to_json
from plait.training.identity import NUMERICS, canonical_json, foreign_tasks, hashed
from plait.training.run import Train
from plait.training.start import Start

_LR, _SEED = "lr of a row", "seed of a row"
_UNREADABLE = (ValueError, TypeError, AttributeError, KeyError)


def wrong_identities(rows: pl.DataFrame) -> int:
    """How many rows of members, or kinds of evaluations, have an identity that is not theirs.

    Those whose task is of another package are passed over where they do not agree: which of its fields were added
    later is known to its class alone.
    """
    return _wrong_evaluations(rows) if "evaluation" in rows else _wrong_members(rows)


def _wrong_members(rows: pl.DataFrame) -> int:
    """Members of one cell differ in learning rate and seed alone, so the rest of their text is made once."""
    if "code_json" not in rows:
        rows = rows.with_columns(pl.lit(None, dtype=pl.String()).alias("code_json"))
    rest = [name for name in TRAIN_COLUMNS if name not in ("lr", "seed") and name in rows.columns]
    cell = ["numerics", "task_json", "config_json", "start_json", "code_json", *rest]
    cells = rows.select(cell).unique(maintain_order=True).with_row_index("cell")
    made = [_text_of(row, rest) for row in cells.drop("cell").iter_rows(named=True)]
    placed = rows.join(cells, on=cell, how="left", nulls_equal=True).select("member", "cell", "lr", "seed")
    rates = {lr: canonical_json(lr) for lr in rows["lr"].unique() if lr is not None}
    wrong = 0
    for member, index, lr, seed in placed.iter_rows():
        text = made[index]
        if text is None or lr not in rates:
            wrong += 1
        elif not text.foreign:
            wrong += hashed(f"{text.before}{rates[lr]}{text.between}{seed}{text.after}") != member
    return wrong


def _wrong_evaluations(rows: pl.DataFrame) -> int:
    wrong = 0
    kinds = rows.select("evaluation", "task_json", "seq_len", "sequences").unique()
    for name, task, seq_len, sequences in kinds.iter_rows():
        try:
            document, foreign = _task(task)
            asked = {"task": document, "seq_len": seq_len, "sequences": sequences}
            text = canonical_json({"evaluation": asked, "numerics": NUMERICS})
        except _UNREADABLE:
            wrong += 1
            continue
        wrong += hashed(text) != name and not foreign
    return wrong


class _Text(NamedTuple):
    """What is hashed, around learning rate and seed; whether the task is of another package."""

    before: str
    between: str
    after: str
    foreign: bool


def _text_of(row: dict[str, Any], rest: list[str]) -> _Text | None:
    """None for what cannot be a run."""
    try:
        document, foreign = _task(row["task_json"])
        start = row["start_json"]
        parts = {
            "code": row["code_json"],
            "model": canonical_json(_identifying(HybridConfig, json.loads(row["config_json"]))),
            "start": None if start is None else canonical_json(_identifying(Start, json.loads(start))),
            "task": canonical_json(document),
        }
        given = ",".join(f'"{name}":{text}' for name, text in parts.items() if text is not None)
        train = _identifying(Train, {name: row[name] for name in rest}) | {"lr": _LR, "seed": _SEED}
        text = f'{{"numerics":{row["numerics"]},"run":{{{given},"train":{canonical_json(train)}}}}}'
    except _UNREADABLE:
        return None
    before, _, more = text.rpartition(f'"{_LR}"')
    between, _, after = more.rpartition(f'"{_SEED}"')
    return _Text(before, between, after, foreign)


@functools.lru_cache(maxsize=4096)  # tasks of a folder; many rows have the same
def _task(text: str) -> tuple[dict[str, Any], bool]:
    """A task's document as identities have it, and whether it or a task within it is of another package."""
    document: dict[str, Any] = json.loads(text)
    if foreign_tasks(document):
        return document, True
    return task_to_json(task_from_json(document), neutral=False), False


def _identifying(kind: Any, document: dict[str, Any]) -> dict[str, Any]:
    """Without the added fields that hold what members had before; a document may lack later fields."""
    neutral = neutral_fields(kind.from_json(document))
    return {name: value for name, value in document.items() if name not in neutral}
