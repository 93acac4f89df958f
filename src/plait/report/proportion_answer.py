"""What Table 1's rows say, in words and tables: accuracy where a model was trained, and at the proportion it names."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass

from plait.checks import are, counted
from plait.experiments import Summary
from plait.findings.beside_paper import CLOSE
from plait.findings.evidence import Evidence
from plait.findings.judges import READING
from plait.findings.number_text import decimals, signed, with_and
from plait.model import HybridConfig
from plait.paper.tab1 import COLUMN, IN_TABLE, PRINTED, PROPORTIONS
from plait.paper.wide_models import MIDDLE, WIDE, as_run, equal_size, pair
from plait.report.document import Block, Column, Entry, Lines, Table
from plait.report.wide_measured import Lead, lead_of, mean_entry, seeds_entry, summary_of

_RUN: Mapping[str, HybridConfig] = dict(zip(PRINTED, as_run(WIDE), strict=True))
_MENDED: Mapping[str, HybridConfig] = dict(zip(PRINTED, equal_size(WIDE), strict=True))


def proportion_answer(found: Evidence) -> tuple[Block, ...]:
    """The answer, Table 1 in both readings beside the printed one, and what is left of robustness."""
    repaired = _readings(found, separator=True)
    counted = [line for separator in (False, True) for line in _robustness(found, separator=separator)]
    return (
        Lines(lines=(_headline(found),)),
        _readings(found, separator=False),
        *((Lines(lines=tuple(counted), listed=True),) if counted else ()),
        *((repaired,) if repaired.rows else ()),
    )


def shown_reading(found: Evidence) -> str:
    """What Table 1 shows, by which reading of ours is nearer to it; empty where nothing is trained."""
    off = _off(found)
    if off is None:
        return ""
    there, elsewhere = off.means
    if there < elsewhere:
        return "Table 1 is accuracy at the training proportion, not robustness to another one"
    return f"Table 1 is nearer to accuracy at {COLUMN:g} than to accuracy at the training proportion"


def _headline(found: Evidence) -> str:
    off = _off(found)
    if off is None:
        return "**What Table 1 shows is not trained yet.**"
    there, elsewhere = off.means
    return (
        f"**{shown_reading(found)}.** Hybrid and Transformer as run are at {MIDDLE} tokens on average "
        f"{decimals(there)} off the {off.numbers} printed numbers of which both readings are measured "
        f"({_spread(off.seeds)} each) when they are tested where they were trained, and {decimals(elsewhere)} when "
        f"they are tested at {COLUMN:g}, as the table says.{_open(found)}{_left(found)}"
    )


def _open(found: Evidence) -> str:
    """The printed numbers that are further than `CLOSE` from our mean, and not between our seeds, where it was trained.

    Of three seeds what they span stands for an interval; a printed number is rounded to `READING`.
    """
    far: list[str] = []
    numbers = 0
    for name, model in _RUN.items():
        for p_bit, value in zip(IN_TABLE, PRINTED[name], strict=True):
            near, _ = _both(found, model, separator=False, p_bit=p_bit)
            if near is None:
                continue
            numbers += 1
            low, high = float(near.accuracies.min()) - READING, float(near.accuracies.max()) + READING
            if abs(value - near.mean) > CLOSE and not low <= value <= high:
                seeds = _spread({near.seeds})
                far.append(
                    f"{name} trained at {p_bit:g} ({value:.2f} for our {decimals(near.mean)}, {seeds})"
                )
    if far:
        return (
            f" Of the {numbers} numbers that are measured where the model was trained {len(far)} {are(len(far))} "
            f"further than {decimals(CLOSE, 2)} from our mean and outside of what our seeds span, so open: "
            f"{'; '.join(far)}."
        )
    if numbers < len(_RUN) * len(IN_TABLE):
        return ""
    return (
        f" Each of its {numbers} numbers, the SSM's too, lies between our lowest and highest seed, or within "
        f"{decimals(CLOSE, 2)} of our mean, where the model was trained."
    )


def _left(found: Evidence) -> str:
    """The hybrid's lead once models are repaired, from the least to the most over training proportions."""
    spans: list[str] = []
    for where, tested in (("there", None), (f"at {COLUMN:g}", COLUMN)):
        pairs = (
            pair(
                *tuple(_MENDED.values())[:2],
                separator=True,
                free=True,
                p_bit=p_bit,
                tested=p_bit if tested is None else tested,
                length=MIDDLE,
            )
            for p_bit in IN_TABLE
        )
        leads = [lead for one in pairs if (lead := lead_of(found, one)) is not None]
        if len(leads) == len(IN_TABLE):
            means = [lead.mean for lead in leads]
            spans.append(f"{signed(min(means))} to {signed(max(means))} {where}")
    if len(spans) < 2:
        return ""
    return f" Repaired, the hybrid is {' and '.join(spans)} over a Transformer of its size."


@dataclass(frozen=True, kw_only=True)
class _Off:
    """How far hybrid and Transformer as run are off printed numbers.

    Args:
        means: of the distances where they were trained, and at `COLUMN`.
        numbers: how many there are.
        seeds: of each of them.
    """

    means: tuple[float, float]
    numbers: int
    seeds: frozenset[int]


