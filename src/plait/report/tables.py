"""Tables of results: ours beside the paper's and the independent rerun's."""

import itertools
import math
from collections.abc import Sequence
from types import MappingProxyType

import numpy as np

from plait.checks import are, counted
from plait.experiments import Cell, Interval, Ratio, Summary, cell_label, value_text
from plait.experiments.bootstrap import FEW_SEEDS
from plait.experiments.selection import EARLY_RUNS, EARLY_STEPS, once
from plait.findings.claims import NEGLIGIBLE
from plait.findings.figure import Reference, ReferenceRatio, nearest
from plait.findings.members import ratios_by_pattern
from plait.findings.number_text import decimals, ratio_text, signed
from plait.report.document import Column, Entry, Table

RATIO_ACCURACIES = (0.5, 0.6, 0.7, 0.8, 0.9, 0.95, 0.99)
"""Accuracies at which the ratio is told."""

NEAR = 0.02
"""A learning rate whose mean is no further below the chosen one's is as good for most purposes."""

_RULES = MappingProxyType(
    {
        "select": "the learning rate with the best mean on separate sequences, the smallest of equal ones",
        "early": f"the learning rate of the single run with the least mean training loss over its first "
        f"{EARLY_STEPS:,} steps, among {EARLY_RUNS} runs a rate (the program's rule)",
    }
)
"""What chooses a rate, in words."""

_RESULTS = (
    Column(name="model", title="model", numeric=False),
    Column(name="parameters", title="params"),
    Column(name="mean", title="mean"),
    Column(name="sd", title="sd"),
    Column(name="p10_p90", title="10%-90%", brief=False),
    Column(name="interval", title="95% interval"),
    Column(name="above_90", title="seeds >= 0.9", brief=False),
    Column(name="above_99", title="seeds >= 0.99", brief=False),
    Column(name="seeds", title="seeds"),
    Column(name="diverged", title="diverged", brief=False),
    Column(name="lr", title="lr"),
    Column(name="near", title=f"lrs within {decimals(NEAR, 2)}", brief=False, page=True),
    Column(name="lrs", title="of lrs", brief=False),
)
_REFERENCES = (Column(name="paper", title="paper"), Column(name="rerun", title="rerun"))


def results_table(
    summaries: Sequence[Summary], *, paper: Sequence[Reference] = (), rerun: Sequence[Reference] = ()
) -> Table:
    """One row a cell, a pattern's widths together; a reference stands where pattern and size agree.

    Sizes agree within a factor of 1.3.
    """
    summaries = _by_width(summaries)
    rules = {s.cell.by for s in summaries} or {"select"}
    notes = [
        f"accuracy on fresh test sequences at {' or '.join(_RULES[rule] for rule in _RULES if rule in rules)}; "
        "95% intervals by bootstrap over seeds with the rate chosen in each sample; diverged members count "
        "with their frozen weights"
    ]
    notes += sweep_notes(summaries)
    beside = bool(paper or rerun)
    return Table(
        caption="Accuracy: ours, the paper's, and an independent rerun's" if beside else "Accuracy",
        columns=(*_RESULTS, *_REFERENCES) if beside else _RESULTS,
        rows=tuple(
            (*_results_row(summary), *(_references(summary, paper, rerun) if beside else ()))
            for summary in summaries
        ),
        notes=tuple(notes),
    )


def sweep_notes(summaries: Sequence[Summary]) -> list[str]:
    """Where seeds are few or unused, where the chosen rate ends those tried, and where most seeds diverged."""
    notes: list[str] = []
    if any(summary.seeds < FEW_SEEDS for summary in summaries):
        notes.append(f"intervals from fewer than {FEW_SEEDS} seeds are narrower than 95%")
    notes += dict.fromkeys(
        f"{_trained_label(s.cell)}: {counted(s.cell.unused, 'stored member')} {are(s.cell.unused)} not used, "
        f"{'its seed lacks' if s.cell.unused == 1 else 'their seeds lack'} the chosen rate"
        for s in summaries
        if s.cell.unused
    )
    notes += dict.fromkeys(filter(None, map(_outvoted, summaries)))
    at_the_edge = dict.fromkeys(
        _trained_label(s.cell)
        for s in summaries
        if len(s.cell.lrs) > 1 and s.lr in (s.cell.lrs[0], s.cell.lrs[-1])
    )
    if at_the_edge:
        listed = ", ".join(at_the_edge)
        notes.append(
            f"the chosen rate is the smallest or largest tried, a better one may lie outside: {listed}"
        )
    lost = dict.fromkeys(_trained_label(s.cell) for s in summaries if 2 * s.diverged > s.seeds)
    if lost:
        notes.append(
            f"most seeds diverged at the chosen rate, so the mean is not of trained models: {', '.join(lost)}"
        )
    return notes


