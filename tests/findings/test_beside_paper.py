"""A reported accuracy beside ours: which widths it is held against, and when a difference is open."""

import numpy as np
import pytest
from made_up import made_up_cell

from plait.findings.beside_paper import beside
from plait.findings.evidence import Evidence, StoredRows
from plait.findings.figure import Reference
from plait.findings.judges import READING
from plait.paper.fig4 import FIG4


def evidence(*sizes: tuple[int, float]) -> Evidence:
    """TF-TF at these parameter counts and accuracies, alike for eight seeds at one rate."""
    cells = tuple(
        made_up_cell([[accuracy + 0.001 * seed for seed in range(8)]], pattern="TF-TF", parameters=parameters)
        for parameters, accuracy in sizes
    )
    return Evidence(experiment=FIG4.experiment, cells=cells, stored=StoredRows(rows=None))


def reported(parameters: int, accuracy: float, pattern: str = "TF-TF") -> Reference:
    return Reference(pattern=pattern, parameters=parameters, accuracy=accuracy, source="made up")


def test_a_width_that_is_meant_stands_alone():
    (found,) = beside([reported(2_000, 0.5)], evidence((1_000, 0.1), (2_192, 0.4), (4_000, 0.9)))
    assert found.ours == pytest.approx(0.4035)
    assert len(found.widths) == 1
    assert found.unexplained == pytest.approx(0.5 - found.high - READING)
    assert found.open


def test_between_two_widths_ours_is_interpolated_and_its_interval_too():
    """That neighbouring widths have less and more explains nothing."""
    (found,) = beside([reported(2_000, 0.8)], evidence((1_000, 0.1), (4_000, 0.9)))
    assert found.ours == pytest.approx(0.5035)
    assert found.difference == pytest.approx(0.8 - 0.5035)
    small, large = (
        beside([reported(at, 0.8)], evidence((1_000, 0.1), (4_000, 0.9)))[0] for at in (1_000, 4_000)
    )
    assert (found.low, found.high) == (
        pytest.approx((small.low + large.low) / 2),
        pytest.approx((small.high + large.high) / 2),
    )
    assert found.high < 0.51
    assert found.open


def test_close_is_not_open_and_far_is_open_however_near_the_interval_ends():
    seeds = evidence((1_000, 0.5))
    near, far = (beside([reported(1_000, a)], seeds)[0] for a in (0.55, 0.558))
    assert (near.far, near.open) == (False, False)
    assert near.unexplained > 0
    assert (far.far, far.open) == (True, True)


def test_an_interval_that_holds_the_number_explains_it_to_what_may_be_read_wrong():
    wide = evidence((1_000, 0.5))
    table = np.array([[0.3, 0.7] * 4])
    object.__setattr__(wide.cells[0], "accuracy", table)
    (inside,) = beside([reported(1_000, 0.6)], wide)
    assert (inside.far, inside.open, inside.unexplained) == (True, False, 0.0)
    at_end, beyond = (beside([reported(1_000, inside.high + more)], wide)[0] for more in (0.004, 0.006))
    assert (at_end.open, beyond.open) == (False, True)


def test_sizes_too_far_away_and_patterns_that_are_not_there_say_nothing():
    assert beside([reported(10_000, 0.5), reported(1_000, 0.5, "SSM-TF")], evidence((1_000, 0.5))) == ()


def test_the_score_on_eight_sequences_stands_beside_where_rows_have_it():
    with_eight = evidence((1_000, 0.5))
    object.__setattr__(with_eight.cells[0], "eight", np.full((1, 8), 0.25))
    assert beside([reported(1_000, 0.5)], with_eight)[0].eight == pytest.approx(0.25)
    assert beside([reported(1_000, 0.5)], evidence((1_000, 0.5)))[0].eight is None
