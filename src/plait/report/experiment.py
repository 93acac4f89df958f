"""The report of an experiment: what was asked, what came out beside what others found, and how to get it again."""

import os
from collections.abc import Sequence

import polars as pl

from plait.experiments import (
    NUMERICS,
    SCHEMA_VERSION,
    Experiment,
    Store,
    StoreError,
    Summary,
    aggregated,
    cells,
    left_out,
    member_id,
    summarise,
)
from plait.experiments.paper import CATALOGUE, PAPER, RATIOS, RERUN, RERUN_SOURCE, Reference
from plait.report.document import Block, Column, Entry, Figure, Lines, Report, Section, Table
from plait.report.plots import accuracy_alt, accuracy_plot, svg_text
from plait.report.tables import ratio_table, results_table

RESULTS, LEFT_OUT, ORIGIN = "Results", "Left out", "How this was made"
"""Titles of the sections, for `Report.with_sections(.., before=..)`."""


def experiment_report(experiment: Experiment, rows: pl.DataFrame, *, commands: Sequence[str] = ()) -> Report:
    """Results, what of the whole experiment is not among `rows`, and where they come from.

    Args:
        experiment: the whole experiment, whatever slice of it was run.
        rows: stored members; those of other experiments are ignored.
        commands: what makes these results and this report again.

    Raises:
        StoreError: no cell of the experiment has a seed with all its learning rates.
    """
    return Report(
        title=f"plait: {experiment.name}",
        question=experiment.question,
        sections=tuple(_sections(experiment, rows, commands)),
    )


def folder_report(folder: str | os.PathLike[str]) -> Report:
    """Every experiment of the catalogue that the folder holds members of, and what else it holds.

    Raises:
        StoreError: no such folder, an empty one, or a damaged shard.
    """
    rows = Store.for_reading(folder).read()
    sections: list[Section] = []
    known: set[str] = set()
    for experiment in CATALOGUE.values():
        found = cells(experiment, rows)
        known |= {member_id(run) for run in experiment.expand()}
        if found:
            command = f"plait reproduce {experiment.name} -o {folder}"
            sections += _sections(experiment, rows, (command,), prefix=f"{experiment.name}: ")
    others = rows.filter(~pl.col("member").is_in(sorted(known)))
    if len(others):
        sections.append(Section(title="Other members", blocks=(_members_table(others),)))
    return Report(
        title="plait: results",
        question=f"What the folder {folder} holds: {len(rows)} trained members.",
        sections=tuple(sections),
    )


def _sections(
    experiment: Experiment, rows: pl.DataFrame, commands: Sequence[str], *, prefix: str = ""
) -> list[Section]:
    found = cells(experiment, rows)
    if not found:
        raise StoreError(f"no results of experiment {experiment.name!r} to report yet")
    summaries = [summarise(cell) for cell in found]
    members = {member_id(run): run for run in experiment.expand()}
    own = rows.filter(pl.col("member").is_in(list(members)))
    missing = left_out(experiment, [members[member] for member in own["member"]])
    sections = [Section(title=prefix + RESULTS, blocks=tuple(_results(experiment, summaries)))]
    if missing:
        more = f"plait reproduce {experiment.name} --full trains the rest"
        sections.append(Section(title=prefix + LEFT_OUT, blocks=(Lines(lines=(*missing, more)),)))
    sections.append(Section(title=prefix + ORIGIN, blocks=_origin(own, commands)))
    return sections


def _results(experiment: Experiment, summaries: Sequence[Summary]) -> list[Block]:
    name, patterns = experiment.name, {summary.cell.pattern for summary in summaries}
    paper, rerun = (_of_patterns(source.get(name, ()), patterns) for source in (PAPER, RERUN))
    blocks: list[Block] = [results_table(summaries, paper=paper, rerun=rerun)]
    if rerun:
        blocks.append(Lines(lines=(f"rerun: {RERUN_SOURCE}",)))
    if set(experiment.varied) <= {"model.pattern", "model.d_model"}:
        plot = accuracy_plot(summaries, paper=paper, rerun=rerun)
        caption = "Accuracy against parameters: lines ours, bars 95% intervals over seeds"
        caption += ", hollow marks the paper's" if paper else ""
        caption += ", crosses the independent rerun's" if rerun else ""
        svg = svg_text(plot, name=f"{name}-accuracy")
        blocks.append(Figure(caption=caption, alt=accuracy_alt(summaries), svg=svg))
        table = ratio_table([summary.cell for summary in summaries], reported=RATIOS.get(name, ()))
        blocks += [table] if table is not None else []
    return blocks


def _of_patterns(references: Sequence[Reference], patterns: set[str]) -> tuple[Reference, ...]:
    return tuple(reference for reference in references if reference.pattern in patterns)


def _origin(rows: pl.DataFrame, commands: Sequence[str]) -> tuple[Block, ...]:
    versions = [
        f"{title} {', '.join(sorted(rows[column].unique().to_list()))}"
        for column, title in (
            ("plait", "plait"),
            ("torch", "PyTorch"),
            ("python", "Python"),
            ("device", "device"),
        )
    ]
    n_diverged = rows["diverged_at"].is_not_null().sum()
    lines = (
        f"{len(rows)} trained members, {n_diverged} of them diverged; {'; '.join(versions)}",
        f"numerical version {NUMERICS}, schema version {SCHEMA_VERSION}",
    )
    return (Lines(lines=lines), *((Lines(lines=tuple(commands), code=True),) if commands else ()))


def _members_table(rows: pl.DataFrame) -> Table:
    names = ("task", "pattern", "d_model", "steps", "lr")
    table = aggregated(rows, names)
    columns = [
        Column(name=name, title=name, numeric=name not in ("task", "pattern")) for name in table.columns
    ]
    return Table(
        caption="Members of no experiment of the catalogue",
        columns=tuple(columns),
        rows=tuple(tuple(_entry(value) for value in row) for row in table.rows()),
    )


def _entry(value: object) -> Entry:
    text = "-" if value is None else f"{value:.4g}" if isinstance(value, float) else str(value)
    return Entry(text=text, value=value)
