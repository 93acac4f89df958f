"""Reports: of one figure, and of whatever a folder of results holds, with the training losses of its models."""

import os
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np
import polars as pl

from plait.checks import counted, in_line
from plait.experiments import Cell, Store, StoreError, aggregated, summarise
from plait.experiments.fields import cell_label
from plait.findings.evidence import StoredRows
from plait.findings.figure import AS_TRAINED, Figure, StoredFigure, read, stored_figures
from plait.findings.members import cells_of_members
from plait.paper import catalogue
from plait.report.assemble import figure_blocks, first_picture, member_blocks
from plait.report.document import Column, Entry, Picture, Report, Section, Table
from plait.report.origin import origin_sections
from plait.report.styles import MOST_OF_A_PATTERN, pattern_styles
from plait.report.verdict_table import summary_blocks
from plait.training.result import loss_figure

if TYPE_CHECKING:
    from matplotlib.figure import Figure as Drawing


_MOST_CURVES = 8
"""Of one picture; of more models, or more of one pattern than there are dashes, each pattern has its best."""


@dataclass(frozen=True, kw_only=True)
class MeanCurve:
    """The mean loss in nats over a cell's seeds at these steps."""

    label: str
    pattern: str
    steps: tuple[int, ...]
    losses: tuple[float, ...]


def loss_picture(cells: Sequence[Cell], rows: pl.DataFrame, *, name: str) -> Picture | None:
    """The loss curves of the cells, from their stored rows; None where no row has a curve."""
    told = _told(cells)
    named = _differing([cell.settings for cell in told])
    curves = [
        curve
        for cell in told
        if (curve := _mean_curve(cell, rows, {path: cell.settings.get(path) for path in named})) is not None
    ]
    if not curves:
        return None

    def draw() -> "Drawing":
        told = [(curve.label, curve.steps, curve.losses) for curve in curves]
        styles = pattern_styles((curve.label, curve.pattern) for curve in curves)
        return loss_figure(told, {label: (style.color, style.dash) for label, style in styles.items()})

    def tell() -> str:
        ends = (f"{c.label} from {c.losses[0]:.3f} to {c.losses[-1]:.3f}" for c in curves)
        return f"Training loss in nats over {curves[0].steps[-1]:,} steps: {'; '.join(ends)}."

    of = "each model" if _fit(cells) else "each pattern's most accurate model"
    return Picture(
        caption=f"Training loss by steps of {of}, at its chosen learning rate, a mean over seeds",
        draw=draw,
        tell=tell,
        name=name,
        brief="Training loss by steps",
    )


def _fit(cells: Sequence[Cell]) -> bool:
    of_one = Counter(cell.pattern for cell in cells).values()
    return len(cells) <= _MOST_CURVES and max(of_one, default=0) <= MOST_OF_A_PATTERN


def _told(cells: Sequence[Cell]) -> list[Cell]:
    if _fit(cells):
        return list(cells)
    best: dict[str, Cell] = {}
    for cell in sorted(cells, key=lambda cell: summarise(cell).mean):
        best[cell.pattern] = cell
    return list(best.values())[:_MOST_CURVES]


def _differing(settings: Sequence[Mapping[str, Any]]) -> list[str]:
    """Pattern and width, and what else the models do not have in common."""
    paths = dict.fromkeys(path for one in settings for path in one)
    return [
        path
        for path in paths
        if path in ("model.pattern", "model.d_model")
        or any(one.get(path) != settings[0].get(path) for one in settings)
    ]


def _mean_curve(cell: Cell, rows: pl.DataFrame, named: Mapping[str, Any]) -> MeanCurve | None:
    """`named` are the settings that its label tells."""
    if cell.members is None:
        return None
    members = cell.members[summarise(cell).chosen].tolist()
    found = rows.filter(pl.col("member").is_in(members) & (pl.col("losses").list.len() > 0))
    curves = found.sort("member").unique("member", maintain_order=True).select("loss_steps", "losses").rows()
    steps = {tuple(steps) for steps, _ in curves}
    if len(steps) != 1:
        return None
    losses = np.array([losses for _, losses in curves], dtype=float).mean(axis=0)
    return MeanCurve(
        label=cell_label(named),
        pattern=cell.pattern,
        steps=steps.pop(),
        losses=tuple(float(loss) for loss in losses),
    )


