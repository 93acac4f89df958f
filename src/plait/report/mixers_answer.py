"""What the study of mixers answers, as far as its rows go: two paragraphs, and the tables that they are read from."""

import itertools
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from plait.experiments import Cell, Difference, Summary, paired_difference
from plait.findings.claims import Outcome, all_right, few_false, judged
from plait.findings.evidence import Evidence
from plait.findings.number_text import above_zero, bracketed, signed
from plait.memory import count
from plait.paper.grids import ATTENTION, LR_GRID
from plait.paper.mixer_claims import ENOUGH, by_size, chance_of_both
from plait.paper.mixers import MIXERS_FIGURE, STUDIED_MIXERS, STUDIED_TASKS, widths
from plait.report.document import Block, Column, Entry, Lines, Table
from plait.tasks import Task, task_name

DELTA = ("GDN", "KDA", "DeltaNet", "RWKV7")
"""Mixers that take out what stood under a key before they write."""

CONCLUSION = (
    "For which mixers does the paper's conclusion hold, "
    "that a hybrid is above both its parts at equal parameters?"
)
NEED = "Does a delta rule need attention for recall at these state sizes?"

_SIZES = ("2,600", "6,200", "12,800")
_WORDS = {
    "mqar": "MQAR",
    "multi-key-recall": "multi-key recall",
    "selective-copying": "selective copying",
    "decoding-recall": "recall with decoding",
}
RECALLS = ("mqar", "multi-key-recall", "decoding-recall")
_BITS = 32
"""Of a scalar of state."""

MOST_EDGES = 8
"""Models that a sentence names."""

_OUTCOMES = {
    Outcome.REPRODUCED: "yes",
    Outcome.DIRECTION: "in the mean alone",
    Outcome.NOT: "no",
    Outcome.OPEN: "open",
}


def mixers_answer(found: Evidence) -> tuple[Block, ...]:
    """For which mixers a hybrid is above its parts, and whether a delta rule needs attention for recall."""
    if not found.cells:
        return ()
    outcomes = _outcomes(found)
    pairs = tuple(_pairs(found))
    return (
        Lines(lines=(_conclusion(outcomes),)),
        *((Lines(lines=(_need(found, pairs),)),) if pairs else ()),
        *((Lines(lines=(together,)),) if (together := _together(found, outcomes)) else ()),
        Lines(lines=(_extent(found),)),
        _by_task(found, outcomes),
        *((_alone_and_before(found, pairs),) if pairs else ()),
    )


Outcomes = dict[str, dict[str, Outcome]]
"""By task and mixer."""


def _outcomes(found: Evidence) -> Outcomes:
    asked = itertools.product((task_name(task) for task, *_ in STUDIED_TASKS), STUDIED_MIXERS)
    outcomes: Outcomes = {}
    for (task, mixer), claim in zip(asked, MIXERS_FIGURE.claims, strict=True):
        finding = judged(claim, found)
        outcomes.setdefault(task, {})[mixer] = Outcome.OPEN if finding is None else finding.outcome
    return outcomes


def _conclusion(outcomes: Outcomes) -> str:
    """`.. On MQAR for none, of 11; on multi-key recall for GDN, in the mean alone for RWKV7, of the 7 of 11 ..`"""
    parts = [_of_task(_WORDS[task], of_mixers) for task, of_mixers in outcomes.items()]
    return f"{CONCLUSION} {_sentence(parts)}"


def _of_task(words: str, outcomes: dict[str, Outcome]) -> str:
    decided = [mixer for mixer, outcome in outcomes.items() if outcome != Outcome.OPEN]
    if not decided:
        return f"on {words} it is open"
    yes, direction = (
        [mixer for mixer in decided if outcomes[mixer] == which]
        for which in (Outcome.REPRODUCED, Outcome.DIRECTION)
    )
    n, every = len(decided), len(outcomes)
    of = f"{n}" if n == every else f"the {n} of {every} that {'is' if n == 1 else 'are'} trained"
    said = f"for {_listed(yes)}" if yes else "for none"
    mean = f", in the mean alone for {_listed(direction)}" if direction else ""
    return f"on {words} {said}{mean}, of {of}"


