"""The paper's claims, by experiment, each with what decides it (arXiv 2603.08859, section 6 and its appendix).

Ratios that the paper shows but does not print are taken from the points of its figures as ours are: linear in log
parameters between them.
"""

import math

import numpy as np

from plait.experiments.ratio import crossing
from plait.findings.claims import Claim
from plait.findings.judges import (
    PATTERN,
    WIDTH,
    ahead,
    gap,
    larger_windows_hurt,
    near_one,
    ratio,
    reaches,
    stays_below,
)
from plait.findings.trends import (
    alone_past,
    best_at_most_proportions,
    best_trained_at,
    dips,
    falls_to_the_floor,
    far_from_training,
    fewer_is_better,
    no_trend,
)
from plait.paper import PAPER, RATIOS, RERUN_SOURCE, Reference
from plait.paper.fig5 import THREE_LAYERS

HYBRID, OTHER, ATTENTION, RECURRENT = "SSM-TF", "TF-SSM", "TF-TF", "SSM-SSM"


def paper_ratio(name: str, accuracy: float, *, pure: tuple[str, ...] = (ATTENTION, RECURRENT)) -> float:
    """Pure over hybrid parameters for an accuracy, between the points of a figure of the paper's."""
    smallest = min(_crossing(PAPER[name], pattern, accuracy) for pattern in pure)
    return smallest / _crossing(PAPER[name], HYBRID, accuracy)


def _crossing(references: tuple[Reference, ...], pattern: str, accuracy: float) -> float:
    points = sorted((r.parameters, r.accuracy) for r in references if r.pattern == pattern)
    found = crossing([size for size, _ in points], np.array([mean for _, mean in points]), accuracy)
    return found.low if found.low == found.high else math.inf


def _rerun(name: str, accuracy: float) -> str:
    ratios = [r for r in RATIOS[name] if r.source == RERUN_SOURCE and r.accuracy == accuracy]
    return ", ".join(f"{r.ratio:g} ({r.pure})" for r in ratios) or "-"


def _at(pattern: str, d_model: int, **more: object) -> dict[str, object]:
    return {PATTERN: pattern, WIDTH: d_model, **more}


_TRAINED_AT_100 = (
    ("selective-copying", ATTENTION, RECURRENT, HYBRID),
    ("multi-key-recall", ATTENTION, RECURRENT, HYBRID),
    ("decoding-recall", *THREE_LAYERS),
)


def _table_1(experiment: str, *, n_bits: int) -> tuple[Claim, ...]:
    """The claims of Table 1, for words of any length."""
    by_pattern = (
        (THREE_LAYERS[2], ".47 .47 .74 .77 .83 .80"),
        (THREE_LAYERS[1], ".24 .34 .17 .46 .67 .86"),
    )
    return (
        Claim(
            experiment=experiment,
            statement=f"Tested at 0.2, the hybrid is the best at every training proportion but .9 ({n_bits} bits)",
            paper="at 4 of 5 alone, at .05 with TF (Table 1: 12 layers, 5 bits)",
            judge=best_at_most_proportions(THREE_LAYERS[2]),
        ),
        *(
            Claim(
                experiment=experiment,
                statement=f"Tested at 0.2, {pattern} recalls best when trained at .5 or more ({n_bits} bits)",
                paper=f"{paper} trained at .05, .1, .3, .5, .8, .9 (Table 1: 12 layers, 5 bits)",
                only=(f"model.pattern={pattern}",),
                judge=best_trained_at(pattern, (0.5, 0.8, 0.9)),
            )
            for pattern, paper in by_pattern
        ),
    )


