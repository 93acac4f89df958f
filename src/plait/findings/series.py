"""What a view shows of measured cells: panels of lines, or of a matrix, each point a summary over seeds."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

from plait.experiments import (
    Cell,
    Summary,
    View,
    by_learning_rate,
    cell_label,
    field_name,
    summarise,
    value_text,
)
from plait.experiments.fields import counted_text, get_field, same


@dataclass(frozen=True, kw_only=True)
class Point:
    """A cell in a plot: where it lies, and what its seeds say."""

    x: Any
    summary: Summary


@dataclass(frozen=True, kw_only=True)
class Line:
    """Points that belong together, in the order of their x; `key` are the values that tell it from others."""

    label: str
    points: tuple[Point, ...]


@dataclass(frozen=True, kw_only=True)
class Panel:
    """One plot of a view."""

    title: str
    view: View
    lines: tuple[Line, ...]

    @property
    def x_label(self) -> str:
        return field_name(self.view.x)

    @property
    def cells(self) -> list[Cell]:
        """Every cell that it shows."""
        return [point.summary.cell for line in self.lines for point in line.points]


Summarise = Callable[[Cell], Summary]


def panels(view: View, cells: Sequence[Cell], *, summary: Summarise = summarise) -> tuple[Panel, ...]:
    """The view's panels that hold any of the cells, in the cells' order.

    Args:
        summary: what turns a cell into its summary.
    """
    if "train.lr" in view.fields:
        cells = [part for cell in cells for part in by_learning_rate(cell)]
    shown = [cell for cell in cells if _admits(view, cell)]
    return tuple(
        Panel(title=_title(view, group), view=view, lines=_lines(view, group, summary))
        for group in _groups(shown, view.panels)
    )


def telling(panels: Sequence[Panel]) -> tuple[Panel, ...]:
    """The panels without lines of a single point along a varied field, and without those that have no line left.

    Experiments share members: what another one trained may leave one value of the field that this one varies. Where
    the axis is parameters, a single point says something beside the others.
    """
    kept = (panel if _tells_by_points(panel.view) else _longer_lines(panel) for panel in panels)
    return tuple(panel for panel in kept if panel.lines)


def _tells_by_points(view: View) -> bool:
    return view.x == "parameters" or view.y is not None


def _longer_lines(panel: Panel) -> Panel:
    lines = tuple(line for line in panel.lines if len({repr(point.x) for point in line.points}) > 1)
    return replace(panel, lines=lines)


def value_of(cell: Cell, path: str) -> Any:
    """The cell's value of a field that a view names; None where the cell knows no such field.

    Raises:
        ValueError: an unknown field of a run.
    """
    if path == "parameters":
        return cell.parameters
    if path in cell.settings:
        return cell.settings[path]
    return None if path.startswith("test.") else get_field(cell.run, path)


def _lines(view: View, cells: Sequence[Cell], summary: Summarise) -> tuple[Line, ...]:
    lines = []
    for group in _groups(cells, (view.y,) if view.y else view.lines):
        points = [Point(x=value_of(cell, view.x), summary=summary(cell)) for cell in group]
        keys = {path: value_of(group[0], path) for path in ((view.y,) if view.y else view.lines)}
        lines.append(Line(label=_line_label(keys), points=tuple(sorted(points, key=_place))))
    return tuple(lines)


def _line_label(keys: dict[str, Any]) -> str:
    if len(keys) == 1:
        return value_text(*keys.values())
    return cell_label(keys)


def _place(point: Point) -> tuple[int, Any]:
    number = isinstance(point.x, int | float)
    return (0, point.x) if number else (1, str(point.x))


def _groups(cells: Sequence[Cell], paths: Sequence[str]) -> list[list[Cell]]:
    groups: dict[str, list[Cell]] = {}
    for cell in cells:
        groups.setdefault(repr([value_of(cell, path) for path in paths]), []).append(cell)
    return list(groups.values())


def _admits(view: View, cell: Cell) -> bool:
    return all(
        any(same(value_of(cell, path), wanted) for wanted in values) for path, values in view.where.items()
    )


def _title(view: View, cells: Sequence[Cell]) -> str:
    values = {path: value_of(cells[0], path) for path in view.panels}
    named = cell_label(values, told=counted_text) if view.panels else ""
    return ", ".join(text for text in (view.title, named) if text)
