"""Tables and sentences of what models hold, with the unit of every column: the same for a terminal and for a page."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from plait.advisor.capacities import Capacity
from plait.advisor.sizing import LONGEST_COUNTED, AnyLength, Sized
from plait.checks import counted
from plait.memory import Crossing, MemoryReport

if TYPE_CHECKING:
    from plait.advisor.plans import MemoryPlan

GIB = 1 << 30
"""Bytes."""

SCALARS, BYTES, _TOKENS = "scalars", "bytes", "tokens"


@dataclass(frozen=True, kw_only=True)
class Head:
    """Of a column; `unit` is "" for words."""

    name: str
    unit: str = ""


@dataclass(frozen=True, kw_only=True)
class Sheet:
    """A table."""

    title: str
    heads: tuple[Head, ...]
    rows: tuple[tuple[Any, ...], ...]


_PARTS = (
    ("ssm_state", Head(name="recurrent state", unit=SCALARS)),
    ("conv_tail", Head(name="convolutions", unit=SCALARS)),
    ("kv_cache", Head(name="keys and values", unit=SCALARS)),
    ("kv_bytes", Head(name="keys and values", unit=BYTES)),
    ("state_bytes", Head(name="held", unit=BYTES)),
    ("stored_bytes", Head(name="in storage", unit=BYTES)),
)

_COSTS = (
    ("seq_len", Head(name="length", unit=_TOKENS)),
    ("matmul_flops", Head(name="products with weights", unit="operations")),
    ("attention_flops", Head(name="attention", unit="operations")),
    ("recurrence_flops", Head(name="recurrence", unit="operations")),
    ("weight_bytes", Head(name="weights read", unit=BYTES)),
    ("state_bytes", Head(name="state moved", unit=BYTES)),
    ("flops_per_byte", Head(name="intensity", unit="operations a byte")),
)

_MODEL = Head(name="model")
_LENGTH = Head(name="length", unit=_TOKENS)


def gibibytes(n: int) -> float:
    """Bytes in GiB of 2^30."""
    return n / GIB


def layers_sheet(report: MemoryReport) -> Sheet:
    """One length of one model, a row a run of like layers."""
    parts = (("parameters", Head(name="parameters", unit=SCALARS)), *_PARTS)
    rows = [(row["layers"], row["kind"], *(row[key] for key, _ in parts)) for row in report.rows()]
    title = f"one sequence after {counted(report.seq_len, 'token')} ({report.convention}, {report.phase})"
    heads = (Head(name="layers"), Head(name="kind"), *(head for _, head in parts))
    return Sheet(title=title, heads=heads, rows=tuple(rows))


def lengths_sheet(sized: Sequence[Sized]) -> Sheet:
    """What one sequence holds, a row a length of each model."""
    rows = [
        (one.name, report.seq_len, *(getattr(report, key) for key, _ in _PARTS))
        for one in sized
        for report in one.reports
    ]
    first = sized[0].reports[0]
    heads = (_MODEL, _LENGTH, *(head for _, head in _PARTS))
    return Sheet(title=f"one sequence ({first.convention}, {first.phase})", heads=heads, rows=tuple(rows))


def totals_sheet(sized: Sequence[Sized]) -> Sheet:
    """Weights, what all sequences hold, and the sum; with a budget, what fits into it."""
    heads = [
        _MODEL, _LENGTH, Head(name="weights", unit=BYTES), Head(name="weights", unit="GiB"),
        Head(name="held by all", unit=BYTES), Head(name="held by all", unit="GiB"),
        Head(name="sum", unit=BYTES), Head(name="sum", unit="GiB"),
    ]  # fmt: skip
    rows: list[tuple[Any, ...]] = []
    for one in sized:
        for i, report in enumerate(one.reports):
            figures = (report.weight_bytes, report.batch_bytes, report.total_bytes)
            row = [one.name, report.seq_len, *(x for n in figures for x in (n, _gib(n)))]
            if one.fit is not None:
                row += [one.fit.sequences[i], _longest_told(one.fit.longest)]
            rows.append(tuple(row))
    first = sized[0].reports[0]
    fit = sized[0].fit
    if fit is not None:
        heads += [Head(name="that fit", unit="sequences"), Head(name="longest that fits", unit=_TOKENS)]
    budget = "" if fit is None else f"; into {fit.budget:,} bytes ({gibibytes(fit.budget):,.4g} GiB)"
    title = f"weights and {counted(first.batch, 'sequence')}{budget}"
    return Sheet(title=title, heads=tuple(heads), rows=tuple(rows))


def models_sheet(sized: Sequence[Sized]) -> Sheet:
    """Several models beside each other."""
    heads = (
        _MODEL, Head(name="parameters", unit=SCALARS), Head(name="weights in"), Head(name="verified"),
        Head(name="held at once", unit=BYTES), Head(name="growth", unit="bytes a token"),
        Head(name="less than full attention from", unit=_TOKENS),
    )  # fmt: skip
    rows: list[tuple[Any, ...]] = []
    for one in sized:
        report, crossing = one.reports[0], one.crossing
        limits = (
            (None, None, None)
            if crossing is None
            else (crossing.fixed_bytes, crossing.bytes_per_token, crossing.length)
        )
        rows.append((one.name, report.parameters, report.weights_in, one.model.verified, *limits))
    return Sheet(title="models", heads=heads, rows=tuple(rows))


def costs_sheet(sized: Sequence[Sized]) -> Sheet:
    """Operations and bytes of a pass, a row a length of each model."""
    rows = [
        (one.name, *(getattr(cost, key) for key, _ in _COSTS[:-1]), float(cost.flops_per_byte))
        for one in sized
        for cost in one.costs
    ]
    first = sized[0].costs[0]
    title = f"one {first.phase} pass of one sequence, all of it in {first.dtype}"
    return Sheet(title=title, heads=(_MODEL, *(head for _, head in _COSTS)), rows=tuple(rows))


def plan_sheet(plan: "MemoryPlan") -> Sheet:
    """The mixes of a model's layers, a row each."""
    units = {
        "parameters": SCALARS, "state_bytes": BYTES, "flops_per_token": "operations", "bytes_per_token": BYTES,
        "window": _TOKENS,
    }  # fmt: skip
    names = {
        "state_bytes": "held", "flops_per_token": "a token's work", "bytes_per_token": "a token moves"
    }  # fmt: skip
    rows = plan.rows()
    title = (
        f"{plan.model}, {plan.dtype}: {counted(plan.items, 'word')} recalled after {counted(plan.seq_len, 'token')} "
        f"within {plan.budget:,} bytes"
    )
    heads = tuple(Head(name=names.get(key, key), unit=units.get(key, "")) for key in rows[0])
    return Sheet(title=title, heads=heads, rows=tuple(tuple(row.values()) for row in rows))


