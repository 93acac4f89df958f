"""Figure 5: associative recall with decoding, three layers, accuracy against parameters."""

from plait.experiments.spec import Experiment
from plait.experiments.view import View
from plait.findings.claims import Claim
from plait.findings.figure import READINGS, Figure
from plait.findings.trends import alone_past
from plait.model import HybridConfig
from plait.paper.grids import PROTOCOL, SWEEP
from plait.tasks import DecodingRecall
from plait.training.run import Run

THREE_LAYERS = ("TF-TF-TF", "SSM-SSM-SSM", "SSM-SSM-TF")
WIDTHS = (24, 48, 96, 192, 384, 768)

FIG5 = Figure(
    readings=READINGS,
    experiment=Experiment(
        name="fig5",
        question="Does only the hybrid of three layers get past one half on recall with decoding?",
        base=Run(
            task=DecodingRecall(),
            model=HybridConfig(pattern="SSM-SSM-TF", d_model=24, window=None, init="paper"),
            train=PROTOCOL,
        ),
        vary={"model.pattern": THREE_LAYERS, "model.d_model": WIDTHS},
        sweep=SWEEP,
        quick=(
            {"model.d_model": (24, 48), "train.lr": (1e-3, 3.16e-3, 1e-2), "train.seed": range(4)},
            {"model.d_model": (96,), "train.lr": (1e-3, 3.16e-3), "train.seed": range(2)},
        ),
        views=(View(ratio=True),),
    ),
    says="Figure 5: of models of three layers only the hybrid passes 0.5, and no pure model passes 0.4.",
    claims=(
        *(
            Claim(
                statement="On recall with decoding no pure model of three layers passes 0.4, the hybrid passes 0.5 "
                f"({places})",
                paper=paper,
                only=(
                    f"model.pattern={','.join(THREE_LAYERS)}",
                    f"model.d_model={','.join(map(str, widths))}",
                ),
                judge=alone_past(THREE_LAYERS[2], THREE_LAYERS[:2], over=0.5, below=0.4, widest=max(widths)),
            )
            for places, paper, widths in (
                ("up to about 1 M parameters, width 192", "yes", WIDTHS[:4]),
                ("at widths up to 384", "yes, at widths 24 to 768", WIDTHS[:5]),
                ("at widths up to 768", "yes, at widths 24 to 768", WIDTHS),
            )
        ),
    ),
)