RESULTS = "Results"
"""Title of the first section; those of the others are in origin.py."""
SUMMARY = "In short"
_OTHERS = "Other members"


def experiment_report(
    figure: Figure,
    rows: pl.DataFrame,
    *,
    evaluations: pl.DataFrame | None = None,
    commands: Sequence[str] = (),
    folder: str | None = None,
) -> Report:
    """Results, what of the whole experiment is not among `rows`, and where they come from.

    Args:
        figure: with its whole experiment, whatever slice of it was run, in the setting that was run.
        rows: stored members; those of other experiments are ignored.
        evaluations: members measured elsewhere, for experiments that ask for it.
        commands: what makes these results and this report again.
        folder: where the rows lie.

    Raises:
        StoreError: no cell of the experiment has a seed with all its learning rates.
    """
    evidence = read(figure.experiment, StoredRows(rows=rows, evaluations=evaluations))
    if not evidence.cells:
        raise StoreError(f"no results of experiment {figure.name!r} to report yet")
    stored = StoredFigure(figure=figure, readings=((AS_TRAINED, evidence),))
    losses = loss_picture(evidence.cells, rows, name=f"{figure.name}-loss")
    results = Section(title=RESULTS, blocks=(*figure_blocks(stored), *([losses] if losses else ())))
    sections = (results, *origin_sections(figure, evidence, commands, folder=folder))
    return Report(title=f"plait: {figure.name}", question=figure.experiment.question, sections=sections)


def folder_report(folder: str | os.PathLike[str]) -> Report:
    """The figures of the catalogue that a folder's members come from, and what else it holds.

    Raises:
        StoreError: no such folder, an empty one, or a damaged shard.
    """
    store = Store.for_reading(folder)
    stored = StoredRows(rows=store.read(), evaluations=store.read_evaluations())
    figures, accounted = stored_figures(catalogue.FIGURES.values(), stored)
    trained = set(stored.rows["member"])
    sections: list[Section] = []
    if len(figures) > 1:
        first = first_picture(figures[0])
        picture = first and replace(first, name=f"summary-{first.name}")
        sections.append(Section(title=SUMMARY, blocks=summary_blocks(figures, picture=picture)))
    for one in figures:
        sections += _figure_sections(one, folder=str(folder))
    if others := trained - accounted:
        rows = stored.rows.filter(pl.col("member").is_in(sorted(others)))
        sections.append(_others(rows, title=_OTHERS if figures else RESULTS))
    return Report(
        title="plait: results",
        question=f"What the folder {folder} holds: {counted(len(trained), 'trained member')}.",
        sections=tuple(sections),
    )


def _figure_sections(stored: StoredFigure, *, folder: str) -> list[Section]:
    name, several = stored.figure.name, len(stored.readings) > 1
    sections = [Section(title=f"{name}: {RESULTS}", blocks=figure_blocks(stored))]
    for reading, evidence in stored.readings:
        prefix = f"{name}, {reading.title}: " if several else f"{name}: "
        sections += origin_sections(stored.figure, evidence, folder=folder, prefix=prefix)
    return sections


def _others(rows: pl.DataFrame, *, title: str) -> Section:
    """What members of no figure say, as those of one are told; rows of lost code in a bare table."""
    cells, lost = cells_of_members(rows)
    tables = (_members_table(lost),) if len(lost) else ()
    losses = loss_picture(cells, rows, name="members-loss")
    blocks = (*(member_blocks(cells) if cells else ()), *([losses] if losses else ()), *tables)
    return Section(title=title, blocks=blocks)


def _members_table(rows: pl.DataFrame) -> Table:
    table = aggregated(rows, ("task", "pattern", "d_model", "steps", "lr"))
    columns = [
        Column(name=name, title=name, numeric=name not in ("task", "pattern")) for name in table.columns
    ]
    return Table(
        caption="Members whose task or layer is not there any more",
        columns=tuple(columns),
        rows=tuple(tuple(_entry(value) for value in row) for row in table.rows()),
    )


def _entry(value: object) -> Entry:
    text = "-" if value is None else f"{value:.4g}" if isinstance(value, float) else in_line(str(value))
    return Entry(text=text, value=value)
