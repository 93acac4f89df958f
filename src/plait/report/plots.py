"""Plots, by matplotlib, in colours of Okabe and Ito that colour-blind readers tell apart, and with a shape each.

They are matplotlib figures, to be shown in a notebook or turned into SVG text.
"""

import io
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from plait.experiments import Summary
from plait.experiments.paper import Reference

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

_STYLES = (
    ("#0072B2", "o"),
    ("#D55E00", "s"),
    ("#009E73", "^"),
    ("#CC79A7", "D"),
    ("#E69F00", "v"),
    ("#56B4E9", "P"),
    ("#000000", "X"),
)


def accuracy_plot(
    summaries: Sequence[Summary],
    *,
    paper: Sequence[Reference] = (),
    rerun: Sequence[Reference] = (),
    title: str = "",
) -> "Figure":
    """Mean accuracy against parameters (logarithmic), a line a pattern, bars for the 95% intervals.

    The paper's values are hollow marks in the pattern's colour on dashed lines, the rerun's are crosses.
    """
    from matplotlib.figure import Figure
    from matplotlib.ticker import FuncFormatter

    figure = Figure(figsize=(7.2, 4.4), layout="constrained")
    axes = figure.subplots()
    styles = pattern_styles(summaries, (*paper, *rerun))
    for pattern, style in styles.items():
        _draw_ours(axes, [s for s in summaries if s.cell.pattern == pattern], pattern, style)
        _draw_paper(axes, [r for r in paper if r.pattern == pattern], style)
        _draw_rerun(axes, [r for r in rerun if r.pattern == pattern], style)
    axes.set(xscale="log", xlabel="parameters", ylabel="accuracy", ylim=(-0.03, 1.05), title=title)
    axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:,.0f}"))
    axes.xaxis.set_minor_formatter(
        FuncFormatter(lambda value, _: f"{value:,.0f}" if f"{value:.0e}"[0] in "25" else "")
    )
    axes.grid(visible=True, which="major", color="#dddddd", linewidth=0.6)
    axes.spines[["top", "right"]].set_visible(False)
    _draw_legend(axes, styles, paper=bool(paper), rerun=bool(rerun))
    return figure


def accuracy_alt(summaries: Sequence[Summary]) -> str:
    """The accuracy plot in words."""
    points = [f"{s.cell.pattern} with {s.cell.parameters:,} parameters: {s.mean:.3f}" for s in summaries]
    return f"Mean accuracy against the number of parameters. {'; '.join(points)}."


def pattern_styles(
    summaries: Sequence[Summary], references: Sequence[Reference]
) -> Mapping[str, tuple[str, str]]:
    """A colour and a mark for every pattern, in order of appearance."""
    patterns = dict.fromkeys((*(s.cell.pattern for s in summaries), *(r.pattern for r in references)))
    return {pattern: _STYLES[i % len(_STYLES)] for i, pattern in enumerate(patterns)}


def svg_text(figure: "Figure", *, name: str) -> str:
    """The figure as an `<svg>` element to be put into a page; `name` keeps its ids apart from other figures'."""
    from matplotlib import rc_context

    text = io.StringIO()
    with rc_context({"svg.hashsalt": name, "svg.fonttype": "none"}):
        figure.savefig(text, format="svg", metadata={"Date": None, "Creator": None})
    svg = text.getvalue()
    return svg[svg.index("<svg") :]


def _draw_ours(axes: "Axes", summaries: Sequence[Summary], pattern: str, style: tuple[str, str]) -> None:
    if not summaries:
        return
    color, marker = style
    ordered = sorted(summaries, key=lambda summary: summary.cell.parameters)
    sizes = [summary.cell.parameters for summary in ordered]
    axes.plot(
        sizes, [s.mean for s in ordered], color=color, marker=marker, markersize=7, label=pattern, zorder=3
    )
    for summary in ordered:
        if summary.interval is not None:
            ends = (summary.interval.low, summary.interval.high)
            axes.vlines(summary.cell.parameters, *ends, color=color, linewidth=2, alpha=0.7, zorder=2)


def _draw_paper(axes: "Axes", references: Sequence[Reference], style: tuple[str, str]) -> None:
    if references:
        sizes, means = zip(*((r.parameters, r.accuracy) for r in references), strict=True)
        color, marker = style
        axes.plot(
            sizes,
            means,
            color=color,
            marker=marker,
            markerfacecolor="white",
            linestyle=":",
            linewidth=1,
            alpha=0.8,
        )


def _draw_rerun(axes: "Axes", references: Sequence[Reference], style: tuple[str, str]) -> None:
    if references:
        sizes, means = zip(*((r.parameters, r.accuracy) for r in references), strict=True)
        axes.plot(sizes, means, color=style[0], marker="x", markersize=8, markeredgewidth=2, linestyle="none")


def _draw_legend(axes: "Axes", styles: Mapping[str, tuple[str, str]], *, paper: bool, rerun: bool) -> None:
    from matplotlib.lines import Line2D

    entries = [
        Line2D([], [], color=color, marker=marker, label=f"{pattern}")
        for pattern, (color, marker) in styles.items()
    ]
    if paper:
        entries.append(
            Line2D([], [], color="#555555", marker="o", markerfacecolor="white", linestyle=":", label="paper")
        )
    if rerun:
        entries.append(
            Line2D([], [], color="#555555", marker="x", linestyle="none", label="independent rerun")
        )
    axes.legend(
        handles=entries, frameon=False, fontsize="small", loc="center left", bbox_to_anchor=(1.0, 0.5)
    )
