"""What the paper leaves open: dropout, initial weights, float precision; at the sizes on which verdicts turn.

Copying is taken up to where pure models get past 90%, which with dropout is further; multi-key recall to where either
gets past 60%.
"""

from plait.experiments import Ratio
from plait.experiments.spec import Experiment
from plait.experiments.view import View
from plait.findings.claims import Claim, Finding, Outcome
from plait.findings.evidence import Evidence
from plait.findings.figure import AS_TRAINED, Figure
from plait.findings.judges import trained_values
from plait.findings.members import setting_ratios
from plait.findings.number_text import ratio_text, span_text
from plait.paper.grids import COPYING_WINDOW, PROTOCOL, RECALL_WINDOW, SWEEP, two_layers
from plait.tasks import MultiKeyRecall, SelectiveCopying, Task
from plait.training.run import Run

_COPYING = (("TF-TF", 12), ("TF-TF", 16), ("SSM-SSM", 12), ("SSM-SSM", 16), ("SSM-TF", 4), ("SSM-TF", 8))
_WITH_DROPOUT = (("TF-TF", 20), ("TF-TF", 24), ("TF-TF", 32), ("SSM-SSM", 20), ("SSM-SSM", 24))
_RECALL = (("TF-TF", 12), ("TF-TF", 16), ("TF-TF", 20), *(("SSM-TF", d_model) for d_model in (8, 12, 16, 20)))


def _copier(pattern: str, d_model: int) -> tuple[Task, int, str, int]:
    return SelectiveCopying(), COPYING_WINDOW, pattern, d_model


_MODELS = (
    *(_copier(*size) for size in _COPYING),
    *((MultiKeyRecall(), RECALL_WINDOW, *size) for size in _RECALL),
)

_PLAIN = (0.0, "paper", "float32")
_DROPOUT = (0.1, "paper", "float32")
_OTHERS = (
    _DROPOUT,
    (0.0, "mamba", "float32"),
    (0.0, "paper", "float64"),
    (0.0, "paper", "bfloat16"),
)


def ratio_by_choice(found: Evidence) -> Finding | None:
    """The ratio on which each task's verdict turns, by dropout, initial weights and precision."""
    ratios = setting_ratios(found.cells)
    if len({setting for _, setting, _ in ratios}) < 2:
        return None
    words = [f"{task} {setting}: {ratio_text(ratio)}" for task, setting, ratio in ratios]
    by_task: dict[str, list[Ratio]] = {}
    for task, _, ratio in ratios:
        by_task.setdefault(task, []).append(ratio)
    return Finding(
        outcome=Outcome.OWN,
        ours="; ".join(words),
        short="; ".join(f"{task} {span_text(those)}" for task, those in by_task.items()),
        rates="chosen for each",
        trained=trained_values(found.cells),
    )


CHOICES = Figure(
    experiment=Experiment(
        name="choices",
        question="Do dropout, initial weights or float precision change a verdict?",
        base=Run(task=SelectiveCopying(), model=two_layers(window=COPYING_WINDOW), train=PROTOCOL),
        vary={
            (
                *("model.dropout", "model.init", "train.dtype"),
                *("task", "model.window", "model.pattern", "model.d_model"),
            ): (
                *((*setting, *model) for setting in (_PLAIN, *_OTHERS) for model in _MODELS),
                *((*_DROPOUT, *_copier(*size)) for size in _WITH_DROPOUT),
            ),
        },
        sweep=SWEEP,
        quick=(
            {
                "model.dropout": (0.0,),
                "train.dtype": ("float32",),
                "train.lr": (1e-3, 3.16e-3, 1e-2),
                "train.seed": range(5),
            },
            {
                "model.dropout": (0.1,),
                "model.d_model": (8, 16),
                "train.lr": (1e-3, 3.16e-3),
                "train.seed": range(2),
            },
        ),
        views=(View(panels=("task", "model.dropout", "model.init", "train.dtype"), ratio=True, drawn=False),),
    ),
    claims=(
        Claim(
            statement="Pure over hybrid parameters at 90% (copying) and 60% (multi-key recall) by dropout, initial "
            "weights and precision",
            judge=ratio_by_choice,
        ),
    ),
    readings=(AS_TRAINED,),
)
