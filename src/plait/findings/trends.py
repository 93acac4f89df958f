"""Judges of what is measured elsewhere than it was trained, and of heads, states and thresholds (see judges.py)."""

import math
from collections.abc import Sequence

import numpy as np

from plait.experiments import Cell, paired_difference
from plait.findings.claims import NEGLIGIBLE, Finding, Judge, Outcome, of_size, ordered, shown_by
from plait.findings.evidence import Evidence
from plait.findings.judges import PATTERN, WIDTH, Having, difference_text, having, training
from plait.findings.number_text import above_zero, bracketed, decimals, signed
from plait.findings.series import value_of
from plait.tasks import is_built_in, task_name

_LENGTH, _ROTARY = "test.seq_len", "model.rotary_fraction"
TRAINED_AT = 100


def alone_past(hybrid: str, pure: Sequence[str], *, over: float, below: float, widest: int) -> Judge:
    """Up to the width `widest`, `hybrid` passes `over` somewhere, and none of `pure` passes `below` anywhere.

    With their intervals at the best width of each; in direction only where the hybrid is above the others by its mean.
    """

    def judge(found: Evidence) -> Finding | None:
        best: dict[str, Cell] = {}
        for pattern in (hybrid, *pure):
            cells = [c for c in having(found.cells, {PATTERN: pattern}) if value_of(c, WIDTH) <= widest]
            if not cells:
                return None
            best[pattern] = max(cells, key=lambda cell: found.summary(cell).mean)
        means = {pattern: found.summary(cell).mean for pattern, cell in best.items()}
        highest = max(means[pattern] for pattern in pure)
        outcome = Outcome.DIRECTION if means[hybrid] > highest else Outcome.NOT
        if _low(found, best[hybrid]) > over and all(_high(found, best[name]) <= below for name in pure):
            outcome = Outcome.REPRODUCED
        ours = "; ".join(
            f"{pattern} {bracketed(found.summary(cell))} at {cell.parameters:,} parameters"
            for pattern, cell in best.items()
        )
        why = f"the best width of each that was trained, up to {widest}"
        short = ", ".join(f"{pattern} at most {decimals(mean)}" for pattern, mean in means.items())
        return Finding(outcome=outcome, ours=ours, short=short, why=why, **training(found, best.values()))

    return judge


def _low(found: Evidence, cell: Cell) -> float:
    """The lower end of a mean's interval, or the mean of a single seed."""
    summary = found.summary(cell)
    return summary.mean if summary.interval is None else summary.interval.low


def _high(found: Evidence, cell: Cell) -> float:
    """The upper end, likewise."""
    summary = found.summary(cell)
    return summary.mean if summary.interval is None else summary.interval.high


def fewer_is_better(path: str, patterns: Sequence[str], where: Having) -> Judge:
    """For each pattern, the smallest value of `path` is above every larger one."""

    def judge(found: Evidence) -> Finding | None:
        words, short, outcomes, shown = [], [], [], []
        for pattern in patterns:
            cells = _along(found, path, {**where, PATTERN: pattern})
            if len(cells) < 2:
                continue
            first, more = cells[0], cells[1:]
            differences = [paired_difference(first, cell) for cell in more]
            each = [difference.mean for difference in differences]
            intervals = [difference.interval for difference in differences]
            lows = [mean if at is None else at.low for mean, at in zip(each, intervals, strict=True)]
            outcomes.append(ordered(each, lows))
            shown += cells
            ends = dict.fromkeys((int(np.argmin(each)), int(np.argmax(each))))
            texts = (f"less {value_of(more[at], path)} {difference_text(differences[at])}" for at in ends)
            words.append(f"{pattern}: {value_of(first, path)} {', '.join(texts)}")
            short.append(f"{pattern} {signed(min(each))} to {signed(max(each))}")
        if not words:
            return None
        why = "the smallest and the largest difference of each pattern"
        return Finding(
            outcome=shown_by(outcomes),
            ours="; ".join(words),
            short="; ".join(short),
            why=why,
            **training(found, shown),
        )

    return judge


def dips(path: str, patterns: Sequence[str], where: Having, *, most: float = math.inf) -> Judge:
    """For each pattern a value of `path` between its ends is below both ends, up to the value `most`."""

    def judge(found: Evidence) -> Finding | None:
        words, short, means, lows, shown = [], [], [], [], []
        for pattern in patterns:
            cells = _along(found, path, {**where, PATTERN: pattern}, most=most)
            if len(cells) < 3:
                continue
            ends = cells[0], cells[-1]
            deepest = min(cells[1:-1], key=lambda cell: found.summary(cell).mean)
            depths = [paired_difference(end, deepest) for end in ends]
            means.append(min(depth.mean for depth in depths))
            lows.append(min(depth.mean if depth.interval is None else depth.interval.low for depth in depths))
            shown += cells
            texts = (
                f"{value_of(end, path)} less {value_of(deepest, path)} {difference_text(depth)}"
                for end, depth in zip(ends, depths, strict=True)
            )
            words.append(f"{pattern}: {', '.join(texts)}")
            short.append(f"{pattern} {signed(means[-1])}")
        if not words:
            return None
        return Finding(
            short=f"depth of the dip: {', '.join(short)}",
            outcome=shown_by([ordered([mean], [low]) for mean, low in zip(means, lows, strict=True)]),
            ours="; ".join(words),
            why="both ends less the lowest value between them",
            **training(found, shown),
        )

    return judge


