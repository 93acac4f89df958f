"""Markdown pages whose numbers come from stored results: what stands between markers is written anew.

    <!-- verdicts: all -->                          every claim with what our rows say to it
    <!-- section: fig4 -->                          an experiment: its verdicts, plots, tables, and how it was trained
    <!-- table: fig4 results -->                    a table, of one of the kinds in `TABLES`
    <!-- figure: fig4 0 -->                         the plots of the experiment's first view, as files beside the page
    <!-- value: fig4 results mean "SSM-TF d8" -->   one entry: the table's kind, a column, and the row's first entry

each up to the next <!-- end -->. Plots of experiments that no page shows any more are removed.
"""

import os
import re
import shlex
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from plait.checks.names import unknown
from plait.experiments import Store, StoreError
from plait.files import write_whole
from plait.findings.evidence import Evidence, StoredRows
from plait.findings.figure import Figure
from plait.findings.series import Panel
from plait.findings.sides import is_pure, ratios_by_pattern
from plait.paper import FIGURES, find_figure
from plait.report.document import Lines, Table
from plait.report.origin import LEFT_OUT, ORIGIN, origin_report, shown_figures
from plait.report.page_sections import not_run, protocol_block, section_tables, verdict_block
from plait.report.page_tables import OPEN_TABLES, TABLES, cells_of_panel, number_of
from plait.report.plots import panel_plot, panel_summary
from plait.report.proved import proved_points
from plait.report.ratio_plot import ratio_plot
from plait.report.svg import svg_text
from plait.report.verdict_table import verdict_table

if TYPE_CHECKING:
    from matplotlib.figure import Figure as Plot

NOTHING = "*not run yet*"

IMAGES = "images"

_MARKED = re.compile(
    r"(<!-- (verdicts|section|table|figure|value): ([^\n]*?) -->)(.*?)(<!-- end -->)", re.DOTALL
)


def update_page(page: str | os.PathLike[str], folder: str | os.PathLike[str]) -> bool:
    """Write the page anew from the results in `folder`, its images beside it; whether its text changed.

    Raises:
        StoreError: a damaged shard, or a page that cannot be read or written.
        ValueError: a marker that names what is not there.
    """
    path = Path(page)
    try:
        text = path.read_text()
        images: dict[str, str] = {}
        new = updated_text(text, folder, images=images)
        for name, svg in images.items():
            (path.parent / IMAGES).mkdir(exist_ok=True)
            write_whole(path.parent / IMAGES / name, svg.encode())
        for old in _plots_beside(path):
            if old.name not in images:
                old.unlink()
        if new != text:
            write_whole(path, new.encode())
    except OSError as error:
        raise StoreError(f"cannot update the page {str(path)!r}: {error.strerror or error}") from error
    return new != text


def updated_text(text: str, folder: str | os.PathLike[str], *, images: dict[str, str] | None = None) -> str:
    """The page's text with every marked place written anew.

    Args:
        folder: of results; one that is missing or empty leaves every place saying so.
        images: takes the plots by the names of their files.

    Raises:
        StoreError: a damaged shard.
        ValueError: a marker that names what is not there.
    """
    store = Store(folder)
    stored = StoredRows(rows=store.read(), evaluations=store.read_evaluations())
    known: dict[str, Evidence] = {}
    run = {figure.name for figure in shown_figures(stored)[0]}

    def found_of(name: str) -> Evidence:
        if name not in known:
            experiment = find_figure(name).experiment
            known[name] = Evidence(experiment=experiment, cells=stored.cells(experiment), stored=stored)
        return known[name]

    def replaced(match: re.Match[str]) -> str:
        begin, kind, rest, _, end = match.groups()
        words = shlex.split(rest)
        if not words:
            raise ValueError(f"a {kind} needs the name of an experiment, got {begin}")
        if kind == "verdicts":
            return f"{begin}\n\n{markdown_table(verdict_table(FIGURES.values(), found_of), caption=False)}\n\n{end}"
        figure, found = find_figure(words[0]), found_of(words[0])
        if kind == "value":
            return f"{begin}{_value(figure, found, words[1:]) if found.cells else NOTHING}{end}"
        if kind == "section":
            block = _section(figure, found, images) if words[0] in run else not_run(found.experiment)
            return f"{begin}\n\n{block}\n\n{end}"
        if not found.cells:
            return f"{begin}\n{NOTHING}\n{end}"
        block = (
            _table_block(figure, found, words[1:])
            if kind == "table"
            else _plots_block(figure, found, words[1:], images)
        )
        return f"{begin}\n\n{block}\n\n{end}"

    return _MARKED.sub(replaced, text)


def markdown_table(table: Table, *, brief: bool = True, caption: bool = True) -> str:
    """The table in Markdown, with its brief columns or all of them, its caption above and its notes below."""
    shown = [place for place, column in enumerate(table.columns) if column.brief or column.page or not brief]
    columns = [table.columns[place] for place in shown]
    lines = [
        _row([column.title for column in columns]),
        _row(["---:" if column.numeric else "---" for column in columns]),
        *(_row([row[place].text for place in shown]) for row in table.rows),
    ]
    notes = "".join(f"\n\n*{note}*" for note in table.notes)
    above = f"**{table.caption}**\n\n" if caption else ""
    return above + "\n".join(lines) + notes


