"""A report on a terminal."""

from rich import box
from rich.console import Console
from rich.markup import escape
from rich.table import Table as RichTable

from plait.report.document import Lines, Picture, Report, Table


def print_report(report: Report, console: Console) -> None:
    """Every section but its figures; tables with their brief columns."""
    console.print(f"[bold]{escape(report.title)}[/bold]", highlight=False)
    console.print(escape(report.question), highlight=False)
    for section in report.sections:
        blocks = [block for block in section.blocks if not isinstance(block, Picture)]
        if blocks:
            console.print(f"\n[bold]{escape(section.title)}[/bold]", highlight=False)
        for block in blocks:
            if isinstance(block, Table):
                console.print(terminal_table(block))
                for note in block.notes:
                    console.print(f"[dim]{escape(note)}[/dim]", highlight=False)
            else:
                _print_lines(block, console)


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


def _print_lines(block: Lines, console: Console) -> None:
    for line in block.lines:
        console.print(f"  [cyan]{escape(line)}[/cyan]" if block.code else escape(line), highlight=False)
