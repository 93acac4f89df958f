"""One forward pass as a diagram: what is held, where attention looks, what is copied.

tokens      what goes in
signals     a construction's control, or a program's signals, as the stream holds them: decoded from the real tensor
attention   an arc from every position to where its softmax weight lies, as dark as the weight
answer      the largest logit, and the target above it
"""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from plait.report.inside import Inside, Read
from plait.report.svg_file import drawn

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

TOKEN, MARK, RIGHT, WRONG = "#f0f0f0", "#E69F00", "#009E73", "#D55E00"
ARC = "#0072B2"
LEAST_DRAWN = 0.02
"""Weights below this are left out."""


def pass_diagram(seen: Inside, *, marks: Sequence[str] = ()) -> "Figure":
    """Args:
    seen: a short sequence; more than some twenty positions get crowded.
    marks: tokens that steer (numbers, bits), drawn in another colour.
    """
    from matplotlib.figure import Figure

    n, heights = len(seen.tokens), _heights(seen)
    longest = max((len(drawn(read.label)) for read in seen.signals), default=0)
    left = max(3.4, 0.14 * longest + 1.2)
    figure = Figure(
        figsize=(max(6.0, 0.55 * n + left - 1.6), 0.62 * (heights["answer"] + 2.2)), layout="constrained"
    )
    axes = figure.subplots()
    axes.text(-0.8, 1.0, "position", ha="right", va="center", fontsize=8)
    axes.text(-0.8, 0.0, "token", ha="right", va="center", fontsize=8)
    for place, token in enumerate(seen.tokens):
        axes.text(place, 1.0, f"{place}", ha="center", va="center", fontsize=7, color="#777777")
        _box(axes, place, 0.0, token, MARK if token in marks else TOKEN)
    for number, read in enumerate(seen.signals):
        _draw_signal(axes, read, heights[f"signal {number}"])
    for number, look in enumerate(seen.looks):
        _draw_look(axes, seen, number, heights)
        axes.text(
            -0.8, -heights[f"look {number}"], f"layer {look.layer} looks", ha="right", va="center", fontsize=8
        )
    axes.text(-0.8, -heights["answer"], "answer", ha="right", va="center", fontsize=8)
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
    axes.text(-0.8, -height, drawn(read.label), ha="right", va="center", fontsize=8)
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
        axes.text(place, -low + 1.3, token, ha="center", va="center", fontsize=7, color="#777777")


def _box(axes: "Axes", x: float, row: float, text: str, colour: str, *, faint: bool = False) -> None:
    axes.text(
        x, -row, drawn(text), ha="center", va="center", fontsize=8, color="#999999" if faint else "#000000",
        bbox={"boxstyle": "round,pad=0.25", "facecolor": colour, "edgecolor": "#dddddd" if faint else "#999999"},
    )  # fmt: skip
