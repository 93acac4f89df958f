"""What pure SSMs need against what the proved hybrid holds, drawn over a range of sizes."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from plait.advisor.bounds import SizedBounds
from plait.report.styles import GREEN, VERMILION

if TYPE_CHECKING:
    from matplotlib.figure import Figure


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
