"""Verdicts on made-up cells whose answer is known, and every claim decided from rows of its own experiment."""

from dataclasses import replace

import numpy as np
import pytest
from made_up_evidence import LUCK, PATTERN, cell, found
from made_up_rows import made_up_rows

from plait.checks import parse_choices
from plait.experiments import Cell, Difference, Interval, Ratio
from plait.experiments.cell import at_its_best
from plait.findings.claims import (
    OPEN_TEXT,
    Finding,
    Outcome,
    found_text,
    judged,
    of_size,
    ordered,
    outcome_text,
    protocol_lines,
    shown_by,
)
from plait.findings.evidence import Evidence, StoredRows
from plait.findings.figure import StoredFigure
from plait.findings.judges import (
    gap,
    trained_values,
)
from plait.findings.number_text import above_zero, ratio_text
from plait.paper import CATALOGUE, FIGURES, find_experiment
from plait.paper.fig4 import PAPER_RATIO
from plait.paper.lean import ratio_by_block
from plait.paper.shapes import learned_from_random_weights
from plait.report.comparisons import rates_table, seed_table, statistic_table
from plait.report.page_tables import leaner_table
from plait.report.verdict_table import claims_blocks, count_lines
from plait.report.wide_measured import Lead

HYBRID = {PATTERN: "SSM-TF"}


@pytest.mark.parametrize(
    ("mean", "low", "high", "outcome"),
    [
        (0.8, 0.5, 1.1, Outcome.REPRODUCED),
        (1.3, 1.2, 1.4, Outcome.REPRODUCED),
        (0.5, 0.2, 0.9, Outcome.DIRECTION),
        (0.5, -0.1, 1.1, Outcome.DIRECTION),
        (0.8, 0.0004, 1.1, Outcome.DIRECTION),
        (0.8, 0.0006, 1.1, Outcome.REPRODUCED),
        (0.002, 0.001, 0.003, Outcome.NOT),
        (-0.5, -0.9, -0.2, Outcome.NOT),
    ],
)
def test_a_claim_of_size_one(mean, low, high, outcome):
    assert of_size(mean, low, high, 1.0) is outcome


@pytest.mark.parametrize(
    ("low", "shown", "outcome"),
    [
        (0.996, "0.996", Outcome.DIRECTION),
        (1.0, "1.000", Outcome.DIRECTION),
        (1.0004, "1.000", Outcome.DIRECTION),
        (1.0006, "1.001", Outcome.REPRODUCED),
        (1.004, "1.004", Outcome.REPRODUCED),
        (1.2, "1.20", Outcome.REPRODUCED),
    ],
)
def test_a_ratio_that_is_shown_as_one_is_no_effect(low, shown, outcome):
    """What is shown and what is judged are the same."""
    ratio = Ratio(accuracy=0.5, low=1.5, high=1.5, interval=Interval(low=low, high=2.0), seeds=8)
    assert ratio_text(ratio) == f"1.50 [{shown}, 2.00]"
    assert of_size(ratio.low - 1, low - 1, 1.0, 1.0) is outcome


def test_how_much_was_trained():
    whole = cell("TF-TF", 9, 0.5)
    assert trained_values([whole]) == "8 seeds, 1 rate"
    less = replace(whole, seeds=(0,), lrs=(0.001, 0.01))
    assert trained_values([less, whole]) == "1-8 seeds, 1-2 rates"
    assert trained_values([less]) == "1 seed, 2 rates"


def test_a_claim_about_several_patterns():
    yes, partly, no = Outcome.REPRODUCED, Outcome.DIRECTION, Outcome.NOT
    for outcomes, together in (((yes, yes), yes), ((yes, no), partly), ((partly, no), no), ((no, no), no)):
        assert shown_by(outcomes) is together


