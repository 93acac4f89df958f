"""Figure 5: associative recall with decoding, three layers, accuracy against parameters."""

from plait.experiments.spec import Experiment
from plait.experiments.view import View
from plait.model import HybridConfig
from plait.paper.grids import PROTOCOL, SWEEP
from plait.tasks import DecodingRecall
from plait.training.run import Run

THREE_LAYERS = ("TF-TF-TF", "SSM-SSM-SSM", "SSM-SSM-TF")

FIG5 = Experiment(
    name="fig5",
    question="Does only the hybrid of three layers get past one half on recall with decoding?",
    base=Run(
        task=DecodingRecall(),
        model=HybridConfig(pattern="SSM-SSM-TF", d_model=24, window=None, init="paper"),
        train=PROTOCOL,
    ),
    vary={"model.pattern": THREE_LAYERS, "model.d_model": (24, 48, 96, 192, 384, 768)},
    sweep=SWEEP,
    quick=(
        {"model.d_model": (24, 48), "train.lr": (1e-3, 3.16e-3, 1e-2), "train.seed": range(4)},
        {"model.d_model": (96,), "train.lr": (1e-3, 3.16e-3), "train.seed": range(2)},
    ),
    views=(View(ratio=True),),
)
