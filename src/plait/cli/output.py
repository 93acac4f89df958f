"""What is printed: one JSON document, or tables; progress and remarks go to stderr."""

import dataclasses
import json
import math
import sys
from collections.abc import Iterable, Mapping, Sequence
from fractions import Fraction
from typing import TYPE_CHECKING, Any

from plait.checks import cut, printable

if TYPE_CHECKING:
    from rich.console import Console

LONGEST_CELL = 1_000
"""Characters of a text in a table."""

MOST_INTEGER_BITS = 14_000
"""Longer integers are not written out: Python itself stops at 4,300 digits."""


def print_json(document: object) -> None:
    """The document as JSON; numbers that are not finite become null."""
    sys.stdout.write(_laid_out(plain_json(document)) + "\n")


def print_table(title: str, columns: Sequence[str], rows: Iterable[Sequence[object]]) -> None:
    """A table whose numbers stand to the right."""
    from rich.box import SIMPLE
    from rich.markup import escape
    from rich.table import Table

    table = Table(title=escape(printable(title)) or None, title_justify="left", box=SIMPLE, pad_edge=False)
    rows = [list(row) for row in rows]
    for index, name in enumerate(columns):
        numeric = all(isinstance(row[index], int | float | Fraction | None) for row in rows)
        table.add_column(escape(name), justify="right" if numeric and rows else "left", overflow="fold")
    for row in rows:
        table.add_row(*(escape(_cell(value)) for value in row))
    out().print(table)


def print_line(text: str = "") -> None:
    sys.stdout.write(f"{printable(text)}\n")


def out() -> "Console":
    """Where tables go; wide where no terminal sets the width."""
    from rich.console import Console

    return Console(file=sys.stdout, highlight=False, width=None if sys.stdout.isatty() else 160)


def messages() -> "Console":
    """Progress and remarks."""
    from rich.console import Console

    return Console(file=sys.stderr, highlight=False)


def shown(value: object) -> str:
    """A value as a table has it: four digits of a share, three of bits in thousandths, `-` for nothing."""
    if value is None:
        return "-"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, int):
        return f"{value:,}"
    if isinstance(value, Fraction) and value.denominator == 1:
        return f"{value.numerator:,}"
    if isinstance(value, Fraction) and 1000 % value.denominator == 0:
        return f"{float(value):,.3f}"
    if isinstance(value, float | Fraction):
        value = float(value)
        return f"{value:.4f}" if 0.001 <= abs(value) < 1000 or value == 0 else f"{value:.4g}"
    if isinstance(value, list | tuple):
        return ", ".join(shown(item) for item in value)
    return str(value)


def _cell(value: object) -> str:
    """A text may come from a file: one of megabytes, or of control characters, is shown as what it is."""
    return printable(cut(value, most=LONGEST_CELL) if isinstance(value, str) else shown(value))


def plain_json(value: Any) -> Any:
    """The value in JSON's own types.

    A fraction that is no integer becomes a decimal number, an integer too long to write out becomes null.
    """
    if isinstance(value, int) and value.bit_length() > MOST_INTEGER_BITS:
        return None
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, Fraction):
        return value.numerator if value.denominator == 1 else float(value)
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return {field.name: plain_json(getattr(value, field.name)) for field in dataclasses.fields(value)}
    if isinstance(value, Mapping):
        return {str(key): plain_json(item) for key, item in value.items()}
    if isinstance(value, list | tuple | set | frozenset | range):
        return [plain_json(item) for item in value]
    return value if value is None or isinstance(value, str | int) else str(value)


def _laid_out(value: Any, indent: str = "") -> str:
    """JSON with a line an entry, but a list of plain values on one."""
    inner = indent + "  "
    if isinstance(value, dict) and value:
        ends, entries = "{}", [f"{_text(key)}: {_laid_out(item, inner)}" for key, item in value.items()]
    elif isinstance(value, list) and any(isinstance(item, dict | list) for item in value):
        ends, entries = "[]", [_laid_out(item, inner) for item in value]
    else:
        return _text(value)
    lines = ",\n".join(f"{inner}{entry}" for entry in entries)
    return f"{ends[0]}\n{lines}\n{indent}{ends[1]}"


def _text(value: Any) -> str:
    return json.dumps(value, allow_nan=False, ensure_ascii=False)
