"""The frontier drawn: bits of recurrent state against reach, forbidden below the curve, with models as marks on it."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from math import log10
from typing import TYPE_CHECKING

from plait.advisor.bounds import SizedBounds
from plait.advisor.frontier import PlacedModel
from plait.checks import counted
from plait.report.styles import GREEN, VERMILION
from plait.report.svg_file import hover
from plait.theory import FrontierPoint, breakpoints

if TYPE_CHECKING:
    from matplotlib.figure import Figure


KINDS = {
    "built": ("*", "#009E73"),
    "hybrid, learned": ("o", "#0072B2"),
    "pure, learned": ("s", "#E69F00"),
    "given": ("D", "#CC79A7"),
}
"""Mark and colour of what a model is and how it came about."""

TICKS = (0, 1, 2, 5, 10, 20, 50, 100, 200, 500, 1_000, 2_000, 5_000, 10_000, 20_000)
"""Reaches that have a number."""

RULED_OUT = "#D55E00"

_LINEAR = 0.3
"""Width of the linear part of an axis, from 0 to 1, in decades."""


@dataclass(frozen=True, kw_only=True)
class Mark:
    """A model on the plot.

    Args:
        kind: a key of KINDS.
        note: what is said of it beside its name.
    """

    name: str
    kind: str
    place: PlacedModel
    note: str = ""


def frontier_plot(points: Sequence[FrontierPoint], marks: Sequence[Mark]) -> "Figure":
    """Both axes are linear up to 1 and logarithmic beyond; windows without limit stand at the right edge."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(7.2, 4.4), layout="constrained")
    axes = figure.subplots()
    last = max(points[-1].reach, 1)
    reaches, bits = [point.reach for point in points], [float(point.bits) for point in points]
    axes.fill_between(reaches, bits, step="pre", color="#D55E00", alpha=0.12, linewidth=0)
    axes.step(reaches, bits, where="pre", color="#D55E00", linewidth=1.6, label="needed at least")
    for kind, (shape, colour) in KINDS.items():
        some = [mark for mark in marks if mark.kind == kind]
        if some:
            axes.plot([], [], linestyle="none", marker=shape, color=colour, markersize=7, label=kind)
        for mark in some:
            (line,) = axes.plot(
                *_at(mark, last), linestyle="none", marker=shape, markersize=7,
                color=RULED_OUT if mark.place.ruled_out else colour, clip_on=False, zorder=3,
            )  # fmt: skip
            hover(line, mark_told(mark))
    if any(mark.place.ruled_out for mark in marks):
        axes.plot(
            [], [], linestyle="none", marker="s", color=RULED_OUT, markersize=7, label="ruled out, any mark"
        )
    share = _placed_on(last)
    for at in dict.fromkeys(_at(mark, last) for mark in marks):
        names = ", ".join(mark.name for mark in marks if _at(mark, last) == at)
        right = share(at[0]) > 0.6
        axes.annotate(
            names, at, textcoords="offset points", xytext=(-5 if right else 5, 5), fontsize=7,
            horizontalalignment="right" if right else "left",
        )  # fmt: skip
    axes.set_xscale("symlog", linthresh=1, linscale=_LINEAR)
    axes.set_yscale("symlog", linthresh=1, linscale=_LINEAR)
    axes.set_xlim(0, last)
    shown = [tick for tick in TICKS if tick <= last]
    axes.set_xticks(shown, [f"{tick:,}" for tick in shown], minor=False)
    axes.set_xticks([], minor=True)
    axes.set_ylim(0, 4 * max(1, *bits, *(mark.place.held.bits for mark in marks)))
    axes.yaxis.set_major_formatter(lambda value, _: f"{value:,.0f}")
    axes.set(
        xlabel="reach of windows and convolutions, tokens", ylabel="bits in recurrent states, float32 as held"
    )
    axes.grid(visible=True, color="#dddddd", linewidth=0.6)
    axes.spines[["top", "right"]].set_visible(False)
    axes.legend(frameon=False, fontsize="small")
    return figure


def _placed_on(last: int) -> Callable[[int], float]:
    """Where a reach stands on the axis up to `last`, from 0 to 1."""

    def place(reach: int) -> float:
        return reach * _LINEAR if reach <= 1 else _LINEAR + log10(reach)

    return lambda reach: place(reach) / place(last)


def _at(mark: Mark, last: int) -> tuple[int, int]:
    """Where a mark stands; a reach beyond the last one, at the edge."""
    reach = mark.place.held.reach
    return last if reach is None else min(reach, last), mark.place.held.bits


def mark_told(mark: Mark) -> str:
    """What is known of a model, in a line."""
    held = mark.place.held
    reach = "no limit" if held.reach is None else counted(held.reach, "token")
    verdict = "ruled out" if mark.place.ruled_out else "not ruled out"
    note = f", {mark.note}" if mark.note else ""
    return (
        f"{mark.name}, {mark.kind}{note}: reach {reach}, {counted(held.bits, 'bit')}, needs "
        f"{float(mark.place.needed):,.3f}: {verdict}"
    )


def frontier_alt(points: Sequence[FrontierPoint], marks: Sequence[Mark]) -> str:
    """What the plot shows, in words."""
    steps = breakpoints(points)
    curve = "; ".join(f"{float(point.bits):,.2f} bits up to reach {point.reach}" for point in steps[:12])
    curve += "; and so on" if len(steps) > 12 else ""
    return ". ".join([f"Needed at least: {curve}", *map(mark_told, marks)])


def bounds_plot(rows: Sequence[SizedBounds], *, field: str) -> "Figure":
    """State bits that a pure SSM needs, beside the bits that the proved hybrid holds, against the size."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(6.4, 4.0), layout="constrained")
    axes = figure.subplots()
    sizes = [row.size or 0 for row in rows]
    axes.plot(
        sizes, [float(row.bounds[0].value) for row in rows], color=VERMILION, marker="s",
        label="pure SSM needs at least",
    )  # fmt: skip
    held = [(row.size or 0, row.hybrid.cost.state_bits) for row in rows if row.hybrid is not None]
    if held:
        axes.plot(*zip(*held, strict=True), color=GREEN, marker="^", label="proved hybrid holds")
    axes.set_xscale("log", base=2)
    axes.set_yscale("log", base=2)
    axes.set(xlabel=field, ylabel="bits carried from token to token")
    axes.grid(visible=True, color="#dddddd", linewidth=0.6)
    axes.spines[["top", "right"]].set_visible(False)
    axes.legend(frameon=False, fontsize="small")
    return figure
