"""Table 1 with its words of 5 bits, at the smallest width at which the hybrid learns them (Figure 5)."""

from plait.experiments.spec import Experiment
from plait.findings.figure import Figure
from plait.findings.readings import READINGS
from plait.model import HybridConfig
from plait.paper.fig5 import THREE_LAYERS
from plait.paper.grids import PROTOCOL, SWEEP
from plait.paper.proportion import (
    PROPORTIONS,
    TABLE_1,
    TRAINED_BY_TESTED,
    at_every_proportion,
    claims_of_table_1,
)
from plait.tasks import DecodingRecall
from plait.training.run import Run

N_BITS = 5

PROPORTION5 = Figure(
    readings=READINGS,
    experiment=Experiment(
        name="proportion5",
        question="Which model recalls words of 5 bits at bit proportions that it was not trained at?",
        base=Run(
            task=DecodingRecall(n_bits=N_BITS),
            model=HybridConfig(pattern="SSM-SSM-TF", d_model=96, window=None, init="paper"),
            train=PROTOCOL,
        ),
        vary={"model.pattern": THREE_LAYERS, "task.p_bit": PROPORTIONS},
        sweep=SWEEP,
        quick=({"task.p_bit": (0.3, 0.8), "train.lr": (1e-3, 3.16e-3), "train.seed": range(2)},),
        evaluations=at_every_proportion(N_BITS),
        views=TRAINED_BY_TESTED,
    ),
    says=TABLE_1,
    claims=claims_of_table_1(N_BITS),
)
