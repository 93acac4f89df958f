"""Figure 4: selective copying, accuracy against parameters, four two-layer patterns.

Pure models are also trained at widths beyond the paper's, where they reach what the hybrid has at 2,192 parameters.
"""

from plait.experiments.spec import Experiment
from plait.experiments.view import View
from plait.findings.claims import Claim
from plait.findings.figure import READINGS, Figure, Reference, ratio_between
from plait.findings.judges import PATTERN, ahead, model, ratio, reaches
from plait.paper.grids import (
    ATTENTION,
    COPYING_WINDOW,
    HYBRID,
    OTHER,
    PATTERNS,
    PROTOCOL,
    QUICK_LRS,
    RECURRENT,
    RERUN_SOURCE,
    SWEEP,
    WIDER,
    WIDTHS,
    read_off,
    rerun_ratio,
    rerun_text,
    sizes,
    two_layers,
)
from plait.tasks import SelectiveCopying
from plait.training.run import Run

PAPER_POINTS = read_off(
    "Figure 4",
    {
        "TF-TF": (0.056, 0.352, 0.727, 0.923),
        "SSM-SSM": (0.084, 0.305, 0.485, 0.931),
        "TF-SSM": (0.100, 0.433, 0.822, 0.908),
        "SSM-TF": (0.087, 0.999, 1.000, 1.000),
    },
)
RERUN_POINTS = (
    Reference(pattern="SSM-TF", parameters=2_192, accuracy=0.99998, source=RERUN_SOURCE),
    Reference(pattern="TF-TF", parameters=10_608, accuracy=0.846, source=RERUN_SOURCE),
    Reference(
        pattern="SSM-SSM",
        parameters=13_488,
        accuracy=0.866,
        source=RERUN_SOURCE,
        note="seeds spread 0.13-1.0",
    ),
)
RERUN_RATIOS = (
    rerun_ratio("TF-TF", 0.9, 8.3, pure_parameters=18_240, hybrid_parameters=2_192),
    rerun_ratio("SSM-SSM", 0.9, 9.6, pure_parameters=21_056, hybrid_parameters=2_192),
)
PAPER_RATIO = ratio_between(PAPER_POINTS, 0.9, pure=(ATTENTION, RECURRENT), hybrid=HYBRID)
"""At 90%: the paper shows it but does not print it."""

FIG4 = Figure(
    readings=READINGS,
    experiment=Experiment(
        name="fig4",
        question="How many parameters does each pattern need to copy selectively?",
        base=Run(task=SelectiveCopying(), model=two_layers(window=COPYING_WINDOW), train=PROTOCOL),
        vary={("model.pattern", "model.d_model"): sizes(PATTERNS, WIDTHS, pure_widths=WIDER)},
        sweep=SWEEP,
        quick=({"model.d_model": (*WIDTHS, 32), "train.lr": QUICK_LRS, "train.seed": range(6)},),
        views=(View(ratio=True),),
    ),
    says="Figure 4: SSM-TF copies from about 2,000 parameters on; pure models need about 12,000.",
    paper=PAPER_POINTS,
    rerun=RERUN_POINTS,
    ratios=RERUN_RATIOS,
    claims=(
        Claim(
            statement="SSM-TF copies selectively from 2,192 parameters on",
            paper="0.999",
            rerun="0.99998",
            only=("model.pattern=SSM-TF", "model.d_model=8"),
            judge=reaches(model(HYBRID, 8), accuracy=0.999),
        ),
        Claim(
            statement="For 90% a pure model needs several times the hybrid's parameters",
            paper=f"{PAPER_RATIO:.1f}",
            rerun=rerun_text(RERUN_RATIOS, 0.9),
            only=("model.pattern=TF-TF,SSM-SSM,SSM-TF",),
            judge=ratio(0.9, size=PAPER_RATIO),
        ),
        Claim(
            statement="The order matters: SSM-TF is above TF-SSM (from width 8 on)",
            paper="+0.566 at 2,000 parameters, +0.092 at 12,000",
            only=("model.pattern=SSM-TF,TF-SSM", "model.d_model=8,12,16,20,24"),
            judge=ahead({PATTERN: HYBRID}, ({PATTERN: OTHER},), values=(8, 12, 16, 20, 24)),
        ),
    ),
)
