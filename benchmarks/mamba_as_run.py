"""Figure 8's Mamba as it was run, from transformers' initial weights beside ours: which of them gives the logged .2?

Everything else as in `plait.paper.fig8`: 32 layers of 16 states, packed rows without a separator, a bit proportion of
.2, 2,000 steps at 3e-4, products in bfloat16, tested at 19 lengths. If the released program built its Mamba from the
class of transformers, it had `init="transformers"` (see `plait.layers.initial`).

    plait reproduce benchmarks.mamba_as_run:FIG --gpus 1        (in the repository's root; six members)
    plait reproduce benchmarks.mamba_as_run:SMALL -o runs/small (two CPU cores: four layers of width 32)
"""

from dataclasses import replace

from plait.experiments import Experiment
from plait.experiments.view import View
from plait.findings.figure import Figure
from plait.paper import wide_models as wide

LENGTHS = range(10, 200, 10)
INITS = ("mamba", "transformers")


def compared(width: int, *, lengths: range, name: str) -> Experiment:
    """The model of this width from both kinds of initial weights."""
    base = replace(
        wide.BASE, model=wide.mamba(width), train=replace(wide.PROTOCOL, products=wide.PRODUCTS[width])
    )
    return Experiment(
        name=name,
        question="Do transformers' own initial weights make Mamba fall to the floor at longer lengths?",
        base=base,
        vary={"model.init": INITS},
        sweep={"train.lr": (wide.BASE_LR,), "train.seed": range(3)},
        evaluations=wide.tested_at((0.2,), lengths),
        views=(View(x="test.seq_len", lines=("model.init",)),),
    )


FIG = Figure(experiment=compared(wide.WIDE, lengths=LENGTHS, name="mamba-as-run"))
SMALL = Figure(experiment=compared(wide.SMALL, lengths=range(10, 200, 60), name="mamba-as-run-small"))
