"""Plots of what experiments found: a line a pattern, in its own colour and mark (see styles.py).

They are matplotlib figures, to be shown in a notebook or turned into SVG text (see svg_file.py).
"""

import itertools
from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from plait.experiments import Summary, View, field_name, value_text
from plait.experiments.fields import counted_text
from plait.findings.figure import Reference
from plait.findings.number_text import decimals, point_text
from plait.findings.series import Line, Panel, panels
from plait.report.styles import Style, line_styles, pattern_style
from plait.report.svg_file import hover

if TYPE_CHECKING:
    from matplotlib.artist import Artist
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

STAR: Mapping[str, Any] = MappingProxyType(
    {"color": "#E69F00", "marker": "*", "markersize": 13, "markeredgecolor": "black", "linestyle": "none"}
)
"""Models that are built and proved."""

FAR = 5.0
"""Sizes that are as many times apart are not joined: a straight line would say what nobody measured."""


def accuracy_plot(
    summaries: Sequence[Summary],
    *,
    paper: Sequence[Reference] = (),
    rerun: Sequence[Reference] = (),
    title: str = "",
) -> "Figure":
    """Mean accuracy against parameters (logarithmic), a line a pattern, bars for the 95% intervals.

    The paper's values are hollow marks in the pattern's colour on dotted lines, the rerun's are crosses.
    """
    return panel_plot(accuracy_panel(summaries, title=title), paper=paper, rerun=rerun)


def accuracy_panel(summaries: Sequence[Summary], *, title: str = "") -> Panel:
    """Accuracy against parameters, a line a pattern."""
    known = {id(summary.cell): summary for summary in summaries}
    cells = [summary.cell for summary in summaries]
    found = panels(View(title=title), cells, summary=lambda cell: known[id(cell)])
    return found[0] if found else Panel(title=title, view=View(), lines=())


def panel_plot(
    panel: Panel,
    *,
    paper: Sequence[Reference] = (),
    rerun: Sequence[Reference] = (),
    proved: Sequence[Reference] = (),
) -> "Figure":
    """A panel's lines, or its matrix where its view has a second field; stars for models that are proved."""
    if panel.view.y is not None:
        return _matrix_plot(panel)
    figure, axes = _figure()
    styles = line_styles(panel, dict.fromkeys(r.pattern for r in (*paper, *rerun)))
    places = _places(panel)
    for line in panel.lines:
        _draw_line(axes, line, styles[line.label], places, apart=panel.view.x == "parameters")
    for pattern in dict.fromkeys(r.pattern for r in (*paper, *rerun)):
        _draw_paper(axes, [r for r in paper if r.pattern == pattern], pattern_style(pattern))
        _draw_rerun(axes, [r for r in rerun if r.pattern == pattern], pattern_style(pattern))
    for reference in proved:
        (mark,) = axes.plot([reference.parameters], [reference.accuracy], **STAR, zorder=5)
        hover(mark, _reference_text(reference))
    axes.set(xlabel=panel.x_label, ylabel="accuracy", ylim=(-0.03, 1.05), title=panel.title)
    _scale(axes, panel, places)
    _finish(axes, styles, paper=bool(paper), rerun=bool(rerun), proved=bool(proved))
    return figure


def panel_alt(panel: Panel) -> str:
    """The panel in words."""
    points = [point_text(line, point, panel.x_label) for line in panel.lines for point in line.points]
    subject = panel.title or "Accuracy"
    return f"{subject}: mean accuracy by {panel.x_label}. {'; '.join(points)}."


def panel_summary(panel: Panel) -> str:
    """The panel in a sentence: each line's first and last mean."""
    ends = [
        f"{line.label} from {decimals(line.points[0].summary.mean)} at {counted_text(line.points[0].x)} "
        f"to {decimals(line.points[-1].summary.mean)} at {counted_text(line.points[-1].x)}"
        for line in panel.lines
        if line.points
    ]
    return f"{panel.title or 'Accuracy'}: mean accuracy by {panel.x_label}. {'; '.join(ends)}."


def _figure() -> "tuple[Figure, Axes]":
    from matplotlib.figure import Figure

    figure = Figure(figsize=(6.2, 4.6), layout="constrained")
    return figure, figure.subplots()


