"""Judges: what turns an experiment's stored cells into a finding on a claim (see claims.py)."""

import math
from collections.abc import Iterable, Mapping, Sequence
from types import MappingProxyType
from typing import Any, TypedDict

import numpy as np

from plait.checks import counted
from plait.experiments import Cell, Difference, headline_ratio, paired_difference
from plait.experiments.ratio import accuracy_crossing
from plait.experiments.statistics import paired_means
from plait.findings.claims import Finding, Judge, Outcome, of_size, ordered
from plait.findings.evidence import Evidence
from plait.findings.members import held_to, is_pure
from plait.findings.number_text import above_zero, bracketed, decimals, ratio_text, signed
from plait.findings.series import value_of

Having = Mapping[str, Any]

WIDTH, PATTERN = "model.d_model", "model.pattern"
READING = 0.005
"""How far a number read off a figure may be wrong."""


def model(pattern: str, d_model: int, **more: Any) -> Having:
    """The cells of one pattern and width."""
    return {PATTERN: pattern, WIDTH: d_model, **more}


def having(cells: Iterable[Cell], where: Having) -> list[Cell]:
    """The cells with these values of these fields, by parameters."""
    found = list(cells)
    for path, value in where.items():
        found = [cell for cell in found if value_of(cell, path) == value]
    return sorted(found, key=lambda cell: cell.parameters)


def rates(found: Evidence, cells: Iterable[Cell]) -> str:
    """The chosen learning rates by pattern: `TF-TF 0.001, SSM-TF 0.00316-0.0316`."""
    by_pattern: dict[str, list[float]] = {}
    for cell in cells:
        by_pattern.setdefault(cell.pattern, []).append(found.summary(cell).lr)
    spans = ((pattern, min(lrs), max(lrs)) for pattern, lrs in by_pattern.items())
    return ", ".join(f"{p} {low:g}" + (f"-{high:g}" if high > low else "") for p, low, high in spans)


def trained_values(cells: Iterable[Cell]) -> str:
    """Fewest and most seeds and learning rates: `32 seeds, 9 rates`, `4-32 seeds, 1 rate`."""
    counts = [(len(cell.seeds), len(set(cell.lrs))) for cell in cells]
    texts = []
    for name, numbers in zip(("seed", "rate"), zip(*counts, strict=True), strict=True):
        low, high = min(numbers), max(numbers)
        texts.append(counted(low, name) if low == high else f"{low}-{high} {name}s")
    return ", ".join(texts)


class _Training(TypedDict):
    """How the models behind a finding were trained, as it takes it."""

    rates: str
    trained: str


def training(found: Evidence, cells: Iterable[Cell]) -> _Training:
    cells = list(cells)
    return {"rates": rates(found, cells), "trained": trained_values(cells)}


def reaches(where: Having, *, accuracy: float) -> Judge:
    """One model has at least this mean accuracy."""

    def judge(found: Evidence) -> Finding | None:
        cells = having(found.cells, where)
        if not cells:
            return None
        summary = found.summary(cells[0])
        high = summary.mean if summary.interval is None else summary.interval.high
        outcome = Outcome.REPRODUCED if high >= accuracy - READING else Outcome.NOT
        heaps = ""
        if outcome is Outcome.NOT:
            best = found.best(cells[0])
            heaps = f"{summary.above_90:.0%} of the seeds pass 0.9, the best has {decimals(best)}"
        return Finding(
            outcome=outcome,
            ours=f"{bracketed(summary)} at {cells[0].parameters:,} parameters",
            why=heaps,
            **training(found, cells[:1]),
        )

    return judge


