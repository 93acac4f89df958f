"""A figure of your own: an experiment and what you claim of it. Copy this file and change it.

plait reproduce examples.my_figure:FIG --dry-run
plait reproduce examples.my_figure:FIG

Its task is that of `my_task.py`: copy both, and import it from where you put it.
"""

from examples.my_task import DelayedCopy

from plait import HybridConfig
from plait.experiments import Experiment, View
from plait.findings.claims import Claim
from plait.findings.figure import Figure
from plait.findings.judges import PATTERN, ahead, reaches
from plait.training import Run, Train

FIG = Figure(
    experiment=Experiment(
        name="my_figure",
        question="Who copies with a delay of two, attention or an SSM?",
        base=Run(
            task=DelayedCopy(lag=2),
            model=HybridConfig(pattern="TF", d_model=8, window=4),
            train=Train(steps=200, test_sequences=64, select_sequences=16),
        ),
        vary={"model.pattern": ("TF", "SSM"), "model.d_model": (4, 8)},
        sweep={"train.lr": (0.003, 0.01, 0.03, 0.1), "train.seed": range(4)},  # members of one ensemble
        views=(View(),),  # accuracy against parameters, a line a pattern
    ),
    says="arXiv 2402.01032 has attention ahead of SSMs on copying.",
    claims=(
        Claim(
            statement="Attention is ahead of the SSM at every width",
            judge=ahead({PATTERN: "TF"}, ({PATTERN: "SSM"},)),
        ),
        Claim(
            statement="An SSM of width 8 copies with a delay of two",
            judge=reaches({PATTERN: "SSM", "model.d_model": 8}, accuracy=0.9),
            only=("model.pattern=SSM", "model.d_model=8"),  # how to check this alone
        ),
    ),
)
