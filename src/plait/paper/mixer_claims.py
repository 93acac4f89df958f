"""Judges of the study of mixers: a hybrid beside its two parts at equal parameters, and over lengths."""

from collections.abc import Callable, Sequence
from typing import NamedTuple

from plait.experiments import Cell, Difference, paired_difference
from plait.findings.claims import NEGLIGIBLE, Finding, Judge, Outcome, ordered
from plait.findings.evidence import Evidence
from plait.findings.judges import PATTERN, WIDTH, difference_text, having, training
from plait.findings.number_text import bracketed
from plait.findings.series import value_of
from plait.tasks import Task, task_name

ENOUGH = 0.9
"""The accuracy for which the page says how many parameters the models need."""


def above_both(task: Task, mixer: str, *, widths: Callable[[str], tuple[int, ...]]) -> Judge:
    """At every size that is trained, the mixer before attention is above the mixer alone and above attention alone.

    A size counts where the hybrid shares seeds with both.

    Args:
        widths: of a pattern, by size.
    """

    def judge(found: Evidence) -> Finding | None:
        cells, sizes = _beside_both(found, task, mixer, widths)
        pairs = _pairs(cells, sizes)
        differences = [paired_difference(*pair) for pair in pairs]
        if not pairs or any(one.interval is None for one in differences):
            return None
        lows = [one.interval.low for one in differences if one.interval is not None]
        outcome = ordered([one.mean for one in differences], lows)
        worst = min(range(len(pairs)), key=lambda place: differences[place].mean)
        trained = {id(cell): cell for pair in pairs for cell in pair}.values()
        return Finding(
            outcome=outcome,
            ours="; ".join(_at_size(found, cells, size) for size in sizes),
            short=_least(differences[worst], pairs[worst]),
            why="; ".join(f"{name} {_first(found, list(own.values()))}" for name, own in cells.items()),
            **training(found, trained),
        )

    return judge


class AtSize(NamedTuple):
    """Whether a hybrid is above both parts at one size."""

    outcome: Outcome
    chance: float | None
    """Of means as far above if it were not above both: the larger of the differences', 1 where one is not above."""


def above_by_size(
    found: Evidence, task: Task, mixer: str, *, widths: Callable[[str], tuple[int, ...]]
) -> dict[int, AtSize]:
    """Of each size by itself; those where a difference has no interval are left out."""
    cells, sizes = _beside_both(found, task, mixer, widths)
    at: dict[int, AtSize] = {}
    for size in sizes:
        differences = [paired_difference(*pair) for pair in _pairs(cells, [size])]
        lows = [one.interval.low for one in differences if one.interval is not None]
        if len(lows) == len(differences):
            at[size] = AtSize(ordered([one.mean for one in differences], lows), _chance(differences))
    return at


def _chance(differences: Sequence[Difference]) -> float | None:
    chances = [one.p if one.mean > 0 else 1.0 for one in differences]
    if not chances or None in chances:
        return None
    return max(chance for chance in chances if chance is not None)


_BySize = dict[str, dict[int, Cell]]
"""By pattern, the hybrid first, and size."""


def _beside_both(
    found: Evidence, task: Task, mixer: str, widths: Callable[[str], tuple[int, ...]]
) -> tuple[_BySize, list[int]]:
    """The cells of the hybrid, the mixer alone and attention alone; the sizes at which it shares seeds with each."""
    patterns = (f"{mixer}-TF", f"{mixer}-{mixer}", "TF-TF")
    cells = {pattern: by_size(found, task, pattern, widths(pattern)) for pattern in patterns}
    hybrid, *parts = cells.values()
    sizes = [
        size
        for size, cell in hybrid.items()
        if all(size in part and {*cell.seeds} & {*part[size].seeds} for part in parts)
    ]
    return cells, sizes


def _pairs(cells: _BySize, sizes: Sequence[int]) -> list[tuple[Cell, Cell]]:
    """The hybrid and each part, size by size."""
    hybrid, *parts = cells.values()
    return [(hybrid[size], part[size]) for size in sizes for part in parts]


def by_size(found: Evidence, task: Task, pattern: str, widths: tuple[int, ...]) -> dict[int, Cell]:
    """The cells of a task and pattern that are trained, by the place of their width among `widths`."""
    of_task = [cell for cell in found.cells if cell.run.task == task]
    at = {value_of(cell, WIDTH): cell for cell in having(of_task, {PATTERN: pattern})}
    return {size: at[width] for size, width in enumerate(widths) if width in at}


def _at_size(found: Evidence, cells: dict[str, dict[int, Cell]], size: int) -> str:
    shown = [own[size] for own in cells.values()]
    parameters = f"{min(c.parameters for c in shown):,} to {max(c.parameters for c in shown):,} parameters"
    return (
        ", ".join(f"{cell.pattern} {bracketed(found.summary(cell))}" for cell in shown) + f" at {parameters}"
    )


def _least(difference: Difference, pair: tuple[Cell, Cell]) -> str:
    return f"least {difference_text(difference)} over {pair[1].pattern} at {pair[0].parameters:,}"


def _first(found: Evidence, cells: list[Cell]) -> str:
    """The fewest measured parameters with a mean of `ENOUGH`."""
    enough = [cell.parameters for cell in cells if found.summary(cell).mean >= ENOUGH]
    if enough:
        return f"has {ENOUGH:g} from {min(enough):,} parameters on"
    return f"does not have {ENOUGH:g} up to {max(cell.parameters for cell in cells):,}"


def keeps_over_lengths(tasks: Sequence[Task], pattern: str) -> Judge:
    """On each of the tasks that are trained, the accuracy at the longest measured length is that at the shortest."""

    def judge(found: Evidence) -> Finding | None:
        words, lost, shown = [], [], []
        for task in tasks:
            of_task = [cell for cell in found.cells if cell.run.task == task]
            at = {value_of(cell, "test.seq_len"): cell for cell in having(of_task, {PATTERN: pattern})}
            if len(at) < 2:
                continue
            near, far = at[min(at)], at[max(at)]
            lost.append(paired_difference(near, far))
            shown.append(near)
            means = f"{bracketed(found.summary(near))} at {min(at):,}, {bracketed(found.summary(far))} at {max(at):,}"
            words.append(f"{task_name(task)} {means}")
        if not lost or any(one.interval is None for one in lost):
            return None
        kept = [one.interval.high < NEGLIGIBLE for one in lost if one.interval is not None]
        outcome = Outcome.REPRODUCED if all(kept) else Outcome.DIRECTION if any(kept) else Outcome.NOT
        short = f"on {sum(kept)} of {len(kept)} tasks"
        return Finding(outcome=outcome, ours="; ".join(words), short=short, **training(found, shown))

    return judge
