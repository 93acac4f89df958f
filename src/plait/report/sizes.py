"""A page of what models hold: the tables of `plait memory`, and a drawing."""

from collections.abc import Sequence
from itertools import cycle
from typing import TYPE_CHECKING

from plait.advisor.sheets import (
    GIB,
    Sheet,
    costs_sheet,
    fits_told,
    layers_sheet,
    lengths_sheet,
    limits_told,
    models_sheet,
    notes_of,
    totals_sheet,
    weights_told,
)
from plait.advisor.sizing import Curve, Sized
from plait.checks import counted
from plait.report.document import Column, Entry, Lines, Picture, Report, Section, Table
from plait.report.svg_file import drawn_text

if TYPE_CHECKING:
    from matplotlib.figure import Figure

COLORS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9")


def sizes_report(found: Sequence[Sized], curves: Sequence[Curve]) -> Report:
    """Every model of `found` at every length, with what is held drawn against the length."""
    first = found[0].reports[0]
    overview = [_table(models_sheet(found)), _table(totals_sheet(found), fits_told(found[0]))]
    overview += [_table(costs_sheet(found))] if found[0].costs else []
    overview.append(_table(lengths_sheet(found)))
    return Report(
        title="What models hold",
        question=f"{counted(first.batch, 'sequence')}, counted from the config files alone",
        sections=(
            Section(title="Sizes", blocks=(*overview, _picture(curves))),
            *(_model_section(one) for one in found),
        ),
    )


def sizes_plot(curves: Sequence[Curve]) -> "Figure":
    """GiB held against tokens, both logarithmic; the comparison dashed."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(6.4, 4.0), layout="constrained")
    axes = figure.subplots()
    for curve, color in zip(curves, cycle(COLORS), strict=False):
        points = [(x, y / GIB) for x, y in curve.points if y]
        xs, ys = zip(*points, strict=True) if points else ((), ())
        line = "--" if curve.compared else "-"
        axes.plot(xs, ys, line, color=color, label=drawn_text(curve.name))
    axes.set_xscale("log", base=2)
    axes.set_yscale("log", base=2)
    axes.set(xlabel="length (tokens)", ylabel="state and cache (GiB)")
    axes.grid(visible=True, color="#dddddd", linewidth=0.6)
    axes.spines[["top", "right"]].set_visible(False)
    axes.legend(frameon=False, fontsize="small")
    return figure


def _picture(curves: Sequence[Curve]) -> Picture:
    ends = "; ".join(
        f"{c.name}: {c.points[0][1]:,} bytes after {c.points[0][0]:,} tokens, "
        f"{c.points[-1][1]:,} after {c.points[-1][0]:,}"
        for c in curves
    )
    return Picture(
        caption="State and cache of all sequences against their length, both axes logarithmic",
        draw=lambda: sizes_plot(curves),
        tell=lambda: f"State and cache against length. {ends}",
        name="sizes",
    )


def _model_section(one: Sized) -> Section:
    lines = Lines(lines=(weights_told(one), *limits_told(one)))
    tables = [_table(layers_sheet(report)) for report in one.reports]
    notes = notes_of(one)
    return Section(title=one.name, blocks=(lines, *tables, *((Lines(lines=notes),) if notes else ())))


def _table(sheet: Sheet, notes: tuple[str, ...] = ()) -> Table:
    numeric = [
        all(isinstance(row[i], int | float | None) for row in sheet.rows) for i in range(len(sheet.heads))
    ]
    columns = tuple(
        Column(
            name=f"{h.name} {h.unit}".strip(), title=f"{h.name} [{h.unit}]" if h.unit else h.name, numeric=n
        )
        for h, n in zip(sheet.heads, numeric, strict=True)
    )
    rows = tuple(tuple(_entry(value) for value in row) for row in sheet.rows)
    return Table(caption=sheet.title, columns=columns, rows=rows, notes=notes)


def _entry(value: object) -> Entry:
    if value is None:
        return Entry(text="-")
    if isinstance(value, bool):
        return Entry(text="yes" if value else "no", value=value)
    if isinstance(value, int):
        return Entry(text=f"{value:,}", value=value)
    return Entry(text=f"{value:.4g}" if isinstance(value, float) else str(value), value=value)