def _off(found: Evidence) -> _Off | None:
    off: list[tuple[float, float]] = []
    seeds: set[int] = set()
    for name in ("hybrid", "Transformer"):
        for p_bit, value in zip(IN_TABLE, PRINTED[name], strict=True):
            there, elsewhere = _both(found, _RUN[name], separator=False, p_bit=p_bit)
            if there is not None and elsewhere is not None:
                off.append((abs(there.mean - value), abs(elsewhere.mean - value)))
                seeds |= {there.seeds, elsewhere.seeds}
    if not off:
        return None
    near, far = (sum(column) / len(off) for column in zip(*off, strict=True))
    return _Off(means=(near, far), numbers=len(off), seeds=frozenset(seeds))


def _spread(seeds: Collection[int]) -> str:
    """`1 to 3 seeds`; `1 seed`."""
    if len(seeds) > 1:
        return f"{min(seeds)} to {max(seeds)} seeds"
    return counted(max(seeds), "seed")


def _both(
    found: Evidence, model: HybridConfig, *, separator: bool, p_bit: float
) -> tuple[Summary | None, Summary | None]:
    """Tested where it was trained, and at `COLUMN`."""
    near, far = (
        summary_of(found, model, separator=separator, p_bit=p_bit, tested=tested, length=MIDDLE)
        for tested in (p_bit, COLUMN)
    )
    return near, far


def _columns(*, printed: bool) -> tuple[Column, ...]:
    made = [Column(name="trained_at", title="trained at")]
    for name in PRINTED:
        key = name.lower()
        made += [Column(name=f"{key}_paper", title=f"{name}, printed")] if printed else []
        made += [
            Column(name=f"{key}_there", title=f"{name} there"),
            Column(name=f"{key}_at", title=f"{name} at {COLUMN:g}"),
        ]
        made += [Column(name=f"{key}_seeds", title="seeds")]
    return tuple(made)


def _readings(found: Evidence, *, separator: bool) -> Table:
    """Each model tested where it was trained and at `COLUMN`; the printed number first where they are as run."""
    rows: list[tuple[Entry, ...]] = []
    for place, p_bit in enumerate(IN_TABLE):
        row = [Entry(text=f"{p_bit:g}", value=p_bit)]
        measured = False
        for name, model in (_MENDED if separator else _RUN).items():
            both = _both(found, model, separator=separator, p_bit=p_bit)
            measured |= any(one is not None for one in both)
            value = PRINTED[name][place]
            row += [] if separator else [Entry(text=decimals(value, 2), value=value)]
            row += [*map(mean_entry, both), seeds_entry(both)]
        if measured or not separator:
            rows.append(tuple(row))
    kinds = "repaired: separators, equal parameters" if separator else "as run, the SSM with 32 layers"
    return Table(
        caption=f"Table 1 in both readings at {MIDDLE} tokens, models {kinds}",
        columns=_columns(printed=not separator),
        rows=tuple(rows),
    )


def _robustness(found: Evidence, *, separator: bool) -> list[str]:
    """The hybrid's lead over each other model wherever training and test differ."""
    models = tuple((_MENDED if separator else _RUN).values())
    how = "repaired" if separator else "as run"
    lines: list[str] = []
    for name, other in zip(("Transformer", "SSM"), models[1:], strict=True):
        leads = {
            (p, q): lead
            for p in PROPORTIONS
            for q in PROPORTIONS
            if p != q
            for lead in [
                lead_of(
                    found,
                    pair(
                        models[0],
                        other,
                        separator=separator,
                        free=separator,
                        p_bit=p,
                        tested=q,
                        length=MIDDLE,
                    ),
                )
            ]
            if lead is not None
        }
        lines += [_counted(how, name, leads)] if leads else []
    return lines


def _counted(how: str, name: str, leads: Mapping[tuple[float, float], Lead]) -> str:
    low, high = (choose(leads, key=lambda key: leads[key].mean) for choose in (min, max))
    several = {key: lead for key, lead in leads.items() if lead.difference.interval is not None}
    single = {key: lead for key, lead in leads.items() if key not in several}
    said: list[str] = []
    if several:
        ahead, behind = (sum(lead.sign == sign for lead in several.values()) for sign in (1, -1))
        seeds = {lead.difference.seeds for lead in several.values()}
        said.append(
            f"of {_pairs_of(several)}, {_spread(seeds)} each, it is above at {ahead} and below at {behind} by "
            "intervals that leave 0 out"
        )
    if single:
        higher = sum(lead.mean > 0 for lead in single.values())
        said.append(
            f"of {_pairs_of(single)}, one seed each and so without an interval, its number is the higher one at "
            f"{higher}"
        )
    return (
        f"Tested at another proportion than that of training, {how}, the hybrid over the {name}: {'; '.join(said)}. "
        f"The least is {signed(leads[low].mean)} (trained at {low[0]:g}, tested at {low[1]:g}), the most "
        f"{signed(leads[high].mean)} ({high[0]:g}, {high[1]:g})."
    )


def _pairs_of(leads: Mapping[tuple[float, float], Lead]) -> str:
    """`12 pairs (trained at 0.2 and 0.9)`."""
    trained = with_and([f"{p:g}" for p in sorted({p for p, _ in leads})])
    return f"{counted(len(leads), 'pair')} (trained at {trained})"
