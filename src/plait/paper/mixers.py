"""Mixers of today's hybrids at equal parameters: alone, before attention, behind it, beside attention alone.

The question of arXiv 2603.08859 for mixers that it does not have. Two layers, three sizes; a pattern's width is the one
whose parameters are nearest to the size's. Each mixer has its paper's first values and default options, which at these
widths mean few heads: states of d_model x d_model numbers, or twice that.
"""

from collections.abc import Mapping
from dataclasses import replace
from types import MappingProxyType

from plait.experiments.spec import Experiment
from plait.experiments.view import View
from plait.findings.claims import Claim
from plait.findings.figure import AS_TRAINED, Figure
from plait.paper.grids import ATTENTION, COPYING_WINDOW, LR_GRID, PROTOCOL, RECALL_WINDOW, two_layers
from plait.paper.length import LENGTHS, TESTED_TOKENS
from plait.paper.mixer_claims import above_both, keeps_over_lengths
from plait.tasks import MQAR, DecodingRecall, MultiKeyRecall, SelectiveCopying, Task
from plait.training.run import Evaluation, Run

STUDIED_MIXERS = (
    *("SSM", "Mamba2", "GDN", "KDA", "DeltaNet", "GLA", "Retention", "RWKV7", "MLSTM", "RGLRU"),
    "ShortConv",
)
_SEEDS = range(16)

Widths = tuple[int, int, int]

_MANY: Mapping[str, tuple[Widths, Widths]] = {
    "SSM": ((7, 15, 23), (9, 16, 25)),
    "Mamba2": ((9, 18, 27), (10, 18, 27)),
    "GDN": ((10, 18, 26), (11, 18, 26)),
    "KDA": ((11, 18, 26), (11, 18, 26)),
    "DeltaNet": ((14, 25, 36), (12, 21, 30)),
    "GLA": ((13, 23, 35), (12, 20, 30)),
    "Retention": ((14, 23, 34), (12, 20, 29)),
    "RWKV7": ((14, 24, 35), (12, 21, 30)),
    "MLSTM": ((15, 26, 37), (13, 21, 30)),
    "RGLRU": ((13, 23, 33), (12, 20, 29)),
    "ShortConv": ((15, 26, 37), (13, 21, 30)),
}
_FEW: Mapping[str, tuple[Widths, Widths]] = {
    "SSM": ((8, 14, 24), (10, 16, 26)),
    "Mamba2": ((10, 18, 28), (11, 18, 28)),
    "GDN": ((11, 18, 27), (12, 18, 27)),
    "KDA": ((12, 18, 27), (12, 18, 27)),
    "DeltaNet": ((16, 25, 38), (13, 21, 31)),
    "GLA": ((15, 23, 36), (13, 20, 31)),
    "Retention": ((16, 24, 35), (13, 20, 31)),
    "RWKV7": ((15, 24, 37), (13, 21, 31)),
    "MLSTM": ((17, 26, 39), (14, 21, 32)),
    "RGLRU": ((15, 23, 34), (13, 20, 30)),
    "ShortConv": ((17, 26, 39), (14, 21, 32)),
}
"""By mixer, widths of the three sizes alone, and beside attention in either order."""

_SIZES: Mapping[str, tuple[Widths, Mapping[str, tuple[Widths, Widths]]]] = MappingProxyType(
    {"many": ((11, 18, 26), _MANY), "few": ((12, 18, 27), _FEW)}
)
"""Widths of attention alone and of mixers, for tasks of 34 or 36 tokens and for those of 11 or 13."""

SIZE_WORDS = ("2,600", "6,200", "12,800")
"""Parameters of each size, about."""

WITHIN = (0.07, 0.045, 0.03)
"""How far a pattern's parameters lie at most from the middle of all, by size."""

STUDIED_TASKS: tuple[tuple[Task, int, str], ...] = (
    (MQAR(), RECALL_WINDOW, "many"),
    (MultiKeyRecall(), RECALL_WINDOW, "few"),
    (SelectiveCopying(), COPYING_WINDOW, "many"),
    (DecodingRecall(n_bits=3), RECALL_WINDOW, "few"),
)

TASK_WORDS: Mapping[str, str] = {
    "mqar": "MQAR",
    "multi-key-recall": "multi-key recall",
    "selective-copying": "selective copying",
    "decoding-recall": "recall with decoding",
}
"""What sentences call the studied tasks."""


