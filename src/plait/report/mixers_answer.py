"""What the study of mixers answers, as far as its rows go: two paragraphs, and the tables that they are read from."""

import itertools
from collections import Counter
from collections.abc import Sequence

from plait.experiments.bootstrap import FEW_SEEDS
from plait.findings.claims import Outcome, all_right, few_false, judged
from plait.findings.evidence import Evidence
from plait.findings.number_text import sentence, with_and
from plait.paper.grids import LR_GRID
from plait.paper.mixer_claims import AtSize, above_by_size
from plait.paper.mixers import MIXERS_FIGURE, SIZE_WORDS, STUDIED_MIXERS, STUDIED_TASKS, TASK_WORDS, widths
from plait.report.delta_rules import alone_and_before, need, pairs_of
from plait.report.document import Block, Column, Entry, Lines, Table
from plait.tasks import task_name

CONCLUSION = (
    "For which mixers does the paper's conclusion hold, "
    "that a hybrid is above both its parts at equal parameters?"
)

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
    outcomes, sizes = _outcomes(found), _by_size(found)
    pairs = tuple(pairs_of(found))
    return (
        Lines(lines=(_conclusion(outcomes, sizes),)),
        *((Lines(lines=(need(found, pairs),)),) if pairs else ()),
        *((Lines(lines=(together,)),) if (together := _together(outcomes, sizes)) else ()),
        Lines(lines=(_extent(found),)),
        _by_task(outcomes, sizes),
        *((alone_and_before(found, pairs),) if pairs else ()),
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


_BySize = dict[str, dict[str, dict[int, AtSize]]]
"""By task, mixer and size."""


def _by_size(found: Evidence) -> _BySize:
    return {
        task_name(task): {
            mixer: above_by_size(found, task, mixer, widths=lambda p, of=vocabulary: widths(p, of))
            for mixer in STUDIED_MIXERS
        }
        for task, _, vocabulary in STUDIED_TASKS
    }


def _conclusion(outcomes: Outcomes, by_size: _BySize) -> str:
    """`.. On MQAR for none, of 11; .. At 12,800 parameters by themselves on MQAR for GDN, of 11; ..`"""
    parts = [_of_task(TASK_WORDS[task], of_mixers) for task, of_mixers in outcomes.items()]
    said = f"{CONCLUSION} {sentence(parts)}"
    sizes = {size for of_task in by_size.values() for of_mixer in of_task.values() for size in of_mixer}
    if len(sizes) < 2:
        return said
    last = max(sizes)
    alone = {
        task: {mixer: own[last].outcome if last in own else Outcome.OPEN for mixer, own in of_mixers.items()}
        for task, of_mixers in by_size.items()
    }
    at = "; ".join(_of_task(TASK_WORDS[task], of_mixers) for task, of_mixers in alone.items())
    return (
        f"{said} That is at every size that is trained; at {SIZE_WORDS[last]} parameters by themselves, {at}."
    )


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
    said = f"for {with_and(yes)}" if yes else "for none"
    mean = f", in the mean alone for {with_and(direction)}" if direction else ""
    return f"on {words} {said}{mean}, of {of}"


def _together(outcomes: Outcomes, by_size: _BySize) -> str:
    """Which of the claims that hold by themselves stay where all claims are judged at once; and of sizes alone."""
    chances: dict[str, float] = {}
    each: dict[tuple[str, int], float] = {}
    yes: list[str] = []
    for task, mixer in ((task, mixer) for task, own in outcomes.items() for mixer in own):
        at, name = by_size[task][mixer], f"{mixer} on {TASK_WORDS[task]}"
        known = {size: own.chance for size, own in at.items() if own.chance is not None}
        if outcomes[task][mixer] == Outcome.OPEN or not known or len(known) < len(at):
            continue
        chances[name] = max(known.values())
        each |= {(name, size): chance for size, chance in known.items()}
        yes += [name] if outcomes[task][mixer] == Outcome.REPRODUCED else []
    if len(chances) < 2 or not yes:
        return ""
    safe, likely = ([name for name in yes if name in passed(chances)] for passed in (all_right, few_false))
    start = f"Each of these {len(chances)} verdicts is at 95% by itself, {len(yes)} of them yes. Judged together, "
    if safe == likely:
        said = (
            f"{start}{_count(safe)}, where the chance that any yes is false is held below 5% (Holm) as where the "
            "expected share of false ones is (Benjamini and Hochberg)."
        )
    else:
        said = (
            f"{start}{_count(safe)} where the chance that any yes is false is held below 5% (Holm), and "
            f"{_count(likely)} where the expected share of false ones is (Benjamini and Hochberg)."
        )
    if len(each) == len(chances):
        return said
    return f"{said} Of {len(each)} verdicts size by size {_sizes_said(each, by_size)}."


def _sizes_said(each: dict[tuple[str, int], float], by_size: _BySize) -> str:
    """`25 are yes, 8 by Holm's correction and 12 by Benjamini and Hochberg's`."""
    yes = {
        (f"{mixer} on {TASK_WORDS[task]}", size)
        for task, of_mixers in by_size.items()
        for mixer, own in of_mixers.items()
        for size, at in own.items()
        if at.outcome == Outcome.REPRODUCED
    }
    safe, likely = (len(yes.intersection(passed(each))) for passed in (all_right, few_false))
    start = f"{len(yes.intersection(each))} are yes, {safe} by Holm's correction"
    return f"{start} and {likely} by Benjamini and Hochberg's"


def _count(names: Sequence[str]) -> str:
    """`2 stay (GDN on MQAR and SSM on MQAR)`."""
    stay = "stays" if len(names) == 1 else "stay"
    return f"{len(names)} {stay} ({with_and(names)})" if names else "none stays"


def _extent(found: Evidence) -> str:
    """How much is trained, and which models may have a better rate beyond those tried."""
    edge = [
        f"{cell.pattern} of width {cell.run.model.d_model} on {TASK_WORDS[task_name(cell.run.task)]} at {lr:g}"
        for cell in found.cells
        for lr in [found.summary(cell).lr]
        if lr in (cell.lrs[0], cell.lrs[-1])
    ]
    tried = sorted({len(cell.lrs) for cell in found.cells})
    rates = f"{tried[0]}" if len(tried) == 1 else f"{tried[0]} to {tried[-1]}"
    models, asked = len(found.cells), len(found.experiment.expand_cells())
    start = f"Of the study's {asked} models {models} are trained, at {rates} of its {len(LR_GRID)} rates, "
    start += f"{_seeds(found)}."
    if not edge:
        return f"{start} The best rate of each lies between others that were tried."
    shown = edge if len(edge) <= MOST_EDGES else [*edge[:MOST_EDGES], f"{len(edge) - MOST_EDGES} more"]
    ends = "is an end" if len(edge) == 1 else "are ends"
    return (
        f"{start} {with_and(shown)} {ends} of what was tried, so that a rate beyond may be better, and change what is "
        "said of them."
    )


def _seeds(found: Evidence) -> str:
    """`218 with 16 seeds at the chosen one, 30 with 8 and 160 with 4`, and what few seeds mean."""
    counts = Counter(found.summary(cell).seeds for cell in found.cells)
    (most, n), *others = sorted(counts.items(), reverse=True)
    said = with_and(
        [f"{n} with {most} seeds at the chosen one", *(f"{k} with {seeds}" for seeds, k in others)]
    )
    few = (
        f"; intervals from fewer than {FEW_SEEDS} seeds are narrower than 95%"
        if min(counts) < FEW_SEEDS
        else ""
    )
    return f"{said}{few}"


def _by_task(outcomes: Outcomes, by_size: _BySize) -> Table:
    """Each mixer's answer at each task: at every size that is trained, or else at which."""
    columns = [Column(name="mixer", title="X-TF above X-X and TF-TF", numeric=False)]
    columns += [
        Column(name=task.replace("-", "_"), title=TASK_WORDS[task], numeric=False) for task in outcomes
    ]
    rows: list[tuple[Entry, ...]] = []
    for mixer in STUDIED_MIXERS:
        entries = [Entry(text=mixer, value=mixer)]
        for task in outcomes:
            outcome = outcomes[task][mixer]
            entries.append(Entry(text=_with_sizes(outcome, by_size[task][mixer]), value=outcome.value))
        rows.append(tuple(entries))
    return Table(
        caption=f"Where a hybrid is above both its parts at {with_and(SIZE_WORDS)} parameters",
        columns=tuple(columns),
        rows=tuple(rows),
    )


def _with_sizes(outcome: Outcome, by_size: dict[int, AtSize]) -> str:
    """`yes`, `yes (at 6,200)` where nothing else is trained, `no, but at 12,800 yes`."""
    if outcome == Outcome.OPEN:
        return _OUTCOMES[outcome]
    where = (
        "" if len(by_size) == len(SIZE_WORDS) else f" (at {with_and([SIZE_WORDS[size] for size in by_size])})"
    )
    above = [SIZE_WORDS[size] for size, own in by_size.items() if own.outcome == Outcome.REPRODUCED]
    but = f", but at {with_and(above)} yes" if above and outcome != Outcome.REPRODUCED else ""
    return f"{_OUTCOMES[outcome]}{where}{but}"
