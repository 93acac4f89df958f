"""The report of an experiment: what was asked, what came out beside what others found, and how to get it again."""

import os
from collections.abc import Sequence

import polars as pl

from plait.experiments import (
    Cell,
    Store,
    StoreError,
    aggregated,
    summarise,
)
from plait.findings.evidence import Evidence, StoredRows
from plait.findings.figure import Figure
from plait.findings.members import cells_of_members, view_of
from plait.findings.reported import Reference, ReferenceRatio
from plait.findings.series import Panel, panels, telling
from plait.findings.sides import ratios_by_pattern
from plait.findings.verdicts import verdict_lines
from plait.paper import RERUN_SOURCE
from plait.report.comparisons import matrix_table, paired_table
from plait.report.document import Block, Column, Entry, Lines, Picture, Report, Section, Table
from plait.report.origin import origin_report, shown_figures
from plait.report.plots import panel_alt, panel_plot
from plait.report.proved import proved_points
from plait.report.ratio_plot import ratio_alt, ratio_plot
from plait.report.svg import svg_text
from plait.report.tables import ratio_table, results_table

OTHERS = "Other members"
RESULTS = "Results"
"""Title of the first section; those of the others are in stored.py."""


def experiment_report(
    figure: Figure,
    rows: pl.DataFrame,
    *,
    evaluations: pl.DataFrame | None = None,
    commands: Sequence[str] = (),
) -> Report:
    """Results, what of the whole experiment is not among `rows`, and where they come from.

    Args:
        figure: with its whole experiment, whatever slice of it was run.
        rows: stored members; those of other experiments are ignored.
        evaluations: members measured elsewhere, for experiments that ask for it.
        commands: what makes these results and this report again.

    Raises:
        StoreError: no cell of the experiment has a seed with all its learning rates.
    """
    return Report(
        title=f"plait: {figure.name}",
        question=figure.experiment.question,
        sections=tuple(_sections(figure, StoredRows(rows=rows, evaluations=evaluations), commands)),
    )


def folder_report(folder: str | os.PathLike[str]) -> Report:
    """The experiments of the catalogue that a folder's members come from, and what else it holds.

    Experiments share members; one is shown if it accounts for members that no fuller one does, or for
    evaluations.

    Raises:
        StoreError: no such folder, an empty one, or a damaged shard.
    """
    store = Store.for_reading(folder)
    stored = StoredRows(rows=store.read(), evaluations=store.read_evaluations())
    trained = set(stored.rows["member"])
    shown, accounted = shown_figures(stored)
    sections: list[Section] = []
    for figure in shown:
        command = f"plait reproduce {figure.name} -o {folder}"
        sections += _sections(figure, stored, (command,), prefix=f"{figure.name}: ")
    if others := trained - accounted:
        rows = stored.rows.filter(pl.col("member").is_in(sorted(others)))
        sections.append(Section(title=OTHERS, blocks=tuple(_other_blocks(rows))))
    return Report(
        title="plait: results",
        question=f"What the folder {folder} holds: {len(trained)} trained members.",
        sections=tuple(sections),
    )


def _sections(
    figure: Figure,
    stored: StoredRows,
    commands: Sequence[str],
    *,
    prefix: str = "",
) -> list[Section]:
    experiment = figure.experiment
    found = stored.cells(experiment)
    if not found:
        raise StoreError(f"no results of experiment {experiment.name!r} to report yet")
    results = Section(title=prefix + RESULTS, blocks=tuple(_results(figure, found, stored)))
    return [results, *origin_report(experiment, stored, commands, prefix=prefix)]