def test_a_claim_of_an_order():
    assert ordered([0.2, 0.3], [0.1, 0.2]) is Outcome.REPRODUCED
    assert ordered([0.2, 0.3], [-0.1, 0.2]) is Outcome.DIRECTION
    assert ordered([0.2, -0.1], [0.1, -0.2]) is Outcome.NOT
    assert ordered([0.2, 0.3], [0.0, 0.2]) is Outcome.DIRECTION


@pytest.mark.parametrize(("low", "above"), [(0.0, False), (0.0004, False), (0.0006, True), (-0.2, False)])
def test_an_interval_that_is_shown_to_begin_at_zero_does_not_leave_it_out(low, above):
    assert above_zero(low) is above
    lead = Lead(
        difference=Difference(mean=0.02, interval=Interval(low=low, high=0.05), seeds=8),
        means="0.900 against 0.880",
        rates=1,
    )
    turned = Difference(mean=-0.02, interval=Interval(low=-0.05, high=-low), seeds=8)
    assert (lead.sign, replace(lead, difference=turned).sign) == (int(above), -int(above))


def test_a_difference_is_told_with_the_means_that_it_is_of():
    """The other six seeds of the first would have it .035 above; the table's mean of all eight is another."""
    every, two = (
        cell("SSM-TF", 2_192, 0.8, luck=-LUCK),
        cell("TF-TF", 2_180, 0.7, d_model=10).of_seeds((0, 1)),
    )
    judge = gap({PATTERN: "SSM-TF"}, {PATTERN: "TF-TF"}, size=0.1)
    unequal, equal = judge(found(every, two)), judge(found(every.of_seeds((0, 1)), two))
    assert unequal is not None
    assert equal is not None
    assert unequal.ours.startswith("+0.150 [")
    assert unequal.ours.endswith("] (0.825 against 0.675, 2 shared seeds)")
    assert equal.ours.endswith("] (0.825 against 0.675)")


def test_claims_that_no_rule_judges_are_counted_as_such():
    claim = replace(FIGURES["fig4"].claims[0], judge=lambda _: Finding(outcome=Outcome.OWN, ours="+0.1"))
    figure = replace(FIGURES["fig4"], claims=(claim,))
    one = StoredFigure(figure=figure, readings=((figure.readings[0], found(cell("SSM-TF", 2_192, 0.8))),))
    assert count_lines([one])[0].endswith(
        "of 1 claim 0 are reproduced, 0 in direction only, 0 are not; 1 is told without a verdict"
    )


def test_a_table_a_reading_and_a_claim_that_waits_stands_in_the_first():
    told = Finding(outcome=Outcome.NOT, ours="0.1", short="0.1")
    claim = replace(FIGURES["fig4"].claims[0], judge=lambda _: told, of_trained=True)
    run, waiting = replace(FIGURES["fig4"], claims=(claim,)), FIGURES["fig6"]
    evidence = found(cell("SSM-TF", 2_192, 0.8))
    readings = tuple((reading, evidence) for reading in run.readings[:2])
    first, second = claims_blocks(
        [StoredFigure(figure=run, readings=readings), StoredFigure(figure=waiting, readings=())]
    )
    for table in (first, second):
        assert [column.title for column in table.columns] == ["claim", "paper", "ours", "verdict"]
        assert [entry.text for entry in table.rows[0][1:]] == ["0.999", "0.1", "not reproduced"]
    assert (first.folded, second.folded) == (False, True)
    others = [claim.statement for claim in waiting.claims if not claim.is_own]
    assert [row[0].text for row in first.rows] == [claim.statement, *others]
    assert len(second.rows) == 1


def test_the_papers_ratio_comes_from_its_points():
    # TF-TF .727 at 6,000 and .923 at 12,000; SSM-TF .087 at 1,000 and .999 at 2,000.
    expected = 6_000 * 2 ** (0.173 / 0.196) / (1_000 * 2 ** (0.813 / 0.912))
    assert pytest.approx(expected) == PAPER_RATIO


