"""What a report is made of: sections of text, verdicts, tables and pictures, the same wherever it is printed."""

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

from plait.report.svg_file import svg_text

if TYPE_CHECKING:
    from matplotlib.figure import Figure


@dataclass(frozen=True, kw_only=True)
class Column:
    """`brief` columns are shown on a terminal too, `page` ones on a page of results; `numeric` ones stand right."""

    name: str
    title: str
    brief: bool = True
    page: bool = False
    numeric: bool = True


@dataclass(frozen=True, kw_only=True)
class Entry:
    """One cell of a table: how it reads, and its value in JSON."""

    text: str
    value: Any = None

    @property
    def key(self) -> float | None:
        """The number that a table is sorted by; None for one that is sorted as text."""
        return _number(self.value)


@dataclass(frozen=True, kw_only=True)
class Table:
    """Rows of as many entries as there are columns; a `folded` one is shown on demand, and on no terminal.

    Raises:
        ValueError: a row of another length.
    """

    caption: str
    columns: tuple[Column, ...]
    rows: tuple[tuple[Entry, ...], ...]
    notes: tuple[str, ...] = ()
    folded: bool = False

    def __post_init__(self) -> None:
        for row in self.rows:
            if len(row) != len(self.columns):
                raise ValueError(f"a table of {len(self.columns)} columns got a row of {len(row)} entries")

    def to_json(self) -> dict[str, Any]:
        names = [column.name for column in self.columns]
        rows = [dict(zip(names, (_plain(entry.value) for entry in row), strict=True)) for row in self.rows]
        return {"caption": self.caption, "rows": rows, "notes": list(self.notes)}


@dataclass(frozen=True, kw_only=True)
class Picture:
    """A drawing, made when it is asked for, and what it shows in words for those who do not see it.

    Args:
        caption: what is drawn, and how to read it.
        draw: gives the matplotlib figure.
        tell: gives every point in words.
        name: of its file.
        brief: what it shows, in a sentence.
    """

    caption: str
    draw: Callable[[], "Figure"]
    tell: Callable[[], str]
    name: str
    brief: str = ""

    @property
    def alt(self) -> str:
        return self.tell()

    def svg(self, *, told: bool = True) -> str:
        """SVG text; its marks say their values where they are `told`."""
        return self._told if told else svg_text(self.draw(), name=self.name, told=False)

    @cached_property
    def _told(self) -> str:
        """Drawn once: for the page and for the file beside it."""
        return svg_text(self.draw(), name=self.name)

    def to_json(self) -> dict[str, Any]:
        return {"caption": self.caption, "alt": self.alt}


@dataclass(frozen=True, kw_only=True)
class Lines:
    """Lines of text; `code` for commands, `listed` for a list."""

    lines: tuple[str, ...]
    code: bool = False
    listed: bool = False

    def to_json(self) -> dict[str, Any]:
        return {"lines": list(self.lines)}


@dataclass(frozen=True, kw_only=True)
class ClaimVerdict:
    """What our rows say to one claim, in one reading.

    Args:
        claim: with what others have, a sentence.
        outcome: in a word or a few; empty for a question of our own.
        found: our numbers, and what made them so.
        reading: the settings that were read; empty where there is one reading.
        check: the command that trains what decides it.
    """

    claim: str
    outcome: str
    found: str
    reading: str = ""
    check: str = ""

    def to_json(self) -> dict[str, Any]:
        return {name: getattr(self, name) for name in ("claim", "outcome", "found", "reading", "check")}


@dataclass(frozen=True, kw_only=True)
class Verdicts:
    """Verdicts, those on one claim together."""

    verdicts: tuple[ClaimVerdict, ...]

    def to_json(self) -> dict[str, Any]:
        return {"verdicts": [verdict.to_json() for verdict in self.verdicts]}


Block = Table | Picture | Lines | Verdicts


@dataclass(frozen=True, kw_only=True)
class Section:
    """A title, and what stands under it."""

    title: str
    blocks: tuple[Block, ...]

    def to_json(self) -> dict[str, Any]:
        return {"title": self.title, "blocks": [block.to_json() for block in self.blocks]}


@dataclass(frozen=True, kw_only=True)
class Report:
    """A title, a line below it, and sections in order."""

    title: str
    question: str
    sections: tuple[Section, ...]

    def with_sections(self, *sections: Section, before: str | None = None) -> "Report":
        """More sections, at the end or before the section titled `before`.

        Raises:
            ValueError: no section of that title.
        """
        titles = [section.title for section in self.sections]
        if before is not None and before not in titles:
            raise ValueError(f"no section {before!r} in this report; it has {', '.join(titles)}")
        place = len(titles) if before is None else titles.index(before)
        joined = (*self.sections[:place], *sections, *self.sections[place:])
        return Report(title=self.title, question=self.question, sections=joined)

    def to_json(self) -> dict[str, Any]:
        """Plain JSON values; an infinite number becomes None."""
        return {
            "title": self.title,
            "question": self.question,
            "sections": [section.to_json() for section in self.sections],
        }


def _number(value: Any) -> float | None:
    if isinstance(value, Mapping):
        return _number(next((value[name] for name in ("accuracy", "low") if name in value), None))
    if isinstance(value, list | tuple):
        return _number(value[0]) if value else None
    return float(value) if isinstance(value, int | float) and math.isfinite(value) else None


def _plain(value: Any) -> Any:
    if isinstance(value, float) and not math.isfinite(value):
        return None
    if isinstance(value, Mapping):
        return {key: _plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    return value
