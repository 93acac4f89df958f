"""Figure 14: the attention window on selective copying, the learning rate chosen for each window by itself.

The paper's axis begins at 0; a window of 1, which reads only the present, is the smallest here.
"""

from plait.experiments.spec import Experiment
from plait.experiments.view import View
from plait.findings.claims import Claim
from plait.findings.figure import READINGS, Figure
from plait.findings.judges import larger_windows_hurt, model
from plait.paper.grids import ATTENTION, HYBRID, OTHER, PROTOCOL, SWEEP, two_layers
from plait.tasks import SelectiveCopying
from plait.training.run import Run

_NARROW = 20
"""The window that larger ones are held against: that of the other figures."""


def worse_with_larger_windows(does: str, *, widths: tuple[int, ...]) -> tuple[Claim, ...]:
    """One claim for each pattern with attention and each width.

    Args:
        does: what the models do, such as `copies`.
    """
    return tuple(
        Claim(
            statement=f"{pattern} {does} worse with larger windows (width {d_model})",
            paper=paper,
            only=(f"model.pattern={pattern}", f"model.d_model={d_model}", f"model.window={_NARROW},100"),
            judge=larger_windows_hurt(model(pattern, d_model), narrow=_NARROW),
        )
        for pattern, paper in ((ATTENTION, "yes"), (HYBRID, "often"), (OTHER, "often"))
        for d_model in widths
    )


FIG14 = Figure(
    readings=READINGS,
    experiment=Experiment(
        name="fig14",
        question="Do models with attention copy selectively worse with a larger window, each at its own best rate?",
        base=Run(task=SelectiveCopying(), model=two_layers(window=20), train=PROTOCOL),
        vary={
            "model.pattern": ("TF-TF", "TF-SSM", "SSM-TF"),
            "model.d_model": (8, 24),
            "model.window": (1, 5, 10, 20, 40, 70, 100),
        },
        sweep=SWEEP,
        quick=({"train.lr": (1e-3, 3.16e-3, 1e-2, 3.16e-2), "train.seed": range(4)},),
        views=(View(x="model.window", panels=("model.d_model",), log=False),),
    ),
    says="Figure 14: TF-TF, and often the hybrid, get worse with larger windows.",
    claims=worse_with_larger_windows("copies", widths=(8, 24)),
)
