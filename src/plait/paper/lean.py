"""Leaner blocks on multi-key recall: what of Figure 6's sizes is due to 16 states, initial weights and the MLP?

Figure 6 has 16 states a channel and linear weights from normal(0, 0.02). Hybrids get one state and Mamba's own
initial weights, one by one and together; Transformers, for fairness, go without their MLP.
"""

from plait.experiments.spec import Experiment
from plait.experiments.view import View
from plait.findings.claims import Claim, Finding, Outcome
from plait.findings.evidence import Evidence
from plait.findings.figure import READINGS, Figure
from plait.findings.judges import training
from plait.findings.members import leaner_ratios
from plait.findings.number_text import ratio_text, span_text
from plait.paper.grids import PROTOCOL, RECALL_WINDOW, SWEEP, two_layers
from plait.tasks import MultiKeyRecall
from plait.training.run import Run

HYBRID_WIDTHS = (4, 6, 8, 10, 12, 16, 20)
ATTENTION_WIDTHS = (8, 12, 16, 20, 24)

OF_FIGURE_6 = (16, "paper", 2)
"""States, initial weights, and MLP units over the width."""

HYBRIDS = (OF_FIGURE_6, (1, "paper", 2), (16, "mamba", 2), (1, "mamba", 2))
_TRANSFORMERS = (OF_FIGURE_6, (16, "paper", 0))


def ratio_by_block(found: Evidence) -> Finding | None:
    """The ratio at 60% of Figure 6's Transformers, and of those without MLP, over each setting of the hybrids."""
    ratios = leaner_ratios(found.cells, 0.6)
    if len({mixed for _, mixed, _ in ratios}) < 2:
        return None
    words = [f"{small} over {mixed}: {ratio_text(ratio)}" for small, mixed, ratio in ratios]
    return Finding(
        outcome=Outcome.OWN,
        ours="; ".join(words),
        short=span_text([ratio for _, _, ratio in ratios]),
        **training(found, found.cells),
    )


LEAN = Figure(
    experiment=Experiment(
        name="lean",
        question="How small can a hybrid be on multi-key recall, with fewer states and other initial weights?",
        base=Run(task=MultiKeyRecall(), model=two_layers(window=RECALL_WINDOW), train=PROTOCOL),
        vary={
            ("model.pattern", "model.d_model", "model.d_state", "model.init", "model.mlp_factor"): (
                *(("SSM-TF", width, *setting) for setting in HYBRIDS for width in HYBRID_WIDTHS),
                *(("TF-TF", width, *setting) for setting in _TRANSFORMERS for width in ATTENTION_WIDTHS),
            )
        },
        sweep=SWEEP,
        quick=(
            {"model.pattern": ("SSM-TF",), "train.lr": (1e-3, 3.16e-3, 1e-2), "train.seed": range(8)},
            {"model.pattern": ("TF-TF",), "train.lr": (1e-3, 3.16e-3), "train.seed": range(8)},
        ),
        views=(
            View(
                lines=("model.pattern", "model.d_state", "model.init", "model.mlp_factor"),
                title="By states, initial weights and MLP",
            ),
        ),
    ),
    claims=(
        Claim(
            statement="Pure over hybrid parameters at 60% of multi-key recall, by states, initial weights and MLP",
            judge=ratio_by_block,
        ),
    ),
    readings=READINGS,
)
