"""What each judge finds in made-up cells whose answer is known."""

import numpy as np
import pytest
from made_up_evidence import LUCK, PATTERN, WIDTH, cell, found

from plait.findings.claims import (
    Outcome,
)
from plait.findings.judges import (
    ahead,
    gap,
    larger_windows_hurt,
    near_one,
    ratio,
    reaches,
    stays_below,
)
from plait.findings.trends import (
    alone_past,
    dips,
    falls_to_the_floor,
    fewer_is_better,
    no_trend,
)
from plait.paper.proportion import best_at_most_proportions, best_trained_at

HYBRID = {PATTERN: "SSM-TF"}


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

    def test_a_threshold_that_one_model_passes_alone(self):
        judge = alone_past("SSM-TF", ("TF-TF",), over=0.5, below=0.4, widest=16)
        low, pure = cell("SSM-TF", 9, 0.3), cell("TF-TF", 9, 0.2)
        wide = {mean: cell("SSM-TF", 18, mean, d_model=16) for mean in (0.45, 0.6)}
        rival = {mean: cell("TF-TF", 18, mean, d_model=16) for mean in (0.2, 0.45)}
        beyond = cell("TF-TF", 30, 0.9, d_model=24)
        for cells, outcome in (
            ((low, pure), Outcome.DIRECTION),
            ((low, pure, wide[0.6]), Outcome.REPRODUCED),
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