def ratio(accuracy: float, *, size: float, pure: Sequence[str] = (), hybrid: str = "SSM-TF") -> Judge:
    """Pure models need `size` times the parameters of the pattern `hybrid` for this accuracy.

    Args:
        pure: patterns of pure models; all where none is named.
    """

    def judge(found: Evidence) -> Finding | None:
        small = [cell for cell in found.cells if is_pure(cell) and (not pure or cell.pattern in pure)]
        mixed = having(found.cells, {PATTERN: hybrid})
        if any(len({cell.parameters for cell in side}) < 2 for side in (small, mixed)):
            return None
        got = headline_ratio(small, mixed, accuracy)
        if got.interval is None:
            return None
        low, high = got.interval.low, got.interval.high
        if math.isinf(got.high):  # a lower bound: no measured width of the pure models got there
            high = low
        sizes = [min(_first(found, side, accuracy)) for side in (small, mixed)]
        words = [f"{size:,.0f} parameters" if math.isfinite(size) else "nowhere" for size in sizes]
        firsts = [_first_measured(found, side, accuracy) for side in (small, mixed)]
        measured = (
            f"; between the first widths measured past it {firsts[0] / firsts[1]:.2f}" if all(firsts) else ""
        )
        return Finding(
            outcome=of_size(got.low - 1, low - 1, high - 1, size - 1),
            ours=ratio_text(got),
            why=f"pure models get there at {words[0]}, {hybrid} at {words[1]}{measured}",
            **training(found, (*small, *mixed)),
        )

    return judge


def _first(found: Evidence, cells: Sequence[Cell], accuracy: float) -> list[float]:
    """Where each pattern's means first reach an accuracy, in parameters; infinite where none does."""
    firsts = []
    for pattern in dict.fromkeys(cell.pattern for cell in cells):
        row = having(cells, {PATTERN: pattern})
        means = np.array([found.summary(cell).mean for cell in row])
        firsts.append(accuracy_crossing([cell.parameters for cell in row], means, accuracy).high)
    return firsts


def _first_measured(found: Evidence, cells: Sequence[Cell], accuracy: float) -> int:
    """Parameters of the smallest model measured whose mean reaches an accuracy, as the rerun reads it; 0 for none."""
    return min((cell.parameters for cell in cells if found.summary(cell).mean >= accuracy), default=0)


def ahead(
    first: Having, others: Sequence[Having], *, along: str | None = WIDTH, values: Sequence[Any] | None = None
) -> Judge:
    """`first` is above each of `others`, at every value of the field `along`; None compares cell with cell."""

    def judge(found: Evidence) -> Finding | None:
        pairs: list[tuple[Cell, Cell]] = []
        for cell in having(found.cells, first):
            at = None if along is None else value_of(cell, along)
            if values is not None and at not in values:
                continue
            for other in others:
                against = having(found.cells, other if along is None else {**other, along: at})
                pairs += [(cell, beside) for beside in against[:1] if set(beside.seeds) & set(cell.seeds)]
        differences = [paired_difference(*pair) for pair in pairs]
        if not differences or any(d.interval is None for d in differences):
            return None
        lows = [d.interval.low for d in differences if d.interval is not None]
        outcome = ordered([d.mean for d in differences], lows)
        shown = [cell for pair in pairs for cell in pair]
        worst = int(np.argmin([d.mean for d in differences]))
        ours = f"differences from {difference_text(differences[worst])}"
        best = max(differences, key=lambda d: d.mean)
        ours += f" to {difference_text(best)}" if len(differences) > 1 else ""
        where = "" if along is None else f" at {_called(along)} {value_of(pairs[worst][0], along)}"
        why = f"least over {pairs[worst][1].pattern}{where}" if len(differences) > 1 else ""
        behind = sum(not above_zero(low) for low in lows)
        why += f"; {behind} of {len(lows)} intervals reach 0 or below" if behind else ""
        return Finding(outcome=outcome, ours=ours, why=why.removeprefix("; "), **training(found, shown))

    return judge


def gap(first: Having, second: Having, *, size: float) -> Judge:
    """`first` is above `second` by `size`."""

    def judge(found: Evidence) -> Finding | None:
        cells = having(found.cells, first)[:1] + having(found.cells, second)[:1]
        if len(cells) < 2 or not set(cells[0].seeds) & set(cells[1].seeds):
            return None
        difference = paired_difference(*cells)
        if difference.interval is None:
            return None
        low, high = difference.interval.low, difference.interval.high
        outcome = of_size(difference.mean, low, high + READING, size)
        return Finding(
            outcome=outcome,
            ours=f"{difference_text(difference)} ({means_text(*cells)})",
            **training(found, cells),
        )

    return judge


