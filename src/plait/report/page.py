"""Markdown pages whose numbers come from stored results: what stands between markers is written anew.

Blocks stand between lines that CommonMark takes for link definitions and shows to nobody:

    [summary: all]: #                       how many claims hold, and every claim with what our rows say to it
    [section: fig4]: #                      a figure: its verdicts, plots, tables, and how it was trained
    [table: fig4 results]: #                a table, of one of the kinds in `TABLES`
    [table: protocol]: #                    the released program's choices beside ours
    [table: made-of]: #                     what the paper's ratios are made of
    [table: contradicted]: #                how many labels of packed rows without separators contradict the row
    [answer: fig8]: #                       what its rows say, in words and tables, of the figures in `ANSWERS`
    [table: programs]: #                    the example programs: what they compile to, and how far verified
    [plots: fig4 0]: #                      the plots of the figure's first view
    [ceilings: fig4]: #                     what the accuracies of its pure SSMs prove, in each reading

each up to the next line `[end]: #`. Inside a line one number stands between comments, which must not begin the line
(CommonMark takes the whole of such a line for HTML):

    text <!-- value: fig4 results mean "SSM-TF d8" -->1.000<!-- end --> text

the table's kind, a column, and the row's first entry. `fig4@as-run` is a figure in one of its readings.
"""

import os
import re
import shlex
from collections.abc import Callable, Generator, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType

from plait.checks.names import unknown
from plait.experiments import StoreError
from plait.files import write_whole
from plait.findings.readings import AS_TRAINED, find_reading
from plait.findings.stored_figures import StoredFigure
from plait.paper import FIGURES, find_figure
from plait.report.answers import answer_blocks
from plait.report.assemble import figure_blocks, panel_pictures, picture_name
from plait.report.ceilings import ceiling_blocks
from plait.report.constructed import DRAWINGS, drawn_pictures
from plait.report.document import Block, Lines, Picture, Table
from plait.report.folder_results import FolderResults, stored_rows
from plait.report.markdown import inert, markdown_table, markdown_text
from plait.report.origin import missing_lines, page_lines, reproduce_commands
from plait.report.page_tables import OPEN_TABLES, TABLES, number_of
from plait.report.paper_tables import contradicted_table, made_of_table, protocol_table
from plait.report.programs import programs_table, read_programs
from plait.report.verdict_table import Linked, summary_blocks

NOTHING = "*not run yet*"

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

_BLOCK = re.compile(
    r"^(\[(summary|section|answer|table|plots|ceilings): ([^\]\n]*)\]: #)\n(.*?)^(\[end\]: #)$",
    re.DOTALL | re.MULTILINE,
)
_VALUE = re.compile(r"(<!-- value: ([^\n]*?) -->)(.*?)(<!-- end -->)")


@dataclass(frozen=True, kw_only=True)
class _Page:
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


@dataclass(frozen=True, kw_only=True)
class WrittenPage:
    """A page as its rows give it: its text, the pictures that it shows by name, and the folder that they belong in."""

    path: Path
    text: str
    pictures: Mapping[str, Picture]
    images: Path


def update_pages(pages: Iterable[str | os.PathLike[str]], folder: str | os.PathLike[str]) -> tuple[Path, ...]:
    """Write pages anew from the results in `folder`, their images beside them; those whose text changed.

    A page may be a folder, which stands for every page in it that has a marker. Generated images that no page beside
    them shows any more are removed.

    Raises:
        StoreError: a damaged shard, or a page that cannot be read or written.
        ValueError: a marker that names what is not there, or a line that begins with a comment.
    """
    changed: list[Path] = []
    folders: set[Path] = set()
    for page in written_pages(pages, folder):
        with _page_errors(page.path):
            for name, picture in page.pictures.items():
                page.images.mkdir(exist_ok=True)
                write_whole(page.images / f"{name}.svg", picture.svg(told=False).encode())
            folders |= {page.images} if page.pictures else set()
            if page.text != page.path.read_text():
                write_whole(page.path, page.text.encode())
                changed.append(page.path)
    for images in folders:
        shown = shown_images(images)
        for picture in drawn_pictures(shown):
            write_whole(images / f"{picture.name}.svg", picture.svg(told=False).encode())
        for old in _generated(images) - shown:
            (images / f"{old}.svg").unlink()
    return tuple(changed)


def written_pages(
    pages: Iterable[str | os.PathLike[str]], folder: str | os.PathLike[str]
) -> Iterator[WrittenPage]:
    """Every page that has a marker as it is to be, from the results in `folder`; nothing is changed.

    Raises:
        StoreError, ValueError: as `update_pages`.
    """
    results = FolderResults(stored=stored_rows(folder))
    for path in _pages(pages):
        with _page_errors(path):
            text, images = path.read_text(), _images_of(path)
            shown_at = os.path.relpath(images, path.parent)
            page = _Page(results=results, folder=folder, links=_links_of(path), images=shown_at)
            yield WrittenPage(path=path, text=_written(text, page), pictures=page.pictures, images=images)


@contextmanager
def _page_errors(path: Path) -> Generator[None]:
    try:
        yield
    except OSError as error:
        raise StoreError(f"cannot update the page {str(path)!r}: {error.strerror or error}") from error


def updated_text(text: str, folder: str | os.PathLike[str], *, images: str = IMAGES) -> str:
    """The page's text with every marked place written anew.

    Args:
        folder: of results; one that is missing or empty leaves every place saying so.
        images: where pictures lie, as the page sees them.

    Raises:
        StoreError: a damaged shard.
        ValueError: as `update_pages`.
    """
    results = FolderResults(stored=stored_rows(folder))
    return _written(text, _Page(results=results, folder=folder, images=images))


