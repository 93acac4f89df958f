"""The headline ratio drawn as a function of the accuracy asked for."""

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING

from plait.experiments import Interval, Ratio
from plait.findings.sides import Ratios
from plait.findings.words import ratio_text
from plait.report.plots import STYLES, legend_below
from plait.report.svg import hover

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure


def ratio_plot(ratios: Ratios) -> "Figure":
    """Lines where the ratio is measured, arrows up where it is a lower bound; shaded 95% intervals."""
    from matplotlib.figure import Figure
    from matplotlib.ticker import FuncFormatter, NullFormatter

    figure = Figure(figsize=(6.2, 4.0), layout="constrained")
    axes = figure.subplots()
    top = 1.15 * max([2.0, *(end for curve in ratios.values() for ratio in curve for end in _ends(ratio))])
    for (name, curve), (color, marker, dash) in zip(ratios.items(), STYLES, strict=False):
        _draw_curve(axes, curve, (color, marker, dash), name=name, top=top)
    axes.axhline(1.0, color="#999999", linewidth=0.8)
    axes.set(yscale="log", ylim=(0.4, top), xlabel="accuracy", ylabel="pure over hybrid parameters")
    axes.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
    axes.yaxis.set_minor_formatter(NullFormatter())
    axes.set_yticks(_ticks(top))
    axes.grid(visible=True, which="major", color="#dddddd", linewidth=0.6)
    axes.spines[["top", "right"]].set_visible(False)
    legend_below(axes, [line for line in axes.lines if not str(line.get_label()).startswith("_")])
    return figure


def _ticks(top: float) -> list[float]:
    """Powers of two up to `top`, and what lies half way between them as long as there is room."""
    powers = [2.0**exponent for exponent in range(-1, math.floor(math.log2(top)) + 1)]
    between = [1.5 * power for power in powers if power >= 2 and 1.5 * power <= top]
    return sorted([*powers, *(between if top < 64 else [])])


def ratio_alt(ratios: Ratios) -> str:
    """The plot in words, at every tenth of accuracy."""
    spoken = [
        f"{name} at {ratio.accuracy:g}: {ratio_text(ratio)}"
        for name, curve in ratios.items()
        for ratio in curve
        if round(100 * ratio.accuracy) % 10 == 0
    ]
    return f"Parameters of pure models over those of the smallest hybrid, by accuracy. {'; '.join(spoken)}."


def _draw_curve(
    axes: "Axes", curve: Sequence[Ratio], style: tuple[str, str, str], *, name: str, top: float
) -> None:
    color, marker, dash = style
    measured = [ratio for ratio in curve if ratio.low == ratio.high]
    xs, ys = [r.accuracy for r in curve], [r.low if r.low == r.high else math.nan for r in curve]
    axes.plot(xs, ys, color=color, linestyle=dash, marker=marker, markersize=4, label=name, zorder=3)
    shaded = [(r.accuracy, r.interval) for r in curve if r.interval is not None and r.low > 0]
    if shaded:
        lows = [max(interval.low, 0.01) for _, interval in shaded]
        highs = [min(interval.high, 2 * top) for _, interval in shaded]
        axes.fill_between([x for x, _ in shaded], lows, highs, color=color, alpha=0.12, linewidth=0)
    bounds = [ratio for ratio in curve if ratio.low > 0 and math.isinf(ratio.high)]
    for ratios, mark in ((measured, marker), (bounds, "^")):
        for ratio in ratios:
            filled = color if ratio.low == ratio.high else "white"
            (point,) = axes.plot(
                [ratio.accuracy], [ratio.low], marker=mark, markersize=4, color=color, markerfacecolor=filled
            )
            hover(point, f"{name}, accuracy {ratio.accuracy:g}: {ratio_text(ratio)}")


def _ends(ratio: Ratio) -> list[float]:
    interval = ratio.interval or Interval(low=ratio.low, high=ratio.high)
    return [end for end in (ratio.low, ratio.high, min(interval.high, 40.0)) if math.isfinite(end)]
