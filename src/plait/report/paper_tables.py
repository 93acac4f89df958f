"""Tables of the paper's numbers beside ours: each accuracy, a ratio taken apart, and the protocol point by point."""

import math
from collections.abc import Callable, Sequence

from plait.experiments import cell_label
from plait.experiments.statistics import paired_means
from plait.findings.beside_paper import CLOSE, Span, beside, taken_apart
from plait.findings.evidence import Evidence
from plait.findings.figure import Figure, Reference
from plait.findings.judges import READING
from plait.findings.members import ratios_by_pattern
from plait.findings.number_text import decimals, ratio_text, signed, times_text
from plait.findings.odd_rotary import odd_rotary
from plait.paper.tab1 import PROPORTIONS
from plait.paper.wide_models import packed
from plait.report.document import Column, Entry, Table
from plait.report.tables import difference_entries
from plait.tasks import task_name

_BESIDE = (
    Column(name="model", title="model", numeric=False),
    Column(name="parameters", title="params"),
    Column(name="paper", title="paper"),
    Column(name="ours", title="ours"),
    Column(name="eight", title="on 8 sequences"),
    Column(name="spanned", title="our 95% interval"),
    Column(name="difference", title="paper less ours"),
    Column(name="widths", title="our widths", numeric=False),
    Column(name="verdict", title="", numeric=False),
)
_APART = (
    Column(name="change", title="changed", numeric=False),
    Column(name="ratio", title="ratio [95% interval]"),
    Column(name="factor", title="factor [95% interval]"),
)
_ODD = (
    Column(name="model", title="model", numeric=False),
    Column(name="parameters", title="params"),
    Column(name="turning", title="dimensions"),
    Column(name="released", title="as the program"),
    Column(name="paired", title="in pairs"),
    Column(name="difference", title="difference"),
    Column(name="interval", title="95% interval"),
)
_PROTOCOL = (
    Column(name="what", title="choice", numeric=False),
    Column(name="program", title="released program", numeric=False),
    Column(name="source", title="known from", numeric=False),
    Column(name="ours", title="plait, as run", numeric=False),
    Column(name="same", title="same", numeric=False),
    Column(name="note", title="note", numeric=False),
)
_CONTRADICTED = (
    Column(name="proportion", title="bit proportion"),
    Column(name="logged", title="from the released program"),
    Column(name="share", title="here"),
)
_LOGGED = {0.05: 0.55, 0.1: 0.45, 0.2: 0.24, 0.3: 0.12, 0.5: 0.04, 0.8: 0.01, 0.9: 0.01}
"""Read off its rows."""


def contradicted_table() -> Table:
    """How many labels of packed rows without separators are not what the row shows, by bit proportion."""
    found = {p: packed(p, separator=False).contradicted(rows=1_024) for p in PROPORTIONS}
    return Table(
        caption="Share of scored labels that are not those of the row as it is seen",
        columns=_CONTRADICTED,
        rows=tuple(
            (
                Entry(text=f"{p:g}", value=p),
                Entry(text=f"{_LOGGED[p]:.0%}", value=_LOGGED[p]),
                Entry(text=f"{share:.1%}", value=round(share, 3)),
            )
            for p, share in found.items()
        ),
    )


def beside_table(references: Sequence[Reference], evidence: Evidence) -> Table | None:
    """Every accuracy of the paper's with ours at that size; None where none is near a trained width."""
    found = beside(references, evidence)
    n_open = sum(one.open for one in found)
    rows = [
        (
            _text(one.reference.pattern),
            Entry(text=f"{one.reference.parameters:,}", value=one.reference.parameters),
            Entry(text=decimals(one.reference.accuracy), value=one.reference.accuracy),
            Entry(text=decimals(one.ours), value=one.ours),
            Entry(text="-" if one.eight is None else decimals(one.eight), value=one.eight),
            Entry(text=f"{decimals(one.low)}-{decimals(one.high)}", value=[one.low, one.high]),
            Entry(text=signed(one.difference), value=one.difference),
            _text(", ".join(map(str, one.widths))),
            _text("open" if one.open else "seeds" if one.far else ""),
        )
        for one in found
    ]
    if not rows:
        return None
    return Table(
        caption="Every accuracy of the paper's beside ours",
        columns=_BESIDE,
        rows=tuple(rows),
        notes=(
            "between two of our widths ours is linear in log parameters; on 8 sequences: the same models by the "
            f"program's score, an empty sequence as right; of differences above {decimals(CLOSE, 2)} our seeds explain "
            f"those that our interval there holds, to {decimals(READING)} ({sum(one.far for one in found) - n_open} of "
            f"{len(found)}), and nothing the others, which are open ({n_open})",
        ),
    )


