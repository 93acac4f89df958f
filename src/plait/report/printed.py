"""A report printed: as one HTML file that needs no network, as Markdown, and on a terminal.

Markdown is as GitHub and CommonMark read it: no line begins with an HTML comment. Our own words are Markdown; nothing
of what was stored becomes HTML, begins a line, or ends a marked place of the page.
"""

import os
import re
from collections.abc import Callable, Sequence
from pathlib import Path

from rich import box
from rich.console import Console
from rich.markup import escape as as_text
from rich.table import Table as RichTable

from plait.checks import printable
from plait.experiments import StoreError
from plait.files import write_whole
from plait.report.document import Block, ClaimVerdict, Lines, Picture, Report, Section, Table, Verdicts

_TEMPLATE = "report.html"

WIDE_POINTS = 560
"""Width of a picture from which on it is a diagram, not a plot."""


def html_text(report: Report) -> str:
    """The whole page. All text is escaped; only the pictures' own SVG goes in as it is."""
    from jinja2 import Environment, PackageLoader, StrictUndefined

    environment = Environment(
        loader=PackageLoader("plait.report", "."),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    for name, kind in (("table", Table), ("picture", Picture), ("verdicts", Verdicts)):
        environment.tests[name] = _is(kind)
    environment.tests["wide"] = _is_wide
    environment.filters["answer"] = _answer
    environment.filters["by_claim"] = _by_claim
    return environment.get_template(_TEMPLATE).render(report=report)


def _is(kind: type) -> Callable[[object], bool]:
    return lambda block: isinstance(block, kind)


def _is_wide(svg: str) -> bool:
    """Whether a picture is a diagram that needs the page's whole width to be read."""
    found = re.search(r'<svg[^>]* width="([\d.]+)pt"', svg)
    return found is not None and float(found[1]) > WIDE_POINTS


def _answer(section: Section) -> tuple[Block, ...]:
    """What stands beside one another at the top of a section: words and verdicts, and the plot that comes after."""
    for place, block in enumerate(section.blocks):
        if isinstance(block, Picture):
            return section.blocks[: place + 1] if place else ()
        if not isinstance(block, Verdicts | Lines):
            break
    return ()


def _by_claim(verdicts: Sequence[ClaimVerdict]) -> dict[str, list[ClaimVerdict]]:
    claims: dict[str, list[ClaimVerdict]] = {}
    for verdict in verdicts:
        claims.setdefault(verdict.claim, []).append(verdict)
    return claims


def write_html(report: Report, path: str | os.PathLike[str]) -> Path:
    """The page as a file, whole or not at all.

    Raises:
        StoreError: the file cannot be written.
    """
    target = Path(path)
    page = html_text(report).encode()
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        write_whole(target, page)
    except OSError as error:
        raise StoreError(f"cannot write the report {str(target)!r}: {error.strerror or error}") from error
    return target


def write_figures(report: Report, folder: str | os.PathLike[str]) -> tuple[Path, ...]:
    """`figure-1.svg`, `figure-2.svg`, .. in the report's order; the folder is made if there is a figure.

    Raises:
        StoreError: they cannot be written.
    """
    target = Path(folder)
    figures = [block for section in report.sections for block in section.blocks if isinstance(block, Picture)]
    paths = tuple(target / f"figure-{number}.svg" for number in range(1, len(figures) + 1))
    try:
        if figures:
            target.mkdir(parents=True, exist_ok=True)
        for path, figure in zip(paths, figures, strict=True):
            write_whole(path, f"{figure.svg().strip()}\n".encode())
    except OSError as error:
        raise StoreError(f"cannot write figures to {str(target)!r}: {error.strerror or error}") from error
    return paths


def markdown_text(block: Block, *, images: str = "images") -> str:
    """One block; a picture is a link to its file.

    Args:
        images: the folder of pictures, as the page sees it.
    """
    if isinstance(block, Table):
        return _folded(block) if block.folded else markdown_table(block)
    if isinstance(block, Picture):
        return f"![{_bracketless(inert(block.brief or block.alt))}]({images}/{block.name}.svg)"
    if isinstance(block, Verdicts):
        return "\n".join(_verdict_lines(block.verdicts))
    if block.code:
        return "\n".join(("```sh", *(" ".join(line.splitlines()) for line in block.lines), "```"))
    lines = [inert(line) for line in block.lines]
    if block.listed:
        return "\n".join(f"- {line}" for line in lines)
    return "\n\n".join(re.sub(r"^(?=\[)", r"\\", line) for line in lines)


def inert(text: str) -> str:
    """The text in one line, without the beginning of a tag or a comment."""
    return re.sub(r"<(?=[A-Za-z/!?])", "&lt;", printable(" ".join(text.splitlines())))


def markdown_table(table: Table, *, brief: bool = True, caption: bool = True) -> str:
    """The table in Markdown, with its brief columns or all of them, its caption above and its notes below."""
    shown = [place for place, column in enumerate(table.columns) if column.brief or column.page or not brief]
    columns = [table.columns[place] for place in shown]
    lines = [
        _row([column.title for column in columns]),
        _row(["---:" if column.numeric else "---" for column in columns]),
        *(_row([row[place].text for place in shown]) for row in table.rows),
    ]
    notes = "".join(f"\n\n*{inert(note)}*" for note in table.notes)
    above = f"**{inert(table.caption)}**\n\n" if caption else ""
    return above + "\n".join(lines) + notes


def _folded(table: Table) -> str:
    inside = markdown_table(table, caption=False)
    return f"<details>\n<summary>{inert(table.caption)}</summary>\n\n{inside}\n\n</details>"


def _verdict_lines(verdicts: Sequence[ClaimVerdict]) -> list[str]:
    """One line a claim; where it is read in several settings, one below it for each."""
    claims: dict[str, list[ClaimVerdict]] = {}
    for verdict in verdicts:
        claims.setdefault(verdict.claim, []).append(verdict)
    return [line for claim, read in claims.items() for line in _claim_lines(claim, read)]


def _claim_lines(claim: str, read: Sequence[ClaimVerdict]) -> list[str]:
    check = [f"  - check it: `{read[0].check}`"] if read[0].check else []
    if len(read) == 1 and not read[0].reading:
        return [f"- {_bold(read[0].outcome, ':')}{inert(f'{claim} {read[0].found}')}", *check]
    found = [f"  - *{one.reading}*: {_bold(one.outcome, '.')}{inert(one.found)}" for one in read]
    return [f"- {inert(claim)}", *found, *check]


def _bold(outcome: str, mark: str) -> str:
    """Before a claim with a colon: it says what the claim turned out to be, and is no sentence beside it."""
    return f"**{outcome.capitalize()}{mark}** " if outcome else ""


def _row(entries: Sequence[str]) -> str:
    return f"| {' | '.join(inert(entry).replace('|', chr(92) + '|') for entry in entries)} |"


def _bracketless(text: str) -> str:
    return text.replace("[", "(").replace("]", ")")


def escape(text: str) -> str:
    """What was stored is shown as it is: no markup of rich's, nothing that steers the terminal."""
    return as_text(printable(text))


def print_report(report: Report, console: Console) -> None:
    """Every section but its pictures and folded tables; tables with their brief columns."""
    console.print(f"[bold]{escape(report.title)}[/bold]", highlight=False)
    console.print(escape(report.question), highlight=False)
    for section in report.sections:
        blocks = [block for block in section.blocks if _is_shown(block)]
        if blocks:
            console.print(f"\n[bold]{escape(section.title)}[/bold]", highlight=False)
        for block in blocks:
            _print_block(block, console)


def _is_shown(block: Block) -> bool:
    return not isinstance(block, Picture) and not (isinstance(block, Table) and block.folded)


def _print_block(block: Block, console: Console) -> None:
    if isinstance(block, Table):
        console.print(terminal_table(block))
        for note in block.notes:
            console.print(f"[dim]{escape(note)}[/dim]", highlight=False)
    elif isinstance(block, Verdicts):
        for line in verdict_lines(block.verdicts):
            console.print(line, highlight=False)
    elif isinstance(block, Lines):
        for line in block.lines:
            console.print(f"  [cyan]{escape(line)}[/cyan]" if block.code else escape(line), highlight=False)


def verdict_lines(verdicts: Sequence[ClaimVerdict]) -> list[str]:
    """A claim, and below it what was found in each reading; its outcome first where it is read in one."""
    lines: list[str] = []
    for verdict in verdicts:
        mark = "." if verdict.reading else ":"  # before a claim, its outcome is what it turned out to be
        outcome = f"[bold]{escape(verdict.outcome.capitalize())}{mark}[/bold] " if verdict.outcome else ""
        if not verdict.reading:
            lines.append(f"{outcome}{escape(f'{verdict.claim} {verdict.found}')}")
            continue
        if not lines or escape(verdict.claim) not in lines:
            lines.append(escape(verdict.claim))
        lines.append(f"  {escape(verdict.reading)}: {outcome}{escape(verdict.found)}")
    return lines


def terminal_table(table: Table) -> RichTable:
    """The brief columns as a rich table."""
    shown = [index for index, column in enumerate(table.columns) if column.brief]
    drawn = RichTable(
        title=escape(table.caption),
        title_justify="left",
        title_style="italic",
        box=box.SIMPLE_HEAD,
        padding=(0, 0),
        show_edge=False,
    )
    for index in shown:
        column = table.columns[index]
        justify = "right" if column.numeric else "left"
        drawn.add_column(escape(column.title), justify=justify, no_wrap=column.numeric)
    for row in table.rows:
        drawn.add_row(*(escape(row[index].text) for index in shown))
    return drawn
