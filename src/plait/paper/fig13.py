"""Figure 13: the adversarial mixture of selective copying, half of it hard for attention, half for an SSM."""

from plait.experiments.spec import Experiment
from plait.experiments.view import View
from plait.findings.claims import Claim
from plait.findings.figure import READINGS, Figure
from plait.findings.judges import PATTERN, ahead
from plait.paper.grids import (
    ATTENTION,
    COPYING_WINDOW,
    HYBRID,
    PATTERNS,
    PROTOCOL,
    QUICK_LRS,
    RECURRENT,
    SWEEP,
    WIDTHS,
    two_layers,
)
from plait.tasks import SelectiveCopying
from plait.training.run import Run

FIG13 = Figure(
    readings=READINGS,
    experiment=Experiment(
        name="fig13",
        question="Is the hybrid ahead on the mixture of inputs that are hard for either of its parts?",
        base=Run(
            task=SelectiveCopying(variant="adversarial"),
            model=two_layers(window=COPYING_WINDOW),
            train=PROTOCOL,
        ),
        vary={"model.pattern": PATTERNS, "model.d_model": WIDTHS},
        sweep=SWEEP,
        quick=({"train.lr": QUICK_LRS, "train.seed": range(6)},),
        views=(View(ratio=True),),
    ),
    says="Figure 13: the hybrid is still ahead on the adversarial mixture.",
    claims=(
        Claim(
            statement="On the adversarial mixture the hybrid is still ahead (from width 8 on)",
            paper="yes",
            only=("model.pattern=TF-TF,SSM-SSM,SSM-TF", "model.d_model=8,12,16,20,24"),
            judge=ahead(
                {PATTERN: HYBRID},
                ({PATTERN: ATTENTION}, {PATTERN: RECURRENT}),
                values=(8, 12, 16, 20, 24),
            ),
        ),
    ),
)
