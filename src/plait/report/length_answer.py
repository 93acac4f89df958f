"""What Figure 8's rows say, in words and tables: longer rows, other proportions, positions of attention, layouts."""

from collections.abc import Sequence

from plait.findings.evidence import Evidence
from plait.findings.judges import difference_text
from plait.findings.leads import ModelPair
from plait.findings.number_text import decimals, signed
from plait.model import HybridConfig
from plait.paper.fig8 import FIG8_LENGTHS
from plait.paper.tab1 import PROPORTIONS
from plait.paper.wide_models import (
    BASE_LR,
    LONG,
    MIDDLE,
    WIDE,
    WIDE_LONGEST,
    as_run,
    at,
    authors_mamba,
    equal_size,
    hybrid,
    pair,
    transformer,
)
from plait.report.document import Block, Column, Entry, Lines, Table
from plait.report.proportion_answer import shown_reading
from plait.report.wide_measured import (
    Lead,
    layouts_part,
    lead_of,
    mean_entry,
    means_over,
    named,
    positions_part,
    seeds_entry,
    summary_of,
    told,
)

LOGGED = {"hybrid": "0.711 to 0.733", "Transformer": "0.606 to 0.647", "Mamba": "about 0.2"}
"""Means over the lengths 10, 20, .. 190 that the released program logged."""

SHORT_LENGTHS = tuple(length for length in FIG8_LENGTHS if length <= LONG)
SHOWN = (10, MIDDLE, LONG, WIDE_LONGEST)

_RUN, _EQUAL = as_run(WIDE), equal_size(WIDE)
_FULL, _FULL_EQUAL = (
    (hybrid(WIDE, window=None), transformer(WIDE, window=None)),
    equal_size(WIDE, window=None),
)


def length_answer(found: Evidence, proportions: Evidence) -> tuple[Block, ...]:
    """The answer, the table that it rests on, what else follows, and positions and layouts.

    Args:
        found: Figure 8's rows.
        proportions: Table 1's.
    """
    return (
        Lines(lines=(_headline(found, proportions),)),
        _accuracies(found),
        Lines(lines=tuple(_sentences(found)), listed=True),
        *positions_part(found),
        *layouts_part(found),
    )


def _headline(found: Evidence, proportions: Evidence) -> str:
    """A sentence each: length, other proportions, and whether the paper was right for the right reason."""
    run = lead_of(found, pair(*_RUN[:2]))
    mended = lead_of(found, pair(*_EQUAL[:2], separator=True, free=True))
    over_ssm = lead_of(found, pair(_EQUAL[0], _EQUAL[2], separator=True, free=True))
    wide = {
        name: lead
        for name, other in (("Transformer", _FULL_EQUAL[1]), ("SSM", _EQUAL[2]))
        if (
            lead := lead_of(
                found, pair(_FULL_EQUAL[0], other, separator=True, free=True, length=WIDE_LONGEST)
            )
        )
    }
    chosen = mended is not None and mended.rates > 1
    alone = (
        " (the rate not chosen there)" if chosen and any(lead.rates == 1 for lead in wide.values()) else ""
    )
    told = " and ".join(f"{lead.text} over that {name}" for name, lead in wide.items())
    far = f"; with a full window {told} at {WIDE_LONGEST:,}{alone}" if wide else ""
    table = shown_reading(proportions) or "what Table 1 shows is not trained yet"
    return f"**{_longer(run, mended, over_ssm)}{far}. {_elsewhere(proportions)}. {_right(run, mended)}; {table}.**"


def _longer(run: Lead | None, mended: Lead | None, over_ssm: Lead | None) -> str:
    judged = mended or run
    if judged is None:
        return "Whether hybrids of 100 M keep more at longer lengths is not trained yet"
    says = {1: "keep more", 0: "do not surely keep more", -1: "keep less"}[judged.sign]
    start = f"Hybrids of 100 M {says} at longer lengths"
    if mended is None:
        return f"{start}: at {LONG} tokens as run {judged.text} over a Transformer of 151 M"
    ssm = "" if over_ssm is None else f" and {over_ssm.text} over an SSM"
    return f"{start}: at {LONG} tokens {mended.text} over a Transformer{ssm} of their size"


def _elsewhere(found: Evidence) -> str:
    """Repaired models, trained at each proportion and tested at each other one."""
    over = {
        name: leads
        for name, other in zip(("Transformer", "SSM"), _EQUAL[1:], strict=True)
        if (leads := _over_at_others(found, other))
    }
    if not over:
        return "Other proportions are not trained yet"
    counted = ", and ".join(
        f"above that {name} at {sum(lead.sign > 0 for lead in leads)} of {len(leads)} pairs and below at "
        f"{sum(lead.sign < 0 for lead in leads)} ({_span(leads)})"
        for name, leads in over.items()
    )
    alone = any(lead.difference.seeds == 1 for leads in over.values() for lead in leads)
    by = (
        "by intervals that leave 0 out, or by the number of a single seed"
        if alone
        else "by intervals that leave 0 out"
    )
    return f"Trained at one bit proportion and tested at another, they are {counted}, {by}"


def _span(leads: Sequence[Lead]) -> str:
    means = [lead.mean for lead in leads]
    return f"{signed(min(means))} to {signed(max(means))}"


def _over_at_others(found: Evidence, other: HybridConfig) -> list[Lead]:
    pairs = (
        pair(_EQUAL[0], other, separator=True, free=True, p_bit=trained, tested=tested, length=MIDDLE)
        for trained in PROPORTIONS
        for tested in PROPORTIONS
        if tested != trained
    )
    return [lead for one in pairs if (lead := lead_of(found, one)) is not None]


