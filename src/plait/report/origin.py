"""What a folder of results holds of an experiment: its rows, whether it was run, what is missing, where it is from."""

from collections.abc import Sequence
from itertools import chain

import polars as pl

from plait.experiments import (
    NUMERICS,
    SCHEMA_VERSION,
    Experiment,
    left_out,
)
from plait.findings.evidence import StoredRows
from plait.findings.figure import Figure
from plait.paper import catalogue
from plait.report.document import Block, Lines, Section

LEFT_OUT, ORIGIN = "Left out", "How this was made"
"""Titles of the sections, for `Report.with_sections(.., before=..)`."""

_PROVENANCE = {"plait": "plait", "torch": "PyTorch", "python": "Python", "device": "device"}

_UNRECORDED = {"not installed": "run from a source tree, its version not recorded"}
"""What early rows say of plait's version."""


def shown_figures(stored: StoredRows) -> tuple[list[Figure], set[str]]:
    """The figures that were run, in the catalogue's order, and the members that they account for.

    One of which only members are stored that a fuller one has as well was not run.
    """
    trained = set(stored.rows["member"])
    parts: dict[str, tuple[float, set[str]]] = {}
    for name, figure in catalogue.FIGURES.items():
        experiment = figure.experiment
        own = set(chain.from_iterable(experiment.members()))
        if own & trained and stored.cells(experiment):
            parts[name] = (len(own & trained) / len(own), own & trained)
    names: set[str] = set()
    accounted: set[str] = set()
    for name, (_, members) in sorted(parts.items(), key=lambda item: -item[1][0]):
        if members - accounted or catalogue.FIGURES[name].experiment.evaluations:
            names.add(name)
            accounted |= members
    return [figure for name, figure in catalogue.FIGURES.items() if name in names], accounted


def origin_report(
    experiment: Experiment, stored: StoredRows, commands: Sequence[str] = (), *, prefix: str = ""
) -> list[Section]:
    """What of the experiment is not stored, if anything, and where the rest comes from."""
    members = dict(zip(chain.from_iterable(experiment.members()), experiment.expand(), strict=True))
    own, measured = stored.own(experiment), stored.measured(experiment)
    missing = left_out(experiment, [members[member] for member in own["member"]])
    sections: list[Section] = []
    if missing:
        more = f"plait reproduce {experiment.name} --full trains the rest"
        sections.append(Section(title=prefix + LEFT_OUT, blocks=(Lines(lines=(*missing, more)),)))
    sections.append(Section(title=prefix + ORIGIN, blocks=_origin(own, measured, commands)))
    return sections


def _origin(rows: pl.DataFrame, measured: pl.DataFrame | None, commands: Sequence[str]) -> tuple[Block, ...]:
    versions = f"numerical version {NUMERICS}, schema version {SCHEMA_VERSION}"
    if measured is None:
        n_diverged = rows["diverged_at"].is_not_null().sum()
        made = f"{len(rows):,} trained members, {n_diverged:,} of them diverged; {_made_by(rows)}"
    else:  # the measured weights were trained where they were measured, wherever the member's own row is from
        made = f"{len(rows):,} trained members, measured {len(measured):,} times in all; {_made_by(measured)}"
    lines = (made, versions)
    return (Lines(lines=lines), *((Lines(lines=tuple(commands), code=True),) if commands else ()))


def _made_by(rows: pl.DataFrame) -> str:
    """Versions and devices, the commonest first, with how many rows where there are several."""
    words = []
    for column, title in _PROVENANCE.items():
        counts = rows[column].value_counts(sort=True).rows()
        several = len(counts) > 1
        values = [
            f"{_UNRECORDED.get(value, value)}{f' ({count:,})' if several else ''}"
            for value, count in sorted(counts, key=lambda pair: (-pair[1], pair[0]))
        ]
        words.append(f"{title} {', '.join(values)}")
    return "; ".join(words)