def _outvoted(summary: Summary) -> str:
    """Where the seeds at another rate have more than those that are told: what the seeds that have both say of the two.

    A rate of another setting than the chosen one was given up where that setting chose its own rate, which then lost
    to the chosen one, or, if it chose this one, where the settings were chosen between. Not of what is measured
    elsewhere than it was trained: there more at another rate says nothing of the choice.
    """
    cell, chosen = summary.cell, summary.chosen
    best = int(np.argmax(cell.means))
    elsewhere = any(path.startswith("test.") for path in cell.settings)
    if elsewhere or cell.by != "select" or cell.means[best] - cell.means[chosen] < NEGLIGIBLE:
        return ""
    rows, own = next((rows, part) for rows, part in cell.by_setting if best in rows)
    preferred = int(rows[int(own.rule.chosen(once(len(own.seeds)))[0])])
    preferred = chosen if preferred == best else preferred
    deciding, whose = cell.was_trained[[preferred, best]].all(axis=0), "both rates"
    if cell.select[preferred, deciding].mean() < cell.select[best, deciding].mean():  # a ring: see `BestMean`
        deciding, whose = own.was_trained.all(axis=0), "every rate"
    n_deciding = int(deciding.sum())
    if n_deciding == len(cell.seeds):
        return ""
    here, there = _apart(*(float(cell.select[row, deciding].mean()) for row in (preferred, best)))
    at_it, at_best = (int(cell.was_trained[row].sum()) for row in (chosen, best))
    have = "has" if n_deciding == 1 else "have"

    def named(row: int) -> str:
        # A model at its best has every rate twice, without dropout and with it (see `BEST`).
        return f"{cell.lrs[row]:g}{' with the other dropout' if (row in rows) != (chosen in rows) else ''}"

    then = (
        ""
        if preferred == chosen
        else f", and {named(preferred)} lost to {summary.lr:g} by all that have these two"
    )
    return (
        f"{_trained_label(cell)}: the {counted(n_deciding, 'seed')} with {whose} {have} {here} on separate sequences "
        f"at {named(preferred)} for {there} at {named(best)}{then}; here are all {at_it} seeds at {summary.lr:g}, and "
        f"the {at_best} at {named(best)} have {decimals(float(cell.means[best]))}"
    )


def _apart(first: float, second: float) -> tuple[str, str]:
    """Both in as many decimals, at least three, as tell them apart."""
    places = next((n for n in range(3, 7) if decimals(first, n) != decimals(second, n)), 3)
    return decimals(first, places), decimals(second, places)


def ratio_table(
    cells: Sequence[Cell], *, reported: Sequence[ReferenceRatio] = (), title: str = ""
) -> Table | None:
    """How many times the hybrid's parameters a pure model needs, by accuracy; None without both kinds."""
    ratios = ratios_by_pattern(cells, RATIO_ACCURACIES)
    if ratios is None:
        return None
    columns = [Column(name="accuracy", title="accuracy")]
    columns += [Column(name=name.replace(" ", "_"), title=name) for name in ratios]
    columns.append(Column(name="reported", title="reported", brief=False, numeric=False))
    rows = []
    for place, accuracy in enumerate(RATIO_ACCURACIES):
        there = [ratio for ratio in reported if math.isclose(ratio.accuracy, accuracy)]
        found = [_ratio(curve[place]) for curve in ratios.values()]
        rows.append((Entry(text=f"{accuracy:g}", value=accuracy), *found, _reported(there)))
    caption = (
        "arameters of the smallest pure model that reaches an accuracy, over those of the smallest hybrid"
    )
    return Table(
        caption=f"{title}: p{caption}" if title else f"P{caption}",
        columns=tuple(columns),
        rows=tuple(rows),
        notes=(
            "between widths the mean is taken as linear in log parameters; outside of the measured widths the "
            "ratio is a bound (>=, <=); in brackets the 95% bootstrap interval over seeds",
        ),
    )


def _trained_label(cell: Cell) -> str:
    """The cell's model, wherever it was tested."""
    return cell_label({path: value for path, value in cell.settings.items() if not path.startswith("test.")})


def summary_label(summary: Summary) -> str:
    return cell_label(summary.cell.settings)