def _row(entries: Sequence[str]) -> str:
    return f"| {' | '.join(entry.replace('|', chr(92) + '|') for entry in entries)} |"


def _section(figure: Figure, found: Evidence, images: dict[str, str] | None) -> str:
    figures = [
        _plots_block(figure, found, (str(place),), images) for place in range(len(found.experiment.views))
    ]
    blocks = [verdict_block(figure, found), *(figure for figure in figures if figure != NOTHING)]
    for table, folded in section_tables(figure, found):
        blocks.append(_folded(table) if folded else markdown_table(table))
    return "\n\n".join((*blocks, protocol_block(found)))


def _folded(table: Table) -> str:
    inside = markdown_table(table, caption=False)
    return f"<details>\n<summary>{table.caption}</summary>\n\n{inside}\n\n</details>"


def _plots_beside(page: Path) -> list[Path]:
    """The plots of the catalogue's experiments in the folder of a page's images."""
    names = "|".join(FIGURES)
    pattern = re.compile(rf"({names})-\d+-\d+(-ratio)?\.svg")
    return sorted(path for path in (page.parent / IMAGES).glob("*.svg") if pattern.fullmatch(path.name))


_LINES = {"origin": ORIGIN, "left-out": LEFT_OUT}
"""Kinds that are lines of text: what made the results, and what is missing."""


def _table_block(figure: Figure, found: Evidence, words: Sequence[str]) -> str:
    kind = words[0] if words else ""
    if kind in _LINES:
        return _lines_block(found, _LINES[kind])
    table = _table(figure, found, words)
    return NOTHING if table is None else markdown_table(table, brief=kind != "all")


def _table(figure: Figure, found: Evidence, words: Sequence[str]) -> Table | None:
    if not words or words[0] not in TABLES:
        raise ValueError(unknown("kind of table", words[0] if words else "", (*TABLES, *_LINES)))
    name = " ".join(words)
    if name not in found.remembered:
        found.remembered[name] = TABLES[words[0]](figure, found, words[1:])
    return found.remembered[name]


def _lines_block(found: Evidence, title: str) -> str:
    sections = origin_report(found.experiment, found.stored)
    blocks = [block for section in sections if section.title == title for block in section.blocks]
    lines = [line for block in blocks if isinstance(block, Lines) for line in block.lines]
    return "\n".join(f"- {line}" for line in lines) or "- nothing"


def _plots_block(figure: Figure, found: Evidence, words: Sequence[str], images: dict[str, str] | None) -> str:
    """Links to the plots of a view; they are drawn only where `images` takes them."""
    view = number_of(words)
    lines = []
    for number, panel in enumerate(found.panels(view)):
        name = f"{found.experiment.name}-{view}-{number}"
        lines.append(_link(name, panel_summary(panel)))
        if images is not None:
            images[f"{name}.svg"] = svg_text(_plot(figure, panel), name=name)
        cells = cells_of_panel(panel) if panel.view.ratio else []
        if len({is_pure(cell) for cell in cells}) == 2:
            lines.append(
                _link(f"{name}-ratio", "Parameters of pure models over those of hybrids, by accuracy")
            )
            ratios = ratios_by_pattern(cells) if images is not None else None
            if images is not None and ratios is not None:
                images[f"{name}-ratio.svg"] = svg_text(ratio_plot(ratios), name=f"{name}-ratio")
    return "\n\n".join(lines) or NOTHING


def _plot(figure: Figure, panel: Panel) -> "Plot":
    shown = {line.label for line in panel.lines}
    references = (figure.paper, figure.rerun) if panel.view.x == "parameters" else ((), ())
    paper, rerun = (
        [reference for reference in source if reference.pattern in shown] for source in references
    )
    proved = proved_points(figure.experiment) if panel.view.x == "parameters" else ()
    return panel_plot(panel, paper=paper, rerun=rerun, proved=proved)


def _link(name: str, alt: str) -> str:
    return f"![{alt.replace('[', '(').replace(']', ')')}]({IMAGES}/{name}.svg)"


def _value(figure: Figure, found: Evidence, words: Sequence[str]) -> str:
    if len(words) < 3:
        raise ValueError(f"a value needs a kind of table, a column and a row, got {list(words)}")
    *kind, column, row = words
    table = _table(figure, found, kind)
    if table is None:
        return NOTHING
    names = [known.name for known in table.columns]
    if column not in names and kind[0] in OPEN_TABLES:
        return NOTHING
    if column not in names:
        raise ValueError(unknown(f"column of the table {' '.join(kind)}", column, names))
    labels = [entries[0].text for entries in table.rows]
    if row not in labels:
        return NOTHING
    return table.rows[labels.index(row)][names.index(column)].text
