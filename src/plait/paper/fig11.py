"""Figure 11: selective copying with 200 and with 1,000 words."""

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
    RECURRENT,
    SWEEP,
    WIDTHS,
    two_layers,
)
from plait.tasks import SelectiveCopying
from plait.training.run import Run

FIG11 = Figure(
    readings=READINGS,
    experiment=Experiment(
        name="fig11",
        question="Does the picture of Figure 4 hold with larger vocabularies?",
        base=Run(task=SelectiveCopying(n_words=200), model=two_layers(window=COPYING_WINDOW), train=PROTOCOL),
        vary={"task.n_words": (200, 1_000), "model.pattern": PATTERNS, "model.d_model": WIDTHS},
        sweep=SWEEP,
        quick=(
            {
                "task.n_words": (200,),
                "model.d_model": (8, 16, 24),
                "train.lr": (3.16e-3, 1e-2, 3.16e-2),
                "train.seed": range(5),
            },
            {
                "task.n_words": (1_000,),
                "model.d_model": (8, 24),
                "train.lr": (3.16e-3, 1e-2),
                "train.seed": range(2),
            },
        ),
        views=(View(panels=("task.n_words",), ratio=True),),
    ),
    says="Figure 11: with 200 and 1,000 words the picture is that of Figure 4.",
    claims=tuple(
        Claim(
            statement=f"With {n_words:,} words the hybrid is ahead as with 26 (from width 8 on)",
            paper="yes",
            only=(
                f"task.n_words={n_words}",
                "model.pattern=TF-TF,SSM-SSM,SSM-TF",
                "model.d_model=8,12,16,20,24",
            ),
            judge=ahead(
                {PATTERN: HYBRID, "task.n_words": n_words},
                tuple({PATTERN: pure, "task.n_words": n_words} for pure in (ATTENTION, RECURRENT)),
                values=(8, 12, 16, 20, 24),
            ),
        )
        for n_words in (200, 1_000)
    ),
)
