"""What the pages on wide models say first: nothing without rows, more with one seed, intervals with two."""

import re
from dataclasses import replace
from functools import cache

import polars as pl
import pytest
from made_up_rows import made_up_rows

from plait.experiments import Experiment
from plait.findings.evidence import Evidence, StoredRows
from plait.paper import FIGURES
from plait.paper import wide_models as wide
from plait.report.document import Lines, Table
from plait.report.length_answer import length_answer
from plait.report.page_blocks import FolderResults, answer_blocks
from plait.report.printed import markdown_text
from plait.report.proportion_answer import proportion_answer

LENGTHS = (100, 190, 1_600)


@cache
def rows_of(
    name: str, seeds: int, lrs: tuple[float, ...] = (wide.BASE_LR,)
) -> tuple[Experiment, pl.DataFrame, pl.DataFrame]:
    """Made-up rows of some seeds at some rates, of tests at `LENGTHS`."""
    experiment = FIGURES[name].experiment
    tests = tuple(test for test in experiment.evaluations if test.seq_len in LENGTHS)
    chosen = replace(experiment, evaluations=tests).where(
        {"model.d_model": (wide.WIDE,), "train.lr": lrs, "train.seed": range(seeds)}
    )
    return chosen, *made_up_rows(chosen)


def evidence(name: str, *, seeds: int, sign: int = 1) -> Evidence:
    """Hybrids are .2 ahead, or behind where `sign` is -1, but for some luck."""
    experiment, rows, measured = rows_of(name, seeds)
    hybrid = {row["member"]: "SSM" in row["pattern"] and "TF" in row["pattern"] for row in rows.to_dicts()}
    better = [
        0.5 + 0.1 * sign * (1 if hybrid[member] else -1) + int(member, 16) % 100 / 10_000
        for member in measured["member"]
    ]
    stored = StoredRows(rows=rows, evaluations=measured.with_columns(accuracy=pl.Series(better)))
    return Evidence(experiment=experiment, cells=stored.cells(experiment), stored=stored)


def nothing(name: str) -> Evidence:
    stored = StoredRows(rows=pl.DataFrame(), evaluations=None)
    return Evidence(experiment=FIGURES[name].experiment, cells=(), stored=stored)


def text(blocks: object) -> str:
    assert isinstance(blocks, tuple)
    return "\n\n".join(markdown_text(block) for block in blocks)


@pytest.fixture(scope="module")
def answers() -> dict[tuple[int, int], str]:
    """By seeds and sign."""
    return {
        (seeds, sign): text(
            length_answer(evidence("fig8", seeds=seeds, sign=sign), evidence("tab1", seeds=seeds, sign=sign))
        )
        for seeds, sign in ((1, 1), (2, 1), (1, -1))
    }


def test_where_no_rate_was_chosen_is_told() -> None:
    """Full windows at the released rate alone, window 20 at two."""
    experiment, rows, measured = rows_of("fig8", 1, (wide.BASE_LR, wide.LRS[0]))
    kept = rows.filter((pl.col("window") != "full") | (pl.col("lr") == wide.BASE_LR))
    assert 0 < len(kept) < len(rows)
    for there, told in ((rows, False), (kept, True)):
        tests = measured.filter(pl.col("member").is_in(there["member"].implode()))
        stored = StoredRows(rows=there, evaluations=tests)
        found = Evidence(experiment=experiment, cells=stored.cells(experiment), stored=stored)
        said = text(length_answer(found, nothing("tab1")))
        assert ("Rows differ in how many rates" in said) is told, (
            "the pure SSM has a window of 20, and both rates"
        )
        head = said.split("\n")[0]
        assert "with a full window" in head
        assert ("the rate not chosen there" in head) is told


def test_nothing_is_said_to_be_measured_without_rows() -> None:
    blocks = length_answer(nothing("fig8"), nothing("tab1"))
    said = text(blocks)
    assert said.count("Not trained yet.") == 2
    assert "is not trained yet" in said.split("\n")[0]
    assert not any(isinstance(block, Table) and block.rows for block in blocks)
    assert text(proportion_answer(nothing("tab1"))).startswith("**What Table 1 shows is not trained yet.**")


def test_the_first_sentence_follows_the_rows(answers: dict[tuple[int, int], str]) -> None:
    heads = {key: said.split("\n")[0] for key, said in answers.items()}
    assert heads[1, 1].startswith("**Hybrids of 100 M keep more at longer lengths: at 190 tokens +")
    assert heads[1, -1].startswith("**Hybrids of 100 M keep less at longer lengths: at 190 tokens -")
    assert "is none once rows have separators" in heads[1, -1]
    assert "(one seed)" in heads[1, 1]
    assert "(one seed)" not in heads[2, 1]
    assert heads[2, 1].count("[") >= 2
    assert "they are above that Transformer at 42 of 42 pairs and below at 0 (+" in heads[2, 1]
    assert "they are above that Transformer at 0 of 42 pairs and below at 42 (-" in heads[1, -1]
    full = heads[2, 1].split("with a full window ")[1].split(" at 1,600")[0]
    assert full.endswith("over that SSM")
    assert " over that Transformer and " in full
    for head in heads.values():
        assert head.endswith(".**")
        sentences = head.split(". ")
        assert len(sentences) == 3, "length, other proportions, whether the paper is right"
        assert max(map(len, sentences)) < 280
        assert all(sentence.strip("*")[0].isupper() for sentence in sentences)
        assert head.count(";") <= 2, "one more clause where there is a full window, and Table 1"
    assert "or by the number of a single seed" in heads[1, 1]
    assert "or by the number of a single seed" not in heads[2, 1]


