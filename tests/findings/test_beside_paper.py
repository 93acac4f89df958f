"""A reported accuracy beside ours: which widths it is held against, and when a difference is open."""

import numpy as np
import pytest
from made_up import made_up_cell

from plait.findings.beside_paper import beside
from plait.findings.evidence import Evidence, StoredRows
from plait.findings.figure import Reference
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
    assert found.unexplained == pytest.approx(0.5 - found.high)
    assert found.open


def test_between_two_widths_ours_is_interpolated_and_both_explain():
    (found,) = beside([reported(2_000, 0.8)], evidence((1_000, 0.1), (4_000, 0.9)))
    assert found.ours == pytest.approx(0.5035)
    assert found.difference == pytest.approx(0.8 - 0.5035)
    assert found.unexplained == 0.0
    assert not found.open


def test_close_is_not_open():
    one, other = (beside([reported(1_000, a)], evidence((1_000, 0.5)))[0] for a in (0.54, 0.58))
    assert (one.open, other.open) == (False, True)
    assert 0 < one.unexplained < 0.05


def test_sizes_too_far_away_and_patterns_that_are_not_there_say_nothing():
    assert beside([reported(10_000, 0.5), reported(1_000, 0.5, "SSM-TF")], evidence((1_000, 0.5))) == ()


def test_the_score_on_eight_sequences_stands_beside_where_rows_have_it():
    with_eight = evidence((1_000, 0.5))
    object.__setattr__(with_eight.cells[0], "eight", np.full((1, 8), 0.25))
    assert beside([reported(1_000, 0.5)], with_eight)[0].eight == pytest.approx(0.25)
    assert beside([reported(1_000, 0.5)], evidence((1_000, 0.5)))[0].eight is None
