"""The headline ratio drawn as a function of the accuracy asked for."""

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING

from plait.experiments import Interval, Ratio
from plait.findings.members import Ratios
from plait.findings.number_text import ratio_text
from plait.report.plots import legend_below
from plait.report.styles import SMALLEST_PURE, Style, pattern_style
from plait.report.svg_file import hover

if TYPE_CHECKING:
    from matplotlib.artist import Artist
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure
    from matplotlib.lines import Line2D

PALE = "#bbbbbb"


def ratio_plot(ratios: Ratios) -> "Figure":
    """Lines where the ratio is measured, arrows up where it is a lower bound; shaded 95% intervals.

    The line of the smallest pure model lies broad and pale beneath those of the patterns, one of which it is.
    """
    from matplotlib.figure import Figure
    from matplotlib.ticker import FuncFormatter, NullFormatter

    figure = Figure(figsize=(6.2, 4.0), layout="constrained")
    axes = figure.subplots()
    top = 1.15 * max([2.0, *(end for curve in ratios.values() for ratio in curve for end in _ends(ratio))])
    entries = [
        entry
        for name, curve in ratios.items()
        if (entry := _draw_curve(axes, curve, name=name, top=top)) is not None
    ]
    axes.axhline(1.0, color="#999999", linewidth=0.8)
    axes.set(yscale="log", ylim=(0.4, top), xlabel="accuracy", ylabel="pure over hybrid parameters")
    axes.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
    axes.yaxis.set_minor_formatter(NullFormatter())
    axes.set_yticks(_ticks(top))
    axes.grid(visible=True, which="major", color="#dddddd", linewidth=0.6)
    axes.spines[["top", "right"]].set_visible(False)
    if entries:
        legend_below(axes, entries)
    return figure


def _ticks(top: float) -> list[float]:
    """Powers of two up to `top`, and what lies half way between them as long as there is room."""
    powers = [2.0**exponent for exponent in range(-1, math.floor(math.log2(top)) + 1)]
    between = [1.5 * power for power in powers if power >= 2 and 1.5 * power <= top]
    return sorted([*powers, *(between if top < 32 else [])])


def ratio_alt(ratios: Ratios) -> str:
    """The plot in words, at every tenth of accuracy."""
    spoken = [
        f"{name} at {ratio.accuracy:g}: {ratio_text(ratio)}"
        for name, curve in ratios.items()
        for ratio in curve
        if round(100 * ratio.accuracy) % 10 == 0
    ]
    return f"Parameters of pure models over those of the smallest hybrid, by accuracy. {'; '.join(spoken)}."


def _draw_curve(axes: "Axes", curve: Sequence[Ratio], *, name: str, top: float) -> "Artist | None":
    """The legend's entry; None where no ratio of the curve is measured or bounded from below."""
    shown = [ratio for ratio in curve if ratio.low > 0]
    if not shown:
        return None
    if name == SMALLEST_PURE:
        xs, ys = [ratio.accuracy for ratio in shown], [ratio.low for ratio in shown]
        (broad,) = axes.plot(xs, ys, color=PALE, linewidth=8, solid_capstyle="round", label=name, zorder=1)
        return broad
    style = pattern_style(name)
    shaded = [(ratio.accuracy, ratio.interval) for ratio in shown if ratio.interval is not None]
    if shaded:
        lows = [max(interval.low, 0.01) for _, interval in shaded]
        highs = [min(interval.high, 2 * top) for _, interval in shaded]
        axes.fill_between([x for x, _ in shaded], lows, highs, color=style.color, alpha=0.12, linewidth=0)
    drawn: list[Line2D] = []
    bounds = Style(color=style.color, marker="^", dash="none", fill="none")
    for kind, ratios in (
        (style, [ratio for ratio in shown if ratio.low == ratio.high]),
        (bounds, [ratio for ratio in shown if math.isinf(ratio.high)]),
    ):
        if ratios:
            drawn += axes.plot(
                [ratio.accuracy for ratio in ratios], [ratio.low for ratio in ratios], label=name,
                color=kind.color, marker=kind.marker, fillstyle=kind.fill, markersize=4,  # pyright: ignore
                linestyle=kind.dash, zorder=3,
            )  # fmt: skip
            hover(drawn[-1], *(f"{name}, accuracy {r.accuracy:g}: {ratio_text(r)}" for r in ratios))
    return drawn[0] if drawn else None


def _ends(ratio: Ratio) -> list[float]:
    interval = ratio.interval or Interval(low=ratio.low, high=ratio.high)
    return [end for end in (ratio.low, ratio.high, min(interval.high, 40.0)) if math.isfinite(end)]
