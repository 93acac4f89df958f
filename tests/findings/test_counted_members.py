"""Members of no experiment: which cells they make, how these are told apart, and which plot shows them."""

import sys
from dataclasses import replace

import polars as pl
import pytest
from made_up_rows import made_up_rows

from plait.experiments import Experiment, value_text
from plait.experiments.row_identity import wrong_identities
from plait.findings.members import cells_of_members, view_of
from plait.model import HybridConfig
from plait.report.assemble import member_blocks
from plait.report.comparisons import paired_table
from plait.report.document import Picture, Table
from plait.tasks import MultiKeyRecall, SelectiveCopying
from plait.training.run import Run, Train


def rows_of(vary, *, base=None, seeds=range(3)) -> pl.DataFrame:
    run = base or Run(
        task=SelectiveCopying(), model=HybridConfig(pattern="SSM-TF", d_model=8, window=20), train=Train()
    )
    sweep = {"train.lr": (1e-3, 1e-2), "train.seed": seeds}
    return made_up_rows(Experiment(name="any", question="?", base=run, vary=vary, sweep=sweep))[0]


def test_patterns_and_widths_make_the_papers_plot():
    rows = rows_of({"model.pattern": ("TF-TF", "SSM-TF"), "model.d_model": (8, 4)})
    cells, lost = cells_of_members(rows.sample(fraction=1.0, shuffle=True, seed=1))
    assert [(cell.pattern, cell.settings["model.d_model"]) for cell in cells] == [
        ("SSM-TF", 4), ("SSM-TF", 8), ("TF-TF", 4), ("TF-TF", 8),
    ]  # fmt: skip
    assert all(set(cell.settings) == {"model.pattern", "model.d_model"} for cell in cells)
    assert all((cell.lrs, cell.seeds) == ((1e-3, 1e-2), (0, 1, 2)) for cell in cells)
    view = view_of(cells)
    assert (view.x, view.lines, view.panels, view.ratio) == ("parameters", ("model.pattern",), (), True)
    assert lost.is_empty()


@pytest.mark.parametrize(
    ("vary", "x", "panels"),
    [
        ({"model.window": (5, 10, 20)}, "model.window", ()),
        ({"model.window": (5, 10), "train.steps": (100, 200)}, "model.window", ("train.steps",)),
        ({"model.pattern": ("TF-TF", "SSM-TF")}, "model.pattern", ()),
        ({"task": (SelectiveCopying(), MultiKeyRecall()), "model.d_model": (4, 8)}, "parameters", ("task",)),
    ],
)
def test_what_differs_decides_the_plot(vary, x, panels):
    cells, _ = cells_of_members(rows_of(vary))
    view = view_of(cells)
    assert view.x == x
    assert set(panels) <= set(view.panels)


def test_a_field_that_one_of_the_tasks_lacks_names_the_others_alone():
    rows = rows_of({"task": (SelectiveCopying(n_words=26), SelectiveCopying(n_words=8), MultiKeyRecall())})
    cells, _ = cells_of_members(rows)
    assert sorted(cell.settings["task.n_words"] for cell in cells) == [8, 8, 26]
    assert {type(cell.settings["task"]).__name__ for cell in cells} == {"SelectiveCopying", "MultiKeyRecall"}


def test_tasks_of_different_fields_have_plots_of_their_own():
    """Of each the one that it would have alone, and one table of all."""
    tasks = (
        MultiKeyRecall(),
        MultiKeyRecall(key_length=1),
        SelectiveCopying(),
        SelectiveCopying(p_number=0.4),
    )
    cells, _ = cells_of_members(rows_of({"task": tasks, "model.d_model": (4, 8)}))
    blocks = member_blocks(cells)
    titles = [block.caption.split(":")[0] for block in blocks if isinstance(block, Picture)]
    assert len(titles) == len(set(titles)) == 4
    assert ["key_length" in title for title in titles] == [True, True, False, False]
    assert ["p_number" in title for title in titles] == [False, False, True, True]
    (table,) = [block for block in blocks if isinstance(block, Table) and block.caption == "Accuracy"]
    assert len(table.rows) == 8


def test_members_of_edited_code_stand_beside_others():
    rows = rows_of({"model.d_model": (4, 8), "model.window": (5, 10)})
    edited = rows.filter(pl.col("d_model") == 8).with_columns(
        pl.lit('{"my:Task":"abcdef0123"}').alias("code_json"), (pl.col("member") + "x").alias("member")
    )
    cells, _ = cells_of_members(pl.concat([rows, edited]))
    assert {"code" in cell.settings for cell in cells} == {True, False}
    (table,) = [
        block for block in member_blocks(cells) if isinstance(block, Table) and block.caption == "Accuracy"
    ]
    assert len(table.rows) == 6