def _by_width(summaries: Sequence[Summary]) -> list[Summary]:
    """Each pattern's widths together, where nothing else is varied."""
    if any(set(summary.cell.settings) - {"model.pattern", "model.d_model"} for summary in summaries):
        return list(summaries)
    patterns = list(dict.fromkeys(summary.cell.pattern for summary in summaries))
    return sorted(summaries, key=lambda s: (patterns.index(s.cell.pattern), s.cell.run.model.d_model))


def _results_row(summary: Summary) -> tuple[Entry, ...]:
    cell = summary.cell
    return (
        Entry(text=summary_label(summary), value={p: _plain(v) for p, v in cell.settings.items()}),
        Entry(text=f"{cell.parameters:,}", value=cell.parameters),
        _accuracy(summary.mean),
        _accuracy(summary.sd),
        Entry(text=f"{decimals(summary.p10)}-{decimals(summary.p90)}", value=[summary.p10, summary.p90]),
        interval_entry(summary.interval),
        Entry(text=f"{summary.above_90:.0%}", value=summary.above_90),
        Entry(text=f"{summary.above_99:.0%}", value=summary.above_99),
        Entry(text=str(summary.seeds), value=summary.seeds),
        Entry(text=str(summary.diverged), value=summary.diverged),
        Entry(text=f"{summary.lr:g}", value=summary.lr),
        _near(summary),
        Entry(text=str(len(cell.lrs)), value=list(cell.lrs)),
    )


def _near(summary: Summary) -> Entry:
    """The learning rates whose means are within `NEAR` of the chosen one's, or above it: `0.001-0.01, 0.1`.

    Of a model at its best, which has every rate without dropout and with it, in either.
    """
    cell = summary.cell
    good = {lr for lr, mean in zip(cell.lrs, cell.means, strict=True) if mean >= summary.mean - NEAR}
    tried = sorted(set(cell.lrs))
    runs = [list(group) for near, group in itertools.groupby(tried, key=good.__contains__) if near]
    spans = [f"{run[0]:g}" + (f"-{run[-1]:g}" if len(run) > 1 else "") for run in runs]
    return Entry(text=", ".join(spans), value=[lr for run in runs for lr in run])


def _references(
    summary: Summary, paper: Sequence[Reference], rerun: Sequence[Reference]
) -> tuple[Entry, Entry]:
    where = {"pattern": summary.cell.pattern, "parameters": summary.cell.parameters}
    return (
        _reference(nearest(paper, **where), approximate=True),
        _reference(nearest(rerun, **where), approximate=False),
    )


def _plain(value: object) -> object:
    return (
        value if value is None or isinstance(value, str | int | float | list | tuple) else value_text(value)
    )


def interval_entry(interval: Interval | None) -> Entry:
    """`low-high`, or a dash where there is none."""
    if interval is None:
        return Entry(text="-")
    text = f"{decimals(interval.low)}-{decimals(interval.high)}"
    return Entry(text=text, value=[interval.low, interval.high])


def difference_entries(mean: float, interval: Interval | None) -> tuple[Entry, Entry]:
    """A difference and its interval, both with signs."""
    between = Entry(text="-")
    if interval is not None:
        text = f"{signed(interval.low)} to {signed(interval.high)}"
        between = Entry(text=text, value=[interval.low, interval.high])
    return Entry(text=signed(mean), value=mean), between


def _accuracy(value: float | None) -> Entry:
    return Entry(text="-") if value is None else Entry(text=decimals(value), value=value)


def _reference(reference: Reference | None, *, approximate: bool) -> Entry:
    if reference is None:
        return Entry(text="-")
    size = f"{reference.parameters / 1000:.0f}k" if approximate else f"{reference.parameters / 1000:.1f}k"
    accuracy = decimals(reference.accuracy, max(3, len(f"{reference.accuracy:g}") - 2))
    value = {"accuracy": reference.accuracy, "parameters": reference.parameters, "source": reference.source}
    return Entry(text=f"{accuracy} ({size})", value=value)


def _ratio(ratio: Ratio) -> Entry:
    value = {"low": ratio.low, "high": ratio.high}
    if ratio.interval is not None:
        value["interval"] = [ratio.interval.low, ratio.interval.high]  # pyright: ignore
    return Entry(text=ratio_text(ratio), value=value)


def _reported(ratios: Sequence[ReferenceRatio]) -> Entry:
    if not ratios:
        return Entry(text="-")
    texts = [f"{ratio.pure} {ratio.ratio:g} ({ratio.source.split(':')[0]})" for ratio in ratios]
    return Entry(
        text="; ".join(texts), value=[{"pure": r.pure, "ratio": r.ratio, "source": r.source} for r in ratios]
    )
