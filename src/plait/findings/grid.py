"""The models that a claim speaks of and of which nothing is trained in a reading; with one missing it is open."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from plait.checks import parse_choices
from plait.experiments import Experiment, cell_label
from plait.findings.evidence import Evidence, StoredRows

MOST_NAMED = 6
"""Models that are named; of more it would fill the line."""


def untrained(found: Evidence, only: Sequence[str]) -> tuple[str, ...]:
    """The models of a slice that lack a cell, in any of the settings or at any place where they are to be measured.

    Told by what differs in the slice; one that lacks it in some of several settings with these: `d8 (dropout 0.1)`.

    Args:
        only: the slice, as `plait reproduce NAME --only` takes it; empty for the whole experiment.
    """
    fields = parse_choices("the slice of a claim", only)
    lacking: dict[str, list[str]] = {}
    for form in found.in_forms:
        for name in _lacking(form, found.stored, fields):
            lacking.setdefault(name, []).append(form.setting.title)
    every = len(found.in_forms)
    return tuple(
        name if len(titles) == every else f"{name} ({', '.join(titles)})" for name, titles in lacking.items()
    )


def untrained_text(names: Sequence[str]) -> str:
    """`not trained: TF-TF d8, SSM-TF d8 and 3 more`; empty where there are none."""
    if not names:
        return ""
    more = f" and {len(names) - MOST_NAMED} more" if len(names) > MOST_NAMED else ""
    return f"not trained: {', '.join(names[:MOST_NAMED])}{more}"


def _lacking(form: Experiment, stored: StoredRows, fields: Mapping[str, Sequence[Any]]) -> Iterator[str]:
    placed = stored.placed(form)
    n_places = max(1, len(form.evaluations))
    # A learning rate or seed leaves no cell out.
    kept = {path: values for path, values in fields.items() if path not in ("train.lr", "train.seed")}
    sliced = {repr(varied) for varied in form.where(kept).places()}
    asked = {number: varied for number, varied in enumerate(form.places()) if repr(varied) in sliced}
    values = {path: {repr(varied[path]) for varied in asked.values()} for path in form.varied}
    for number, varied in asked.items():
        there = range(number * n_places, (number + 1) * n_places)
        if not all(place in placed for place in there):
            yield cell_label({p: v for p, v in varied.items() if len(values[p]) > 1} or varied)
