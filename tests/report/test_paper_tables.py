"""The paper's accuracies beside ours: pooled, on eight sequences, and how many nothing explains."""

import polars as pl
from made_up_rows import made_up_rows

from plait.experiments.settings import AS_RUN
from plait.findings.evidence import Evidence, StoredRows
from plait.findings.figure import Reference
from plait.paper import CATALOGUE
from plait.report.document import Table
from plait.report.paper_tables import beside_table


def _table(eight: float | None, accuracy: float, *, spread: float = 0.0) -> Table:
    """Ours is 0.7 of every seed, or `spread` to either side of it by turns."""
    chosen = CATALOGUE["fig4"].where({"model.pattern": ("SSM-TF",), "model.d_model": (8,)}).in_setting(AS_RUN)
    rows, _ = made_up_rows(chosen)
    rows = rows.with_columns(
        accuracy=0.7 + spread * (1 - 2 * (pl.col("seed") % 2)), eight_accuracy=pl.lit(eight, dtype=pl.Float64),
        loss_steps=pl.Series([[200]] * len(rows)), losses=pl.Series([[1.0]] * len(rows)),
    )  # fmt: skip
    stored = StoredRows(rows=rows)
    found = Evidence(experiment=chosen, cells=stored.cells(chosen), stored=stored)
    reference = Reference(pattern="SSM-TF", parameters=800, accuracy=accuracy, source="made up: here")
    table = beside_table([reference], found)
    assert table is not None
    return table


def test_both_scores_stand_beside_the_paper_s() -> None:
    table = _table(0.75, 0.72)
    names = [column.name for column in table.columns]
    (row,) = table.rows
    assert [row[names.index(name)].text for name in ("paper", "ours", "eight")] == ["0.720", "0.700", "0.750"]
    assert (row[-1].text, "nothing the others, which are open (0)" in table.notes[0]) == ("", True)
    (row,) = _table(None, 0.72).rows
    assert row[names.index("eight")].text == "-"


def test_a_difference_that_nothing_explains_is_counted() -> None:
    table = _table(0.75, 0.9)
    assert (table.rows[0][-1].text, "nothing the others, which are open (1)" in table.notes[0]) == (
        "open",
        True,
    )
    assert "(0 of 1)" in table.notes[0]


def test_a_difference_that_seeds_explain_says_so() -> None:
    table = _table(0.75, 0.9, spread=0.4)
    assert (table.rows[0][-1].text, "(1 of 1)" in table.notes[0]) == ("seeds", True)