@dataclass(frozen=True, kw_only=True)
class _Pair:
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


def _pairs(found: Evidence) -> Iterable[_Pair]:
    for (task, _, vocabulary), mixer in itertools.product(STUDIED_TASKS, DELTA):
        if task_name(task) not in RECALLS:
            continue
        alone, before = (
            by_size(found, task, pattern, widths(pattern, vocabulary))
            for pattern in (f"{mixer}-{mixer}", f"{mixer}-TF")
        )
        for size in sorted(set(alone) & set(before)):
            one, other = alone[size], before[size]
            if set(one.seeds) & set(other.seeds):
                yield _Pair(
                    task=task,
                    mixer=mixer,
                    size=size,
                    alone=one,
                    before=other,
                    more=paired_difference(other, one),
                )


def _need(found: Evidence, pairs: Sequence[_Pair]) -> str:
    """Task by task, at the largest size that is trained: what is found alone, and what attention adds to it."""
    parts: list[str] = []
    for task, *_ in STUDIED_TASKS:
        own = [pair for pair in pairs if pair.task == task]
        if not own:
            continue
        largest = max(pair.size for pair in own)
        own = [pair for pair in own if pair.size == largest]
        parts.append(_need_of(found, _WORDS[task_name(task)], own, _SIZES[largest]))
    return f"{NEED} {_sentence(parts)}"


def _need_of(found: Evidence, words: str, pairs: Sequence[_Pair], size: str) -> str:
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
    adds = f"attention adds to {_listed(adding) if adding else 'none'}"
    return (
        f"on {words} {need}: at {size} parameters the best alone is {alone.mixer} with {bracketed(left)}, before "
        f"attention {before.mixer} with {bracketed(right)}, and of {_listed([pair.mixer for pair in pairs])} {adds}"
    )


def _unless_sure(summary: Summary) -> str:
    """What is added where the mean alone is enough, and the interval reaches below."""
    low = summary.mean if summary.interval is None else summary.interval.low
    return "" if low >= ENOUGH else ", by the mean alone"


def _together(found: Evidence, outcomes: Outcomes) -> str:
    """Which of the claims that hold by themselves stay where all claims are judged at once."""
    vocabularies = {task_name(task): (task, vocabulary) for task, _, vocabulary in STUDIED_TASKS}
    chances: dict[str, float] = {}
    yes: list[str] = []
    for name, of_mixers in outcomes.items():
        task, vocabulary = vocabularies[name]
        for mixer, outcome in of_mixers.items():
            chance = chance_of_both(found, task, mixer, widths=lambda p, of=vocabulary: widths(p, of))
            if outcome is Outcome.OPEN or chance is None:
                continue
            chances[f"{mixer} on {_WORDS[name]}"] = chance
            yes += [f"{mixer} on {_WORDS[name]}"] if outcome is Outcome.REPRODUCED else []
    if len(chances) < 2 or not yes:
        return ""
    safe, likely = ([name for name in yes if name in passed(chances)] for passed in (all_right, few_false))
    start = f"Each of these {len(chances)} verdicts is at 95% by itself, {len(yes)} of them yes. Judged together, "
    if safe == likely:
        return (
            f"{start}{_count(safe)}, where the chance that any yes is false is held below 5% (Holm) as where the "
            "expected share of false ones is (Benjamini and Hochberg)."
        )
    return (
        f"{start}"
        f"{_count(safe)} where the chance that any yes is false is held below 5% (Holm), and {_count(likely)} where "
        "the expected share of false ones is (Benjamini and Hochberg)."
    )


def _count(names: Sequence[str]) -> str:
    """`2 stay (GDN on MQAR and SSM on MQAR)`."""
    stay = "stays" if len(names) == 1 else "stay"
    return f"{len(names)} {stay} ({_listed(names)})" if names else "none stays"


