"""Rows as the released program fills them: does it matter that an example has 97 or 98 tokens, in a frame or bare?"""

from plait.experiments.settings import DROPPED
from plait.experiments.spec import Experiment
from plait.experiments.view import View
from plait.findings.figure import AS_TRAINED, Figure
from plait.paper.grids import COPYING_WINDOW, PROTOCOL, RECALL_WINDOW, SWEEP, two_layers
from plait.tasks import MultiKeyRecall, SelectiveCopying
from plait.tasks.framed import Framed
from plait.training.run import Run

_COPYING = SelectiveCopying(), Framed(task=SelectiveCopying(), marked=True)
_RECALL = MultiKeyRecall(), Framed(task=MultiKeyRecall(), marked=False)

ROWS = Figure(
    experiment=Experiment(
        name="rows",
        question="Does the frame of the released program's rows change an accuracy?",
        base=Run(task=SelectiveCopying(), model=two_layers(window=COPYING_WINDOW), train=PROTOCOL),
        vary={
            ("task", "model.window", "model.pattern", "model.d_model"): (
                *(
                    (t, COPYING_WINDOW, *m)
                    for t in _COPYING
                    for m in (("SSM-TF", 8), ("TF-TF", 16), ("SSM-SSM", 16))
                ),
                *(
                    (t, RECALL_WINDOW, *m)
                    for t in _RECALL
                    for m in (("SSM-TF", 16), ("TF-TF", 16), ("SSM-SSM", 16))
                ),
            )
        },
        sweep=SWEEP,
        quick=({"train.lr": (3.16e-3, 1e-2), "train.seed": range(4)},),
        views=(View(x="train.lr", panels=("task",)),),
        setting=DROPPED,
    ),
    readings=(AS_TRAINED,),
)
