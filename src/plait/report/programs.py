"""The table of the example programs, from what `benchmarks/programs.py` measured."""

import hashlib
import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from plait.compiler import Program, meaning_of, program_to_json
from plait.experiments import StoreError
from plait.report.document import Column, Entry, Table

FILE = "programs.json"
"""Name in a folder of results."""

_COLUMNS = (
    Column(name="program", title="program", numeric=False),
    Column(name="pattern", title="layers", numeric=False),
    Column(name="parameters", title="params"),
    Column(name="smallest", title="smallest"),
    Column(name="state_bits", title="state bits"),
    Column(name="windows", title="windows", numeric=False),
    Column(name="proof", title="float32", numeric=False),
    Column(name="gap", title="gap: proved / seen"),
    Column(name="small", title="every input"),
    Column(name="checked", title="sampled"),
    Column(name="wrong", title="wrong"),
    Column(name="ssm", title="pure SSM: bits"),
    Column(name="attention", title="pure attention: reach"),
    Column(name="alone", title="one kind alone: params, state bits, windows", numeric=False),
    Column(name="learned", title="learned by", numeric=False),
)

_NOTES = (
    "at 100 tokens; smallest: parameters with --smallest; float32: proved with rounding included, or carried, "
    "proved in exact arithmetic; gap: by how much the right logit leads (nats), proved of every input, and the "
    "least seen; every input: sequences of a small version, all of a length; sampled: scored tokens, "
    "adversarial inputs among them; pure models: least state, and least sum of (window - 1), to be right on "
    "every input; ≥ was found by a search of seconds, and more may be needed; one kind alone: the same program "
    "built with --only, (c) where float32 carries it; learned by: the smallest hybrid in results/ with a mean accuracy "
    "of at least 0.99, - where no member was trained on the same task",
)


def digest(program: Program) -> str:
    """Of what decides the program's answers."""
    meaning = json.dumps(meaning_of(program_to_json(program)), sort_keys=True)
    return hashlib.sha256(meaning.encode()).hexdigest()[:16]


def read_programs(folder: str | os.PathLike[str]) -> dict[str, Any]:
    """The rows in a folder of results; none where it has no such file.

    Raises:
        StoreError: a damaged file.
    """
    path = Path(folder) / FILE
    if not path.exists():
        return {}
    try:
        found = json.loads(path.read_text())
    except ValueError as error:
        raise StoreError(f"{path}: {error}") from error
    if not isinstance(found, dict):
        raise StoreError(f"{path}: an object is needed, a row a program")
    return found


def programs_table(found: Mapping[str, Any]) -> Table:
    """A row a program."""
    rows = tuple(_row(name, one) for name, one in found.items())
    return Table(caption="The example programs", columns=_COLUMNS, rows=rows, notes=_NOTES)


def _row(name: str, one: Mapping[str, Any]) -> tuple[Entry, ...]:
    verified, small, pure, learned = (one[key] for key in ("verified", "small", "pure", "learned"))
    about = "≥ " if pure["found"] else ""
    windows = ", ".join(map(str, one["windows"])) or "-"
    wrong = verified["wrong"] + small["wrong"]
    return (
        Entry(text=name, value=name),
        Entry(text=one["pattern"], value=one["pattern"]),
        _count(one["parameters"]),
        _count(one["smallest"]),
        _count(one["state_bits"]),
        Entry(text=windows, value=windows),
        Entry(text="proved" if one["proved"] else "carried", value=one["proved"]),
        Entry(text=f"{one['logit_gap']:.3g} / {verified['gap']:.3g}", value=one["logit_gap"]),
        Entry(text=f"{small['inputs']:,} of {small['seq_len']}", value=small["inputs"]),
        _count(verified["checked"]),
        _count(wrong),
        _bound(pure["state_bits"], about),
        _bound(pure["reach"], about),
        Entry(text=_alone(one), value=None),
        Entry(text=_learned(learned), value=None if learned is None else learned["parameters"]),
    )


def _bound(value: float, about: str) -> Entry:
    text = f"{about}{value:,.0f}" if value >= 1 else "-"
    return Entry(text=text, value=value)


def _alone(one: Mapping[str, Any]) -> str:
    """The models of one kind, but for one that the program is anyway."""
    told = [
        f"{alone['pattern']}: {alone['parameters']:,}, {alone['state_bits']:,}"
        + (f", {' + '.join(map(str, alone['windows']))}" if alone["windows"] else "")
        + ("" if alone["proved"] else " (c)")
        for alone in one["alone"].values()
        if alone is not None and alone["pattern"] != one["pattern"]
    ]
    return "; ".join(told) or "-"


def _learned(learned: Mapping[str, Any] | None) -> str:
    if learned is None:
        return "-"
    return f"{learned['pattern']}, {learned['parameters']:,} ({learned['accuracy']:.3f})"


def _count(number: int) -> Entry:
    return Entry(text=f"{number:,}", value=number)
