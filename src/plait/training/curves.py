"""Training losses by steps, as a figure."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from matplotlib.figure import Figure

Curve = tuple[str, Sequence[int], Sequence[float]]
"""A label, steps, and the mean loss at each, in nats; curves of one label have one colour."""


def loss_figure(curves: Sequence[Curve]) -> "Figure":
    """The curves over the steps, losses that are not finite left out; the legend names each label once."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(6.2, 4.0), layout="constrained")
    axes = figure.subplots()
    labels = list(dict.fromkeys(label for label, _, _ in curves))
    for label, steps, losses in curves:
        first = label not in axes.get_legend_handles_labels()[1]
        colour = f"C{labels.index(label) % 10}"
        axes.plot(steps, losses, color=colour, alpha=0.8, linewidth=1.2, label=label if first else None)
    axes.set_xlabel("step")
    axes.set_ylabel("training loss (nats)")
    axes.set_ylim(bottom=0)
    axes.grid(visible=True, alpha=0.2)
    if len(labels) > 1 or labels != [""]:
        axes.legend(frameon=False, fontsize="small")
    return figure
