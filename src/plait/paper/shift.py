"""Selective copying trained with a number in every fifth place, tested with other proportions and other words."""

from plait.experiments.spec import Experiment
from plait.experiments.view import View
from plait.paper.grids import COPYING_WINDOW, PATTERNS, PROTOCOL, SWEEP, two_layers
from plait.paper.skewed_copying import SkewedCopying
from plait.tasks import SelectiveCopying
from plait.training.evaluation import Evaluation
from plait.training.run import Run

PROPORTIONS = (0.03, 0.05, 0.1, 0.2, 0.3, 0.5, 0.8, 0.9)

_TASKS = (
    *(SelectiveCopying(p_number=p_number) for p_number in PROPORTIONS),
    SelectiveCopying(variant="repetitive"),
    SelectiveCopying(variant="adversarial"),
    SkewedCopying(),
)

SHIFT = Experiment(
    name="shift",
    question="Does what was learned at one proportion of numbers hold at others, and on other words?",
    base=Run(task=SelectiveCopying(), model=two_layers(window=COPYING_WINDOW), train=PROTOCOL),
    vary={"model.pattern": PATTERNS, "model.d_model": (8, 24)},
    sweep=SWEEP,
    quick=({"train.lr": (3.16e-3, 1e-2, 3.16e-2), "train.seed": range(8)},),
    evaluations=tuple(Evaluation(task=task, sequences=512) for task in _TASKS),
    views=(
        View(
            x="test.p_number",
            where={"test.task": ("selective-copying",), "test.variant": ("uniform",)},
            panels=("model.d_model",),
            title="Trained at 0.2",
        ),
        View(
            x="model.d_model",
            where={"test.p_number": (0.2,)},
            panels=("test.task", "test.variant"),
            log=False,
            title="Trained on uniform words",
        ),
    ),
)
