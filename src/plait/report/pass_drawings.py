"""One forward pass drawn: as a diagram of what is held and copied, and as a map of every subspace (figures 9 and 10).

tokens      what goes in
signals     a construction's control, or a program's signals, as the stream holds them: decoded from the real tensor
attention   an arc from every position to where its softmax weight lies, as dark as the weight
answer      the largest logit, and the target above it
"""

from collections.abc import Sequence
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from plait.checks import counted
from plait.report.pass_contents import Inside, LayerStage, Read
from plait.report.svg_file import drawn_text

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure


TOKEN, MARK, RIGHT, WRONG = "#f0f0f0", "#E69F00", "#009E73", "#D55E00"
ARC = "#0072B2"
LEAST_DRAWN = 0.02
"""Weights below this are left out."""

_TEXT = 9.5
"""Points: read also where a page of 690 pixels shrinks a diagram of some twenty positions."""


def pass_diagram(seen: Inside, *, marks: Sequence[str] = ()) -> "Figure":
    """Args:
    seen: a short sequence; more than some twenty positions get crowded.
    marks: tokens that steer (numbers, bits), drawn in another colour.
    """
    from matplotlib.figure import Figure

    n, heights = len(seen.tokens), _heights(seen)
    longest = max((len(drawn_text(read.label)) for read in seen.signals), default=0)
    left = max(3.4, 0.185 * longest + 1.2)
    figure = Figure(
        figsize=(max(6.0, 0.45 * (n + left)), 0.62 * (heights["answer"] + 2.2)), layout="constrained"
    )
    axes = figure.subplots()
    axes.text(-0.8, 1.0, "position", ha="right", va="center", fontsize=_TEXT)
    axes.text(-0.8, 0.0, "token", ha="right", va="center", fontsize=_TEXT)
    for place, token in enumerate(seen.tokens):
        axes.text(place, 1.0, f"{place}", ha="center", va="center", fontsize=_TEXT, color="#777777")
        _box(axes, place, 0.0, token, MARK if token in marks else TOKEN)
    for number, read in enumerate(seen.signals):
        _draw_signal(axes, read, heights[f"signal {number}"])
    for number, look in enumerate(seen.looks):
        _draw_look(axes, seen, number, heights)
        axes.text(
            -0.8,
            -heights[f"look {number}"],
            f"layer {look.layer} looks",
            ha="right",
            va="center",
            fontsize=_TEXT,
        )
    axes.text(-0.8, -heights["answer"], "answer", ha="right", va="center", fontsize=_TEXT)
    for place, (answer, target) in enumerate(zip(seen.answers, seen.targets, strict=True)):
        if target is not None:
            _box(axes, place, heights["answer"], answer, RIGHT if answer == target else WRONG)
    axes.set(xlim=(-left, n - 0.3), ylim=(-heights["answer"] - 0.7, 1.5))
    axes.axis("off")
    return figure


def pass_diagram_alt(seen: Inside) -> str:
    """The diagram in words, position by position."""
    parts: list[str] = []
    for place, token in enumerate(seen.tokens):
        if seen.targets[place] is None:
            continue
        told = [f"{place}: {token}"]
        told += [f"{_said(read)} {read.values[place]}" for read in seen.signals]
        if seen.looks:
            weights = seen.looks[-1].weights[place]
            source = int(weights.argmax())
            told.append(f"looks at {source} ({seen.tokens[source]}) with weight {float(weights[source]):.3f}")
        parts.append(f"{', '.join(told)}, answers {seen.answers[place]}")
    return f"A forward pass over {' '.join(seen.tokens)}. {'; '.join(parts)}."


def _said(read: Read) -> str:
    return "held" if read.label.startswith("held ") else read.label


