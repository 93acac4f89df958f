"""What the study of mixers says in words, from made-up rows: partial ones, all tasks, every kind of answer."""

import polars as pl
import pytest
from made_up_rows import made_up_rows

from plait.findings.evidence import Evidence, StoredRows
from plait.paper.mixer_claims import above_by_size
from plait.paper.mixers import MIXERS_FIGURE, STUDIED_MIXERS, STUDIED_TASKS, widths
from plait.report.delta_rules import NEED
from plait.report.document import Lines, Table
from plait.report.mixers_answer import CONCLUSION, mixers_answer
from plait.tasks import MQAR

SEEDS = range(4)


Values = float | tuple[float, ...]
"""At the middle size, or one by size."""


def evidence(wanted: dict[tuple[str, str], Values]) -> Evidence:
    """By task and pattern the accuracy of every seed, a little apart from seed to seed."""
    vocabularies = {task.name: vocabulary for task, _, vocabulary in STUDIED_TASKS}
    values = [
        (task, pattern, widths(pattern, vocabularies[task])[size], value)
        for (task, pattern), given in wanted.items()
        for size, value in (enumerate(given) if isinstance(given, tuple) else [(1, given)])
    ]
    parts = [
        {
            "task": (task,), "model.pattern": (pattern,), "train.lr": (1e-2,), "train.seed": SEEDS,
            "model.d_model": (width,),
        }
        for task, pattern, width, _ in values
    ]  # fmt: skip
    experiment = MIXERS_FIGURE.experiment.where(*parts)
    rows, _ = made_up_rows(experiment)
    table = pl.DataFrame(values, orient="row", schema=["task", "pattern", "d_model", "value"])
    rows = rows.join(table, on=["task", "pattern", "d_model"]).with_columns(
        value=pl.col("value") + pl.col("seed") * 2e-3
    )
    rows = rows.with_columns(accuracy=pl.col("value"), select_accuracy=pl.col("value")).drop("value")
    stored = StoredRows(rows=rows)
    return Evidence(experiment=experiment, cells=stored.cells(experiment), stored=stored)


def told(wanted: dict[tuple[str, str], Values]) -> tuple[list[str], list[Table]]:
    blocks = mixers_answer(evidence(wanted))
    lines = [line for block in blocks if isinstance(block, Lines) for line in block.lines]
    return lines, [block for block in blocks if isinstance(block, Table)]


def three(task: str, mixer: str, alone: Values, before: Values) -> dict[tuple[str, str], Values]:
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
        "Of the study's 8 models 8 are trained, at 1 of its 9 rates, 8 with 4 seeds at the chosen one; intervals from "
        "fewer than 6 seeds are narrower than 95%. TF-TF of width 18 on MQAR at 0.01, "
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
    assert recall.rows[0][7].text == "4"


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


SIZED = (
    {("selective-copying", "TF-TF"): (0.4, 0.5, 0.6)}
    | three("selective-copying", "SSM", (0.5, 0.6, 0.7), (0.9, 0.9, 0.9))
    | three("selective-copying", "GLA", (0.5, 0.6, 0.7), (0.3, 0.9, 0.9))
    | three("selective-copying", "RGLRU", (0.5, 0.6, 0.9), (0.5, 0.5, 0.7))
)


def test_sizes_are_told_apart_where_they_differ():
    (first, together, _), (by_task, *_) = told(SIZED)
    where = "of the 3 of 11 that are trained"
    assert f"on selective copying for SSM, {where}; on recall with decoding it is open." in first
    assert first.endswith(
        " That is at every size that is trained; at 12,800 parameters by themselves, on MQAR it is open; on multi-key "
        f"recall it is open; on selective copying for SSM and GLA, {where}; on recall with decoding it is open."
    )
    assert together.startswith("Each of these 3 verdicts is at 95% by itself, 1 of them yes.")
    assert together.endswith(
        " Of 9 verdicts size by size 5 are yes, 5 by Holm's correction and 5 by Benjamini and Hochberg's."
    )
    cells = {row[0].text: row[3].text for row in by_task.rows}
    assert (cells["SSM"], cells["GLA"]) == ("yes", "no, but at 6,200 and 12,800 yes")
    assert (cells["RGLRU"], cells["GDN"]) == ("no", "open")


def test_two_sizes_of_three():
    (first, *_), (by_task, *_) = told({key: value[:2] for key, value in SIZED.items()})
    assert (
        " That is at every size that is trained; at 6,200 parameters by themselves, on MQAR it is " in first
    )
    cells = {row[0].text: row[3].text for row in by_task.rows}
    assert (cells["SSM"], cells["GLA"]) == (
        "yes (at 2,600 and 6,200)",
        "no (at 2,600 and 6,200), but at 6,200 yes",
    )


@pytest.mark.parametrize("from_seed", [1, 2])
def test_a_part_with_at_most_one_shared_seed_leaves_the_size_open(from_seed: int):
    found = evidence({("mqar", "TF-TF"): 0.2} | three("mqar", "SSM", 0.3, 0.9))
    apart, seed = pl.col("pattern") == "TF-TF", pl.col("seed")
    stored = StoredRows(rows=found.stored.rows.filter((apart & (seed < 2)) | (~apart & (seed >= from_seed))))
    some = Evidence(experiment=found.experiment, cells=stored.cells(found.experiment), stored=stored)
    tables = [block for block in mixers_answer(some) if isinstance(block, Table)]
    assert {entry.text for row in tables[0].rows for entry in row[1:]} == {"open"}
    assert above_by_size(some, MQAR(), "SSM", widths=lambda pattern: widths(pattern, "many")) == {}