def _extent(found: Evidence) -> str:
    """How much is trained, and which models may have a better rate beyond those tried."""
    edge = [
        f"{cell.pattern} of width {cell.run.model.d_model} on {_WORDS[task_name(cell.run.task)]} at {lr:g}"
        for cell in found.cells
        for lr in [found.summary(cell).lr]
        if lr in (cell.lrs[0], cell.lrs[-1])
    ]
    tried = sorted({len(cell.lrs) for cell in found.cells})
    rates = f"{tried[0]}" if len(tried) == 1 else f"{tried[0]} to {tried[-1]}"
    models, asked = len(found.cells), len(found.experiment.expand_cells())
    start = f"Of the study's {asked} models {models} are trained, at {rates} of its {len(LR_GRID)} rates."
    if not edge:
        return f"{start} The best rate of each lies between others that were tried."
    shown = edge if len(edge) <= MOST_EDGES else [*edge[:MOST_EDGES], f"{len(edge) - MOST_EDGES} more"]
    ends = "is an end" if len(edge) == 1 else "are ends"
    return (
        f"{start} {_listed(shown)} {ends} of what was tried, so that a rate beyond may be better, and change what is "
        "said of them."
    )


def _by_task(found: Evidence, outcomes: Outcomes) -> Table:
    """Each mixer's answer at each task, with the sizes that are trained."""
    columns = [Column(name="mixer", title="X-TF above X-X and TF-TF", numeric=False)]
    columns += [Column(name=task.replace("-", "_"), title=_WORDS[task], numeric=False) for task in outcomes]
    rows: list[tuple[Entry, ...]] = []
    for mixer in STUDIED_MIXERS:
        entries = [Entry(text=mixer, value=mixer)]
        for task, _, vocabulary in STUDIED_TASKS:
            outcome = outcomes[task_name(task)][mixer]
            patterns = (f"{mixer}-TF", f"{mixer}-{mixer}", ATTENTION)
            trained = [set(by_size(found, task, p, widths(p, vocabulary))) for p in patterns]
            sizes = [_SIZES[size] for size in sorted(set.intersection(*trained))]
            where = f" (at {_listed(sizes)})" if sizes and outcome != Outcome.OPEN else ""
            entries.append(Entry(text=f"{_OUTCOMES[outcome]}{where}", value=outcome.value))
        rows.append(tuple(entries))
    return Table(
        caption="Where a hybrid is above both its parts, by trained sizes",
        columns=tuple(columns),
        rows=tuple(rows),
    )


_ALONE_AND_BEFORE = (
    Column(name="task", title="task", numeric=False),
    Column(name="mixer", title="mixer", numeric=False),
    Column(name="parameters", title="params alone"),
    Column(name="state_bits", title="state bits alone"),
    Column(name="alone", title="alone"),
    Column(name="before", title="before attention"),
    Column(name="more", title="attention adds"),
)


def _alone_and_before(found: Evidence, pairs: Sequence[_Pair]) -> Table:
    """Each delta rule at each trained size of each recall: what its states hold, and what attention adds."""
    rows: list[tuple[Entry, ...]] = []
    for pair in pairs:
        held = count(pair.alone.run.model, pair.alone.run.train.seq_len)
        bits = _BITS * sum(layer.ssm_state for layer in held.layers)
        interval = pair.more.interval
        between = "" if interval is None else f" [{signed(interval.low)}, {signed(interval.high)}]"
        texts = (
            _WORDS[task_name(pair.task)], pair.mixer, f"{pair.alone.parameters:,}", f"{bits:,}",
            bracketed(found.summary(pair.alone)), bracketed(found.summary(pair.before)),
            f"{signed(pair.more.mean)}{between}",
        )  # fmt: skip
        rows.append(tuple(Entry(text=text, value=text) for text in texts))
    return Table(
        caption="Delta rules alone and before attention", columns=_ALONE_AND_BEFORE, rows=tuple(rows)
    )


def _sentence(parts: Sequence[str]) -> str:
    text = "; ".join(parts)
    return f"{text[:1].upper()}{text[1:]}."


def _listed(names: Sequence[str]) -> str:
    return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} and {names[-1]}"
