"""Figure 4: selective copying, accuracy against parameters, four two-layer patterns.

Pure models are also trained at widths beyond the paper's, where they reach what the hybrid has at 2,192 parameters.
"""

from plait.experiments.spec import Experiment
from plait.experiments.view import View
from plait.paper.grids import (
    COPYING_WINDOW,
    PATTERNS,
    PROTOCOL,
    QUICK_LRS,
    SWEEP,
    WIDER,
    WIDTHS,
    sizes,
    two_layers,
)
from plait.tasks import SelectiveCopying
from plait.training.run import Run

FIG4 = Experiment(
    name="fig4",
    question="How many parameters does each pattern need to copy selectively?",
    base=Run(task=SelectiveCopying(), model=two_layers(window=COPYING_WINDOW), train=PROTOCOL),
    vary={("model.pattern", "model.d_model"): sizes(PATTERNS, WIDTHS, pure_widths=WIDER)},
    sweep=SWEEP,
    quick=({"model.d_model": (*WIDTHS, 32), "train.lr": QUICK_LRS, "train.seed": range(6)},),
    views=(View(ratio=True),),
)
