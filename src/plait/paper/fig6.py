"""Figure 6: multi-key associative recall, accuracy against parameters, four two-layer patterns."""

from plait.experiments.spec import Experiment
from plait.experiments.view import View
from plait.findings.claims import Claim
from plait.findings.figure import READINGS, Figure, Reference, ReferenceRatio, ratio_between
from plait.findings.judges import PATTERN, ahead, gap, model, ratio, reaches
from plait.paper.grids import (
    ATTENTION,
    HYBRID,
    OTHER,
    PAPER_SOURCE,
    PATTERNS,
    PROTOCOL,
    QUICK_LRS,
    RECALL_WINDOW,
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
from plait.tasks import MultiKeyRecall
from plait.training.run import Run

_PAPER_POINTS = read_off(
    "Figure 6",
    {
        "TF-TF": (0.124, 0.159, 0.230, 0.668),
        "SSM-SSM": (0.158, 0.173, 0.356, 0.517),
        "TF-SSM": (0.131, 0.183, 0.286, 0.524),
        "SSM-TF": (0.144, 0.512, 0.990, 0.989),
    },
)
_RERUN_POINTS = (
    Reference(pattern="SSM-TF", parameters=3_684, accuracy=0.673, source=RERUN_SOURCE, interval=(0.45, 0.89)),
    Reference(pattern="TF-TF", parameters=7_100, accuracy=0.752, source=RERUN_SOURCE),
)
RATIOS = (
    ReferenceRatio(pure="TF-TF", accuracy=0.6, ratio=6.0, source=f"{PAPER_SOURCE}, Figure 6"),
    rerun_ratio("TF-TF", 0.6, 1.93, pure_parameters=7_100, hybrid_parameters=3_684),
)
BETWEEN_POINTS = ratio_between(_PAPER_POINTS, 0.6, pure=(ATTENTION,), hybrid=HYBRID)
"""What the paper's six is when its points are read as ours are."""

FIG6 = Figure(
    readings=READINGS,
    experiment=Experiment(
        name="fig6",
        question="How many parameters does each pattern need for multi-key associative recall?",
        base=Run(task=MultiKeyRecall(), model=two_layers(window=RECALL_WINDOW), train=PROTOCOL),
        vary={("model.pattern", "model.d_model"): sizes(PATTERNS, WIDTHS, pure_widths=WIDER)},
        sweep=SWEEP,
        quick=({"model.d_model": (*WIDTHS, 32), "train.lr": QUICK_LRS, "train.seed": range(5)},),
        views=(View(ratio=True),),
    ),
    says="Figure 6: SSM-TF has 60% with 6 times fewer parameters than TF-TF.",
    paper=_PAPER_POINTS,
    rerun=_RERUN_POINTS,
    ratios=RATIOS,
    claims=(
        Claim(
            statement="On multi-key recall SSM-TF has 60% with six times fewer parameters than TF-TF",
            paper=f"6 ({BETWEEN_POINTS:.1f} between its points)",
            rerun=rerun_text(RATIOS, 0.6),
            only=("model.pattern=TF-TF,SSM-TF",),
            judge=ratio(0.6, size=6.0, pure=(ATTENTION,)),
        ),
        Claim(
            statement="SSM-TF has 0.990 at about 6,000 parameters",
            paper="0.990",
            only=("model.pattern=SSM-TF", "model.d_model=16"),
            judge=reaches(model(HYBRID, 16), accuracy=0.990),
        ),
        Claim(
            statement="At about 12,000 parameters SSM-TF is far above TF-TF",
            paper="+0.321 (0.989 against 0.668)",
            only=("model.pattern=TF-TF,SSM-TF", "model.d_model=24"),
            judge=gap(model(HYBRID, 24), model(ATTENTION, 24), size=0.321),
        ),
        Claim(
            statement="On multi-key recall the order matters: SSM-TF is above TF-SSM (from width 16 on)",
            paper="0.990 against 0.286 at 6,000 parameters, 0.989 against 0.524 at 12,000",
            only=("model.pattern=SSM-TF,TF-SSM", "model.d_model=16,20,24"),
            judge=ahead({PATTERN: HYBRID}, ({PATTERN: OTHER},), values=(16, 20, 24)),
        ),
    ),
)