def _heights(seen: Inside) -> dict[str, float]:
    """Rows of the diagram, downwards in the order of layers: every look takes three, and comes before its signals."""
    rows = [(look.layer, 0, f"look {number}") for number, look in enumerate(seen.looks)]
    rows += [(read.layer, 1, f"signal {number}") for number, read in enumerate(seen.signals)]
    heights: dict[str, float] = {}
    used = 0.0
    for _, is_signal, name in sorted(rows, key=lambda row: row[:2]):
        heights[name] = used + (1.0 if is_signal else 2.4)
        used += 1.0 if is_signal else 3.0
    return heights | {"answer": used + 1.4}


def _draw_signal(axes: "Axes", read: Read, height: float) -> None:
    """What is held at each position, faint where it is as before."""
    axes.text(-0.8, -height, drawn_text(read.label), ha="right", va="center", fontsize=_TEXT)
    previous: str | None = None
    for place, value in enumerate(read.values):
        if value is not None:
            _box(axes, place, height, value, "#ffffff", faint=value == previous)
        previous = value


def _draw_look(axes: "Axes", seen: Inside, number: int, heights: dict[str, float]) -> None:
    """A row of tokens seen above, the positions that look below, a line for every weight."""
    weights = seen.looks[number].weights
    low = heights[f"look {number}"]
    last = number == len(seen.looks) - 1
    for place in range(len(seen.tokens)):
        if last and seen.targets[place] is None:
            continue
        for source in range(place + 1):
            weight = float(weights[place, source])
            if weight < LEAST_DRAWN:
                continue
            axes.annotate(
                "",
                xy=(source, -low + 1.1),
                xytext=(place, -low - 0.7),
                arrowprops={
                    "arrowstyle": "-|>", "color": ARC, "alpha": min(1.0, 0.1 + 0.9 * weight),
                    "linewidth": 0.4 + 1.2 * weight, "shrinkA": 0, "shrinkB": 0, "mutation_scale": 6,
                },
            )  # fmt: skip
    for place, token in enumerate(seen.tokens):
        axes.text(place, -low + 1.3, token, ha="center", va="center", fontsize=_TEXT, color="#777777")


def _box(axes: "Axes", x: float, row: float, text: str, colour: str, *, faint: bool = False) -> None:
    axes.text(
        x, -row, drawn_text(text), ha="center", va="center", fontsize=_TEXT, color="#999999" if faint else "#000000",
        bbox={"boxstyle": "round,pad=0.25", "facecolor": colour, "edgecolor": "#dddddd" if faint else "#999999"},
    )  # fmt: skip


COLOURS = "RdBu_r"
"""Blue below 0, red above, white at 0: hues that colour-blind readers tell apart."""

ROW_INCHES, GAP_INCHES = 0.13, 0.55
"""Height of a signal, and room between blocks for the name of a layer."""


def heat_map(seen: Inside) -> "Figure":
    """A block a layer, a row a signal, a column a position; below, the probability of every token.

    Every subspace is scaled by its own largest value in its block, which stands beside its name.
    """
    from matplotlib.figure import Figure

    heights = [len(stage.values) for stage in seen.stages] + [max(8, seen.logits.shape[1] // 2)]
    total = sum(heights) * ROW_INCHES + (len(heights) + 0.6) * GAP_INCHES
    figure = Figure(figsize=(7.2, total), layout="constrained")
    blocks = figure.subplots(len(heights), 1, sharex=True, gridspec_kw={"height_ratios": heights})
    for axes, stage in zip(blocks, seen.stages, strict=False):
        _draw_stage(axes, stage)
    _draw_output(blocks[-1], seen)
    blocks[-1].set_xlabel("position")
    return figure


def heat_map_alt(seen: Inside) -> str:
    """The heat map in words."""
    right = sum(a == t for a, t in zip(seen.answers, seen.targets, strict=True) if t is not None)
    parts = "; ".join(f"{stage.title}: {counted(len(stage.values), 'signal')}" for stage in seen.stages)
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
    axes.set_yticks(range(len(labels)), labels, fontsize=7)
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
        "what comes out: probability of every token, dots where the largest is the target",
        fontsize=9,
        loc="left",
    )
    _bare(axes)


def _bare(axes: "Axes") -> None:
    axes.tick_params(length=0)
    for spine in axes.spines.values():
        spine.set_visible(False)