@pytest.mark.parametrize("seeds", [1, 2])
def test_positions_and_layouts_have_a_row_each(answers: dict[tuple[int, int], str], seeds: int) -> None:
    said = answers[seeds, 1]
    rows = [line.strip("| ").split(" | ") for line in said.splitlines() if line.startswith("| ")]
    for kind in ("rope", "none", "alibi", "hard-alibi", "(SSM-TF)*6", "(TF-SSM)*6", "SSM*10-TF*2"):
        [row] = [row for row in rows if row[0] == kind]
        assert row[-2:] == [str(seeds), "1"], "seeds, and rates tried"
        assert ("[" in row[1]) == (seeds > 1)
    assert "Not trained yet" not in said
    assert "Rows differ in how many rates" not in said
    assert "At 1,600 tokens the hybrid with " in said
    assert "The layout that keeps most: at 190 tokens " in said


def test_table_1_is_read_twice_and_the_nearer_reading_named() -> None:
    found = evidence("tab1", seeds=1)
    lines, table, *_ = proportion_answer(found)
    assert isinstance(lines, Lines)
    assert isinstance(table, Table)
    assert len(table.rows) == 6
    printed = {row[0].text: row[1].text for row in table.rows}
    assert printed["0.8"] == "0.83"
    there = float(lines.lines[0].split("on average ")[1].split()[0])
    elsewhere = float(lines.lines[0].split("trained, and ")[1].split()[0])
    assert "are measured (1 seed each) when" in lines.lines[0]
    assert ("not robustness" in lines.lines[0]) == (there < elsewhere)


def test_a_single_seed_decides_no_pair_of_proportions() -> None:
    one, two = (text(proportion_answer(evidence("tab1", seeds=seeds))) for seeds in (1, 2))
    pairs = "42 pairs (trained at 0.05, 0.1, 0.2, 0.3, 0.5, 0.8 and 0.9)"
    assert (
        f"of {pairs}, one seed each and so without an interval, its number is the higher one at 42. " in one
    )
    assert "leave 0 out" not in one
    assert (
        f"of {pairs}, 2 seeds each, it is above at 42 and below at 0 by intervals that leave 0 out. " in two
    )
    assert "one seed" not in "".join(line for line in two.splitlines() if "Tested at another" in line)


def test_the_hybrids_lead_is_told_where_all_is_repaired() -> None:
    said = text(proportion_answer(evidence("tab1", seeds=2))).split("\n")[0]
    found = re.search(r"Repaired, the hybrid is (\S+) to (\S+) there and (\S+) to (\S+) at 0.2 over", said)
    assert found is not None
    assert all(0.18 < float(lead) < 0.22 for lead in found.groups())


def test_numbers_among_the_seeds_are_not_open() -> None:
    """Seeds from .1 to .9 hold every printed number."""
    experiment, rows, measured = rows_of("tab1", 2)
    seeds = dict(rows.select("member", "seed").iter_rows())
    wide_apart = [0.1 + 0.8 * seeds[member] for member in measured["member"]]
    stored = StoredRows(rows=rows, evaluations=measured.with_columns(accuracy=pl.Series(wide_apart)))
    found = Evidence(experiment=experiment, cells=stored.cells(experiment), stored=stored)
    said = text(proportion_answer(found)).split("\n")[0]
    assert "open" not in said
    assert "Each of its 18 numbers, the SSM's too, lies between our lowest and highest seed" in said


def test_printed_numbers_that_no_seed_comes_near_are_open() -> None:
    """The hybrid has about .6 everywhere, which 0.05 and 0.1 (.47) and 0.3 and more (.74 to .83) do not have."""
    said = text(proportion_answer(evidence("tab1", seeds=2))).split("\n")[0]
    assert (
        "are further than 0.05 from our mean and outside of what our seeds span, so open: hybrid trained"
        in said
    )
    assert "open: hybrid trained at 0.05 (0.47 for our 0.60" in said
    assert "2 seeds); " in said
    assert "Transformer trained at 0.3 (0.64 for our 0.40" in said
    assert "Transformer trained at 0.1 (" not in said, "0.40 is printed there"
    near = text(proportion_answer(evidence("tab1", seeds=2, sign=-1))).split("\n")[0]
    assert "Transformer trained at 0.3 (" not in near, "the Transformer has about .6 now, 0.64 is printed"
    assert "Transformer trained at 0.1 (0.40 for our 0.60" in near


def test_no_answer_to_another_question() -> None:
    with pytest.raises(ValueError, match="unknown answer"):
        answer_blocks("fig4", FolderResults(stored=StoredRows(rows=pl.DataFrame())))
