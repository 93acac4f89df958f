"""What the study of mixers says in words, from made-up rows: partial ones, all tasks, every kind of answer."""

import polars as pl
import pytest
from made_up_rows import made_up_rows

from plait.findings.evidence import Evidence, StoredRows
from plait.paper.mixers import MIXERS_FIGURE, STUDIED_MIXERS, STUDIED_TASKS, widths
from plait.report.document import Lines, Table
from plait.report.mixers_answer import CONCLUSION, NEED, mixers_answer

SEEDS = range(4)


def evidence(wanted: dict[tuple[str, str], float]) -> Evidence:
    """Of the middle size, by task and pattern the accuracy of every seed, a little apart from seed to seed."""
    vocabularies = {task.name: vocabulary for task, _, vocabulary in STUDIED_TASKS}
    parts = [
        {
            "task": (task,), "model.pattern": (pattern,), "train.lr": (1e-2,), "train.seed": SEEDS,
            "model.d_model": (widths(pattern, vocabularies[task])[1],),
        }
        for task, pattern in wanted
    ]  # fmt: skip
    experiment = MIXERS_FIGURE.experiment.where(*parts)
    rows, _ = made_up_rows(experiment)
    values = [(*key, value) for key, value in wanted.items()]
    table = pl.DataFrame(values, orient="row", schema=["task", "pattern", "value"])
    rows = rows.join(table, on=["task", "pattern"]).with_columns(
        value=pl.col("value") + pl.col("seed") * 2e-3
    )
    rows = rows.with_columns(accuracy=pl.col("value"), select_accuracy=pl.col("value")).drop("value")
    stored = StoredRows(rows=rows)
    return Evidence(experiment=experiment, cells=stored.cells(experiment), stored=stored)


def told(wanted: dict[tuple[str, str], float]) -> tuple[list[str], list[Table]]:
    blocks = mixers_answer(evidence(wanted))
    lines = [line for block in blocks if isinstance(block, Lines) for line in block.lines]
    return lines, [block for block in blocks if isinstance(block, Table)]


def three(task: str, mixer: str, alone: float, before: float) -> dict[tuple[str, str], float]:
    return {(task, f"{mixer}-{mixer}"): alone, (task, f"{mixer}-TF"): before}


def test_partial_rows_are_said_to_be_partial():
    (first, second, together, third), (by_task, recall) = told(
        {("mqar", "TF-TF"): 0.2}
        | three("mqar", "GDN", 0.3, 0.95) | three("mqar", "DeltaNet", 0.5, 0.4)
        | {("selective-copying", "TF-TF"): 0.9} | three("selective-copying", "SSM", 0.9, 0.8)
    )  # fmt: skip
    assert first == (
        f"{CONCLUSION} On MQAR for GDN, of the 2 of 11 that are trained; on multi-key recall it is open; on selective "
        "copying for none, of the 1 of 11 that is trained; on recall with decoding it is open."
    )
    assert second == (
        f"{NEED} On MQAR it does: at 6,200 parameters the best alone is DeltaNet with 0.503 [0.500, 0.506], before "
        "attention GDN with 0.953 [0.950, 0.956], and of GDN and DeltaNet attention adds to GDN."
    )
    stays = "1 stays (GDN on MQAR)"
    assert together == (
        f"Each of these 3 verdicts is at 95% by itself, 1 of them yes. Judged together, {stays}, where the chance that "
        "any yes is false is held below 5% (Holm) as where the expected share of false ones is (Benjamini and "
        "Hochberg)."
    )
    assert third.startswith(
        "Of the study's 8 models 8 are trained, at 1 of its 9 rates. TF-TF of width 18 on MQAR at 0.01, "
    )
    assert third.endswith(
        "are ends of what was tried, so that a rate beyond may be better, and change what is said of them."
    )
    assert {row[0].text: [entry.text for entry in row[1:]] for row in by_task.rows} == {
        mixer: ["open"] * 4 for mixer in STUDIED_MIXERS
    } | {
        "SSM": ["open", "open", "no (at 6,200)", "open"],
        "GDN": ["yes (at 6,200)", "open", "open", "open"],
        "DeltaNet": ["no (at 6,200)", "open", "open", "open"],
    }
    assert [row[1].text for row in recall.rows] == ["GDN", "DeltaNet"]
    assert recall.rows[0][3].text == f"{32 * 2 * 18 * 36:,}"
    assert recall.rows[0][6].text.startswith("+0.650 [+0.6")


@pytest.mark.parametrize(
    ("alone", "before", "said"),
    [
        (0.95, 0.99, "it does not:"),
        (0.5, 0.95, "it does:"),
        (0.3, 0.6, "it has too little either way"),
        (0.899, 0.99, "it does not, by the mean alone:"),
        (0.5, 0.899, "it does, by the mean alone:"),
    ],
)
def test_whether_a_delta_rule_needs_attention(alone: float, before: float, said: str):
    (_, second, _), _ = told(three("multi-key-recall", "KDA", alone, before))
    assert f"On multi-key recall {said}" in second


def test_every_mixer_and_nothing():
    every = {("decoding-recall", "TF-TF"): 0.5}
    for mixer in STUDIED_MIXERS:
        every |= three("decoding-recall", mixer, 0.4, 0.6)
    (first, _, together, third), _ = told(every)
    assert "11 of them yes. Judged together, 11 stay (SSM on recall with decoding, " in together
    assert " and 15 more are ends of what was tried" in third
    assert (
        f"on recall with decoding for {', '.join(STUDIED_MIXERS[:-1])} and {STUDIED_MIXERS[-1]}, of 11."
        in first
    )
    nothing = Evidence(experiment=MIXERS_FIGURE.experiment, cells=(), stored=StoredRows(rows=pl.DataFrame()))
    assert mixers_answer(nothing) == ()
