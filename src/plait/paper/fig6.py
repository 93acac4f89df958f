"""Figure 6: multi-key associative recall, accuracy against parameters, four two-layer patterns."""

from plait.experiments.spec import Experiment
from plait.experiments.view import View
from plait.paper.grids import (
    PATTERNS,
    PROTOCOL,
    QUICK_LRS,
    RECALL_WINDOW,
    SWEEP,
    WIDER,
    WIDTHS,
    sizes,
    two_layers,
)
from plait.tasks import MultiKeyRecall
from plait.training.run import Run

FIG6 = Experiment(
    name="fig6",
    question="How many parameters does each pattern need for multi-key associative recall?",
    base=Run(task=MultiKeyRecall(), model=two_layers(window=RECALL_WINDOW), train=PROTOCOL),
    vary={("model.pattern", "model.d_model"): sizes(PATTERNS, WIDTHS, pure_widths=WIDER)},
    sweep=SWEEP,
    quick=({"model.d_model": (*WIDTHS, 32), "train.lr": QUICK_LRS, "train.seed": range(5)},),
    views=(View(ratio=True),),
)
