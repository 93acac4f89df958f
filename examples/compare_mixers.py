"""Your mixer beside six built-in ones on recall by keys of two words, each before attention. Copy it and change it.

plait reproduce examples.compare_mixers:FIG --dry-run
plait reproduce examples.compare_mixers:FIG

The mixer is that of `my_mixer.py`: copy both, and name it as you would on the command line.
"""

from plait import HybridConfig
from plait.experiments import Experiment, View
from plait.findings.claims import Claim
from plait.findings.figure import Figure
from plait.findings.judges import PATTERN, ahead
from plait.tasks import MultiKeyRecall
from plait.training import Run, Train

MINE = "examples.my_mixer:ForgettingAttention-TF"
OTHERS = ("SSM-TF", "Mamba2-TF", "GDN-TF", "DeltaNet-TF", "GLA-TF", "RWKV7-TF")

FIG = Figure(
    experiment=Experiment(
        name="compare_mixers",
        question="Which mixer before attention recalls by keys of two words?",
        base=Run(
            task=MultiKeyRecall(n_words=4),
            model=HybridConfig(pattern=MINE, d_model=16),
            train=Train(steps=1_000, seq_len=64, test_sequences=256, select_sequences=64),
        ),
        vary={"model.pattern": (MINE, *OTHERS), "model.d_model": (8, 16)},
        sweep={"train.lr": (0.003, 0.01, 0.03), "train.seed": range(4)},  # members of one ensemble
        views=(View(),),  # accuracy against parameters, a line a pattern
    ),
    says="arXiv 2412.06464 has gated DeltaNet ahead of Mamba-2 on recall.",
    claims=tuple(
        Claim(
            statement=f"Forgetting attention recalls better than {other.removesuffix('-TF')} at both widths",
            judge=ahead({PATTERN: MINE}, ({PATTERN: other},)),
            only=(f"model.pattern={MINE},{other}",),
        )
        for other in OTHERS
    ),
)
