"""Verdicts on made-up cells whose answer is known, and every claim decided from rows of its own experiment."""

from dataclasses import replace

import numpy as np
import pytest
from made_up_rows import made_up_rows

from plait.cli.values import parse_choices
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
    ahead,
    gap,
    larger_windows_hurt,
    near_one,
    ratio,
    reaches,
    stays_below,
    trained_values,
)
from plait.findings.trends import (
    alone_past,
    dips,
    falls_to_the_floor,
    fewer_is_better,
    no_trend,
)
from plait.findings.words import above_zero, ratio_text
from plait.model import HybridConfig
from plait.paper import CATALOGUE, FIGURES, find_experiment
from plait.paper.fig4 import PAPER_RATIO
from plait.paper.lean import ratio_by_block
from plait.paper.proportion import best_at_most_proportions, best_trained_at
from plait.paper.shapes import learned_from_random_weights
from plait.report.comparisons import rates_table, seed_table, statistic_table
from plait.report.questions import leaner_table
from plait.report.verdict_table import claims_blocks, count_lines
from plait.report.wide_measured import Lead
from plait.tasks import SelectiveCopying
from plait.training.run import Run

LUCK = np.array([-0.03, -0.02, -0.01, 0.0, 0.01, 0.02, 0.03, 0.0])
PATTERN, WIDTH = "model.pattern", "model.d_model"
HYBRID = {PATTERN: "SSM-TF"}


def cell(pattern, parameters, *means, d_model=8, window=20, luck=LUCK, lrs=(1e-3, 1e-2), **more) -> Cell:
    """A cell whose seeds lie around one mean for each learning rate."""
    table = np.array([mean + luck for mean in means])
    settings = {PATTERN: pattern, WIDTH: d_model, "model.window": window, **more}
    return Cell(
        run=Run(task=SelectiveCopying(), model=HybridConfig(pattern=pattern, d_model=d_model, window=window)),
        settings=settings,
        parameters=parameters,
        lrs=lrs[: len(means)],
        seeds=tuple(range(table.shape[1])),
        select=table,
        accuracy=table,
        diverged=np.zeros(table.shape, dtype=bool),
    )


def found(*cells, name="fig4") -> Evidence:
    return Evidence(
        experiment=find_experiment(name), cells=cells, stored=StoredRows(rows=made_up_rows_of_nothing())
    )


def made_up_rows_of_nothing():
    import polars as pl

    from plait.experiments import COLUMNS

    return pl.DataFrame(schema=COLUMNS)


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
    claim = replace(
        FIGURES["fig4"].claims[0], judge=lambda _: Finding(outcome=Outcome.NOT, ours="0.1", short="0.1")
    )
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


class TestRatio:
    hybrid = (cell("SSM-TF", 1_000, 0.2), cell("SSM-TF", 2_000, 0.8))
    pure = (cell("TF-TF", 4_000, 0.2), cell("TF-TF", 8_000, 0.8))

    @pytest.mark.parametrize(
        ("size", "outcome"),
        [(4.0, Outcome.REPRODUCED), (3.0, Outcome.REPRODUCED), (6.0, Outcome.DIRECTION)],
    )
    def test_by_its_size(self, size, outcome):
        finding = ratio(0.5, size=size)(found(*self.hybrid, *self.pure))
        assert finding is not None
        assert finding.outcome is outcome
        assert finding.ours.startswith("4.00 [")
        assert finding.why == (
            "pure models get there at 5,657 parameters, SSM-TF at 1,414 parameters; between the first widths measured "
            "past it 4.00"
        )

    def test_a_pure_model_as_small_is_no_advantage(self):
        equal = (cell("TF-TF", 1_000, 0.2), cell("TF-TF", 2_000, 0.8))
        finding = ratio(0.5, size=6.0)(found(*self.hybrid, *equal))
        assert finding is not None
        assert finding.outcome is Outcome.NOT

    def test_a_bound_counts_no_further_than_it_goes(self):
        never = (cell("TF-TF", 4_000, 0.1), cell("TF-TF", 8_000, 0.2))
        finding = ratio(0.5, size=20.0)(found(*self.hybrid, *never))
        assert finding is not None
        assert (finding.outcome, finding.ours[:2]) == (Outcome.DIRECTION, ">=")
        assert "nowhere" in finding.why
        close = ratio(0.5, size=5.0)(found(*self.hybrid, *never))
        assert close is not None
        assert close.outcome is Outcome.REPRODUCED

    def test_other_hybrids_and_too_few_widths(self):
        other = tuple(cell("TF-SSM", size, mean) for size, mean in ((100, 0.2), (200, 0.8)))
        both = ratio(0.5, size=4.0)(found(*self.hybrid, *other, *self.pure))
        assert both is not None
        assert both.ours.startswith("4.00")
        assert ratio(0.5, size=4.0)(found(*self.hybrid)) is None
        assert ratio(0.5, size=4.0)(found(*self.hybrid, self.pure[0])) is None


