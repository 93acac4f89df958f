"""Figure 8: recall with decoding at up to 32 times the training lengths, models of about 100 M parameters.

The program as it was run, the repaired one (a separator before each example, 12 layers each, equal parameters), each
repair alone, positions of attention, and layouts of the hybrid. "Repaired" models keep the initial weights and dropout
of the released ones. Trained at length 10 to 50, in rows of 200 tokens.
"""

from dataclasses import replace
from typing import Any

from plait.experiments.spec import Experiment
from plait.experiments.view import View
from plait.findings.claims import Claim
from plait.findings.figure import Figure
from plait.findings.leads import ModelPair, lead, leads, lost, what_changes_do
from plait.layers.rope import POSITIONS
from plait.model import HybridConfig
from plait.paper import wide_models as wide
from plait.paper.wide_models import (
    LAYOUTS,
    LONG,
    SMALL,
    WIDE,
    WIDE_LONGEST,
    as_run,
    at,
    authors_mamba,
    equal_size,
    fields_of,
    hybrid,
    laid_out,
    mamba,
    packed,
    pair,
    transformer,
    with_positions,
)

FIG8_LENGTHS = (*range(10, 200, 10), 400, 800, 1_600)
_PROPORTIONS = (0.2, 0.9)


def _cells() -> tuple[tuple[Any, ...], ...]:
    """(task, model) of everything that is trained, at the paper's width and the small one."""
    found: list[tuple[float, bool, HybridConfig]] = []
    exact = [wide.cell(packed(0.2, separator=False), m, "float32") for m in as_run(WIDE)]
    for p_bit in _PROPORTIONS:
        found += [(p_bit, False, m) for m in as_run(WIDE)]
        found += [(p_bit, True, m) for m in as_run(WIDE)]
        found += [(p_bit, False, m) for m in equal_size(WIDE)]
        found += [(p_bit, False, m) for m in (hybrid(WIDE, window=None), transformer(WIDE, window=None))]
        found += [(p_bit, True, m) for window in (wide.WINDOW, None) for m in equal_size(WIDE, window=window)]
    for kind in POSITIONS[1:]:
        found += [(0.2, True, m) for m in with_positions(kind)]
    found += [(0.2, True, laid_out(p)) for p in LAYOUTS[1:]]
    found += [(0.2, False, authors_mamba(WIDE))]
    found += [(0.2, False, m) for m in as_run(SMALL)] + [(0.2, True, m) for m in equal_size(SMALL)]
    return (
        *dict.fromkeys(wide.cell(packed(p, separator=s), model) for p, s, model in found),
        *exact,
    )


def _slices() -> tuple[dict[str, Any], ...]:
    """Which rates and seeds: the released rate where the program is as it was run, more where one is chosen."""
    found: list[dict[str, Any]] = []
    for p_bit, seeds in ((0.2, range(5)), (0.9, range(3))):
        bare, apart = ({"task": (packed(p_bit, separator=s),), "train.seed": seeds} for s in (False, True))
        wide_ones = {"model.d_model": (WIDE,), "train.products": ("bfloat16",)}
        found += [{**rows, **wide_ones, "train.lr": (wide.BASE_LR,)} for rows in (bare, apart)]
        for model in as_run(WIDE)[:2]:
            own = {k: (v,) for k, v in fields_of(model, "pattern", "d_model", "d_mlp", "window").items()}
            found.append({**bare, **wide_ones, **own, "train.lr": wide.TRIED})
        sizes = [
            {f"model.{n}": (getattr(m, n),) for n in ("pattern", "d_mlp", "d_inner")} for m in _repaired()
        ]
        found += [{**apart, **wide_ones, **size} for size in sizes]
    exact = {"model.d_model": (WIDE,), "train.products": ("float32",), "train.lr": (wide.BASE_LR,)}
    return (*found, {**exact, "train.seed": range(2)}, {"model.d_model": (SMALL,), "train.seed": range(3)})


def _repaired() -> tuple[HybridConfig, ...]:
    """Sizes of which a rate is chosen: equal parameters, and the hybrid's other layouts."""
    return (*equal_size(WIDE), *(hybrid(WIDE, p) for p in LAYOUTS[1:]))