PAPER_CLAIMS: tuple[Claim, ...] = (
    Claim(
        experiment="headline",
        statement="A hybrid of 2,192 parameters copies better than pure models of about 12,000",
        paper=".999 against .923 (TF-TF) and .931 (SSM-SSM)",
        rerun=".99998 against .846 and .866",
        judge=ahead(_at(HYBRID, 8), (_at(ATTENTION, 26), _at(RECURRENT, 22)), along=None),
    ),
    Claim(
        experiment="fig4",
        statement="SSM-TF copies selectively from 2,192 parameters on",
        paper=".999",
        rerun=".99998",
        only=("model.pattern=SSM-TF", "model.d_model=8"),
        judge=reaches(_at(HYBRID, 8), accuracy=0.999),
    ),
    Claim(
        experiment="fig4",
        statement="For 90% a pure model needs several times the hybrid's parameters",
        paper=f"{paper_ratio('fig4', 0.9):.1f}",
        rerun=_rerun("fig4", 0.9),
        only=("model.pattern=TF-TF,SSM-SSM,SSM-TF", "model.d_model=4,8,12,16,20"),
        judge=ratio(0.9, size=paper_ratio("fig4", 0.9)),
    ),
    Claim(
        experiment="fig4",
        statement="The order matters: SSM-TF is above TF-SSM (from width 8 on)",
        paper="+.566 at 2,000 parameters, +.092 at 12,000",
        only=("model.pattern=SSM-TF,TF-SSM",),
        judge=ahead({PATTERN: HYBRID}, ({PATTERN: OTHER},), values=(8, 12, 16, 20, 24)),
    ),
    Claim(
        experiment="fig5",
        statement="On recall with decoding no pure model of three layers passes .4, the hybrid passes .5 (up to about "
        "1 M parameters, width 192)",
        paper="yes",
        only=("model.d_model=24,48,96,192",),
        judge=alone_past(THREE_LAYERS[2], THREE_LAYERS[:2], over=0.5, below=0.4, widest=192),
    ),
    Claim(
        experiment="fig5",
        statement="On recall with decoding no pure model of three layers passes .4, the hybrid passes .5 (at widths up "
        "to 768)",
        paper="yes, at widths 24 to 768",
        judge=alone_past(THREE_LAYERS[2], THREE_LAYERS[:2], over=0.5, below=0.4, widest=768),
    ),
    Claim(
        experiment="fig6",
        statement="On multi-key recall SSM-TF has 60% with six times fewer parameters than TF-TF",
        paper=f"6 ({paper_ratio('fig6', 0.6, pure=(ATTENTION,)):.1f} between its points)",
        rerun=_rerun("fig6", 0.6),
        only=("model.pattern=TF-TF,SSM-TF",),
        judge=ratio(0.6, size=6.0, pure=(ATTENTION,)),
    ),
    Claim(
        experiment="fig6",
        statement="SSM-TF has .990 at about 6,000 parameters",
        paper=".990",
        only=("model.pattern=SSM-TF", "model.d_model=16"),
        judge=reaches(_at(HYBRID, 16), accuracy=0.990),
    ),
    Claim(
        experiment="fig6",
        statement="At about 12,000 parameters SSM-TF is far above TF-TF",
        paper="+.321 (.989 against .668)",
        only=("model.pattern=TF-TF,SSM-TF", "model.d_model=24"),
        judge=gap(_at(HYBRID, 24), _at(ATTENTION, 24), size=0.321),
    ),
    Claim(
        experiment="fig6",
        statement="On multi-key recall the order matters: SSM-TF is above TF-SSM (from width 16 on)",
        paper=".990 against .286 at 6,000 parameters, .989 against .524 at 12,000",
        only=("model.pattern=SSM-TF,TF-SSM",),
        judge=ahead({PATTERN: HYBRID}, ({PATTERN: OTHER},), values=(16, 20, 24)),
    ),
    Claim(
        experiment="fig7",
        statement="SSM-SSM and SSM-TF find the needle with few parameters",
        paper="near 1 below 22,000 parameters",
        only=("model.pattern=SSM-SSM,SSM-TF",),
        judge=near_one((RECURRENT, HYBRID)),
    ),
    Claim(
        experiment="fig7",
        statement="TF-TF is low at small widths",
        paper="yes",
        only=("model.pattern=TF-TF",),
        judge=stays_below(ATTENTION, accuracy=0.5, parameters=22_000),
    ),
    *(
        Claim(
            experiment="fig11",
            statement=f"With {n_words:,} words the hybrid is ahead as with 26 (from width 8 on)",
            paper="yes",
            only=(f"task.n_words={n_words}",),
            judge=ahead(
                {PATTERN: HYBRID, "task.n_words": n_words},
                tuple({PATTERN: pure, "task.n_words": n_words} for pure in (ATTENTION, RECURRENT)),
                values=(8, 12, 16, 20, 24),
            ),
        )
        for n_words in (200, 1_000)
    ),
    Claim(
        experiment="fig12",
        statement="More than one head hurts tiny models that copy",
        paper="yes, at width 12",
        only=("model.d_state=16",),
        judge=fewer_is_better("model.n_heads", (ATTENTION, OTHER, HYBRID), {"model.d_state": 16}),
    ),
    Claim(
        experiment="fig12",
        statement="The state size has no clear trend",
        paper="yes, 1 to 12 at width 12",
        only=("model.n_heads=1", "model.d_state=1,2,4,8,12"),
        judge=no_trend("model.d_state", (RECURRENT, OTHER, HYBRID), {"model.n_heads": 1}, most=12),
    ),
    Claim(
        experiment="fig13",
        statement="On the adversarial mixture the hybrid is still ahead (from width 8 on)",
        paper="yes",
        only=("model.pattern=TF-TF,SSM-SSM,SSM-TF", "model.d_model=8,12,16,20,24"),
        judge=ahead(
            {PATTERN: HYBRID},
            ({PATTERN: ATTENTION}, {PATTERN: RECURRENT}),
            values=(8, 12, 16, 20, 24),
        ),
    ),
    *(
        Claim(
            experiment=name,
            statement=f"{pattern} {task} worse with larger windows (width {d_model})",
            paper=paper,
            only=(f"model.pattern={pattern}", f"model.d_model={d_model}", f"model.window={narrow},100"),
            judge=larger_windows_hurt(_at(pattern, d_model), narrow=narrow),
        )
        for name, task, widths, narrow in (
            ("fig14", "copies", (8, 24), 20),
            ("fig15", "recalls", (12, 24), 20),
        )
        for pattern, paper in ((ATTENTION, "yes"), (HYBRID, "often"), (OTHER, "often"))
        for d_model in widths
    ),
    Claim(
        experiment="fig16",
        statement="On multi-key recall more heads make a dip, then a recovery",
        paper="yes, at width 12",
        only=("model.d_state=16",),
        judge=dips("model.n_heads", (ATTENTION, OTHER, HYBRID), {"model.d_state": 16}),
    ),
    Claim(
        experiment="fig16",
        statement="On multi-key recall more states make a dip, then a recovery",
        paper="yes, 1 to 12 at width 12",
        only=("model.n_heads=1", "model.d_state=1,2,4,8,12"),
        judge=dips("model.d_state", (RECURRENT, OTHER, HYBRID), {"model.n_heads": 1}, most=12),
    ),
    *(
        Claim(
            experiment="length",
            statement=f"Far beyond the training length ({task}) the hybrid stays above the Transformer with rotary "
            "positions",
            paper="+.02 at short lengths, +.10 at long ones (Figure 8: recall of 5 bits, 100 M parameters, trained at "
            "20 to 50)",
            only=(f"task={task}", f"model.pattern={attention},{hybrid}", "model.rotary_fraction=0.25"),
            judge=far_from_training(task, hybrid, attention, size=0.10),
        )
        for task, attention, _, hybrid in _TRAINED_AT_100
    ),
    *(
        Claim(
            experiment="length",
            statement=f"Mamba alone falls to the floor soon after the training length ({task})",
            paper="yes (Figure 8)",
            only=(f"task={task}", f"model.pattern={recurrent}"),
            judge=falls_to_the_floor(task, recurrent),
        )
        for task, _, recurrent, _ in _TRAINED_AT_100
    ),
    *_table_1("proportion", n_bits=3),
    *_table_1("proportion5", n_bits=5),
)
"""In the order of the page."""
