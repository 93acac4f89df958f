"""What stands between a page's markers (`plait.report.page`), from the rows of a folder, read once."""

import os
import re
import shlex
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from types import MappingProxyType

from plait.checks import counted
from plait.checks.values import unknown
from plait.experiments import Store
from plait.findings.evidence import Evidence, StoredRows
from plait.findings.figure import AS_TRAINED, Figure, StoredFigure, find_reading, read, stored_figures
from plait.paper import FIGURES, find_figure
from plait.report.assemble import figure_blocks, panel_pictures, picture_name
from plait.report.ceilings import ceiling_blocks
from plait.report.document import Block, Lines, Picture, Table
from plait.report.length_answer import length_answer
from plait.report.mixers_answer import mixers_answer
from plait.report.origin import missing_lines, page_lines, reproduce_commands
from plait.report.page_tables import OPEN_TABLES, TABLES, number_of
from plait.report.paper_tables import contradicted_table, made_of_table, protocol_table
from plait.report.printed import inert, markdown_table, markdown_text
from plait.report.programs import programs_table, read_programs
from plait.report.proportion_answer import proportion_answer
from plait.report.verdict_table import Linked, claims_blocks, counts_block


def stored_rows(folder: str | os.PathLike[str]) -> StoredRows:
    """Raises:
    StoreError: a damaged shard; a folder that is missing or empty has no rows.
    """
    store = Store(folder)
    return StoredRows(rows=store.read(), evaluations=store.read_evaluations())


@dataclass(frozen=True, kw_only=True)
class FolderResults:
    """The figures of the catalogue, as far as a folder holds them."""

    stored: StoredRows
    known: dict[str, tuple[Figure, Evidence]] = field(default_factory=dict)
    """What was read before, by `name@reading`."""

    @cached_property
    def figures(self) -> dict[str, StoredFigure]:
        """Every figure, with the readings in which it was run."""
        run = {one.figure.name: one for one in stored_figures(FIGURES.values(), self.stored)[0]}
        return {
            name: run.get(name) or StoredFigure(figure=figure, readings=())
            for name, figure in FIGURES.items()
        }

    def of(self, name: str) -> tuple[Figure, Evidence]:
        """A figure and what is stored of it, in the reading that `name@reading` asks for.

        Raises:
            ValueError: no such figure or reading.
        """
        if name not in self.known:
            plain, _, reading = name.partition("@")
            figure = find_figure(plain)
            chosen = find_reading(reading) if reading else AS_TRAINED
            self.known[name] = figure, read(figure.experiment, self.stored, chosen)
        return self.known[name]


NOT_RUN_YET = "*not run yet*"

IMAGES = "images"

WHOLE: Mapping[str, Callable[[FolderResults], Table | None]] = MappingProxyType(
    {
        "protocol": lambda _: protocol_table(),
        "made-of": lambda results: made_of_table(results.of),
        "contradicted": lambda _: contradicted_table(),
    }
)
"""Tables of no single figure."""
PROGRAMS = "programs"

BLOCK = re.compile(
    r"^(\[(summary|section|answer|table|plots|ceilings): ([^\]\n]*)\]: #)\n(.*?)^(\[end\]: #)$",
    re.DOTALL | re.MULTILINE,
)
VALUE = re.compile(r"(<!-- value: ([^\n]*?) -->)(.*?)(<!-- end -->)")


@dataclass(frozen=True, kw_only=True)
class MarkedPage:
    """A page that is being written.

    Args:
        results: what it is written from.
        folder: that these lie in.
        pictures: takes the pictures that it shows, by their names.
        links: where the page of a figure lies, as this one sees it.
        images: where pictures lie.
    """

    results: FolderResults
    folder: str | os.PathLike[str]
    pictures: dict[str, Picture] = field(default_factory=dict)
    links: str = "results"
    images: str = IMAGES


def filled_in(text: str, page: MarkedPage) -> str:
    """The text with what stands between its markers written anew; `page` takes the pictures.

    Raises:
        ValueError: a marker that names what is not there, or a line that begins with a comment.
    """
    new = BLOCK.sub(lambda match: _block(match, page), text)
    new = VALUE.sub(lambda match: f"{match[1]}{_value(page, shlex.split(match[2]))}{match[4]}", new)
    for number, line in enumerate(new.splitlines(), start=1):
        if line.startswith("<!--"):
            raise ValueError(
                f"line {number} begins with a comment, which makes the whole line HTML: break the line elsewhere, "
                f"got {line[:60]!r}"
            )
    return new


def _block(match: re.Match[str], page: MarkedPage) -> str:
    begin, kind, rest, _, end = match.groups()
    words = shlex.split(rest)
    if not words:
        raise ValueError(f"a {kind} needs the name of an experiment, got {begin}")
    if kind == "summary":
        blocks = _summary(page, words[0])
    elif kind == "section":
        blocks = _section(page, words[0])
    elif kind == "plots":
        blocks = _plots(page, words)
    elif kind == "ceilings":
        blocks = _ceilings(page, words[0])
    elif kind == "answer":
        blocks = answer_blocks(words[0], page.results)
    elif kind == "table" and words[0] in WHOLE:
        made = WHOLE[words[0]](page.results)
        blocks = () if made is None else (made,)
    elif kind == "table" and words == [PROGRAMS]:
        rows = read_programs(page.folder)
        blocks = (programs_table(rows),) if rows else ()
    else:
        return f"{begin}\n\n{_table_text(page, words)}\n\n{end}"
    page.pictures.update({block.name: block for block in blocks if isinstance(block, Picture)})
    shown = [markdown_text(block, images=page.images) for block in blocks]
    return "\n\n".join((begin, *(shown or [NOT_RUN_YET]), end))