class TestOneModel:
    def test_reaches(self):
        there, not_there = (found(cell("SSM-TF", 2_192, mean)) for mean in (0.97, 0.5))
        judge = reaches({PATTERN: "SSM-TF", WIDTH: 8}, accuracy=0.98)
        finding, missed = judge(there), judge(not_there)
        assert finding is not None
        assert missed is not None
        assert (finding.outcome, missed.outcome) == (Outcome.REPRODUCED, Outcome.NOT)
        assert missed.why == "0% of the seeds pass 0.9, the best has 0.530"
        assert judge(found(cell("TF-TF", 2_192, 0.97))) is None

    def test_near_one_and_below(self):
        cells = [cell("SSM-SSM", 1_000, 0.3, luck=LUCK / 10), cell("SSM-SSM", 2_000, 0.97, luck=LUCK / 10)]
        near = near_one(("SSM-SSM",))(found(*cells))
        assert near is not None
        assert near.outcome is Outcome.REPRODUCED
        assert "at 2,000 parameters" in near.ours
        direction = near_one(("SSM-SSM",), enough=0.99)(found(*cells))
        assert direction is not None
        assert direction.outcome is Outcome.DIRECTION
        wide = [cells[0], cell("SSM-SSM", 2_000, 0.955), cell("SSM-SSM", 3_000, 0.98, luck=LUCK / 10)]
        for some, outcome, where in ((wide[:2], Outcome.DIRECTION, 2_000), (wide, Outcome.REPRODUCED, 3_000)):
            finding = near_one(("SSM-SSM",))(found(*some))
            assert finding is not None
            assert finding.outcome is outcome
            assert f"at {where:,} parameters" in finding.ours
        together = near_one(("SSM-SSM", "TF-TF"))(
            found(*wide, *(cell("TF-TF", n, mean) for n, mean in ((1_000, 0.3), (2_000, 0.6))))
        )
        assert together is not None
        assert together.outcome is Outcome.NOT
        for limit, outcome in ((0.5, Outcome.NOT), (0.9701, Outcome.DIRECTION), (0.99, Outcome.REPRODUCED)):
            low = stays_below("SSM-SSM", accuracy=limit, parameters=9_000)(found(*cells))
            assert low is not None
            assert low.outcome is outcome