_Places = Mapping[object, float] | None


def _places(panel: Panel) -> _Places:
    """Where values that are no numbers lie along the axis; None where all are numbers."""
    values = [point.x for line in panel.lines for point in line.points]
    if all(isinstance(value, int | float) and not isinstance(value, bool) for value in values):
        return None
    return {value: float(place) for place, value in enumerate(dict.fromkeys(values))}


def _draw_line(axes: "Axes", line: Line, style: Style, places: _Places, *, apart: bool) -> None:
    """Marks with their intervals, joined but where sizes lie far apart."""
    xs = [float(point.x) if places is None else places[point.x] for point in line.points]
    means = [point.summary.mean for point in line.points]
    (marks,) = axes.plot(
        xs, means, color=style.color, marker=style.marker, markersize=7, fillstyle=style.fill,  # pyright: ignore
        markerfacecoloralt="white", linestyle="none", label=line.label, zorder=4,
    )  # fmt: skip
    hover(marks, *(point_text(line, point, "") for point in line.points))
    for part in _joined(list(zip(xs, means, strict=True)), apart=apart):
        axes.plot(*zip(*part, strict=True), color=style.color, linestyle=style.dash, zorder=3)
    intervals = [(x, p.summary.interval) for x, p in zip(xs, line.points, strict=True) if p.summary.interval]
    if intervals:
        lows, highs = ([getattr(i, end) for _, i in intervals] for end in ("low", "high"))
        axes.vlines(
            [x for x, _ in intervals], lows, highs, color=style.color, linewidth=2, alpha=0.7, zorder=2
        )


def _joined(points: list[tuple[float, float]], *, apart: bool) -> list[list[tuple[float, float]]]:
    """The stretches of at least two points without a gap between sizes."""
    parts: list[list[tuple[float, float]]] = [[]]
    for before, point in itertools.pairwise([(float("nan"), 0.0), *points]):
        if apart and before[0] > 0 and point[0] / before[0] >= FAR:
            parts.append([])
        parts[-1].append(point)
    return [part for part in parts if len(part) > 1]


def _scale(axes: "Axes", panel: Panel, places: _Places) -> None:
    from matplotlib.ticker import FuncFormatter, NullLocator

    if places is not None:
        axes.set_xticks(list(places.values()), [value_text(value) for value in places])
        return
    values = sorted({float(point.x) for line in panel.lines for point in line.points})
    if panel.view.log and len(values) > 1 and values[-1] > 0:
        positive = [value for value in values if value > 0]
        if values[0] <= 0:
            axes.set_xscale("symlog", linthresh=positive[0], linscale=0.5)
            axes.autoscale_view(
                scaley=False
            )  # else the ends are those of the linear axis, and cut the last mark
        elif values[-1] > _NARROW * values[0]:
            axes.set_xscale("log")
    if panel.view.x != "parameters" and len(values) <= 12:
        axes.set_xticks(values, [f"{value:,g}" for value in values])
        axes.xaxis.set_minor_locator(NullLocator())
        _make_room(axes)
        return
    size = _short if max(values, default=0.0) >= SHORTENED else "{:,.0f}".format
    axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: size(value)))
    axes.xaxis.set_minor_formatter(
        FuncFormatter(lambda value, _: size(value) if f"{value:.0e}"[0] in "25" else "")
    )


def _make_room(axes: "Axes") -> None:
    """Leave out tick labels that would touch the one before."""
    figure = axes.get_figure(root=True)
    assert figure is not None
    figure.draw_without_rendering()
    end = float("-inf")
    for tick in axes.xaxis.get_major_ticks():
        box = tick.label1.get_window_extent()
        if box.x0 < end + 4:
            tick.label1.set_visible(False)
        else:
            end = box.x1


_NARROW = 1.5
"""Sizes within such a factor stand on a linear axis: a logarithmic one has no round number between them."""

SHORTENED = 100_000
"""Parameter counts from here on are written as 200k and 1M, which find room beside each other."""


def _short(value: float) -> str:
    return f"{value / 1e6:g}M" if value >= 1e6 else f"{value / 1e3:g}k"


