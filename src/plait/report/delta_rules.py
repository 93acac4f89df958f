"""Whether a delta rule needs attention for recall, as far as the rows of the study of mixers go."""

import itertools
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from plait.experiments import Cell, Difference, Summary, paired_difference
from plait.findings.evidence import Evidence
from plait.findings.number_text import above_zero, bracketed, sentence, signed, with_and
from plait.memory import count
from plait.paper.mixer_claims import ENOUGH, by_size
from plait.paper.mixers import SIZE_WORDS, STUDIED_TASKS, TASK_WORDS, widths
from plait.report.document import Column, Entry, Table
from plait.tasks import Task, task_name

_DELTA = ("GDN", "KDA", "DeltaNet", "RWKV7")
"""Mixers that take out what stood under a key before they write."""

NEED = "Does a delta rule need attention for recall at these state sizes?"

_RECALLS = ("mqar", "multi-key-recall", "decoding-recall")
_BITS = 32
"""Of a scalar of state."""


@dataclass(frozen=True, kw_only=True)
class DeltaPair:
    """A delta rule alone and before attention, at one size of one task of recall."""

    task: Task
    mixer: str
    size: int
    alone: Cell
    before: Cell
    more: Difference
    """What attention in the place of a layer adds."""

    @property
    def adds(self) -> bool:
        return self.more.interval is not None and above_zero(self.more.interval.low)


def pairs_of(found: Evidence) -> Iterable[DeltaPair]:
    for (task, _, vocabulary), mixer in itertools.product(STUDIED_TASKS, _DELTA):
        if task_name(task) not in _RECALLS:
            continue
        alone, before = (
            by_size(found, task, pattern, widths(pattern, vocabulary))
            for pattern in (f"{mixer}-{mixer}", f"{mixer}-TF")
        )
        for size in sorted(set(alone) & set(before)):
            one, other = alone[size], before[size]
            if set(one.seeds) & set(other.seeds):
                yield DeltaPair(
                    task=task,
                    mixer=mixer,
                    size=size,
                    alone=one,
                    before=other,
                    more=paired_difference(other, one),
                )


def need(found: Evidence, pairs: Sequence[DeltaPair]) -> str:
    """Task by task, at the largest size that is trained: what is found alone, and what attention adds to it."""
    parts: list[str] = []
    for task, *_ in STUDIED_TASKS:
        own = [pair for pair in pairs if pair.task == task]
        if not own:
            continue
        largest = max(pair.size for pair in own)
        own = [pair for pair in own if pair.size == largest]
        parts.append(_need_of(found, TASK_WORDS[task_name(task)], own, SIZE_WORDS[largest]))
    return f"{NEED} {sentence(parts)}"


def _need_of(found: Evidence, words: str, pairs: Sequence[DeltaPair], size: str) -> str:
    alone = max(pairs, key=lambda pair: found.summary(pair.alone).mean)
    before = max(pairs, key=lambda pair: found.summary(pair.before).mean)
    left, right = found.summary(alone.alone), found.summary(before.before)
    if left.mean >= ENOUGH:
        need = f"it does not{_unless_sure(left)}"
    elif right.mean >= ENOUGH:
        need = f"it does{_unless_sure(right)}"
    else:
        need = "it has too little either way"
    adding = [pair.mixer for pair in pairs if pair.adds]
    adds = f"attention adds to {with_and(adding) if adding else 'none'}"
    return (
        f"on {words} {need}: at {size} parameters the best alone is {alone.mixer} with {bracketed(left)}, before "
        f"attention {before.mixer} with {bracketed(right)}, and of {with_and([pair.mixer for pair in pairs])} {adds}"
    )


def _unless_sure(summary: Summary) -> str:
    """What is added where the mean alone is enough, and the interval reaches below."""
    low = summary.mean if summary.interval is None else summary.interval.low
    return "" if low >= ENOUGH else ", by the mean alone"


_ALONE_AND_BEFORE = (
    Column(name="task", title="task", numeric=False),
    Column(name="mixer", title="mixer", numeric=False),
    Column(name="parameters", title="params alone"),
    Column(name="state_bits", title="state bits alone"),
    Column(name="alone", title="alone"),
    Column(name="before", title="before attention"),
    Column(name="more", title="attention adds"),
    Column(name="seeds", title="seeds of both"),
)


def alone_and_before(found: Evidence, pairs: Sequence[DeltaPair]) -> Table:
    """Each delta rule at each trained size of each recall: what its states hold, and what attention adds."""
    rows: list[tuple[Entry, ...]] = []
    for pair in pairs:
        held = count(pair.alone.run.model, pair.alone.run.train.seq_len)
        bits = _BITS * sum(layer.ssm_state for layer in held.layers)
        interval = pair.more.interval
        between = "" if interval is None else f" [{signed(interval.low)}, {signed(interval.high)}]"
        texts = (
            TASK_WORDS[task_name(pair.task)], pair.mixer, f"{pair.alone.parameters:,}", f"{bits:,}",
            bracketed(found.summary(pair.alone)), bracketed(found.summary(pair.before)),
            f"{signed(pair.more.mean)}{between}", str(pair.more.seeds),
        )  # fmt: skip
        rows.append(tuple(Entry(text=text, value=text) for text in texts))
    return Table(
        caption="Delta rules alone and before attention", columns=_ALONE_AND_BEFORE, rows=tuple(rows)
    )
