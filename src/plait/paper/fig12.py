"""Figure 12: attention heads and state sizes at width 12 on selective copying."""

from plait.experiments.spec import Experiment
from plait.model import HybridConfig
from plait.paper.grids import COPYING_WINDOW, PROTOCOL, QUICK_LRS, SWEEP
from plait.paper.heads_and_states import VARIED, VIEWS, WIDTH
from plait.tasks import SelectiveCopying
from plait.training.run import Run

FIG12 = Experiment(
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
)
