"""Legends stay inside their plots, whatever the lines are called."""

import pytest
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from plait.report.plots import legend_below


@pytest.mark.parametrize(
    "label", ["TF", "SSM-TF rotary_fraction 0.25", "SSM-TF d_state 16 init mamba mlp_factor 2"]
)
@pytest.mark.parametrize("entries", [1, 4, 7])
def test_a_legend_is_not_cut_off(label: str, entries: int):
    figure = Figure(figsize=(6.2, 4.0), layout="constrained")
    axes = figure.subplots()
    legend_below(axes, [Line2D([], [], label=f"{label} {place}") for place in range(entries)])
    figure.draw_without_rendering()
    box = figure.legends[0].get_window_extent()
    assert box.x0 >= 0
    assert box.x1 <= figure.bbox.width
    assert box.y0 >= 0
    assert box.y1 <= axes.get_tightbbox().y0