def test_members_of_edited_code_stay_apart_and_lost_code_is_told():
    rows = rows_of({"model.d_model": (8,)})
    edited = rows.with_columns(
        pl.lit('{"my:Task":"abcdef0123"}').alias("code_json"), (pl.col("member") + "x").alias("member")
    )
    cells, _ = cells_of_members(pl.concat([rows, edited]))
    assert [cell.settings.get("code") for cell in cells] == [None, "abcdef"]
    gone = rows.with_columns(pl.lit('{"params":{},"task":"no-such-task"}').alias("task_json"))
    cells, lost = cells_of_members(gone)
    assert (cells, len(lost)) == ((), len(rows))


def test_members_of_a_users_own_code_are_told_by_name_and_nothing_is_imported(tmp_path, monkeypatch):
    """The module is there, and would be found: reading a folder of results runs nobody's code."""
    (tmp_path / "own_told.py").write_text("raise SystemExit('imported')")
    monkeypatch.chdir(tmp_path)
    rows = rows_of({"model.d_model": (8, 4)})
    own = pl.concat(
        rows.with_columns(
            pl.lit(f'{{"params":{{"lag":{lag},"numbers":[1,[2,3]]}},"task":"own_told:Echo"}}').alias(
                "task_json"
            ),
            pl.lit(code).alias("code_json"),
            pl.col("config_json").str.replace("SSM-TF", "own_told:Layer-TF", literal=True),
            (pl.col("member") + f"{lag}{place}").alias("member"),
        )
        for lag in (1, 2)
        for place, code in enumerate(('{"own_told:Echo":"aaaaaaaa"}', '{"own_told:Echo":"bbbbbbbb"}'))
    )
    cells, lost = cells_of_members(own)
    assert lost.is_empty()
    told = [(c.settings["model.d_model"], c.settings["task.lag"], c.settings["code"]) for c in cells]
    assert sorted(told) == [(d, lag, code) for d in (4, 8) for lag in (1, 2) for code in ("aaaaaa", "bbbbbb")]
    assert {cell.pattern for cell in cells} == {"own_told:Layer-TF"}
    assert all(cell.members is not None and cell.members.shape == (2, 3) for cell in cells)
    assert "own_told" not in sys.modules


def test_a_task_within_a_task_is_not_imported_either(tmp_path, monkeypatch):
    """Neither where rows are told, nor where a file without a checksum is held against its identities."""
    (tmp_path / "own_inner.py").write_text("raise SystemExit('imported')")
    monkeypatch.chdir(tmp_path)
    inner = '{"params":{"lag":1},"task":"own_inner:Echo"}'
    rows = rows_of({"model.d_model": (8,)}).with_columns(
        pl.lit(f'{{"params":{{"task":{inner}}},"task":"plait.tasks.framed:Framed"}}').alias("task_json")
    )
    (cell,), lost = cells_of_members(rows)
    assert (value_text(cell.run.task), len(lost)) == ("Framed", 0)
    assert wrong_identities(rows) == 0, "of another package: what its class says is not known"
    assert "own_inner" not in sys.modules


def test_two_patterns_of_a_kind_are_compared_seed_by_seed():
    cells, _ = cells_of_members(rows_of({"model.pattern": ("TF", "SSM"), "model.d_model": (4, 8)}))
    assert paired_table(cells) is None, "as for the paper's: a hybrid less a pure model"
    table = paired_table(cells, of_a_kind=True)
    assert [[entry.text for entry in row[:3]] for row in table.rows] == [
        ["d4", "TF", "SSM"],
        ["d8", "TF", "SSM"],
    ]
    assert "one pattern less another" in table.caption
    tables = [block for block in member_blocks(cells) if isinstance(block, Table)]
    assert table.caption in [one.caption for one in tables]


def test_unfinished_seeds_are_counted_as_unused():
    rows = rows_of({"model.d_model": (8,)}).filter(~((pl.col("seed") == 2) & (pl.col("lr") > 0.005)))
    (cell,), _ = cells_of_members(rows)
    assert (cell.seeds, cell.unused) == ((0, 1), 1)
    assert replace(cell, unused=0).accuracy.shape == (2, 2)
