"""What initial step sizes do: the bias of Mamba's step projection from -7 to 3, and Mamba's own range.

Steps begin near softplus(bias), 0.001 to 3 tokens; a state of rate 1 remembers about 1 / softplus(bias) tokens then.
The released program begins at bias 0; Mamba's own steps lie between 0.001 and 0.1 (bias -6.9 to -2.25).
"""

from plait.experiments.spec import Experiment
from plait.experiments.view import View
from plait.findings.figure import AS_TRAINED, Figure
from plait.paper.grids import COPYING_WINDOW, PROTOCOL, RECALL_WINDOW, SWEEP, two_layers
from plait.tasks import MultiKeyRecall, SelectiveCopying, Task
from plait.training.run import Run

_BIASES = (-7.0, -6.0, -5.0, -4.0, -3.0, -2.0, -1.0, 0.0, 1.0, 2.0, 3.0)
_PATTERNS = ("SSM-TF", "TF-SSM", "SSM-SSM")
_TASKS: tuple[tuple[Task, int], ...] = (
    (SelectiveCopying(), COPYING_WINDOW),
    (MultiKeyRecall(), RECALL_WINDOW),
)
STEP_WIDTHS = (8, 12, 20)

STEPS = Figure(
    experiment=Experiment(
        name="steps",
        question="What do initial step sizes do to what is learned?",
        base=Run(task=SelectiveCopying(), model=two_layers(window=COPYING_WINDOW), train=PROTOCOL),
        vary={
            ("task", "model.window"): _TASKS,
            "model.pattern": _PATTERNS,
            "model.d_model": STEP_WIDTHS,
            ("model.init", "model.step_bias"): (
                *(("released", bias) for bias in _BIASES),
                ("paper", None),
            ),
        },
        sweep=SWEEP,
        quick=(
            {
                "task": (MultiKeyRecall(),),
                "model.d_model": (12,),
                "train.lr": (3.16e-3, 1e-2),
                "train.seed": range(3),
            },
        ),
        views=(
            View(
                x="model.step_bias",
                lines=("model.pattern", "model.d_model"),
                panels=("task",),
                where={"model.init": ("released",)},
                log=False,
                title="By the initial bias of the step projection",
            ),
        ),
    ),
    readings=(AS_TRAINED,),
)
