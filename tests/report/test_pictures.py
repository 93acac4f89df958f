"""Every kind of plot: a pattern looks the same in all of them, and no label lies on another."""

import itertools
from dataclasses import replace

import pytest
from made_up_rows import made_up_rows
from matplotlib.figure import Figure as Plot
from matplotlib.text import Text

from plait.constructions import tradeoff
from plait.experiments import cells, evaluated_cells
from plait.findings.members import ratios_by_pattern
from plait.findings.series import panels
from plait.paper import FIGURES
from plait.report.construction_costs import tradeoff_plot
from plait.report.plots import FAR, panel_plot
from plait.report.ratio_plot import ratio_plot
from plait.report.styles import SMALLEST_PURE, line_styles, pattern_style
from plait.tasks import DecodingRecall, SelectiveCopying

NAMES = ("headline", "fig4", "fig5", "fig6", "fig11", "fig12", "fig14", "length", "proportion", "lean")
ROOM = 1.0
"""Pixels by which boxes may touch."""


def drawn(name: str):
    """The panels of a figure, from made-up rows."""
    experiment = FIGURES[name].experiment.where({"train.lr": (1e-3, 1e-2), "train.seed": (0, 1)})
    rows, evaluations = made_up_rows(experiment)
    found = evaluated_cells(experiment, rows, evaluations) if evaluations.height else cells(experiment, rows)
    return [panel for view in experiment.views if view.drawn for panel in panels(view, found)]


@pytest.fixture(scope="module")
def shown():
    return {name: drawn(name) for name in NAMES}


def plots(name, shown):
    figure = FIGURES[name]
    for panel in shown[name]:
        sized = panel.view.x == "parameters"
        yield panel_plot(panel, paper=figure.paper if sized else (), rerun=figure.rerun if sized else ())
        if panel.view.ratio and (ratios := ratios_by_pattern(panel.cells)):
            yield ratio_plot(ratios)


def overlapping(plot: Plot) -> list[tuple[str, str]]:
    """Pairs of texts of which one lies on another."""
    plot.draw_without_rendering()
    texts = [text for text in plot.findobj(Text) if text.get_visible() and text.get_text().strip()]
    axes = {text for one in plot.axes for side in (one.xaxis, one.yaxis) for text in _hidden(side)}
    boxes = [(text.get_text(), text.get_window_extent()) for text in texts if text not in axes]
    return [
        (first, second)
        for (first, one), (second, other) in itertools.combinations(boxes, 2)
        if min(one.x1, other.x1) - max(one.x0, other.x0) > ROOM
        and min(one.y1, other.y1) - max(one.y0, other.y0) > ROOM
    ]


def _hidden(axis) -> set[Text]:
    """Labels of ticks outside of what is shown, which are never painted."""
    low, high = sorted(axis.get_view_interval())
    ticks = [*axis.get_major_ticks(), *axis.get_minor_ticks()]
    return {
        label
        for tick in ticks
        for label in (tick.label1, tick.label2)
        if not low <= tick.get_loc() <= high or not label.get_visible()
    }


@pytest.mark.parametrize("name", NAMES)
def test_no_label_lies_on_another(name, shown):
    for plot in plots(name, shown):
        assert overlapping(plot) == []


@pytest.mark.parametrize("task", [SelectiveCopying(), DecodingRecall()], ids=["copying", "recall"])
def test_no_label_lies_on_another_where_layouts_are_named(task):
    assert overlapping(tradeoff_plot(tradeoff(task, 100))) == []


def test_labels_that_overlap_are_found():
    plot = Plot()
    plot.subplots().set_xticks([0.5, 0.501], ["a long label", "another one"])
    assert ("a long label", "another one") in overlapping(plot)


def test_a_pattern_has_one_colour_and_one_mark_in_every_picture(shown):
    looks: dict[str, set[tuple[str, str]]] = {}
    for panel in itertools.chain.from_iterable(shown.values()):
        if panel.view.y is not None or "model.pattern" not in panel.view.lines:
            continue
        styles = line_styles(panel)
        for line in panel.lines:
            for drawn_line in panel_plot(panel).axes[0].lines:
                if drawn_line.get_label() == line.label:
                    pattern = line.points[0].summary.cell.pattern
                    looks.setdefault(pattern, set()).add((drawn_line.get_color(), drawn_line.get_marker()))
                    assert drawn_line.get_color() == styles[line.label].color
    assert len(looks) >= 7
    assert {pattern: len(each) for pattern, each in looks.items()} == dict.fromkeys(looks, 1)
    assert len(set.union(*looks.values())) == len(looks), "and no two the same"


def test_a_ratio_plot_has_the_colours_of_its_patterns_and_every_line_that_it_names(shown):
    (panel,) = shown["fig4"]
    plot = ratio_plot(ratios_by_pattern(panel.cells) or {})
    (axes,) = plot.axes
    named = {text.get_text() for text in plot.legends[0].get_texts()}
    assert named == {line.get_label() for line in axes.lines if not line.get_label().startswith("_")}
    for name in named - {SMALLEST_PURE}:
        (color,) = {line.get_color() for line in axes.lines if line.get_label() == name}
        assert color == pattern_style(name).color


@pytest.mark.parametrize(("largest", "joined"), [(4_000, 1), (6_000, 0)])
def test_sizes_far_apart_are_not_joined(shown, largest, joined):
    (panel,) = shown["headline"]
    small, wide = [cell for cell in panel.cells if cell.pattern == "TF-TF"][:2]
    pair = (replace(small, parameters=1_000), replace(wide, parameters=largest))
    assert joined == (largest / 1_000 < FAR)
    (apart,) = panels(panel.view, pair)
    lines = [line for line in panel_plot(apart).axes[0].lines if line.get_linestyle() != "None"]
    assert len(lines) == joined
