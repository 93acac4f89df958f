"""Figures 9 and 10: what goes into a constructed model, what every subspace holds, and what comes out."""

from typing import TYPE_CHECKING

import torch
from torch import Tensor

from plait.report.inside import Inside, LayerStage

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

COLOURS = "RdBu_r"
"""Blue below 0, red above, white at 0: hues that colour-blind readers tell apart."""

ROW_INCHES, GAP_INCHES = 0.13, 0.55


def heat_map(seen: Inside) -> "Figure":
    """A block a layer, a row a signal, a column a position; below, the probability of every token.

    Every subspace is scaled by its own largest value in its block, which stands beside its name.
    """
    from matplotlib.figure import Figure

    heights = [len(stage.values) for stage in seen.stages] + [max(8, seen.logits.shape[1] // 2)]
    total = sum(heights) * ROW_INCHES + (len(heights) + 0.6) * GAP_INCHES
    figure = Figure(figsize=(9.6, total), layout="constrained")
    blocks = figure.subplots(len(heights), 1, sharex=True, gridspec_kw={"height_ratios": heights})
    for axes, stage in zip(blocks, seen.stages, strict=False):
        _draw_stage(axes, stage)
    _draw_output(blocks[-1], seen)
    blocks[-1].set_xlabel("position")
    return figure


def heat_map_alt(seen: Inside) -> str:
    """The heat map in words."""
    right = sum(a == t for a, t in zip(seen.answers, seen.targets, strict=True) if t is not None)
    parts = "; ".join(f"{stage.title}: {len(stage.values)} signals" for stage in seen.stages)
    return (
        f"Heat map of the residual stream over {len(seen.tokens)} positions ({parts}) and of the output: "
        f"{right} of {int(seen.scored.sum())} scored positions answered right."
    )


def _draw_stage(axes: "Axes", stage: LayerStage) -> None:
    labels: list[str] = []
    blocks: list[Tensor] = []
    widths = [width for _, width in stage.subspaces]
    for (name, width), values in zip(stage.subspaces, stage.values.split(widths), strict=True):
        largest = float(values.abs().max())
        blocks.append(values / largest)
        labels += [name if width == 1 else f"{name} {place}" for place in range(1, width + 1)]
        labels[-width] += f"  (x {largest:.3g})"
    axes.imshow(
        torch.cat(blocks).numpy(), cmap=COLOURS, vmin=-1.0, vmax=1.0, aspect="auto", interpolation="nearest"
    )
    axes.set_yticks(range(len(labels)), labels, fontsize=6)
    axes.set_title(stage.title, fontsize=9, loc="left")
    _bare(axes)


def _draw_output(axes: "Axes", seen: Inside) -> None:
    chances = seen.logits.softmax(-1).T
    axes.imshow(chances.numpy(), cmap="Greys", vmin=0.0, vmax=1.0, aspect="auto", interpolation="nearest")
    places = torch.arange(len(seen.tokens))[seen.scored].tolist()
    best = seen.logits.argmax(-1)
    wrong = [place for place in places if seen.answers[place] != seen.targets[place]]
    axes.scatter(
        places, best[places].numpy(), s=5, marker="o", color="#0072B2", label="answer, right", linewidths=0
    )
    if wrong:
        axes.scatter(wrong, best[wrong].numpy(), s=24, marker="x", color="#D55E00", label="answer, wrong")
    axes.set_yticks([])
    axes.set_title(
        "what comes out: probability of every token (rows), dots where the largest is the target",
        fontsize=9,
        loc="left",
    )
    _bare(axes)


def _bare(axes: "Axes") -> None:
    axes.tick_params(length=0)
    for spine in axes.spines.values():
        spine.set_visible(False)
