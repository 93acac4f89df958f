"""Figure 7: needle in a haystack, accuracy against parameters, with attention over everything."""

from plait.experiments.spec import Experiment
from plait.experiments.view import View
from plait.paper.grids import PATTERNS, PROTOCOL, QUICK_LRS, SWEEP, WIDTHS, two_layers
from plait.tasks import Needle
from plait.training.run import Run

FIG7 = Experiment(
    name="fig7",
    question="How many parameters does each pattern need to find a needle?",
    base=Run(task=Needle(), model=two_layers(window=None), train=PROTOCOL),
    vary={"model.pattern": PATTERNS, "model.d_model": WIDTHS},
    sweep=SWEEP,
    quick=({"train.lr": QUICK_LRS, "train.seed": range(5)},),
    views=(View(ratio=True),),
)