def _right(run: Lead | None, mended: Lead | None) -> str:
    if run is None or mended is None:
        return "Whether the lead of Figure 8 is owed to the program's defects is open"
    if mended.sign <= 0:
        left = "not certain" if mended.sign == 0 else "none"
        rates = " and each model has the best of its learning rates" if mended.rates > 1 else ""
        joined = (
            "rows have separators, sizes are equal" if rates else "rows have separators and sizes are equal"
        )
        return f"The paper's lead (as run {run.text}) is {left} once {joined}{rates}"
    if mended.mean >= run.mean:
        return f"The paper is right, and without the program's defects more clearly than as run ({run.text})"
    lost = 1 - mended.mean / run.mean
    return (
        f"The paper is right in direction, but {lost:.0%} of its lead (as run {run.text}) are rows without separators "
        "and a larger Transformer"
    )


_TABLE = (
    Column(name="rows", title="rows", numeric=False),
    Column(name="window", title="window", numeric=False),
    Column(name="model", title="model", numeric=False),
    *(Column(name=f"at_{length}", title=f"{length:,} tokens") for length in SHOWN),
    Column(name="seeds", title="seeds"),
)


def _accuracies(found: Evidence) -> Table:
    """Every trained model of interest at `SHOWN` lengths, intervals at the long ones."""
    models: dict[bool, tuple[HybridConfig, ...]] = {
        False: (*_RUN[:2], _EQUAL[1], *_RUN[2:], authors_mamba(WIDE), _EQUAL[2], *_FULL),
        True: (*_EQUAL[:2], _RUN[1], _EQUAL[2], _RUN[2], *_FULL_EQUAL[:2]),
    }
    rows: list[tuple[Entry, ...]] = []
    for separator, kinds in models.items():
        for model in kinds:
            there = [summary_of(found, model, separator=separator, length=length) for length in SHOWN]
            first = next((one for one in there if one is not None), None)
            if first is None:
                continue
            labels = (
                f"{'with' if separator else 'without'} separators",
                "full" if model.window is None else str(model.window),
                named(model, first),
            )
            entries = [
                mean_entry(one, spread=length >= LONG) for length, one in zip(SHOWN, there, strict=True)
            ]
            rows.append((*(Entry(text=text, value=text) for text in labels), *entries, seeds_entry(there)))
    return Table(
        caption="Accuracy over all tokens of a test, trained and tested at the proportion 0.2",
        columns=_TABLE,
        rows=tuple(rows),
    )


def _sentences(found: Evidence) -> list[str]:
    means = {name: means_over(found, model, SHORT_LENGTHS) for name, model in zip(LOGGED, _RUN, strict=True)}
    logged = [
        f"{name} {' to '.join(dict.fromkeys(map(decimals, span)))} (logged {LOGGED[name]})"
        for name, span in means.items()
        if span is not None
    ]
    texts = [
        f"Mean over the {len(SHORT_LENGTHS)} lengths as run and scored as run, by seed: {'; '.join(logged)}."
        if logged
        else "",
        _told_lead(found, WIDE_LONGEST, "32 times the longest example of training"),
        _recurrent(found),
        _products(found),
    ]
    return [text for text in texts if text]


def _told_lead(found: Evidence, length: int, what: str) -> str:
    kinds = {
        "as run": pair(*_RUN[:2], length=length),
        "repaired": pair(*_EQUAL[:2], separator=True, free=True, length=length),
        "with a full window and no separator": pair(*_FULL, length=length),
        "repaired, full window": pair(*_FULL_EQUAL[:2], separator=True, free=True, length=length),
    }
    leads = {name: lead_of(found, one) for name, one in kinds.items()}
    words = [f"{name} {lead.text} ({lead.means})" for name, lead in leads.items() if lead]
    return f"At {length:,} tokens, {what}, the lead is: {'; '.join(words)}." if words else ""


def _recurrent(found: Evidence) -> str:
    """The pure SSMs, which the paper has at the floor."""
    run, begun = (
        [summary_of(found, model, separator=False, length=length) for length in (LONG, WIDE_LONGEST)]
        for model in (_RUN[2], authors_mamba(WIDE))
    )
    over = lead_of(found, pair(_EQUAL[2], _EQUAL[1], separator=True, free=True))
    words: list[str] = []
    if run[0] is not None and run[1] is not None:
        words.append(
            f"The Mamba of 32 layers as run, begun as that of transformers, has {told(run[0])} at {LONG} tokens and "
            f"{told(run[1])} at {WIDE_LONGEST:,}, where the program logged {LOGGED['Mamba']} as its mean"
        )
    if begun[0] is not None and begun[1] is not None:
        lower = run[0] is not None and run[0].accuracies.max() < begun[0].accuracies.min()
        words.append(
            f"begun as its authors' it has {told(begun[0])} and {told(begun[1])}"
            f"{', so the weights that it begins with make it fall so low' if lower else ''}"
        )
    if over is not None:
        words.append(f"repaired, an SSM of 12 layers is {over.text} over the Transformer at {LONG}")
    return f"{'; '.join(words)}." if words else ""


def _products(found: Evidence) -> str:
    kinds = {
        name: ModelPair(
            first=at(model, separator=False, p_bit=0.2, length=LONG),
            second=at(model, separator=False, p_bit=0.2, length=LONG, products="float32"),
            lrs=(BASE_LR,),
        )
        for name, model in zip(LOGGED, _RUN, strict=True)
    }
    words = [
        f"{name} {difference_text(lead.difference)} ({lead.means})"
        for name, one in kinds.items()
        if (lead := lead_of(found, one)) is not None
    ]
    return (
        f"Products in bfloat16 less those in float32 at {LONG} tokens, as run: {'; '.join(words)}."
        if words
        else ""
    )