def near_one(
    patterns: Sequence[str], *, enough: float = 0.95, most: float = 0.8, where: Having = MappingProxyType({})
) -> Judge:
    """Each of these patterns has an interval from `enough` on somewhere.

    In direction only where a mean alone is there, or past `most`.
    """

    def judge(found: Evidence) -> Finding | None:
        words, outcomes, shown = [], [], []
        for pattern in patterns:
            cells = having(found.cells, {**where, PATTERN: pattern})
            if len(cells) < 2:
                return None
            summaries = [found.summary(cell) for cell in cells]
            sure = (s for s in summaries if (s.mean if s.interval is None else s.interval.low) >= enough)
            by_mean = (s for s in summaries if s.mean >= enough)
            top = max(summaries, key=lambda s: s.mean)
            first = next(sure, None)
            outcomes.append(
                Outcome.REPRODUCED if first else Outcome.DIRECTION if top.mean >= most else Outcome.NOT
            )
            told = first or next(by_mean, top)
            shown += cells
            words.append(f"{pattern} {bracketed(told)} at {told.cell.parameters:,} parameters")
        outcome = next(o for o in (Outcome.NOT, Outcome.DIRECTION, Outcome.REPRODUCED) if o in outcomes)
        there = decimals(enough, 2)
        why = f"the first width whose interval is not below {there}, or else whose mean is not, or else the best"
        return Finding(outcome=outcome, ours="; ".join(words), why=why, **training(found, shown))

    return judge


def stays_below(
    pattern: str, *, accuracy: float, parameters: int, where: Having = MappingProxyType({})
) -> Judge:
    """No width of `pattern` up to so many parameters has `accuracy`; in direction only where means alone say so."""

    def judge(found: Evidence) -> Finding | None:
        cells = [c for c in having(found.cells, {**where, PATTERN: pattern}) if c.parameters <= parameters]
        if len(cells) < 2:
            return None
        best = max(cells, key=lambda cell: found.summary(cell).mean)
        summary = found.summary(best)
        high = summary.mean if summary.interval is None else summary.interval.high
        outcome = Outcome.REPRODUCED if high < accuracy else Outcome.DIRECTION
        if summary.mean >= accuracy:
            outcome = Outcome.NOT
        ours = f"at most {bracketed(summary)} at {best.parameters:,} parameters"
        return Finding(outcome=outcome, ours=ours, **training(found, cells))

    return judge


def larger_windows_hurt(where: Having, *, narrow: int) -> Judge:
    """The widest measured window is worse than `narrow`, each at its own learning rate."""

    def judge(found: Evidence) -> Finding | None:
        windows = {value_of(cell, "model.window"): cell for cell in having(found.cells, where)}
        widest = max(windows, default=0)
        if narrow not in windows or widest <= narrow:
            return None
        wide, reference = windows[widest], windows[narrow]
        own = paired_difference(wide, reference)
        if own.interval is None:
            return None
        outcome = ordered([-own.mean], [-own.interval.high])
        held = held_to(wide, (found.summary(reference).lr,))
        same = ""
        if held is not None:
            same = f"; both at the rate of {narrow}: {difference_text(paired_difference(held, reference))}"
        return Finding(
            outcome=outcome,
            ours=f"window {widest} less {narrow}: {difference_text(own)} ({means_text(wide, reference)}){same}",
            short=difference_text(own),
            rates=", ".join(f"window {w} {found.summary(windows[w]).lr:g}" for w in (narrow, widest)),
            trained=trained_values((wide, reference)),
        )

    return judge


def means_text(first: Cell, second: Cell) -> str:
    """`.973 against .423`, of the seeds that both have, so that their difference is what is told beside it.

    How many these are is said where one has others too: a table tells the mean of all of its seeds.
    """
    shared = len(set(first.seeds) & set(second.seeds))
    of = f", {counted(shared, 'shared seed')}" if set(first.seeds) != set(second.seeds) else ""
    return f"{' against '.join(map(decimals, paired_means(first, second)))}{of}"


def difference_text(difference: Difference) -> str:
    """`+.550 [+.536, +.563]`."""
    if difference.interval is None:
        return signed(difference.mean)
    return (
        f"{signed(difference.mean)} [{signed(difference.interval.low)}, {signed(difference.interval.high)}]"
    )


def _called(path: str) -> str:
    return "d_model" if path == WIDTH else path.rsplit(".", maxsplit=1)[-1].replace("_", " ")