def _products() -> dict[str, ModelPair]:
    """Each model as run at the end of training and far from it, its products in 16 bits against those in 32."""
    return {
        f"{model.pattern} at {length}": ModelPair(
            first=at(model, separator=False, p_bit=0.2, length=length),
            second=at(model, separator=False, p_bit=0.2, length=length, products="float32"),
            lrs=(wide.BASE_LR,),
        )
        for model in _RUN
        for length in (30, LONG)
    }


_RUN, _EQUAL = as_run(WIDE), equal_size(WIDE)
_FULL = equal_size(WIDE, window=None)


def _changes(p_bit: float) -> dict[str, ModelPair]:
    other = next(p for p in _PROPORTIONS if p != p_bit)
    return {
        "a separator": pair(*_RUN[:2], separator=True, p_bit=p_bit),
        "scored as run": pair(*_RUN[:2], p_bit=p_bit, score="sequences"),
        f"tested at {other:g}": pair(*_RUN[:2], p_bit=p_bit, tested=other),
        "equal parameters": pair(*_EQUAL[:2], p_bit=p_bit),
        "full window": pair(hybrid(WIDE, window=None), transformer(WIDE, window=None), p_bit=p_bit),
        "a separator and equal parameters": pair(*_EQUAL[:2], separator=True, p_bit=p_bit),
        "the best of three learning rates": replace(pair(*_RUN[:2], p_bit=p_bit, free=True), rates=3),
        "all but the window and the test": pair(*_EQUAL[:2], separator=True, p_bit=p_bit, free=True),
    }


def _positions() -> dict[str, ModelPair]:
    return {
        f"{kind} at {length:,}": pair(*with_positions(kind), separator=True, free=True, length=length)
        for kind in POSITIONS
        for length in (LONG, WIDE_LONGEST)
    }


def _layouts() -> dict[str, ModelPair]:
    return {
        f"{pattern} at {length:,}": pair(
            laid_out(pattern), _FULL[1], separator=True, free=True, length=length
        )
        for pattern in LAYOUTS
        for length in (LONG, WIDE_LONGEST)
    }


def _deep(*, repaired: bool) -> Any:
    model = mamba(WIDE, equal=repaired)
    near, far = (at(model, separator=repaired, p_bit=0.2, length=length) for length in (30, LONG))
    return lost(near, far, lrs=() if repaired else (wide.BASE_LR,))


_WIDE = (f"model.d_model={WIDE}",)
_BOTH = "+0.02 at short lengths, +0.10 at long ones"


_SIZES = ("model.pattern", "model.d_mlp", "model.d_inner")
_TITLE = "Width {width}, {rows}separators, bit proportion 0.2"


def _view(
    width: int, *, separator: bool, lines: tuple[str, ...] = _SIZES, what: str = "", **where: Any
) -> View:
    """Accuracy by tokens of a test; `where` are the only values of fields of the model.

    Rows without separators are the program's as it was run, which had one rate; others were tried for one claim alone.
    """
    given = {"train.lr": (wide.BASE_LR,)} if width == WIDE and not separator else {}
    title = _TITLE.format(width=width, rows="" if separator else "no ")
    return View(
        x="test.seq_len",
        lines=lines,
        where={
            "task": (packed(0.2, separator=separator),),
            "train.products": (wide.WIDE_PRODUCTS[width],),
            "model.d_model": (width,),
            "test.p_bit": (0.2,),
            **given,
            **{f"model.{name}": values for name, values in where.items()},
        },
        title=f"{title}: {what}" if what else title,
    )


def _views() -> tuple[View, ...]:
    full = {"window": (None,), "what": "full window"}
    both = (wide.WIDE_HYBRID, wide.WIDE_ATTENTION)
    return (
        _view(WIDE, separator=False, lines=(*_SIZES, "model.window", "model.init")),
        _view(WIDE, separator=True, window=(wide.WINDOW,), what=f"window {wide.WINDOW}"),
        _view(WIDE, separator=True, lines=("model.pattern", "model.positions"), pattern=both, **full),
        _view(
            WIDE,
            separator=True,
            lines=("model.pattern",),
            pattern=(*LAYOUTS, both[1]),
            positions=("rope",),
            **full,
        ),
        *(_view(SMALL, separator=s) for s in (False, True)),
    )


