"""Where the rows of a figure are from: how they were trained, what is missing, versions, devices, the command."""

import re
from collections.abc import Sequence
from itertools import chain

import polars as pl

from plait.checks import counted, in_line
from plait.experiments import NUMERICS, SCHEMA_VERSION, Experiment, left_out, summarise
from plait.findings.claims import protocol_lines
from plait.findings.evidence import Evidence, StoredRows
from plait.findings.figure import Figure
from plait.report.document import Lines, Section
from plait.report.tables import sweep_notes

LEFT_OUT, ORIGIN = "Left out", "How this was made"
"""Titles of the sections, for `Report.with_sections(.., before=..)`."""

VERSIONS = f"numerical version {NUMERICS}, schema version {SCHEMA_VERSION}"

_PROVENANCE = {"plait": "plait", "torch": "PyTorch", "python": "Python", "device": "device"}

_UNRECORDED = {"not installed": "run from a source tree, its version not recorded"}
"""What early rows say of plait's version."""

MOST_NAMED = 8
"""Models that are named one by one where they were not run."""
NOT_TRAINED = ": not run"

_COUNTED = re.compile(r" and (\d+) more models?$")
"""How `left_out` ends a list of models that it cut."""


def origin_sections(
    figure: Figure,
    evidence: Evidence,
    commands: Sequence[str] = (),
    *,
    folder: str | None = None,
    prefix: str = "",
) -> list[Section]:
    """What of the experiment is not stored, if anything, and where the rest comes from.

    Args:
        figure: whose rows they are.
        commands: what makes the rows; worked out where none are given.
        folder: where they lie, and the rest will.
    """
    sections: list[Section] = []
    if missing := missing_lines(evidence):
        of_all = reproduce_commands(figure, evidence, full=True, folder=folder)
        more = f"{' and '.join(of_all)} {'trains' if len(of_all) == 1 else 'train'} the rest"
        sections.append(Section(title=prefix + LEFT_OUT, blocks=(Lines(lines=(*missing, more)),)))
    made = (*protocol_lines(evidence.cells), *made_lines(evidence), VERSIONS)
    commands = tuple(commands) or reproduce_commands(figure, evidence, folder=folder)
    blocks = (Lines(lines=made, listed=True), Lines(lines=commands, code=True))
    return [*sections, Section(title=prefix + ORIGIN, blocks=blocks)]


def page_lines(evidence: Evidence) -> list[str]:
    """The same in a few lines, for a page of results."""
    missing = missing_lines(evidence)
    untrained = [_shortened(line) for line in missing if line.endswith(NOT_TRAINED)]
    elsewhere = bool(evidence.experiment.evaluations)
    # Rates and seeds are told, no interval: one sample is enough of them.
    notes = sweep_notes([summarise(cell, samples=1) for cell in evidence.cells]) if elsewhere else []
    return [
        *protocol_lines(evidence.cells), *notes, *missing[:1], *untrained, *made_lines(evidence), VERSIONS,
    ]  # fmt: skip


def missing_lines(evidence: Evidence) -> tuple[str, ...]:
    """What is not trained: of the whole, of some models, and whole models."""
    return tuple(chain.from_iterable(_missing(form, evidence.stored) for form in evidence.in_forms))


def made_lines(evidence: Evidence) -> list[str]:
    """How many members, and what made them."""
    stored, forms = evidence.stored, evidence.in_forms
    rows = pl.concat([stored.own(form) for form in forms]).unique("member", maintain_order=True)
    measured = [found for form in forms if (found := stored.measured(form)) is not None]
    if not measured:
        n_diverged = rows["diverged_at"].is_not_null().sum()
        return [f"{counted(len(rows), 'trained member')}, {n_diverged:,} of them diverged; {_made_by(rows)}"]
    # The measured weights were trained where they were measured, wherever the member's own row is from.
    tests = pl.concat(measured).unique(["member", "evaluation"], maintain_order=True)
    return [
        f"{counted(len(rows), 'trained member')}, measured {counted(len(tests), 'time')} in all; {_made_by(tests)}"
    ]


def reproduce_commands(
    figure: Figure, evidence: Evidence, *, full: bool = False, folder: str | None = None
) -> tuple[str, ...]:
    """What trains these rows, a command a setting: the plain form where it has them all, else the full one.

    Args:
        full: whether all of the experiment is meant.
        folder: where they lie.
    """
    end = () if folder is None else ("-o", folder)
    commands: list[str] = []
    for form in evidence.in_forms:
        quick = frozenset(chain.from_iterable(form.quick_form().members()))
        whole = full or not set(evidence.stored.own(form)["member"]) <= quick
        commands.append(figure.command(*(("--full",) if whole else ()), *figure.setting_options(form), *end))
    return tuple(commands)


def _missing(experiment: Experiment, stored: StoredRows) -> tuple[str, ...]:
    members = dict(zip(chain.from_iterable(experiment.members()), experiment.expand(), strict=True))
    return left_out(experiment, [members[member] for member in stored.own(experiment)["member"]])


def _shortened(line: str) -> str:
    """Models that were not run, by name if they are few."""
    models = line.removesuffix(NOT_TRAINED)
    beyond = _COUNTED.search(models)
    n_models = len(_COUNTED.sub("", models).split(", ")) + (int(beyond[1]) if beyond else 0)
    return line if n_models <= MOST_NAMED else f"{n_models} of its models{NOT_TRAINED}"


def _made_by(rows: pl.DataFrame) -> str:
    """Versions and devices, the commonest first, with how many rows where there are several."""
    words = []
    for column, title in _PROVENANCE.items():
        counts = rows[column].value_counts(sort=True).rows()
        several = len(counts) > 1
        values = [
            f"{in_line(_UNRECORDED.get(value, str(value)))}{f' ({count:,})' if several else ''}"
            for value, count in sorted(counts, key=lambda pair: (-pair[1], pair[0]))
        ]
        words.append(f"{title} {', '.join(values)}")
    return "; ".join(words)
