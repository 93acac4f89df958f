"""Plots and tables of views on made-up cells: where points lie, what they say, and two questions with known answers."""

import itertools
import math
from dataclasses import replace

import numpy as np
import pytest
from made_up_rows import made_up_rows

from plait.experiments import Cell, Interval, Ratio, View, cells, evaluated_cells, ratio_curve
from plait.model import HybridConfig
from plait.paper import find_experiment
from plait.report import (
    paired_table,
    panel_alt,
    panel_plot,
    panels,
    rate_table,
    ratio_plot,
    ratios_by_pattern,
    svg_text,
    window_table,
)
from plait.tasks import SelectiveCopying
from plait.training.run import Run

RATES = (1e-3, 1e-2)


def cell(accuracy, *, pattern="TF-TF", parameters=1_000, window=20, settings=None) -> Cell:
    table = np.asarray(accuracy, dtype=np.float64)
    run = Run(task=SelectiveCopying(), model=HybridConfig(pattern=pattern, d_model=8, window=window))
    given = {"model.pattern": pattern, "model.window": window} if settings is None else settings
    return Cell(
        run=run,
        settings=given,
        parameters=parameters,
        lrs=RATES[: len(table)],
        seeds=tuple(range(table.shape[1])),
        select=table,
        accuracy=table,
        diverged=np.zeros(table.shape, dtype=bool),
    )


class TestPanels:
    view = View(x="model.window", log=False)
    found = (
        cell([[0.5] * 6], window=20),
        cell([[0.7] * 6], window=5),
        cell([[0.9] * 6], window=5, pattern="SSM-TF"),
    )

    def test_points_lie_at_their_values_in_order(self):
        (panel,) = panels(self.view, self.found)
        assert [(line.label, [point.x for point in line.points]) for line in panel.lines] == [
            ("TF-TF", [5, 20]),
            ("SSM-TF", [5]),
        ]
        (axes,) = panel_plot(panel).axes
        drawn = {
            line.get_label(): line.get_xydata().tolist()
            for line in axes.lines
            if len(line.get_xydata()) > 1 and line.get_linestyle() == "None"
        }
        assert drawn == {"TF-TF": [[5, pytest.approx(0.7)], [20, pytest.approx(0.5)]]}

    def test_each_point_says_its_value(self):
        (panel,) = panels(self.view, self.found)
        text = svg_text(panel_plot(panel), name="x")
        assert (
            "<title>TF-TF window 5, 1,000 parameters: 0.700, 95% interval 0.700 to 0.700, 6 seeds, learning rate 0.001"
            in text
        )
        assert 'id="hover' not in text
        assert "TF-TF window 20, window 20, 1,000 parameters: 0.500" in panel_alt(panel)

    def test_a_panel_for_each_value_and_only_those_asked_for(self):
        view = replace(self.view, panels=("model.pattern",), where={"model.window": (5,)})
        shown = panels(view, self.found)
        assert [panel.title for panel in shown] == ["TF-TF", "SSM-TF"]
        assert all(len(line.points) == 1 for panel in shown for line in panel.lines)

    def test_learning_rates_as_lines(self):
        both = cell([[0.2] * 3, [0.6] * 3], window=5)
        (panel,) = panels(replace(self.view, lines=("train.lr",)), (both,))
        assert [(line.label, line.points[0].summary.mean) for line in panel.lines] == [
            ("0.001", pytest.approx(0.2)),
            ("0.01", pytest.approx(0.6)),
        ]

    def test_a_full_window_has_a_place(self):
        found = (cell([[0.5] * 2], window=None), cell([[0.7] * 2], window=5))
        (panel,) = panels(self.view, found)
        (axes,) = panel_plot(panel).axes
        assert [label.get_text() for label in axes.get_xticklabels()] == ["5", "full"]

    @pytest.mark.parametrize("largest", [8_000, 4_000_000])
    def test_sizes_find_room_beside_each_other(self, largest):
        found = tuple(cell([[0.5] * 2], parameters=size) for size in (1_000, largest))
        (panel,) = panels(View(), found)
        figure = panel_plot(panel)
        figure.draw_without_rendering()
        (axes,) = figure.axes
        ticks = [*axes.xaxis.get_major_ticks(), *axes.xaxis.get_minor_ticks()]
        labels = sorted(
            (t.label1.get_window_extent() for t in ticks if t.label1.get_visible() and t.label1.get_text()),
            key=lambda box: box.x0,
        )
        inside = [box for box in labels if axes.bbox.x0 <= (box.x0 + box.x1) / 2 <= axes.bbox.x1]
        assert len(inside) >= 3
        assert all(one.x1 < next_one.x0 for one, next_one in itertools.pairwise(inside))

    def test_noise_from_zero_on_a_logarithmic_axis(self):
        experiment = find_experiment("basin").where({"train.lr": RATES, "train.seed": (0, 1)})
        found = cells(experiment, made_up_rows(experiment)[0])
        shown = panels(experiment.views[0], found)
        (axes,) = panel_plot(shown[0]).axes
        assert axes.get_xscale() == "symlog"
        first, last = axes.transAxes.inverted().transform(axes.transData.transform([[0, 0], [1, 0]]))[:, 0]
        assert first == pytest.approx(1 - last)
        assert 0.01 < first < 0.1, "as much room before the first mark as behind the last"
        assert [point.x for point in shown[0].lines[0].points][:3] == [0.0, 0.003, 0.01]

    def test_a_matrix_has_a_square_for_every_pair(self):
        experiment = find_experiment("proportion").where({"train.lr": RATES, "train.seed": (0, 1)})
        found = evaluated_cells(experiment, *made_up_rows(experiment))
        panel = panels(experiment.views[0], found)[0]
        (axes,) = panel_plot(panel).axes
        assert len(axes.patches) == 6 * 7
        assert [label.get_text() for label in axes.get_yticklabels()] == [
            "0.05",
            "0.1",
            "0.3",
            "0.5",
            "0.8",
            "0.9",
        ]
        assert "bit proportion in the test 0.2" in svg_text(panel_plot(panel), name="m")