FIG8 = Figure(
    experiment=Experiment(
        name="fig8",
        question="Do hybrids of 100 M parameters keep more than others of what they learned, at longer lengths?",
        base=wide.BASE,
        vary={wide.WIDE_VARIED: _cells()},
        sweep={"train.lr": wide.LRS, "train.seed": range(5)},
        slices=(_slices(),),
        quick=({"model.d_model": (SMALL,), "train.lr": wide.SMALL_LRS, "train.seed": range(2)},),
        evaluations=wide.tested_at(_PROPORTIONS, FIG8_LENGTHS),
        views=_views(),
    ),
    says="Figure 8, about 100 M parameters: the hybrid is above the Transformer with rotary positions by 2 points "
    "at short and 10 points at long lengths; Mamba falls to the floor soon after the training lengths.",
    claims=(
        Claim(
            statement=f"As it was run, the hybrid is above the larger Transformer at {LONG} tokens",
            paper=_BOTH,
            only=_WIDE,
            judge=lead(pair(*_RUN[:2]), size=0.10),
        ),
        Claim(
            statement=f"As it was run and scored, the hybrid is above the larger Transformer at {LONG} tokens",
            paper=_BOTH,
            only=_WIDE,
            judge=lead(pair(*_RUN[:2], score="sequences"), size=0.10),
        ),
        Claim(
            statement="As it was run, Mamba falls to the floor soon after the training lengths",
            paper="yes",
            only=_WIDE,
            judge=_deep(repaired=False),
        ),
        Claim(
            statement=f"Repaired, window 20, the hybrid is above a Transformer of its size at {LONG} tokens",
            paper=_BOTH,
            only=_WIDE,
            judge=lead(pair(*_EQUAL[:2], separator=True, free=True), size=0.10),
        ),
        Claim(
            statement="Repaired, full window, the hybrid is above a Transformer of its size at "
            f"{WIDE_LONGEST:,} tokens",
            paper=_BOTH,
            only=_WIDE,
            judge=lead(pair(*_FULL[:2], separator=True, free=True, length=WIDE_LONGEST), size=0.10),
        ),
        Claim(
            statement="Repaired, an SSM of 12 layers falls to the floor soon after the training lengths",
            paper="yes",
            only=_WIDE,
            judge=_deep(repaired=True),
        ),
        *(
            Claim(
                statement=f"What one change does to the hybrid's lead at {LONG} tokens, trained at {p_bit:g}",
                only=_WIDE,
                judge=what_changes_do(pair(*_RUN[:2], p_bit=p_bit), _changes(p_bit)),
            )
            for p_bit in _PROPORTIONS
        ),
        Claim(
            statement="What 32 layers that begin as transformers' Mamba have over those that begin as its authors'",
            only=_WIDE,
            judge=leads(
                {f"at {length}": pair(_RUN[2], authors_mamba(WIDE), length=length) for length in (10, LONG)}
            ),
        ),
        Claim(
            statement="What the SSM's depth and size do to the hybrid's lead over it, begun as its authors' Mamba",
            only=_WIDE,
            judge=what_changes_do(
                pair(_RUN[0], authors_mamba(WIDE)), {"12 layers": pair(_RUN[0], _EQUAL[2])}
            ),
        ),
        Claim(
            statement="What products in 16 bits do to the accuracy of each model as it was run",
            only=_WIDE,
            judge=leads(_products()),
        ),
        Claim(
            statement="The hybrid's lead over the Transformer by positions of attention",
            only=_WIDE,
            judge=leads(_positions()),
        ),
        Claim(
            statement="The lead of each of the hybrid's layouts over the Transformer",
            only=_WIDE,
            judge=leads(_layouts()),
        ),
    ),
)
