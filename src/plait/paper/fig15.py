"""Figure 15: the attention window on multi-key associative recall, the learning rate chosen for each window by itself.

The paper's axis begins at 0; a window of 1, which reads only the present, is the smallest here.
"""

from plait.experiments.spec import Experiment
from plait.experiments.view import View
from plait.findings.figure import READINGS, Figure
from plait.paper.fig14 import worse_with_larger_windows
from plait.paper.grids import PROTOCOL, SWEEP, two_layers
from plait.tasks import MultiKeyRecall
from plait.training.run import Run

FIG15 = Figure(
    readings=READINGS,
    experiment=Experiment(
        name="fig15",
        question="Do models with attention recall worse with a larger window, each at its own best rate?",
        base=Run(task=MultiKeyRecall(), model=two_layers(window=20), train=PROTOCOL),
        vary={
            "model.pattern": ("TF-TF", "TF-SSM", "SSM-TF"),
            "model.d_model": (12, 24),
            "model.window": (1, 5, 10, 20, 40, 70, 100),
        },
        sweep=SWEEP,
        quick=({"train.lr": (1e-3, 3.16e-3, 1e-2, 3.16e-2), "train.seed": range(4)},),
        views=(View(x="model.window", panels=("model.d_model",), log=False),),
    ),
    says="Figure 15: the same as Figure 14, on multi-key recall.",
    claims=worse_with_larger_windows("recalls", widths=(12, 24)),
)
