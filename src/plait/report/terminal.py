"""A report on a terminal."""

from collections.abc import Sequence

from rich import box
from rich.console import Console
from rich.markup import escape as as_text
from rich.table import Table as RichTable

from plait.checks import printable
from plait.report.document import Block, ClaimVerdict, Lines, Picture, Report, Table, Verdicts


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
