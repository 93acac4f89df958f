"""Recall with decoding, trained at each bit proportion of Table 1 and tested at all of them, at small scale.

The paper's table has 12-layer models, and one column of this matrix: what is tested at 0.2. Once with the words of the
small figures, once with words of 5 bits, at the smallest width at which the hybrid learns them (Figure 5).
"""

from plait.experiments.fields import Where
from plait.experiments.spec import Experiment
from plait.experiments.view import View
from plait.findings.claims import Claim
from plait.findings.figure import Figure
from plait.findings.proportions import best_at_most_proportions, best_trained_at
from plait.findings.readings import READINGS
from plait.model import HybridConfig
from plait.paper.fig5 import THREE_LAYERS
from plait.paper.grids import PROTOCOL, SWEEP
from plait.tasks import DecodingRecall
from plait.training.evaluation import Evaluation
from plait.training.run import Run

PROPORTIONS = (0.05, 0.1, 0.3, 0.5, 0.8, 0.9)
COLUMN = 0.2
"""The proportion that the paper tests at."""
N_BITS = 3

TRAINED_BY_TESTED = (
    View(
        x="test.p_bit",
        y="task.p_bit",
        panels=("model.pattern",),
        drawn=False,
        title="Trained by tested proportion",
    ),
    View(
        x="task.p_bit",
        where={"test.p_bit": (COLUMN,)},
        log=False,
        title="Tested at 0.2, the paper's column",
    ),
)
"""The whole matrix for each pattern, and the paper's column of it."""


def at_every_proportion(n_bits: int) -> tuple[Evaluation, ...]:
    """Tests at the proportions of training and at the paper's."""
    return tuple(
        Evaluation(task=DecodingRecall(n_bits=n_bits, p_bit=p_bit), sequences=512)
        for p_bit in sorted((*PROPORTIONS, COLUMN))
    )


TABLE_1 = (
    "Table 1, 12 layers, tested at 0.2 and trained at 0.05 0.1 0.3 0.5 0.8 0.9: "
    "SSM 0.24 0.34 0.17 0.46 0.67 0.86; TF 0.47 0.40 0.64 0.63 0.63 0.61; hybrid 0.47 0.47 0.74 0.77 0.83 0.80."
)


def claims_of_table_1(n_bits: int) -> tuple[Claim, ...]:
    """The claims of Table 1, for words of any length."""
    by_pattern = (
        (THREE_LAYERS[2], "0.47 0.47 0.74 0.77 0.83 0.80"),
        (THREE_LAYERS[1], "0.24 0.34 0.17 0.46 0.67 0.86"),
    )
    return (
        Claim(
            statement=f"Tested at 0.2, the hybrid is the best at every training proportion but 0.9 ({n_bits} bits)",
            paper="at 4 of 5 alone, at 0.05 with TF (Table 1: 12 layers, 5 bits)",
            judge=best_at_most_proportions(THREE_LAYERS[2]),
        ),
        *(
            Claim(
                statement=f"Tested at 0.2, {pattern} recalls best when trained at 0.5 or more ({n_bits} bits)",
                paper=f"{paper} trained at 0.05, 0.1, 0.3, 0.5, 0.8, 0.9 (Table 1: 12 layers, 5 bits)",
                only=(f"model.pattern={pattern}",),
                judge=best_trained_at(pattern, (0.5, 0.8, 0.9)),
            )
            for pattern, paper in by_pattern
        ),
    )


def _trained_at_each(name: str, *, question: str, n_bits: int, d_model: int, quick: Where) -> Figure:
    """Three layers trained at each proportion and tested at every one."""
    return Figure(
        readings=READINGS,
        experiment=Experiment(
            name=name,
            question=question,
            base=Run(
                task=DecodingRecall(n_bits=n_bits),
                model=HybridConfig(pattern="SSM-SSM-TF", d_model=d_model, window=None, init="paper"),
                train=PROTOCOL,
            ),
            vary={"model.pattern": THREE_LAYERS, "task.p_bit": PROPORTIONS},
            sweep=SWEEP,
            quick=(quick,),
            evaluations=at_every_proportion(n_bits),
            views=TRAINED_BY_TESTED,
        ),
        says=TABLE_1,
        claims=claims_of_table_1(n_bits),
    )


PROPORTION = _trained_at_each(
    "proportion",
    question="Which model recalls at bit proportions that it was not trained at?",
    n_bits=N_BITS,
    d_model=24,
    quick={"train.lr": (3.16e-3, 1e-2), "train.seed": range(5)},
)

MORE_BITS = 5

PROPORTION5 = _trained_at_each(
    "proportion5",
    question="Which model recalls words of 5 bits at bit proportions that it was not trained at?",
    n_bits=MORE_BITS,
    d_model=96,
    quick={"task.p_bit": (0.3, 0.8), "train.lr": (1e-3, 3.16e-3), "train.seed": range(2)},
)
