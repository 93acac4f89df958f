"""Width against precision, how costs grow, and how far recall has to look, as the pages show them."""

import pytest
import torch

from plait.constructions import copying_plan, cost, smallest_plan, success_rate, tradeoff
from plait.random import TEST, Stream
from plait.report.construction_costs import (
    growth_table,
    reach_table,
    right_at_the_end,
    tradeoff_blocks,
    unbeaten,
)
from plait.report.document import Picture, Table
from plait.tasks import DecodingRecall, SelectiveCopying

TASK = SelectiveCopying(n_words=6, numbers=(1, 3))


def test_every_layout_stands_in_the_table_and_the_best_in_the_words_of_the_plot():
    rows = tradeoff(TASK, 20)
    table, figure = tradeoff_blocks(TASK, 20, name="t")
    assert isinstance(table, Table)
    assert isinstance(figure, Picture)
    assert [row["parameters"] for row in table.to_json()["rows"]] == [row["parameters"] for row in rows]
    for row in unbeaten(rows):
        assert f"{row['parameters']:,} parameters at {row['precision_bits']} bits" in figure.alt
    assert figure.svg().count("<title>") >= len(rows)


def test_none_beats_those_of_the_frontier_and_they_beat_all_others():
    rows = tradeoff(SelectiveCopying(), 100)
    best = unbeaten(rows)
    assert best[0]["parameters"] == cost(smallest_plan(SelectiveCopying(), 100)).parameters
    for one in rows:
        beaten = [
            row
            for row in best
            if row["parameters"] <= one["parameters"] and row["precision_bits"] <= one["precision_bits"]
        ]
        assert beaten == [one] if one in best else beaten


def test_growth_of_each_construction():
    for name, varied in (
        ("selective-copying", {"words", "numbers up to", "length"}),
        ("decoding-recall", {"bits", "length"}),
    ):
        rows = growth_table(name).to_json()["rows"]
        assert {row["varied"] for row in rows} == varied
    lengths = [r for r in growth_table("selective-copying").to_json()["rows"] if r["varied"] == "length"]
    plan = copying_plan(SelectiveCopying(), 100_000, dtype=torch.float64)
    assert lengths[-1]["state_bits"] == cost(plan, 100_000).state_bits == lengths[0]["state_bits"]


def test_measured_windows_stand_beside_their_closed_form():
    task = DecodingRecall(n_bits=2)
    rows = reach_table(task, windows=(3, 8), sequences=2000).to_json()["rows"]
    assert [row["window"] for row in rows] == [3, 8, 21]
    for row in rows:
        assert row["closed_form"] == success_rate(task, row["window"])
        low, high = row["interval"]
        assert low < row["closed_form"] < high
        assert low < row["right"] / 2000 < high


@pytest.mark.parametrize("keys", [1, 4, 9])
def test_absent_words_and_targets_that_are_not_defined_are_failures(keys: int):
    """The model is right wherever the word occurred, so what is counted is what a plain search finds."""
    task, n = DecodingRecall(n_bits=2), 300
    tokens = task.sample(Stream(5, 0, TEST), batch=n, seq_len=keys + 1).tolist()
    expected = 0
    for row in tokens:
        register = 0
        for token in row:
            register = (2 * register + token - 4) % 4 if token >= 4 else register
        expected += register in row[:-1]
    assert 0 < expected < n
    assert right_at_the_end(task, keys, sequences=n, seed=5) == expected