def _draw_paper(axes: "Axes", references: Sequence[Reference], style: Style) -> None:
    if not references:
        return
    sizes, means = [r.parameters for r in references], [r.accuracy for r in references]
    axes.plot(sizes, means, color=style.color, linestyle=":", linewidth=1, alpha=0.8)
    (marks,) = axes.plot(
        sizes, means, color=style.color, marker=style.marker, markerfacecolor="white", linestyle="none",
        alpha=0.8,
    )  # fmt: skip
    hover(marks, *map(_reference_text, references))


def _draw_rerun(axes: "Axes", references: Sequence[Reference], style: Style) -> None:
    if not references:
        return
    sizes, means = [r.parameters for r in references], [r.accuracy for r in references]
    (marks,) = axes.plot(
        sizes, means, color=style.color, marker="x", markersize=8, markeredgewidth=2, linestyle="none"
    )
    hover(marks, *map(_reference_text, references))


def _reference_text(reference: Reference) -> str:
    size = f"{reference.parameters:,} parameters"
    return f"{reference.pattern}, {size}: {decimals(reference.accuracy)} ({reference.source.split(':')[0]})"


def _finish(axes: "Axes", styles: Mapping[str, Style], *, paper: bool, rerun: bool, proved: bool) -> None:
    from matplotlib.lines import Line2D

    axes.grid(visible=True, which="major", color="#dddddd", linewidth=0.6)
    axes.spines[["top", "right"]].set_visible(False)
    entries = [
        Line2D(
            [], [], color=style.color, marker=style.marker, ls=style.dash, fillstyle=style.fill,  # pyright: ignore
            markerfacecoloralt="white", label=label,
        )
        for label, style in styles.items()
    ]  # fmt: skip
    if paper:
        entries.append(
            Line2D([], [], color="#555555", marker="o", markerfacecolor="white", linestyle=":", label="paper")
        )
    if rerun:
        entries.append(
            Line2D([], [], color="#555555", marker="x", linestyle="none", label="independent rerun")
        )
    if proved:
        entries.append(Line2D([], [], label="built and proved", **STAR))
    legend_below(axes, entries)


_MARK_INCHES, _LETTER_INCHES = 0.6, 0.066
"""Room of a legend's entry: the mark with the space around it, and a letter in small print."""


def legend_below(axes: "Axes", entries: "Sequence[Artist]") -> None:
    """Under the plot, so that a narrow screen keeps its width for the lines, in as many columns as fit."""
    figure = axes.get_figure(root=True)
    assert figure is not None
    longest = max(len(str(entry.get_label())) for entry in entries)
    fitting = int(figure.get_figwidth() / (_MARK_INCHES + _LETTER_INCHES * longest))
    figure.legend(
        handles=list(entries),
        frameon=False,
        fontsize="small",
        loc="outside lower center",
        ncols=max(1, min(4, len(entries), fitting)),
    )


def _matrix_plot(panel: Panel) -> "Figure":
    """A square for each cell, darker where the accuracy is higher, its mean written in it."""
    from matplotlib import colormaps
    from matplotlib.patches import Rectangle

    figure, axes = _figure()
    columns = list(dict.fromkeys(point.x for line in panel.lines for point in line.points))
    for row, line in enumerate(panel.lines):
        for point in line.points:
            column, mean = columns.index(point.x), point.summary.mean
            square = Rectangle(
                (column - 0.5, row - 0.5), 1, 1, facecolor=colormaps["cividis"](mean), edgecolor="white"
            )
            axes.add_patch(square)
            hover(square, point_text(line, point, panel.x_label))
            ink = "black" if mean > 0.55 else "white"
            axes.text(column, row, decimals(mean, 2), ha="center", va="center", color=ink, fontsize="small")
    axes.set(xlim=(-0.5, len(columns) - 0.5), ylim=(len(panel.lines) - 0.5, -0.5), title=panel.title)
    axes.set_xticks(range(len(columns)), [f"{value:g}" for value in columns])
    axes.set_yticks(range(len(panel.lines)), [line.label for line in panel.lines])
    axes.set(xlabel=panel.x_label, ylabel=field_name(panel.view.y or ""))
    axes.spines[:].set_visible(False)
    return figure
