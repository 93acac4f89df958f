"""Figure 16: attention heads and state sizes at width 12 on multi-key associative recall."""

from plait.experiments.spec import Experiment
from plait.model import HybridConfig
from plait.paper.grids import PROTOCOL, QUICK_LRS, RECALL_WINDOW, SWEEP
from plait.paper.heads_and_states import VARIED, VIEWS, WIDTH
from plait.tasks import MultiKeyRecall
from plait.training.run import Run

FIG16 = Experiment(
    name="fig16",
    question="What do heads and states do to models of width 12 on multi-key recall?",
    base=Run(
        task=MultiKeyRecall(),
        model=HybridConfig(pattern="SSM-TF", d_model=WIDTH, window=RECALL_WINDOW, init="paper"),
        train=PROTOCOL,
    ),
    vary=VARIED,
    sweep=SWEEP,
    quick=({"train.lr": QUICK_LRS, "train.seed": range(6)},),
    views=VIEWS,
)
