"""The frontier drawn: bits of recurrent state against reach, forbidden below the curve, with models as marks on it."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from math import log10
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from plait.advisor.bounds import SizedBounds
from plait.advisor.frontier import PlacedModel
from plait.checks import counted
from plait.report.plots import STAR
from plait.report.styles import GREEN, VERMILION, pattern_style
from plait.report.svg_file import hover
from plait.theory import FrontierPoint, breakpoints

if TYPE_CHECKING:
    from matplotlib.figure import Figure


_BUILT = "built"
"""The kind of models whose weights are set by hand and proved."""

TICKS = (0, 1, 2, 5, 10, 20, 50, 100, 200, 500, 1_000, 2_000, 5_000, 10_000, 20_000)
"""Reaches that have a number."""

NEEDED, _GREY = "#444444", "#8C8C8C"
RULED_OUT = "ruled out"
CROSS: Mapping[str, Any] = MappingProxyType(
    {"color": "black", "marker": "x", "markersize": 12, "linestyle": "none"}
)

_LINEAR = 0.3
"""Width of the linear part of an axis, from 0 to 1, in decades."""


@dataclass(frozen=True, kw_only=True)
class Mark:
    """A model on the plot.

    Args:
        kind: what it is and how it came about, as `pure, learned`.
        pattern: of its layers, which gives it its look; none for a model of others.
        note: what is said of it beside its name.
    """

    name: str
    kind: str
    place: PlacedModel
    pattern: str = ""
    note: str = ""


def frontier_plot(points: Sequence[FrontierPoint], marks: Sequence[Mark]) -> "Figure":
    """Both axes are linear up to 1 and logarithmic beyond; windows without limit stand at the right edge."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(7.2, 4.4), layout="constrained")
    axes = figure.subplots()
    last = max(points[-1].reach, 1)
    reaches, bits = [point.reach for point in points], [float(point.bits) for point in points]
    axes.fill_between(reaches, bits, step="pre", color=NEEDED, alpha=0.12, linewidth=0)
    axes.step(reaches, bits, where="pre", color=NEEDED, linewidth=1.6, label="needed at least")
    named: set[str] = set()
    for mark in marks:
        label, look = _look(mark)
        (line,) = axes.plot(
            *_at(mark, last), **look, clip_on=False, zorder=3, label=None if label in named else label
        )
        named.add(label)
        hover(line, mark_told(mark))
    for mark in (mark for mark in marks if mark.place.ruled_out):
        label = None if RULED_OUT in named else RULED_OUT
        axes.plot(*_at(mark, last), **CROSS, clip_on=False, zorder=4, label=label)
        named.add(RULED_OUT)
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


def _look(mark: Mark) -> tuple[str, dict[str, Any]]:
    """What the legend calls a mark, and how it is drawn: as its pattern is in every picture, a star if it is built."""
    if mark.kind == _BUILT:
        return "built and proved", {**STAR, "markersize": 11}
    if not mark.pattern:
        return mark.kind, {"color": _GREY, "marker": "D", "markersize": 7, "linestyle": "none"}
    style = pattern_style(mark.pattern)
    look = {"color": style.color, "marker": style.marker, "fillstyle": style.fill, "markersize": 7}
    return mark.pattern, {**look, "linestyle": "none"}


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
