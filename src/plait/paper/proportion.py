"""Recall with decoding, trained at each bit proportion of Table 1 and tested at all of them, at small scale.

The paper's table has 12-layer models, and one column of this matrix: what is tested at 0.2. Once with the words of the
small figures, once with words of 5 bits, at the smallest width at which the hybrid learns them (Figure 5). The judges
of what was trained at several proportions and tested at one stand here too.
"""

from collections.abc import Sequence

from plait.experiments import Cell, paired_difference
from plait.experiments.fields import Where
from plait.experiments.spec import Experiment
from plait.experiments.view import View
from plait.findings.claims import Claim, Finding, Judge, Outcome, ordered
from plait.findings.evidence import Evidence
from plait.findings.figure import READINGS, Figure
from plait.findings.judges import difference_text, having, training
from plait.findings.number_text import bracketed, decimals
from plait.findings.series import value_of
from plait.model import HybridConfig
from plait.paper.fig5 import THREE_LAYERS
from plait.paper.grids import PROTOCOL, SWEEP
from plait.tasks import DecodingRecall
from plait.training.run import Evaluation, Run

_COLUMN = 0.2
"""The bit proportion at which Table 1 tests."""


def best_at_most_proportions(
    pattern: str, *, tested: float = _COLUMN, but: Sequence[float] = (0.9,)
) -> Judge:
    """At each training proportion but some, `pattern` is ahead of every other when tested at one proportion.

    In direction only where it is ahead at more of them than another pattern is ahead of it.
    """

    def judge(found: Evidence) -> Finding | None:
        groups = {
            at: cells
            for at, cells in _by_training(found, tested).items()
            if len(cells) > 1 and any(cell.pattern == pattern for cell in cells)
        }
        if len(groups) < 2:
            return None
        words, won, lost = [], [], []
        for at, cells in groups.items():
            own = next(cell for cell in cells if cell.pattern == pattern)
            rivals = [cell for cell in cells if cell is not own]
            rival = max(rivals, key=lambda cell: found.summary(cell).mean)
            lead = paired_difference(own, rival)
            words.append(
                f"{at:g} {decimals(found.summary(own).mean)}, {difference_text(lead)} on {rival.pattern}"
            )
            if lead.interval is not None and at not in but:
                won += [at] if ordered([lead.mean], [lead.interval.low]) is Outcome.REPRODUCED else []
                lost += [at] if ordered([-lead.mean], [-lead.interval.high]) is Outcome.REPRODUCED else []
        n_asked = sum(at not in but for at in groups)
        outcome = Outcome.DIRECTION if len(won) > len(lost) else Outcome.NOT
        if len(won) == n_asked:
            outcome = Outcome.REPRODUCED
        shown = [cell for cells in groups.values() for cell in cells]
        why = f"ahead at {len(won)} of {n_asked}, behind at {len(lost)}"
        return Finding(
            outcome=outcome,
            ours=f"{pattern}: {'; '.join(words)}",
            short=why,
            why=why,
            **training(found, shown),
        )

    return judge


def best_trained_at(pattern: str, among: Sequence[float], *, tested: float = _COLUMN) -> Judge:
    """Tested at one proportion, `pattern` does best when trained at one of `among`."""

    def judge(found: Evidence) -> Finding | None:
        cells = {
            at: cell
            for at, group in _by_training(found, tested).items()
            for cell in group
            if cell.pattern == pattern
        }
        inside = [cell for at, cell in cells.items() if at in among]
        outside = [cell for at, cell in cells.items() if at not in among]
        if not inside or not outside:
            return None
        first, second = (max(side, key=lambda cell: found.summary(cell).mean) for side in (inside, outside))
        lead = paired_difference(first, second)
        if lead.interval is None:
            return None
        words = [f"{at:g} {bracketed(found.summary(cell))}" for at, cell in cells.items()]
        return Finding(
            outcome=ordered([lead.mean], [lead.interval.low]),
            ours="; ".join(words),
            short=f"best {bracketed(found.summary(first))} there, {bracketed(found.summary(second))} elsewhere",
            why=f"the best of these {difference_text(lead)} on the best of the others",
            **training(found, cells.values()),
        )

    return judge


def _by_training(found: Evidence, tested: float) -> dict[float, list[Cell]]:
    """Cells tested at one bit proportion by the one that they were trained at, ascending."""
    groups: dict[float, list[Cell]] = {}
    for cell in having(found.cells, {"test.p_bit": tested}):
        groups.setdefault(value_of(cell, "task.p_bit"), []).append(cell)
    return dict(sorted(groups.items()))


_PROPORTIONS = (0.05, 0.1, 0.3, 0.5, 0.8, 0.9)
_N_BITS = 3

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
        where={"test.p_bit": (_COLUMN,)},
        log=False,
        title="Tested at 0.2, the paper's column",
    ),
)
"""The whole matrix for each pattern, and the paper's column of it."""


def at_every_proportion(n_bits: int) -> tuple[Evaluation, ...]:
    """Tests at the proportions of training and at the paper's."""
    return tuple(
        Evaluation(task=DecodingRecall(n_bits=n_bits, p_bit=p_bit), sequences=512)
        for p_bit in sorted((*_PROPORTIONS, _COLUMN))
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
            vary={"model.pattern": THREE_LAYERS, "task.p_bit": _PROPORTIONS},
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
    n_bits=_N_BITS,
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