class TestRatios:
    cells = (
        cell([[0.2] * 6], parameters=4_000),
        cell([[0.9] * 6], parameters=16_000),
        cell([[0.2] * 6], parameters=1_000, pattern="SSM-TF"),
        cell([[0.9] * 6], parameters=2_000, pattern="SSM-TF"),
    )

    def test_as_a_function_of_the_accuracy(self):
        found = ratio_curve(self.cells[:2], self.cells[2:], (0.2, 0.5, 0.9, 0.95))
        # In log parameters both curves are straight, the pure one twice as long: 4 at the foot, 8 at the top.
        assert found[1].low == pytest.approx(4 * 2 ** (0.3 / 0.7))
        assert found[2].low == found[2].high == pytest.approx(8)
        assert (found[3].low, found[3].high) == (0.0, math.inf)
        assert [ratio.accuracy for ratio in found] == [0.2, 0.5, 0.9, 0.95]

    def test_the_plot_says_values(self):
        ratios = ratios_by_pattern(self.cells)
        assert ratios is not None
        assert list(ratios) == ["TF-TF"]
        assert len(ratios["TF-TF"]) == 50
        assert "TF-TF, accuracy 0.9: 8.00 [8.00, 8.00]" in svg_text(ratio_plot(ratios), name="r")
        assert ratios_by_pattern(self.cells[:2]) is None

    @pytest.mark.parametrize("most", [3, 8, 40, 150, 5_000])
    def test_the_axis_of_the_plot_has_labels_up_to_its_top(self, most):
        ratio = Ratio(accuracy=0.9, low=most, high=most, interval=Interval(low=most, high=most), seeds=8)
        axes = ratio_plot({"TF-TF": (ratio,)}).axes[0]
        ticks = axes.get_yticks()
        assert ticks[0] == 0.5
        assert axes.get_ylim()[1] / 2 < ticks[-1] <= axes.get_ylim()[1]


class TestQuestions:
    def test_the_ratio_by_the_rate_of_pure_models(self):
        pure = [
            cell([[0.2] * 6, [0.3] * 6], parameters=4_000),
            cell([[0.6] * 6, [0.9] * 6], parameters=16_000),
        ]
        hybrid = [
            cell([[0.2] * 6] * 2, parameters=1_000, pattern="SSM-TF"),
            cell([[0.9] * 6] * 2, parameters=2_000, pattern="SSM-TF"),
        ]
        table = rate_table([*pure, *hybrid], accuracy=0.6)
        assert table is not None
        found = {row[0].text: row[1].value["low"] for row in table.rows}
        middle = 1_000 * 2 ** (0.4 / 0.7)
        assert found["0.001"] == pytest.approx(16_000 / middle)
        assert found["0.01"] == found["the best of all"] == pytest.approx(4_000 * 4 ** (0.3 / 0.6) / middle)
        assert rate_table(pure) is None

    def test_windows_each_at_its_rate_and_at_one(self):
        luck = np.arange(6) / 100
        narrow = cell([0.5 + luck, 0.8 + luck], window=20)
        wide = cell([0.7 + luck, 0.3 + luck], window=100)
        table = window_table([narrow, wide, cell([luck], window=20, pattern="SSM-TF")])
        assert table is not None
        (row,) = table.rows
        values = dict(zip((column.name for column in table.columns), row, strict=True))
        assert values["own"].text == "-0.100"
        assert values["same"].text == "-0.500"
        assert values["own_interval"].text == "-0.100 to -0.100"
        assert (values["reference_lr"].text, values["widest_lr"].text) == ("0.01", "0.001")

    def test_hybrids_less_pure_models_in_the_same_setting(self):
        luck = np.arange(6) / 10
        found = [
            cell([luck + 0.2], pattern="SSM-TF", settings={"model.pattern": "SSM-TF", "model.d_model": 8}),
            cell([luck], pattern="TF-TF", settings={"model.pattern": "TF-TF", "model.d_model": 8}),
            cell([luck], pattern="TF-TF", settings={"model.pattern": "TF-TF", "model.d_model": 12}),
        ]
        table = paired_table(found)
        assert table is not None
        (row,) = table.rows
        assert [entry.text for entry in row] == ["d8", "SSM-TF", "TF-TF", "+0.200", "+0.200 to +0.200", "6"]
        assert paired_table(found[1:]) is None
