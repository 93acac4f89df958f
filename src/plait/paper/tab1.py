"""Table 1: recall with decoding, trained at one bit proportion and tested at others, models of about 100 M parameters.

The released program draws its tests at the training proportion, whatever the table says. Both readings stand here, for
the program as it was run and for the repaired one (separators, 12 layers each, equal parameters). Of the lengths 10,
20, .. 190 every third is tested; their mean is the same 100.
"""

from typing import Any

from plait.experiments.spec import Experiment
from plait.experiments.view import View
from plait.findings.claims import Claim
from plait.findings.figure import Figure
from plait.findings.leads import leads
from plait.paper import wide_models as wide
from plait.paper.wide_models import MIDDLE, SMALL, WIDE, as_run, equal_size, packed, pair

PROPORTIONS = (0.05, 0.1, 0.2, 0.3, 0.5, 0.8, 0.9)
IN_TABLE = tuple(p for p in PROPORTIONS if p != 0.2)
SMALL_PROPORTIONS = (0.2, 0.9)
COLUMN = 0.2
"""The proportion that the table says it tests at."""

PRINTED = {
    "hybrid": (0.47, 0.47, 0.74, 0.77, 0.83, 0.80),
    "Transformer": (0.47, 0.40, 0.64, 0.63, 0.63, 0.61),
    "SSM": (0.24, 0.34, 0.17, 0.46, 0.67, 0.86),
}
"""The paper's table, by `IN_TABLE`."""

_LENGTHS = (*range(10, 200, 30), 400, 800, 1_600)


def _cells() -> tuple[tuple[Any, ...], ...]:
    windows = (wide.WINDOW, None)
    run = [(p, False, m) for p in PROPORTIONS for m in as_run(WIDE)]
    repaired = [(p, True, m) for p in PROPORTIONS for w in windows for m in equal_size(WIDE, window=w)]
    small = [(p, False, m) for p in SMALL_PROPORTIONS for m in as_run(SMALL)]
    small += [(p, True, m) for p in SMALL_PROPORTIONS for m in equal_size(SMALL)]
    every = (*run, *repaired, *small)
    return tuple(dict.fromkeys(wide.cell(packed(p, separator=s), model) for p, s, model in every))


def _tasks(*, separator: bool) -> tuple[Any, ...]:
    return tuple(packed(p, separator=separator) for p in PROPORTIONS)


def _leads(*, separator: bool, tested: float | None) -> Any:
    """By the proportion of training; tested there where no other is given."""
    models = equal_size(WIDE) if separator else as_run(WIDE)
    return leads(
        {
            f"{p:g}": pair(
                *models[:2],
                separator=separator,
                free=separator,
                p_bit=p,
                tested=p if tested is None else tested,
                length=MIDDLE,
            )
            for p in IN_TABLE
        }
    )


def _matrix(width: int, *, separator: bool) -> View:
    return View(
        x="test.p_bit",
        y="task",
        panels=("model.pattern", "model.d_mlp", "model.d_inner", "model.window"),
        where={
            "task": _tasks(separator=separator),
            "model.d_model": (width,),
            "test.seq_len": (MIDDLE,),
        },
        drawn=False,
        title=f"Width {width}, {MIDDLE} tokens, trained {'with' if separator else 'without'} separators: trained by "
        "tested proportion",
    )


_SEEDS = {"train.seed": range(3)}
_MORE = {"train.seed": range(5)}
_WIDE = {"model.d_model": (WIDE,)}
_RELEASED = {**_WIDE, "train.lr": (wide.BASE_LR,)}

_CLAIMS = tuple(
    Claim(
        statement=f"{'Repaired' if separator else 'As it was run'}, the hybrid's lead over the Transformer at each "
        f"training proportion, tested {'there' if tested is None else f'at {tested:g}'}",
        paper="0.00 +0.07 +0.10 +0.14 +0.20 +0.19 trained at 0.05 0.1 0.3 0.5 0.8 0.9",
        only=(f"model.d_model={WIDE}",),
        judge=_leads(separator=separator, tested=tested),
    )
    for separator in (False, True)
    for tested in (None, COLUMN)
)

TAB1 = Figure(
    experiment=Experiment(
        name="tab1",
        question="Do hybrids of 100 M parameters recall better at bit proportions that they were not trained at?",
        base=wide.BASE,
        vary={wide.WIDE_VARIED: _cells()},
        sweep={"train.lr": wide.LRS, "train.seed": range(5)},
        slices=(
            (
                {"task": _tasks(separator=False), **_RELEASED, **_SEEDS},
                {"task": (packed(0.2, separator=False),), **_RELEASED, **_MORE},
                {"task": _tasks(separator=True), **_WIDE, **_SEEDS},
                {"task": (packed(0.2, separator=True),), **_WIDE, **_MORE},
                {"model.d_model": (SMALL,), "train.lr": wide.SMALL_LRS, **_SEEDS},
            ),
        ),
        quick=(
            {
                "task": tuple(packed(p, separator=s) for p in SMALL_PROPORTIONS for s in (False, True)),
                "model.d_model": (SMALL,),
                "model.pattern": tuple(wide.SHORT[p] for p in (wide.WIDE_HYBRID, wide.WIDE_ATTENTION)),
                "train.lr": wide.SMALL_LRS,
                "train.seed": range(2),
            },
        ),
        evaluations=wide.tested_at(PROPORTIONS, _LENGTHS),
        views=tuple(_matrix(width, separator=s) for width in (WIDE, SMALL) for s in (False, True)),
    ),
    says="Table 1, 12 layers, said to be tested at 0.2, trained at 0.05 0.1 0.3 0.5 0.8 0.9: "
    "SSM 0.24 0.34 0.17 0.46 0.67 0.86; TF 0.47 0.40 0.64 0.63 0.63 0.61; hybrid 0.47 0.47 0.74 0.77 0.83 0.80.",
    claims=_CLAIMS,
)