def _results(figure: Figure, found: Sequence[Cell], stored: StoredRows) -> list[Block]:
    experiment, patterns = figure.experiment, {cell.pattern for cell in found}
    paper, rerun = (_of_patterns(source, patterns) for source in (figure.paper, figure.rerun))
    known = {id(cell): summarise(cell) for cell in found}
    blocks: list[Block] = []
    if figure.says:
        blocks.append(Lines(lines=(f"The paper: {figure.says}",)))
    judged = verdict_lines(
        figure.claims, Evidence(experiment=experiment, cells=tuple(found), stored=stored), marked=False
    )
    if judged:
        blocks.append(Lines(lines=judged))
    blocks.append(results_table(list(known.values()), paper=paper, rerun=rerun))
    if rerun:
        blocks.append(Lines(lines=(f"The rerun: {RERUN_SOURCE.partition(': ')[2]}.",)))
    for place, view in enumerate(experiment.views):
        shown = telling(panels(view, found, summary=lambda cell: known.get(id(cell)) or summarise(cell)))
        for number, panel in enumerate(shown):
            name = f"{figure.name}-{place}-{number}"
            blocks.append(_picture(panel, name, paper, rerun, proved_points(experiment)))
            if view.y is not None:
                blocks.append(matrix_table(panel))
            if view.ratio:
                blocks += _ratio_blocks(panel, name, figure.ratios)
    if not experiment.evaluations:
        paired = paired_table(found)
        blocks += [paired] if paired is not None else []
    return blocks


def _other_blocks(rows: pl.DataFrame) -> list[Block]:
    """What members of no experiment say, as one of the catalogue is told; rows of lost code in a bare table."""
    found, lost = cells_of_members(rows)
    blocks: list[Block] = []
    if found:
        known = {id(cell): summarise(cell) for cell in found}
        blocks.append(results_table(list(known.values())))
        view = view_of(found)
        shown = telling(panels(view, found, summary=lambda cell: known.get(id(cell)) or summarise(cell)))
        for number, panel in enumerate(shown):
            blocks.append(_picture(panel, f"members-{number}", (), (), ()))
            if view.ratio:
                blocks += _ratio_blocks(panel, f"members-{number}", ())
        paired = paired_table(found)
        blocks += [paired] if paired is not None else []
    if len(lost):
        blocks.append(_members_table(lost))
    return blocks


def _picture(
    panel: Panel,
    name: str,
    paper: Sequence[Reference],
    rerun: Sequence[Reference],
    proved: Sequence[Reference],
) -> Picture:
    if panel.view.x != "parameters":
        paper = rerun = proved = ()
    plot = panel_plot(panel, paper=paper, rerun=rerun, proved=proved)
    caption = f"{panel.title}: a" if panel.title else "A"
    caption += f"ccuracy against {panel.x_label}"
    caption += "" if panel.view.y else ": lines ours, bars 95% intervals over seeds"
    caption += ", hollow marks the paper's" if paper else ""
    caption += ", crosses the independent rerun's" if rerun else ""
    caption += ", stars models built by hand and proved" if proved else ""
    return Picture(caption=caption, alt=panel_alt(panel), svg=svg_text(plot, name=name))


def _ratio_blocks(panel: Panel, name: str, reported: Sequence[ReferenceRatio]) -> list[Block]:
    found = [point.summary.cell for line in panel.lines for point in line.points]
    ratios = ratios_by_pattern(found)
    table = ratio_table(found, reported=reported, title=panel.title)
    if ratios is None or table is None:
        return []
    caption = (
        "Pure over hybrid parameters, by accuracy: lines measured, open triangles lower bounds, shaded 95%"
    )
    svg = svg_text(ratio_plot(ratios), name=f"{name}-ratio")
    return [table, Picture(caption=caption, alt=ratio_alt(ratios), svg=svg)]


def _of_patterns(references: Sequence[Reference], patterns: set[str]) -> tuple[Reference, ...]:
    return tuple(reference for reference in references if reference.pattern in patterns)


def _members_table(rows: pl.DataFrame) -> Table:
    names = ("task", "pattern", "d_model", "steps", "lr")
    table = aggregated(rows, names)
    columns = [
        Column(name=name, title=name, numeric=name not in ("task", "pattern")) for name in table.columns
    ]
    return Table(
        caption="Members whose task or layer is not there any more",
        columns=tuple(columns),
        rows=tuple(tuple(_entry(value) for value in row) for row in table.rows()),
    )


def _entry(value: object) -> Entry:
    text = "-" if value is None else f"{value:.4g}" if isinstance(value, float) else str(value)
    return Entry(text=text, value=value)
