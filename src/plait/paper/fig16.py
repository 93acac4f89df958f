"""Figure 16: attention heads and state sizes at width 12 on multi-key associative recall."""

from plait.experiments.spec import Experiment
from plait.findings.claims import Claim
from plait.findings.figure import READINGS, Figure
from plait.findings.trends import dips
from plait.model import HybridConfig
from plait.paper.fig12 import D_MODEL, HEADS_AND_STATES, VIEWS
from plait.paper.grids import ATTENTION, HYBRID, OTHER, PROTOCOL, QUICK_LRS, RECALL_WINDOW, RECURRENT, SWEEP
from plait.tasks import MultiKeyRecall
from plait.training.run import Run

FIG16 = Figure(
    readings=READINGS,
    experiment=Experiment(
        name="fig16",
        question="What do heads and states do to models of width 12 on multi-key recall?",
        base=Run(
            task=MultiKeyRecall(),
            model=HybridConfig(pattern="SSM-TF", d_model=D_MODEL, window=RECALL_WINDOW, init="paper"),
            train=PROTOCOL,
        ),
        vary=HEADS_AND_STATES,
        sweep=SWEEP,
        quick=({"train.lr": QUICK_LRS, "train.seed": range(6)},),
        views=VIEWS,
    ),
    says="Figure 16: with heads and states a dip, then recovery.",
    claims=(
        Claim(
            statement="On multi-key recall more heads make a dip, then a recovery",
            paper="yes, at width 12",
            only=("model.pattern=TF-TF,TF-SSM,SSM-TF", "model.d_state=16"),
            judge=dips("model.n_heads", (ATTENTION, OTHER, HYBRID), {"model.d_state": 16}),
        ),
        Claim(
            statement="On multi-key recall more states make a dip, then a recovery",
            paper="yes, 1 to 12 at width 12",
            only=("model.pattern=SSM-SSM,TF-SSM,SSM-TF", "model.n_heads=1", "model.d_state=1,2,4,8,12"),
            judge=dips("model.d_state", (RECURRENT, OTHER, HYBRID), {"model.n_heads": 1}, most=12),
        ),
    ),
)
