"""Figure 12: attention heads and state sizes at width 12 on selective copying."""

from plait.experiments.spec import Experiment
from plait.findings.claims import Claim
from plait.findings.figure import Figure
from plait.findings.readings import READINGS
from plait.findings.trends import fewer_is_better, no_trend
from plait.model import HybridConfig
from plait.paper.grids import ATTENTION, COPYING_WINDOW, HYBRID, OTHER, PROTOCOL, QUICK_LRS, RECURRENT, SWEEP
from plait.paper.heads_and_states import VARIED, VIEWS, WIDTH
from plait.tasks import SelectiveCopying
from plait.training.run import Run

FIG12 = Figure(
    readings=READINGS,
    experiment=Experiment(
        name="fig12",
        question="What do heads and states do to models of width 12 that copy selectively?",
        base=Run(
            task=SelectiveCopying(),
            model=HybridConfig(pattern="SSM-TF", d_model=WIDTH, window=COPYING_WINDOW, init="paper"),
            train=PROTOCOL,
        ),
        vary=VARIED,
        sweep=SWEEP,
        quick=({"train.lr": QUICK_LRS, "train.seed": range(8)},),
        views=VIEWS,
    ),
    says="Figure 12: more than one head hurts tiny models, the state size has no clear trend.",
    claims=(
        Claim(
            statement="More than one head hurts tiny models that copy",
            paper="yes, at width 12",
            only=("model.d_state=16",),
            judge=fewer_is_better("model.n_heads", (ATTENTION, OTHER, HYBRID), {"model.d_state": 16}),
        ),
        Claim(
            statement="The state size has no clear trend",
            paper="yes, 1 to 12 at width 12",
            only=("model.n_heads=1", "model.d_state=1,2,4,8,12"),
            judge=no_trend("model.d_state", (RECURRENT, OTHER, HYBRID), {"model.n_heads": 1}, most=12),
        ),
    ),
)