def without_names(sheet: Sheet) -> Sheet:
    """The same without its first column: of one model alone."""
    return Sheet(title=sheet.title, heads=sheet.heads[1:], rows=tuple(row[1:] for row in sheet.rows))


def _longest_told(longest: int | AnyLength | None) -> int | str | None:
    if isinstance(longest, AnyLength):
        return "any length"
    return f"{longest:,} or more" if longest == LONGEST_COUNTED else longest


def _gib(n: int | None) -> float | int | None:
    """Whole ones from a thousand on."""
    return None if n is None else round(n / GIB) if n >= 1000 * GIB else n / GIB


def bytes_told(n: int) -> str:
    """Bytes, in GiB too from a hundredth of one on."""
    gib = gibibytes(n)
    return f"{n:,} bytes" if gib < 0.01 else f"{n:,} bytes ({gib:,.4g} GiB)"


def weights_told(one: Sized) -> str:
    """Parameters and bytes of weights, and whether the formulas are tested."""
    first = one.reports[0]
    told = f"{one.name}: {first.parameters:,} parameters, "
    if first.weight_bytes is None:
        told += f"weights of unknown size in {first.weights_in}"
    else:
        told += f"{bytes_told(first.weight_bytes)} in {first.weights_in}"
    return told if one.model.verified else f"{told} (not verified against a class: see the notes)"


def notes_of(one: Sized) -> tuple[str, ...]:
    """What a reader of the figures must know, each once."""
    notes = list(one.reports[0].notes)
    for report in one.reports:
        if report.file_kv_bytes is not None:
            notes.append(
                f"the file keeps keys and values in {float(report.file_kv_bits or 0):g} bits a scalar: "
                f"{bytes_told(report.file_kv_bytes)} after {counted(report.seq_len, 'token')}"
            )
    notes += [one.unknown] if one.unknown else []
    notes += () if one.crossing is None else one.crossing.notes
    notes += one.capacity.notes if one.capacity is not None and _bounded(one.capacity) else ()
    return tuple(dict.fromkeys(notes))


def limits_told(one: Sized) -> tuple[str, ...]:
    """Where it crosses full attention and what it can recall, as far as that is known."""
    crosses = () if one.crossing is None else (_crossing_told(one.crossing),)
    return crosses if one.capacity is None else (*crosses, _capacity_told(one.capacity))


def fits_told(one: Sized) -> tuple[str, ...]:
    """What is not counted in what fits."""
    if one.fit is None:
        return ()
    return ("what fits: beside the weights; activations and a framework's own memory are not counted",)


def _crossing_told(crossing: Crossing) -> str:
    less = "at no length" if crossing.length is None else f"from {crossing.length:,} tokens on"
    return f"less state than with full attention in every layer: {less}"


def _bounded(capacity: Capacity) -> bool:
    return capacity.recurrent_bits + capacity.window_bits > 0


def _capacity_told(capacity: Capacity) -> str:
    if not _bounded(capacity):
        return "all that it holds grows with the text: no bound on what it can recall"
    words, tokens = capacity.recall_items, capacity.list_tokens
    return (
        f"what does not grow can recall at most {counted(words, 'word')}, "
        f"or a list of {counted(tokens, 'token')}"
    )