def no_trend(
    path: str, patterns: Sequence[str], where: Having, *, within: float = 0.1, most: float = math.inf
) -> Judge:
    """For each pattern, the largest value of `path` is within so much of the smallest one, or not above it.

    Values past `most` are left out.
    """

    def judge(found: Evidence) -> Finding | None:
        words, short, changes, shown = [], [], [], []
        for pattern in patterns:
            cells = _along(found, path, {**where, PATTERN: pattern}, most=most)
            if len(cells) < 2:
                continue
            change = paired_difference(cells[-1], cells[0])
            changes.append(change)
            shown += cells
            words.append(
                f"{pattern}: {value_of(cells[-1], path)} less {value_of(cells[0], path)} {difference_text(change)}"
            )
            short.append(f"{pattern} {signed(change.mean)}")
        if not words:
            return None
        clear = [c.interval is not None and above_zero(c.interval.low) and c.mean > within for c in changes]
        outcome = shown_by([Outcome.NOT if trend else Outcome.REPRODUCED for trend in clear])
        why = (
            f"a trend is called clear where the interval is above 0 and the mean above {decimals(within, 1)}"
        )
        return Finding(
            outcome=outcome,
            ours="; ".join(words),
            short="; ".join(short),
            why=why,
            **training(found, shown),
        )

    return judge


def far_from_training(task: str, first: str, second: str, *, size: float) -> Judge:
    """At the longest measured length `first` is above `second` by `size` and more than at the shortest.

    Both with rotary positions.
    """

    def judge(found: Evidence) -> Finding | None:
        lines = [_by_length(found, task, pattern) for pattern in (first, second)]
        shared = sorted(set(lines[0]) & set(lines[1]))
        if len(shared) < 2:
            return None
        there = [paired_difference(lines[0][at], lines[1][at]) for at in (shared[0], shared[-1])]
        if there[-1].interval is None:
            return None
        outcome = of_size(there[-1].mean, there[-1].interval.low, there[-1].interval.high, size)
        grows = there[-1].mean > there[0].mean
        if outcome is Outcome.REPRODUCED and not grows:
            outcome = Outcome.DIRECTION
        words = [
            f"{difference_text(d)} at {at:,}" for d, at in zip(there, (shared[0], shared[-1]), strict=True)
        ]
        means = [
            f"{p} {bracketed(found.summary(line[shared[-1]]))}"
            for p, line in zip((first, second), lines, strict=True)
        ]
        return Finding(
            outcome=outcome,
            ours=f"{', '.join(words)} tokens",
            why=f"at {shared[-1]:,}: {', '.join(means)}; the lead {'grows' if grows else 'shrinks'} with the length",
            **training(found, [line[shared[0]] for line in lines]),
        )

    return judge


def falls_to_the_floor(task: str, pattern: str, *, times: int = 4) -> Judge:
    """At `times` the training length more than half of what was learned is gone.

    In direction only where a tenth is gone, or where it is not certain that anything is.
    """

    def judge(found: Evidence) -> Finding | None:
        line = _by_length(found, task, pattern)
        if TRAINED_AT not in line or TRAINED_AT * times not in line:
            return None
        near, far, last = line[TRAINED_AT], line[TRAINED_AT * times], line[max(line)]
        learned = found.summary(near).mean
        loss = paired_difference(near, far)
        half = found.summary(far).mean <= learned / 2
        outcome = Outcome.DIRECTION if half and loss.mean >= NEGLIGIBLE else Outcome.NOT
        if loss.interval is not None and above_zero(loss.interval.low) and loss.mean >= learned / 10:
            outcome = Outcome.REPRODUCED if half else Outcome.DIRECTION
        words = [
            f"{bracketed(found.summary(cell))} at {value_of(cell, _LENGTH):,}" for cell in (near, far, last)
        ]
        return Finding(outcome=outcome, ours=f"{', '.join(words)} tokens", **training(found, [near]))

    return judge


def _along(found: Evidence, path: str, where: Having, *, most: float = math.inf) -> list[Cell]:
    """The cells with some values, in ascending order of the field `path` up to its value `most`."""
    cells = [cell for cell in having(found.cells, where) if value_of(cell, path) <= most]
    return sorted(cells, key=lambda cell: value_of(cell, path))


def of_task(found: Evidence, task: str) -> list[Cell]:
    """The cells that were trained on the built-in task of this name."""
    tasks = ((cell, cell.run.task) for cell in found.cells)
    return [cell for cell, trained in tasks if is_built_in(trained) and task_name(trained) == task]


def _by_length(found: Evidence, task: str, pattern: str) -> dict[int, Cell]:
    """The cells of a pattern with rotary positions, by test length."""
    cells = [cell for cell in of_task(found, task) if cell.pattern == pattern]
    return {
        value_of(cell, _LENGTH): cell
        for cell in cells
        if value_of(cell, _ROTARY) > 0 and value_of(cell, _LENGTH)
    }