def apart_table(
    evidence: Evidence, accuracy: float, *, pure: Sequence[str], hybrid: str = "SSM-TF"
) -> Table | None:
    """The ratio at one accuracy, one choice of the protocol changed at a time; None where a protocol lacks rows."""
    stages = taken_apart(evidence.experiment, evidence.stored, accuracy, pure=pure, hybrid=hybrid)
    if not stages:
        return None
    return Table(
        caption=f"Pure over hybrid parameters at accuracy {accuracy:g}, taken apart",
        columns=_APART,
        rows=tuple(
            (
                _text(stage.change),
                _span(stage.ratio),
                Entry(text="-") if stage.factor is None else _span(stage.factor),
            )
            for stage in stages
        ),
        notes=(
            f"{stages[0].seeds} seeds; a factor is what the choice that was given up had made of the ratio",
        ),
    )


def odd_table(evidence: Evidence) -> Table | None:
    """Every model with an odd number of rotary dimensions, as the program turns them and in pairs; None without."""
    found = odd_rotary(evidence.experiment, evidence.stored)
    if not found:
        return None
    rows = []
    for one in found:
        means = paired_means(one.released, one.paired)
        label = cell_label(one.released.settings)
        rows.append(
            (
                _text(label),
                Entry(text=f"{one.released.parameters:,}", value=one.released.parameters),
                Entry(text=str(one.turning), value=one.turning),
                *(Entry(text=decimals(mean), value=mean) for mean in means),
                *difference_entries(one.difference.mean, one.difference.interval),
            )
        )
    seeds = sorted({one.difference.seeds for one in found})
    task = task_name(evidence.experiment.base.task)
    return Table(
        caption=f"Odd rotary dimensions on {task}: mean accuracy as the program turns them, and in pairs",
        columns=_ODD,
        rows=tuple(rows),
        notes=(
            f"dropout 0.1 on the embedding, released initial weights, {'-'.join(map(str, seeds))} seeds; each at the "
            "rate with the best accuracy on separate sequences",
        ),
    )


MADE_OF = (("fig4", 0.9, "TF-TF"), ("fig4", 0.9, "SSM-SSM"), ("fig6", 0.6, "TF-TF"))
"""The ratios that the paper's argument rests on: a figure, an accuracy, and the pure pattern."""


def made_of_table(of: Callable[[str], tuple[Figure, Evidence]]) -> Table | None:
    """What the paper's ratios are made of, a column a ratio: as run, each choice's factor, what is left, and at best.

    Args:
        of: a figure and its rows by `name@reading`.
    """
    columns: list[list[Entry]] = []
    heads: list[str] = []
    changes: list[str] = []
    for name, accuracy, pattern in MADE_OF:
        figure, evidence = of(name)
        stages = taken_apart(evidence.experiment, evidence.stored, accuracy, pure=(pattern,), hybrid="SSM-TF")
        best = [cell for cell in of(f"{name}@best")[1].cells if cell.pattern in (pattern, "SSM-TF")]
        curve = (ratios_by_pattern(best, (accuracy,)) or {}).get(pattern)
        if not stages or not curve:
            return None
        changes = [stage.change for stage in stages[1:]]
        heads.append(f"{pattern} over SSM-TF at {accuracy:.0%}, {task_name(figure.experiment.base.task)}")
        columns.append(
            [
                _span(stages[0].ratio),
                *(Entry(text="-") if s.factor is None else _times(s.factor) for s in stages[1:]),
                _span(stages[-1].ratio),
                _text(ratio_text(curve[0])),
            ]
        )
    made = (f"then {change}: smaller by" for change in changes)
    labels = ("as it was run", *made, "left with all of these", "each model at its best")
    return Table(
        caption="What the paper's ratios are made of",
        columns=(
            Column(name="change", title="pure over hybrid parameters", numeric=False),
            *(Column(name=f"ratio_{place}", title=head) for place, head in enumerate(heads)),
        ),
        rows=tuple((_text(label), *entries) for label, *entries in zip(labels, *columns, strict=True)),
    )


def protocol_table() -> Table:
    """What the released program does, and what plait does as it was run."""
    from plait.paper.protocol import protocol_rows

    rows = tuple(tuple(_text(row[column.name]) for column in _PROTOCOL) for row in protocol_rows())
    return Table(caption="The released program's choices", columns=_PROTOCOL, rows=rows)


def _span(span: Span) -> Entry:
    text = times_text(span.low) if span.low == span.high else f">= {times_text(span.low)}"
    if math.isfinite(span.high) and span.low != span.high:
        text = f"{times_text(span.low)} to {times_text(span.high)}"
    high = times_text(span.interval.high) if math.isfinite(span.interval.high) else ".."
    interval = f"[{times_text(span.interval.low)}, {high}]"
    return Entry(text=f"{text} {interval}", value={"low": span.low, "high": span.high})


def _times(span: Span) -> Entry:
    entry = _span(span)
    return Entry(text=f"x {entry.text}", value=entry.value)


def _text(text: str) -> Entry:
    return Entry(text=text, value=text)
