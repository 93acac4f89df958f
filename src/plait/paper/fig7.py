"""Figure 7: needle in a haystack, accuracy against parameters, trained for 10,000 steps, windows of 20 and of 100."""

from dataclasses import replace

from plait.experiments.spec import Experiment
from plait.experiments.view import View
from plait.findings.claims import Claim
from plait.findings.figure import READINGS, Figure
from plait.findings.judges import near_one, stays_below
from plait.paper.grids import (
    ATTENTION,
    HYBRID,
    PATTERNS,
    PROTOCOL,
    QUICK_LRS,
    RECURRENT,
    SWEEP,
    WIDTHS,
    two_layers,
)
from plait.tasks import Needle
from plait.training.run import Run

SAYS = "Figure 7: SSM-SSM and SSM-TF are near 1 with few parameters, TF-TF is low at small widths."


def _claims(*windows: int) -> tuple[Claim, ...]:
    """Both claims, for each of the windows where several were trained."""
    found: list[Claim] = []
    for window in windows or (None,):
        where = {} if window is None else {"model.window": window}
        at = "" if window is None else f" (window {window})"
        only = () if window is None else (f"model.window={window}",)
        found += (
            Claim(
                statement=f"SSM-SSM and SSM-TF find the needle with few parameters{at}",
                paper="near 1 below 22,000 parameters",
                only=("model.pattern=SSM-SSM,SSM-TF", *only),
                judge=near_one((RECURRENT, HYBRID), where=where),
            ),
            Claim(
                statement=f"TF-TF is low at small widths{at}",
                paper="yes",
                only=("model.pattern=TF-TF", *only),
                judge=stays_below(ATTENTION, accuracy=0.5, parameters=22_000, where=where),
            ),
        )
    return tuple(found)


FIG7 = Figure(
    readings=READINGS,
    experiment=Experiment(
        name="fig7",
        question="How many parameters does each pattern need to find a needle?",
        base=Run(task=Needle(), model=two_layers(window=100), train=replace(PROTOCOL, steps=10_000)),
        vary={"model.window": (20, 100), "model.pattern": PATTERNS, "model.d_model": WIDTHS},
        sweep=SWEEP,
        quick=({"model.window": (100,), "train.lr": QUICK_LRS, "train.seed": range(2)},),
        views=(View(panels=("model.window",), ratio=True),),
    ),
    says=SAYS,
    claims=_claims(20, 100),
)

NEEDLE = Figure(
    readings=READINGS,
    experiment=Experiment(
        name="needle",
        question="The same after 4,000 steps, with attention over everything?",
        base=Run(task=Needle(), model=two_layers(window=None), train=PROTOCOL),
        vary={"model.pattern": PATTERNS, "model.d_model": WIDTHS},
        sweep=SWEEP,
        quick=({"train.lr": QUICK_LRS, "train.seed": range(5)},),
        views=(View(ratio=True),),
    ),
    says=SAYS,
    claims=_claims(),
)
"""What plait trained before it was known how many steps the released program makes here."""
