"""The study of mixers: equal parameters, what is trained, and what its judges say to rows made up."""

import functools
from dataclasses import replace

import polars as pl
import pytest
from made_up_rows import made_up_rows

from plait.findings.claims import Outcome
from plait.findings.evidence import Evidence, StoredRows
from plait.memory import count
from plait.model import HybridConfig
from plait.paper.mixers import (
    BEFORE,
    BEHIND,
    MIXERS_FIGURE,
    PURE,
    STUDIED_MIXERS,
    STUDIED_TASKS,
    WITHIN,
    widths,
)


@functools.cache
def without_vocabulary(pattern: str, d_model: int) -> int:
    config = HybridConfig(1, pattern=pattern, d_model=d_model, window=100, init="paper")
    return count(config, 100).parameters - d_model


def parameters(pattern: str, d_model: int, vocab_size: int) -> int:
    return without_vocabulary(pattern, d_model) + vocab_size * d_model


def test_parameters_are_equal() -> None:
    for task, _, vocabulary in STUDIED_TASKS:
        for size, within in enumerate(WITHIN):
            sizes = [
                parameters(pattern, widths(pattern, vocabulary)[size], task.vocab_size)
                for pattern in ("TF-TF", *PURE, *BEFORE)
            ]
            middle = (min(sizes) + max(sizes)) / 2
            assert max(sizes) / middle - 1 <= within, (task.name, size, min(sizes), max(sizes))


def test_each_mixer_alone_and_in_both_orders_at_every_task() -> None:
    cells = [runs[0] for runs in MIXERS_FIGURE.experiment.expand_cells()]
    for task, window, vocabulary in STUDIED_TASKS:
        own = [run for run in cells if run.task == task]
        assert {run.model.window for run in own} == {window}
        assert {run.model.pattern for run in own} == {"TF-TF", *PURE, *BEFORE, *BEHIND}
        assert len(own) == 3 * (1 + 3 * len(STUDIED_MIXERS))
        assert (task.vocab_size > 30) == (vocabulary == "many")


def outcome(mixer: str, accuracies: dict[str, float]) -> Outcome | None:
    """Of the claim on MQAR, where each pattern has these accuracies at every size and seed."""
    patterns = ("TF-TF", f"{mixer}-{mixer}", f"{mixer}-TF")
    part = MIXERS_FIGURE.experiment.where(
        {"task": ("mqar",), "model.pattern": patterns, "train.lr": (1e-3, 1e-2), "train.seed": range(4)}
    )
    rows, _ = made_up_rows(part)
    scored = pl.col("scored")
    value = (
        pl.col("pattern").replace_strict(accuracies, return_dtype=pl.Float64)
        if "pattern" in rows.columns
        else None
    )
    assert value is not None
    rows = rows.with_columns(
        accuracy=value, correct=(value * scored).cast(pl.Int64), select_accuracy=value,
    )  # fmt: skip
    stored = StoredRows(rows=rows)
    claim = next(
        c for c in MIXERS_FIGURE.claims if c.statement.startswith(f"{mixer}-TF ") and "(mqar)" in c.statement
    )
    found = claim.judge(Evidence(experiment=part, cells=stored.cells(part), stored=stored))
    return None if found is None else found.outcome


@pytest.mark.parametrize(
    ("pure", "attention", "wanted"),
    [(0.5, 0.6, Outcome.REPRODUCED), (0.95, 0.6, Outcome.NOT), (0.5, 0.95, Outcome.NOT)],
)
def test_the_claim_needs_both_parts_to_be_below(pure: float, attention: float, wanted: Outcome) -> None:
    assert outcome("GDN", {"TF-TF": attention, "GDN-GDN": pure, "GDN-TF": 0.9}) is wanted


def test_open_without_rows() -> None:
    nothing = replace(
        Evidence(experiment=MIXERS_FIGURE.experiment, cells=(), stored=StoredRows(rows=pl.DataFrame()))
    )
    assert all(claim.judge(nothing) is None for claim in MIXERS_FIGURE.claims)