def test_the_smallest_shape_that_learns():
    still = np.zeros(8)
    small, larger, largest = (
        cell("SSM-TF", parameters, mean, luck=still)
        for parameters, mean in ((269, 0.4), (954, 0.995), (972, 0.6))
    )
    answer = learned_from_random_weights(found(largest, small, larger, name="shapes"))
    assert answer is not None
    assert answer.ours.startswith("yes, from 954 parameters on: 0.400 [0.400, 0.400] at 269 (altered), 0.995")
    none = learned_from_random_weights(found(small, largest, name="shapes"))
    assert none is not None
    assert none.ours.startswith("none to 0.99: ")


def test_each_setting_of_pure_models_over_each_of_hybrids():
    still = np.zeros(8)

    def row(pattern: str, *sizes: int, states: int = 16, mlp: int = 2) -> list[Cell]:
        """A mean of .5 at the first size, .7 at the second."""
        more = {"model.d_state": states, "model.init": "paper", "model.mlp_factor": mlp}
        return [
            cell(pattern, n, m, d_model=n, luck=still, **more) for n, m in zip(sizes, (0.5, 0.7), strict=True)
        ]

    rows = [*row("TF-TF", 400, 900), *row("TF-TF", 300, 800, mlp=0), *row("SSM-TF", 100, 400)]
    few = [*row("SSM-TF", 50, 200, states=1), cell("SSM-TF", 7, 0.9, d_model=7, **{"model.d_state": 2})]
    table = leaner_table([*rows, *few], accuracies=(0.6,))
    assert table is not None
    # Half-way in log parameters: 600 and 490 over 200 and 100.
    assert [tuple(entry.text for entry in line) for line in table.rows] == [
        ("TF-TF over SSM-TF with 16 states", "3.00 [3.00, 3.00]"),
        ("TF-TF without MLP over SSM-TF with 16 states", "2.45 [2.45, 2.45]"),
        ("TF-TF over SSM-TF with 1 state", "6.00 [6.00, 6.00]"),
        ("TF-TF without MLP over SSM-TF with 1 state", "4.90 [4.90, 4.90]"),
    ]
    answer = ratio_by_block(found(*rows, *few, name="lean"))
    assert answer is not None
    assert "; TF-TF over SSM-TF with 1 state: 6.00 [6.00, 6.00]; " in answer.ours
    assert leaner_table(row("TF-TF", 400, 900)) is None
    assert ratio_by_block(found(*rows, name="lean")) is None


def test_models_trained_alike_are_told_together():
    cells = (cell("TF-TF", 9, 0.5), cell("TF-TF", 9, 0.5, 0.6, d_model=16), cell("SSM-TF", 9, 0.5, 0.6))
    assert protocol_lines(cells) == (
        "1 model with 8 seeds at learning rate 0.001: TF-TF d8 window 20",
        "2 models with 8 seeds at learning rates 0.001, 0.01: TF-TF d16 window 20, SSM-TF d8 window 20",
    )


def test_seeds_that_lack_a_rate_and_rates_of_two_settings_are_told_apart():
    bare, dropped = cell("TF-TF", 9, 0.5, 0.6), cell("TF-TF", 9, 0.3, 0.4).of_seeds(range(3))
    assert protocol_lines([at_its_best([bare, dropped])]) == (
        "1 model with 8 seeds (3 of them at every rate) at learning rates 0.001, 0.01, 4 with those of each setting",
    )


CLAIMS = [(name, claim) for name, figure in FIGURES.items() for claim in figure.claims]


@pytest.mark.parametrize(
    ("name", "claim"), CLAIMS, ids=[f"{name}: {claim.statement[:40]}" for name, claim in CLAIMS]
)
def test_every_claim_can_be_checked_by_its_command(name, claim):
    whole = find_experiment(name)
    fields = parse_choices("--only", list(claim.only))
    assert len((whole.where(fields) if fields else whole).expand()) > 0
    assert FIGURES[name].command(*claim.options).startswith(f"plait reproduce {name} --full")


WIDE = ("fig8", "tab1")
"""Models of 100 M parameters: their claims are decided in test_wide_figures.py."""