class TestDifferences:
    def test_ahead_at_every_width(self):
        cells = [
            cell("SSM-TF", 2_000, 0.9, d_model=8),
            cell("SSM-TF", 4_000, 0.9, d_model=16),
            cell("TF-TF", 2_000, 0.5, d_model=8),
            cell("TF-TF", 4_000, 0.8, d_model=16),
        ]
        finding = ahead(HYBRID, ({PATTERN: "TF-TF"},))(found(*cells))
        assert finding is not None
        assert finding.outcome is Outcome.REPRODUCED
        assert finding.ours == ("differences from +0.100 [+0.100, +0.100] to +0.400 [+0.400, +0.400]")
        assert finding.why == "least over TF-TF at d_model 16"
        behind = ahead(HYBRID, ({PATTERN: "TF-TF"},))(
            found(*cells[:3], cell("TF-TF", 4_000, 0.95, d_model=16))
        )
        assert behind is not None
        assert behind.outcome is Outcome.NOT
        assert "1 of 2 intervals reach 0 or below" in behind.why
        assert ahead(HYBRID, ({PATTERN: "TF-TF"},))(found(*cells[:2])) is None

    def test_a_gap_of_a_size(self):
        cells = [cell("SSM-TF", 2_000, 0.9), cell("TF-TF", 2_000, 0.5)]
        for size, outcome in ((0.4, Outcome.REPRODUCED), (0.6, Outcome.DIRECTION)):
            finding = gap(HYBRID, {PATTERN: "TF-TF"}, size=size)(found(*cells))
            assert finding is not None
            assert finding.outcome is outcome
        turned = gap({PATTERN: "TF-TF"}, HYBRID, size=0.1)(found(*cells))
        assert turned is not None
        assert turned.outcome is Outcome.NOT

    @pytest.mark.parametrize(
        ("wide", "outcome"),
        [((0.6, 0.5), Outcome.REPRODUCED), ((0.85, 0.1), Outcome.NOT), ((0.8, 0.1), Outcome.NOT)],
    )
    def test_windows_each_at_its_own_rate(self, wide, outcome):
        cells = [cell("TF-TF", 9, 0.2, 0.8, window=20), cell("TF-TF", 9, *wide, window=100)]
        finding = larger_windows_hurt({PATTERN: "TF-TF"}, narrow=20)(found(*cells))
        assert finding is not None
        assert finding.outcome is outcome
        assert f"both at the rate of 20: -0.{round(1000 * (0.8 - wide[1])):03d}" in finding.ours
        assert finding.rates == "window 20 0.01, window 100 0.001"
        assert larger_windows_hurt({PATTERN: "TF-TF"}, narrow=20)(found(cells[0])) is None

    def test_a_negligible_difference_is_none(self):
        still = np.zeros(8)
        cells = [
            cell("TF-TF", 9, 0.999, window=20, luck=still),
            cell("TF-TF", 9, 0.996, window=100, luck=still),
        ]
        finding = larger_windows_hurt({PATTERN: "TF-TF"}, narrow=20)(found(*cells))
        assert finding is not None
        assert finding.outcome is Outcome.NOT

    @pytest.mark.parametrize(
        ("at_400", "at_800", "outcome"),
        [
            (0.4, 0.4, Outcome.REPRODUCED),
            (0.8, 0.7, Outcome.DIRECTION),
            (0.85, 0.3, Outcome.NOT),
        ],
    )
    def test_a_fall_to_the_floor(self, at_400, at_800, outcome):
        cells = [
            cell("SSM-SSM", 9, mean, **{"test.seq_len": length, "task": "selective-copying"})
            for length, mean in ((100, 0.9), (400, at_400), (800, at_800))
        ]
        finding = falls_to_the_floor("selective-copying", "SSM-SSM")(found(*cells))
        assert finding is not None
        assert finding.outcome is outcome

    def test_a_fall_that_may_be_none_is_one_in_direction_only(self):
        near, far = ({"test.seq_len": length, "task": "selective-copying"} for length in (100, 400))
        for spread, outcome in ((0.1, Outcome.REPRODUCED), (0.8, Outcome.DIRECTION)):
            seeds = spread * np.array([1, -1, 1, -1, 1, -1, 1, -1])
            cells = [cell("SSM-SSM", 9, 0.9, **near), cell("SSM-SSM", 9, 0.4, luck=seeds, **far)]
            finding = falls_to_the_floor("selective-copying", "SSM-SSM")(found(*cells))
            assert finding is not None
            assert finding.outcome is outcome

    @pytest.mark.parametrize(
        ("means", "outcome"),
        [
            ((0.5, 0.3, 0.6), Outcome.REPRODUCED),
            ((0.5, 0.55, 0.6), Outcome.NOT),
            ((0.5, 0.4, 0.35), Outcome.NOT),
        ],
    )
    def test_a_dip_and_a_recovery(self, means, outcome):
        cells = [
            cell("SSM-TF", 9, mean, **{"model.n_heads": n}) for n, mean in zip((1, 2, 4), means, strict=True)
        ]
        finding = dips("model.n_heads", ("SSM-TF", "TF-TF"), {})(found(*cells))
        assert finding is not None
        assert finding.outcome is outcome
        assert finding.ours.startswith("SSM-TF: 1 less 2 ")
        flat = [cell("TF-TF", 9, 0.5, **{"model.n_heads": n}) for n in (1, 2, 4)]
        both = dips("model.n_heads", ("SSM-TF", "TF-TF"), {})(found(*cells, *flat))
        assert both is not None
        assert (both.outcome is Outcome.DIRECTION) == (outcome is Outcome.REPRODUCED)
        assert dips("model.n_heads", ("SSM-TF",), {})(found(*cells[:2])) is None

    def test_proportions_in_training(self):
        def row(pattern, *means):
            places = {0.05: means[0], 0.5: means[1], 0.9: means[2]}
            return [
                cell(pattern, 9, mean, **{"task.p_bit": at, "test.p_bit": 0.2}) for at, mean in places.items()
            ]

        hybrid, behind = row("SSM-TF", 0.8, 0.6, 0.3), row("TF-TF", 0.5, 0.3, 0.3)
        judge = best_at_most_proportions("SSM-TF")
        for rival, outcome in (
            (behind, Outcome.REPRODUCED),
            (row("TF-TF", 0.8, 0.3, 0.3), Outcome.DIRECTION),
            (row("TF-TF", 0.9, 0.3, 0.3), Outcome.NOT),
        ):
            finding = judge(found(*hybrid, *rival))
            assert finding is not None
            assert finding.outcome is outcome
        finding = judge(found(*hybrid, *behind))
        assert finding is not None
        assert finding.ours.startswith("SSM-TF: 0.05 0.800, +0.300 [+0.300, +0.300] on TF-TF; 0.5 0.600, ")
        assert finding.why == "ahead at 2 of 2, behind at 0"
        for among, outcome in (((0.5, 0.9), Outcome.NOT), ((0.05,), Outcome.REPRODUCED)):
            finding = best_trained_at("SSM-TF", among)(found(*hybrid))
            assert finding is not None
            assert finding.outcome is outcome
        assert best_trained_at("SSM-TF", (0.05,))(found(hybrid[0])) is None

    def test_a_threshold_is_undecided_until_the_widest_is_trained(self):
        judge = alone_past("SSM-TF", ("TF-TF",), over=0.5, below=0.4, widest=16)
        low, pure = cell("SSM-TF", 9, 0.3), cell("TF-TF", 9, 0.2)
        wide = {mean: cell("SSM-TF", 18, mean, d_model=16) for mean in (0.45, 0.6)}
        rival = {mean: cell("TF-TF", 18, mean, d_model=16) for mean in (0.2, 0.45)}
        beyond = cell("TF-TF", 30, 0.9, d_model=24)
        for cells, outcome in (
            ((low, pure), Outcome.OPEN),
            ((low, pure, wide[0.6]), Outcome.OPEN),
            ((low, pure, wide[0.6], cell("TF-TF", 12, 0.48, d_model=12)), Outcome.DIRECTION),
            ((low, pure, wide[0.6], rival[0.2], beyond), Outcome.REPRODUCED),
            ((low, pure, wide[0.6], rival[0.45]), Outcome.DIRECTION),
            ((low, pure, wide[0.45], rival[0.2]), Outcome.DIRECTION),
            ((low, pure, wide[0.45], rival[0.45]), Outcome.NOT),
        ):
            finding = judge(found(*cells))
            assert finding is not None
            assert finding.outcome is outcome
        assert judge(found(low)) is None

    @pytest.mark.parametrize(("hybrid", "pure"), [(0.4, 0.0), (0.0, 0.5)])
    def test_a_threshold_inside_an_interval_is_passed_in_direction_only(self, hybrid, pure):
        judge = alone_past("SSM-TF", ("TF-TF",), over=0.5, below=0.4, widest=16)
        seeds = np.array([1, -1, 1, -1, 1, -1, 1, -1])
        for scale, outcome in ((0.0, Outcome.REPRODUCED), (1.0, Outcome.DIRECTION)):
            mixed = cell("SSM-TF", 18, 0.6, d_model=16, luck=scale * hybrid * seeds)
            finding = judge(found(mixed, cell("TF-TF", 18, 0.2, d_model=16, luck=scale * pure * seeds)))
            assert finding is not None
            assert finding.outcome is outcome

    def test_heads_and_states(self):
        heads = [
            cell("TF-TF", 9, mean, **{"model.n_heads": n}) for n, mean in ((1, 0.6), (2, 0.5), (4, 0.55))
        ]
        fewer = fewer_is_better("model.n_heads", ("TF-TF",), {})(found(*heads))
        assert fewer is not None
        assert fewer.outcome is Outcome.REPRODUCED
        assert fewer.ours.startswith("TF-TF: 1 less 4 +0.050")
        for mean, outcome in ((0.65, Outcome.REPRODUCED), (0.9, Outcome.NOT)):
            states = [cell("SSM-SSM", 9, m, **{"model.d_state": n}) for n, m in ((1, 0.6), (16, mean))]
            trend = no_trend("model.d_state", ("SSM-SSM",), {})(found(*states))
            assert trend is not None
            assert trend.outcome is outcome


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
