"""Markdown pages whose numbers come from stored results: what stands between markers is written anew.

Blocks stand between lines that CommonMark takes for link definitions and shows to nobody:

    [summary: counts]: #                    how many claims hold, in each reading
    [summary: claims]: #                    every claim with what our rows say to it, a table a reading
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
from collections.abc import Generator, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from plait.experiments import StoreError
from plait.files import write_whole
from plait.paper import FIGURES
from plait.report.constructed import DRAWINGS, drawn_pictures
from plait.report.document import Picture
from plait.report.page_blocks import BLOCK, IMAGES, VALUE, FolderResults, MarkedPage, filled_in, stored_rows


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
            page = MarkedPage(results=results, folder=folder, links=_links_of(path), images=shown_at)
            yield WrittenPage(path=path, text=filled_in(text, page), pictures=page.pictures, images=images)


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
    return filled_in(text, MarkedPage(results=results, folder=folder, images=images))


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
    return bool(BLOCK.search(text) or VALUE.search(text))


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