@pytest.mark.parametrize("name", sorted({name for name, _ in CLAIMS} - set(WIDE)))
def test_every_claim_is_decided_by_rows_of_its_experiment(name):
    experiment = find_experiment(name).where({"train.lr": (1e-2,), "train.seed": range(2)})
    rows, evaluations = made_up_rows(experiment)
    stored = StoredRows(rows=rows, evaluations=evaluations)
    there = Evidence(experiment=CATALOGUE[name], cells=stored.cells(experiment), stored=stored)
    nothing = Evidence(experiment=CATALOGUE[name], cells=(), stored=stored)
    for claim in FIGURES[name].claims:
        finding = judged(claim, there)
        assert finding is not None
        assert outcome_text(finding) != OPEN_TEXT or "open" in finding.why
        assert found_text(finding).startswith("Ours: ")
        assert finding.trained == "2 seeds, 1 rate"
        assert judged(claim, nothing) is None
        assert (outcome_text(None), found_text(None)) == ("open", "What decides it is not trained.")


def test_a_question_of_our_own_reproduces_nothing():
    outcomes = (Outcome.REPRODUCED, Outcome.DIRECTION, Outcome.NOT, Outcome.OPEN, Outcome.OWN)
    found = [Finding(outcome=outcome, ours="") for outcome in outcomes]
    assert [outcome_text(one, own=True) for one in found] == [
        "holds",
        "holds in part",
        "does not hold",
        "open",
        "",
    ]
    assert [outcome_text(one) for one in found] == [*(o.value for o in outcomes[:-1]), ""]
    assert all(claim.is_own for claim in FIGURES["mixers"].claims)
    assert not any(claim.is_own for claim in FIGURES["fig4"].claims)


class TestSeeds:
    heaps = np.array([0.0] * 6 + [0.8] * 2)
    cells = (
        cell("SSM-TF", 1_000, 0.1, luck=heaps),
        cell("SSM-TF", 4_000, 0.9, luck=LUCK),
        cell("TF-TF", 1_000, 0.1, 0.1),
        cell("TF-TF", 16_000, 0.5, 0.9),
    )

    def test_the_ratio_by_statistic_and_by_rate(self):
        table = statistic_table(self.cells, pure="TF-TF", accuracy=0.6, rates=(1e-3, 1e-2))
        assert table is not None
        low = {row[0].text: [entry.value["low"] for entry in row[1:]] for row in table.rows}
        # The mean of the first hybrid is .3, its median .1: in log parameters it reaches .6 later.
        assert low["mean"][0] == pytest.approx(1_000 * 16 ** (5 / 8) / (1_000 * 4 ** (0.3 / 0.6)))
        assert low["median"][0] == pytest.approx(1_000 * 16 ** (5 / 8) / (1_000 * 4 ** (5 / 8)))
        assert min(low["best seed"][0], low["90th percentile"][0]) > low["mean"][0]
        assert low["mean"][1] == pytest.approx(16_000 / (1_000 * 4 ** (0.3 / 0.6)))
        assert low["mean"][2] == low["mean"][0]
        assert "[" not in table.rows[3][1].text
        assert table.rows[0][2].text.startswith(">= 8.00 [")
        assert statistic_table(self.cells[:2], pure="TF-TF") is None

    def test_every_seed_and_every_rate(self):
        table = seed_table([found(*self.cells).summary(c) for c in self.cells], patterns=("SSM-TF",))
        assert table is not None
        assert [entry.text for entry in table.rows[0][3:]] == [
            "0.300", "0.100", "0.100", "0.900", "2 of 8", "2 of 8", "0 of 8",
        ]  # fmt: skip
        grid = rates_table(self.cells, pattern="TF-TF")
        assert grid is not None
        assert [entry.text for entry in grid.rows[1][1:]] == ["16,000", "0.500", "0.900"]
        assert rates_table(self.cells, pattern="SSM") is None