def shown_images(images: Path) -> set[str]:
    """The names of the pictures in a folder that a page beside or above it links to."""
    pages = [*images.parent.rglob("*.md"), *images.parent.parent.glob("*.md")]
    found = (re.findall(rf"\b{images.name}/([\w.-]+)\.svg", page.read_text()) for page in pages)
    return {name for names in found for name in names}


def _pages(pages: Iterable[str | os.PathLike[str]]) -> list[Path]:
    found: list[Path] = []
    for page in map(Path, pages):
        marked = [p for p in sorted(page.rglob("*.md")) if _is_marked(p)] if page.is_dir() else [page]
        found += [path for path in marked if path not in found]
    return found


def _is_marked(path: Path) -> bool:
    text = path.read_text()
    return bool(_BLOCK.search(text) or _VALUE.search(text))


def _images_of(page: Path) -> Path:
    """The folder of images of a page: beside it, or beside its folder."""
    above = page.parent.parent / IMAGES
    return above if above.is_dir() and not (page.parent / IMAGES).is_dir() else page.parent / IMAGES


def _links_of(page: Path) -> str:
    return "." if page.parent.name == "results" else "results"


def _generated(images: Path) -> set[str]:
    """The names of the pictures of figures in a folder."""
    pattern = re.compile(
        rf"({'|'.join(FIGURES)})(-[a-z-]+)?-(\d+-\d+(-ratio)?|ceilings)|({'|'.join(DRAWINGS)})-(heat|pass|layouts)"
    )
    return {path.stem for path in images.glob("*.svg") if pattern.fullmatch(path.stem)}


def _written(text: str, page: _Page) -> str:
    new = _BLOCK.sub(lambda match: _block(match, page), text)
    new = _VALUE.sub(lambda match: f"{match[1]}{_value(page, shlex.split(match[2]))}{match[4]}", new)
    for number, line in enumerate(new.splitlines(), start=1):
        if line.startswith("<!--"):
            raise ValueError(
                f"line {number} begins with a comment, which makes the whole line HTML: break the line elsewhere, "
                f"got {line[:60]!r}"
            )
    return new


def _block(match: re.Match[str], page: _Page) -> str:
    begin, kind, rest, _, end = match.groups()
    words = shlex.split(rest)
    if not words:
        raise ValueError(f"a {kind} needs the name of an experiment, got {begin}")
    if kind == "summary":
        blocks = summary_blocks(tuple(page.results.figures.values()), linked=_linked(page))
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
    shown = [
        markdown_table(block, caption=False) if kind == "summary" and isinstance(block, Table)
        else markdown_text(block, images=page.images)
        for block in blocks
    ]  # fmt: skip
    return "\n\n".join((begin, *(shown or [NOTHING]), end))


def _linked(page: _Page) -> Linked:
    return lambda name, words: f"[{words}]({page.links}/{name}.md)"


def _section(page: _Page, name: str) -> tuple[Block, ...]:
    figure = find_figure(name)
    stored = page.results.figures[name]
    if not stored.readings:
        members = len(figure.default.expand())
        return (Lines(lines=(f"*Not run yet: `plait reproduce {name} --full`, {members:,} members.*",)),)
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


def _plots(page: _Page, words: Sequence[str]) -> tuple[Picture, ...]:
    figure, evidence = page.results.of(words[0])
    reading = find_reading(words[0].partition("@")[2] or AS_TRAINED.name)
    view = number_of(words[1:])
    return tuple(
        picture
        for number, panel in enumerate(evidence.panels(view))
        for picture in panel_pictures(panel, picture_name(figure, reading, view, number), figure)
    )


def _ceilings(page: _Page, name: str) -> tuple[Block, ...]:
    figure, readings = find_figure(name), page.results.figures[name].readings
    made: list[Block] = []
    for place, (reading, evidence) in enumerate(readings):
        picture = picture_name(figure, reading, 0, 0).removesuffix("-0-0")
        title = reading.title if len(readings) > 1 else ""
        blocks = ceiling_blocks(evidence.experiment, evidence.cells, name=picture, title=title)
        made += [block for block in blocks if place == 0 or not isinstance(block, Picture)]
    return tuple(made)


def _table_text(page: _Page, words: Sequence[str]) -> str:
    kind = words[1] if len(words) > 1 else ""
    table = _table(page, words)
    return NOTHING if table is None else markdown_table(table, brief=kind != "all")


def _table(page: _Page, words: Sequence[str]) -> Table | None:
    figure, found = page.results.of(words[0])
    if len(words) < 2 or words[1] not in TABLES:
        raise ValueError(unknown("kind of table", words[1] if len(words) > 1 else "", TABLES))
    if not found.cells:
        return None
    name = " ".join(words[1:])
    if name not in found.remembered:
        found.remembered[name] = TABLES[words[1]](figure, found, words[2:])
    return found.remembered[name]


def _value(page: _Page, words: Sequence[str]) -> str:
    if len(words) < 4:
        raise ValueError(
            f"a value needs an experiment, a kind of table, a column and a row, got {list(words)}"
        )
    *kind, column, row = words
    table = _table(page, kind)
    if table is None:
        return NOTHING
    names = [known.name for known in table.columns]
    if column not in names and kind[1] in OPEN_TABLES:
        return NOTHING
    if column not in names:
        raise ValueError(unknown(f"column of the table {' '.join(kind[1:])}", column, names))
    labels = [entries[0].text for entries in table.rows]
    if row not in labels:
        return NOTHING
    return inert(table.rows[labels.index(row)][names.index(column)].text)
