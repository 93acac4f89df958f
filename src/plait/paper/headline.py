"""The headline: one small hybrid beside pure models of its own size and of more than five times its size.

Selective copying as in Figure 4 of arXiv 2603.08859. The pure models have the widths whose parameter counts
are nearest to the hybrid's 2,192 and to 12,000:

    SSM-TF   d_model  8    2,192
    TF-TF    d_model 10    2,180     d_model 26   12,324
    SSM-SSM  d_model  6    2,028     d_model 22   11,836
"""

from plait.experiments.spec import Experiment
from plait.experiments.view import View
from plait.findings.claims import Claim
from plait.findings.figure import READINGS, Figure
from plait.findings.judges import ahead, model
from plait.model import HybridConfig
from plait.paper.fig4 import PAPER_POINTS, RERUN_POINTS, RERUN_RATIOS
from plait.paper.grids import LR_GRID, SEEDS
from plait.tasks import SelectiveCopying
from plait.training.run import Run, Train

_HYBRID = ("SSM-TF", 8)
_PURE = (("TF-TF", 10), ("SSM-SSM", 6), ("TF-TF", 26), ("SSM-SSM", 22))

# What the quick form trains: two learning rates about each architecture's best, in about six minutes on two cores.
QUICK_SEEDS = range(4)
QUICK = {
    _HYBRID: (1e-2, 3.16e-2),
    ("TF-TF", 10): (3.16e-2, 1e-1),
    ("SSM-SSM", 6): (1e-2, 3.16e-2),
    ("TF-TF", 26): (1e-3, 3.16e-3),
    ("SSM-SSM", 22): (3.16e-3, 1e-2),
}

HEADLINE = Figure(
    readings=READINGS,
    experiment=Experiment(
        name="headline",
        question="How large must a pure model be to copy selectively as well as a hybrid of 2,192 parameters?",
        base=Run(
            task=SelectiveCopying(),
            model=HybridConfig(pattern="SSM-TF", d_model=8, window=20, init="paper"),
            train=Train(steps=4_000),
        ),
        vary={("model.pattern", "model.d_model"): (_HYBRID, *_PURE)},
        sweep={"train.lr": LR_GRID, "train.seed": SEEDS},
        select="train.lr",
        quick=tuple(
            {
                "model.pattern": (pattern,),
                "model.d_model": (d_model,),
                "train.lr": lrs,
                "train.seed": QUICK_SEEDS,
            }
            for (pattern, d_model), lrs in QUICK.items()
        ),
        views=(View(),),
    ),
    says="Figure 4: the hybrid copies from 2,192 parameters on, pure models need about 12,000.",
    paper=PAPER_POINTS,
    rerun=RERUN_POINTS,
    ratios=RERUN_RATIOS,
    claims=(
        Claim(
            statement="A hybrid of 2,192 parameters copies better than pure models of about 12,000",
            paper="0.999 against 0.923 (TF-TF) and 0.931 (SSM-SSM)",
            rerun="0.99998 against 0.846 and 0.866",
            only=("model.pattern=SSM-TF,TF-TF,SSM-SSM", "model.d_model=8,22,26"),
            judge=ahead(model("SSM-TF", 8), (model("TF-TF", 26), model("SSM-SSM", 22)), along=None),
        ),
    ),
)