def widths(pattern: str, vocabulary: str) -> Widths:
    """Of a pattern at the three sizes."""
    attention, mixers = _SIZES[vocabulary]
    named = [name for name in pattern.split("-") if name != "TF"]
    return mixers[named[0]][2 - len(named)] if named else attention


def _hybrid(mixer: str) -> str:
    return f"{mixer}-TF"


PURE = tuple(f"{mixer}-{mixer}" for mixer in STUDIED_MIXERS)
BEFORE, BEHIND = tuple(map(_hybrid, STUDIED_MIXERS)), tuple(f"TF-{mixer}" for mixer in STUDIED_MIXERS)


def _models(patterns: tuple[str, ...], sizes: tuple[int, ...]) -> tuple[tuple[Task, int, str, int], ...]:
    return tuple(
        (task, window, pattern, widths(pattern, vocabulary)[size])
        for task, window, vocabulary in STUDIED_TASKS
        for pattern in patterns
        for size in sizes
    )


_FIELDS = ("task", "model.window", "model.pattern", "model.d_model")
_BASE = Run(task=MQAR(), model=replace(two_layers(window=RECALL_WINDOW), pattern="GDN-TF"), train=PROTOCOL)
_SWEEP = {"train.lr": LR_GRID, "train.seed": _SEEDS}
_QUICK_SWEEP = {"train.lr": (3.16e-3, 1e-2), "train.seed": range(2)}


def _view(patterns: tuple[str, ...], title: str) -> View:
    return View(panels=("task",), where={"model.pattern": (ATTENTION, *patterns)}, title=title)


MIXERS_FIGURE = Figure(
    experiment=Experiment(
        name="mixers",
        question="For which mixers is a hybrid above its parts at equal parameters?",
        base=_BASE,
        vary={_FIELDS: _models((ATTENTION, *PURE, *BEFORE, *BEHIND), (0, 1, 2))},
        sweep=_SWEEP,
        quick=tuple(
            {
                "task": (MQAR(),),
                "model.pattern": (pattern,),
                "model.d_model": (widths(pattern, STUDIED_TASKS[0][2])[1],),
                **_QUICK_SWEEP,
            }
            for pattern in (ATTENTION, *PURE, *BEFORE, *BEHIND)
        ),
        views=(
            _view(BEFORE, "Before attention"),
            _view(PURE, "Alone"),
            _view(BEHIND, "Behind attention"),
        ),
    ),
    claims=tuple(
        Claim(
            statement=f"{_hybrid(mixer)} is above {mixer}-{mixer} and TF-TF at equal parameters, at every size that is "
            f"trained ({task.name})",
            of_trained=True,
            only=(
                f"task={task.name}",
                f"model.pattern={ATTENTION},{mixer}-{mixer},{_hybrid(mixer)}",
            ),
            judge=above_both(task, mixer, widths=lambda pattern, of=vocabulary: widths(pattern, of)),
        )
        for task, _, vocabulary in STUDIED_TASKS
        for mixer in STUDIED_MIXERS
    ),
    readings=(AS_TRAINED,),
)

MIXERS_LENGTH = Figure(
    experiment=Experiment(
        name="mixers-length",
        question="What is left of what hybrids learned at length 100, at up to 128 times the length?",
        base=_BASE,
        vary={_FIELDS: _models((ATTENTION, *BEFORE), (1,))},
        sweep=_SWEEP,
        quick=tuple(
            {
                "task": (MQAR(),),
                "model.pattern": (pattern,),
                "model.d_model": (widths(pattern, STUDIED_TASKS[0][2])[1],),
                **_QUICK_SWEEP,
            }
            for pattern in (ATTENTION, *BEFORE)
        ),
        evaluations=tuple(
            Evaluation(seq_len=seq_len, sequences=TESTED_TOKENS // seq_len) for seq_len in LENGTHS
        ),
        views=(View(x="test.seq_len", panels=("task",), title="Trained at length 100"),),
    ),
    claims=tuple(
        Claim(
            statement=f"{_hybrid(mixer)} keeps at 12,800 tokens what it learned at 100",
            only=(f"model.pattern={_hybrid(mixer)}",),
            judge=keeps_over_lengths([task for task, *_ in STUDIED_TASKS], _hybrid(mixer)),
        )
        for mixer in STUDIED_MIXERS
    ),
    readings=(AS_TRAINED,),
)
