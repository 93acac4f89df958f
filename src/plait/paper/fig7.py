"""Figure 7: needle in a haystack, accuracy against parameters, trained for 10,000 steps, windows of 20 and of 100."""

from dataclasses import replace

from plait.experiments.spec import Experiment
from plait.experiments.view import View
from plait.paper.grids import PATTERNS, PROTOCOL, QUICK_LRS, SWEEP, WIDTHS, two_layers
from plait.tasks import Needle
from plait.training.run import Run

FIG7 = Experiment(
    name="fig7",
    question="How many parameters does each pattern need to find a needle?",
    base=Run(task=Needle(), model=two_layers(window=100), train=replace(PROTOCOL, steps=10_000)),
    vary={"model.window": (20, 100), "model.pattern": PATTERNS, "model.d_model": WIDTHS},
    sweep=SWEEP,
    quick=({"model.window": (100,), "train.lr": QUICK_LRS, "train.seed": range(3)},),
    views=(View(panels=("model.window",), ratio=True),),
)

NEEDLE = Experiment(
    name="needle",
    question="The same after 4,000 steps, with attention over everything?",
    base=Run(task=Needle(), model=two_layers(window=None), train=PROTOCOL),
    vary={"model.pattern": PATTERNS, "model.d_model": WIDTHS},
    sweep=SWEEP,
    quick=({"train.lr": QUICK_LRS, "train.seed": range(5)},),
    views=(View(ratio=True),),
)
"""What plait trained before it was known how many steps the released program makes here."""
