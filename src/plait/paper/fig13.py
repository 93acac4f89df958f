"""Figure 13: the adversarial mixture of selective copying, half of it hard for attention, half for an SSM."""

from plait.experiments.spec import Experiment
from plait.experiments.view import View
from plait.paper.grids import (
    COPYING_WINDOW,
    PATTERNS,
    PROTOCOL,
    QUICK_LRS,
    SWEEP,
    WIDTHS,
    two_layers,
)
from plait.tasks import SelectiveCopying
from plait.training.run import Run

FIG13 = Experiment(
    name="fig13",
    question="Is the hybrid ahead on the mixture of inputs that are hard for either of its parts?",
    base=Run(
        task=SelectiveCopying(variant="adversarial"),
        model=two_layers(window=COPYING_WINDOW),
        train=PROTOCOL,
    ),
    vary={"model.pattern": PATTERNS, "model.d_model": WIDTHS},
    sweep=SWEEP,
    quick=({"train.lr": QUICK_LRS, "train.seed": range(6)},),
    views=(View(ratio=True),),
)
