"""Shapes of constructions trained from ordinary random weights: how small can a model be and still learn?

A construction's shape (docs/theory-constructions.md, section 6) is unlike those of Figure 4: no MLP, one state for
each channel, no convolution, a window as short as the task allows, and a rotary frequency that fits it. The second
group sets one of these back to what Figure 4 has.
"""

from dataclasses import replace
from operator import attrgetter

from plait.constructions import CopyingLayout, selective_copying
from plait.constructions.line import LinePlan
from plait.experiments.spec import Experiment
from plait.experiments.view import View
from plait.findings.claims import Claim, Finding, Outcome
from plait.findings.evidence import Evidence
from plait.findings.figure import READINGS, Figure
from plait.findings.judges import training
from plait.findings.number_text import bracketed
from plait.model import HybridConfig
from plait.paper.grids import COPYING_WINDOW, PROTOCOL, SWEEP
from plait.tasks import SelectiveCopying
from plait.training.run import Run

_TASK = SelectiveCopying()


def _digits(base: int) -> HybridConfig:
    return selective_copying(_TASK, PROTOCOL.seq_len, layout=CopyingLayout(base=base)).config


_LINE = LinePlan(task=_TASK, seq_len=PROTOCOL.seq_len).config()
_SHAPE = _digits(2)

_BUILT = (_LINE, _digits(26), _digits(6), _SHAPE)
"""One line, one circle, digits of base 6, digits of base 2: 269, 582, 822 and 954 parameters."""

SET_BACK = (
    replace(_SHAPE, window=COPYING_WINDOW),
    replace(_SHAPE, rotary_base=10_000.0, rotary_fraction=0.25),
    replace(_SHAPE, d_mlp=2 * _SHAPE.d_model),
    replace(_SHAPE, d_state=16),
    replace(_SHAPE, d_conv=4),
)
"""The last of them with the window, the rotary positions, the MLP, the states or the convolution of Figure 4."""

_FIELDS = ("d_model", "d_inner", "window", "rotary_base", "rotary_fraction", "d_mlp", "d_state", "d_conv")

LEARNED = 0.99
"""Accuracy from which a model counts as one that has learned."""


def _shape(model: HybridConfig) -> tuple[object, ...]:
    """What a construction says of a model, whatever its initial weights and dropout are."""
    return tuple(getattr(model, name) for name in _FIELDS)


def learned_from_random_weights(found: Evidence) -> Finding | None:
    """Each shape's accuracy from random weights, by size, and the smallest that gets to .99."""
    cells = sorted(found.cells, key=lambda cell: cell.parameters)
    if len(cells) < 2:
        return None
    learned = [cell for cell in cells if found.summary(cell).mean >= LEARNED]
    first = f"yes, from {learned[0].parameters:,} parameters on" if learned else "none to 0.99"
    built = [_shape(model) for model in _BUILT]
    every = ", ".join(
        f"{bracketed(found.summary(cell))} at {cell.parameters:,}"
        f"{'' if _shape(cell.run.model) in built else ' (altered)'}"
        for cell in cells
    )
    return Finding(
        outcome=Outcome.OWN,
        ours=f"{first}: {every}",
        short=first,
        why="altered: one part set back to that of Figure 4",
        **training(found, cells),
    )


SHAPES = Figure(
    experiment=Experiment(
        name="shapes",
        question="Do models of a construction's shape learn selective copying from random weights?",
        base=Run(task=_TASK, model=_SHAPE, train=PROTOCOL),
        vary={
            tuple(f"model.{name}" for name in _FIELDS): tuple(
                attrgetter(*_FIELDS)(config) for config in (*_BUILT, *SET_BACK)
            )
        },
        sweep=SWEEP,
        quick=({"train.lr": (1e-2, 3.16e-2, 1e-1), "train.seed": range(8)},),
        views=(
            View(
                where={
                    f"model.{name}": (getattr(_SHAPE, name),)
                    for name in ("window", "rotary_base", "d_mlp", "d_state", "d_conv")
                },
                title="Shapes of constructions, from random weights",
            ),
        ),
    ),
    claims=(
        Claim(
            statement="Models of a construction's shape learn selective copying from random weights",
            judge=learned_from_random_weights,
        ),
    ),
    readings=READINGS,
)
