"""What rows say of other positions of attention and other layouts of the hybrid: each in a sentence and a table."""

from collections.abc import Sequence

from plait.findings.evidence import Evidence
from plait.findings.words import decimals
from plait.paper.wide_models import WIDE, equal_size
from plait.paper.wide_pairs import LAYOUTS, LONG, LONGEST, POSITIONS, laid_out, pair, with_positions
from plait.report.document import Block, Column, Entry, Lines, Table
from plait.report.wide_measured import lead_entry, lead_of, mean_entry, seeds_entry, summary_of

_FULL, _RECURRENT = equal_size(WIDE, window=None)[1:]


def positions_part(found: Evidence) -> tuple[Block, ...]:
    """Positions of attention, hybrid and Transformer of its size, full window, separators."""
    rows: list[tuple[Entry, ...]] = []
    kept: tuple[dict[str, float], dict[str, float]] = {}, {}
    for kind in POSITIONS:
        models = with_positions(kind)
        there = [
            summary_of(found, model, separator=True, length=length)
            for model in models
            for length in (LONG, LONGEST)
        ]
        if all(one is None for one in there):
            continue
        leads = [
            lead_of(found, pair(*models, separator=True, free=True, length=length))
            for length in (LONG, LONGEST)
        ]
        for means, far in zip(kept, there[1::2], strict=True):
            means.update({} if far is None else {kind: far.mean})
        rows.append(
            (
                Entry(text=kind, value=kind),
                *map(mean_entry, there),
                *map(lead_entry, leads),
                seeds_entry(there),
            )
        )
    what = "**Positions of attention** (full window, separators, equal parameters, trained at 0.2)."
    best = [
        f"the {name} with {_most(means)} ({_listed(means)})"
        for name, means in zip(("hybrid", "Transformer"), kept, strict=True)
        if len(means) > 1
    ]
    said = f" At {LONGEST:,} tokens {' and '.join(best)} keep{'s' * (len(best) == 1)} most." if best else ""
    return _part(what + said, _missing(POSITIONS, [row[0].text for row in rows]), _POSITIONS, rows)


def layouts_part(found: Evidence) -> tuple[Block, ...]:
    """Layouts of the hybrid's layers beside the Transformer and the SSM of its size, full window, separators."""
    rows: list[tuple[Entry, ...]] = []
    kept: tuple[dict[str, float], dict[str, float]] = {}, {}
    models = {
        **{pattern: laid_out(pattern) for pattern in LAYOUTS},
        _FULL.pattern: _FULL,
        _RECURRENT.pattern: _RECURRENT,
    }
    for pattern, model in models.items():
        there = [summary_of(found, model, separator=True, length=length) for length in (LONG, LONGEST)]
        if all(one is None for one in there):
            continue
        leads = [
            lead_of(found, pair(model, _FULL, separator=True, free=True, length=length))
            for length in (LONG, LONGEST)
        ]
        for means, one in zip(kept, there, strict=True):
            means.update({} if one is None or pattern not in LAYOUTS else {pattern: one.mean})
        over = map(lead_entry, (None, None) if pattern == _FULL.pattern else leads)
        rows.append((Entry(text=pattern, value=pattern), *map(mean_entry, there), *over, seeds_entry(there)))
    what = "**The hybrid's layout** (full window, separators, equal parameters, trained at 0.2)."
    best = [
        f"at {length:,} tokens {_most(means)} ({_listed(means)})"
        for length, means in zip((LONG, LONGEST), kept, strict=True)
        if len(means) > 1
    ]
    said = f" The layout that keeps most: {' and '.join(best)}." if best else ""
    missing = _missing(LAYOUTS, [row[0].text for row in rows])
    return _part(what + said, missing, _LAYOUTS, rows if any(kept) else ())


_POSITIONS = (
    Column(name="positions", title="positions", numeric=False),
    *(
        Column(name=f"{name.lower()}_{length}", title=f"{name}, {length:,}")
        for name in ("hybrid", "Transformer", "lead")
        for length in (LONG, LONGEST)
    ),
    Column(name="seeds", title="seeds"),
)
_LAYOUTS = (
    Column(name="layout", title="layout", numeric=False),
    *(Column(name=f"at_{length}", title=f"{length:,} tokens") for length in (LONG, LONGEST)),
    *(Column(name=f"over_{length}", title=f"over the Transformer, {length:,}") for length in (LONG, LONGEST)),
    Column(name="seeds", title="seeds"),
)


def _part(
    text: str, missing: str, columns: tuple[Column, ...], rows: Sequence[tuple[Entry, ...]]
) -> tuple[Block, ...]:
    caption = columns[0].title
    made = Table(caption=f"By {caption}", columns=columns, rows=tuple(rows))
    return (Lines(lines=(f"{text}{missing}",)), *((made,) if rows else ()))


def _missing(wanted: Sequence[str], there: Sequence[str]) -> str:
    rest = [one for one in wanted if one not in there]
    if len(rest) == len(wanted):
        return " Not trained yet."
    return f" Not trained yet: {', '.join(rest)}." if rest else ""


def _most(means: dict[str, float]) -> str:
    return max(means, key=lambda name: means[name])


def _listed(means: dict[str, float]) -> str:
    return ", ".join(f"{name} {decimals(mean)}" for name, mean in means.items())