def _summary(page: MarkedPage, part: str) -> tuple[Block, ...]:
    figures = tuple(page.results.figures.values())
    if part == "counts":
        return (counts_block(figures),)
    if part == "claims":
        return claims_blocks(figures, linked=_linked(page))
    raise ValueError(unknown("part of a summary", part, ("counts", "claims")))


def _linked(page: MarkedPage) -> Linked:
    return lambda name, words: f"[{words}]({page.links}/{name}.md)"


def _section(page: MarkedPage, name: str) -> tuple[Block, ...]:
    figure = find_figure(name)
    stored = page.results.figures[name]
    if not stored.readings:
        members = len(figure.default.expand())
        return (
            Lines(lines=(f"*Not run yet: `plait reproduce {name} --full`, {counted(members, 'member')}.*",)),
        )
    several = len(stored.readings) > 1
    made: list[Block] = []
    for reading, evidence in stored.readings:
        title = f"How this was made, {reading.title}" if several else "How this was made"
        commands = reproduce_commands(figure, evidence, full=bool(missing_lines(evidence)))
        made += [
            Lines(lines=(f"**{title}**",)),
            Lines(lines=tuple(page_lines(evidence)), listed=True),
            Lines(lines=commands, code=True),
        ]
    repeated = _repeated_pictures(stored)
    blocks = (
        b for b in figure_blocks(stored) if not (isinstance(b, Picture) and b.name.startswith(repeated))
    )
    return (*blocks, *made)


def _repeated_pictures(stored: StoredFigure) -> tuple[str, ...]:
    """How the names of a last reading's pictures begin, where a reading before it shows as many cells."""
    *before, (reading, evidence) = stored.readings
    if all(len(other.cells) < len(evidence.cells) for _, other in before):
        return ()
    return tuple(
        picture_name(stored.figure, reading, view, 0).removesuffix("0")
        for view in range(len(stored.figure.experiment.views))
    )


def _plots(page: MarkedPage, words: Sequence[str]) -> tuple[Picture, ...]:
    figure, evidence = page.results.of(words[0])
    reading = find_reading(words[0].partition("@")[2] or AS_TRAINED.name)
    view = number_of(words[1:])
    return tuple(
        picture
        for number, panel in enumerate(evidence.panels(view))
        for picture in panel_pictures(panel, picture_name(figure, reading, view, number), figure)
    )


def _ceilings(page: MarkedPage, name: str) -> tuple[Block, ...]:
    figure, readings = find_figure(name), page.results.figures[name].readings
    made: list[Block] = []
    for place, (reading, evidence) in enumerate(readings):
        picture = picture_name(figure, reading, 0, 0).removesuffix("-0-0")
        title = reading.title if len(readings) > 1 else ""
        blocks = ceiling_blocks(evidence.experiment, evidence.cells, name=picture, title=title)
        made += [block for block in blocks if place == 0 or not isinstance(block, Picture)]
    return tuple(made)


def _table_text(page: MarkedPage, words: Sequence[str]) -> str:
    kind = words[1] if len(words) > 1 else ""
    table = _table(page, words)
    return NOT_RUN_YET if table is None else markdown_table(table, brief=kind != "all")


def _table(page: MarkedPage, words: Sequence[str]) -> Table | None:
    figure, found = page.results.of(words[0])
    if len(words) < 2 or words[1] not in TABLES:
        raise ValueError(unknown("kind of table", words[1] if len(words) > 1 else "", TABLES))
    if not found.cells:
        return None
    name = " ".join(words[1:])
    if name not in found.remembered:
        found.remembered[name] = TABLES[words[1]](figure, found, words[2:])
    return found.remembered[name]


def _value(page: MarkedPage, words: Sequence[str]) -> str:
    if len(words) < 4:
        raise ValueError(
            f"a value needs an experiment, a kind of table, a column and a row, got {list(words)}"
        )
    *kind, column, row = words
    table = _table(page, kind)
    if table is None:
        return NOT_RUN_YET
    names = [known.name for known in table.columns]
    if column not in names and kind[1] in OPEN_TABLES:
        return NOT_RUN_YET
    if column not in names:
        raise ValueError(unknown(f"column of the table {' '.join(kind[1:])}", column, names))
    labels = [entries[0].text for entries in table.rows]
    if row not in labels:
        return NOT_RUN_YET
    return inert(table.rows[labels.index(row)][names.index(column)].text)


ANSWERS: Mapping[str, tuple[Callable[..., tuple[Block, ...]], tuple[str, ...]]] = MappingProxyType(
    {
        "fig8": (length_answer, ("fig8", "tab1")),
        "tab1": (proportion_answer, ("tab1",)),
        "mixers": (mixers_answer, ("mixers",)),
    }
)
"""By figure: what writes its answer, and the figures whose rows it reads."""


def answer_blocks(name: str, results: FolderResults) -> tuple[Block, ...]:
    """Nothing where nothing of the figure is stored.

    Raises:
        ValueError: a figure without an answer.
    """
    if name not in ANSWERS:
        raise ValueError(unknown("answer", name, ANSWERS))
    write, figures = ANSWERS[name]
    if not results.figures[name].readings:
        return ()
    return write(*(_evidence(results, figure) for figure in figures))


def _evidence(results: FolderResults, name: str) -> Evidence:
    readings = results.figures[name].readings
    return readings[0][1] if readings else results.of(name)[1]
