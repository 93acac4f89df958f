"""Tables beside the main one: patterns compared seed by seed, and matrices."""

from collections.abc import Sequence

from plait.experiments import Cell, Difference, cell_label, paired_difference, value_text
from plait.findings.members import is_pure
from plait.findings.series import Panel
from plait.findings.words import decimals
from plait.report.document import Column, Entry, Table
from plait.report.tables import difference_entries

PATTERN = "model.pattern"

_PAIRED = (
    Column(name="setting", title="at", numeric=False),
    Column(name="first", title="model", numeric=False),
    Column(name="second", title="less", numeric=False),
    Column(name="difference", title="difference"),
    Column(name="interval", title="95% interval"),
    Column(name="seeds", title="shared seeds"),
)


def paired_table(cells: Sequence[Cell]) -> Table | None:
    """Each hybrid less each pure model in the same setting, seed by seed; None where no such pair is."""
    settings: dict[str, list[Cell]] = {}
    for cell in cells:
        settings.setdefault(repr(_rest(cell)), []).append(cell)
    rows = [
        _paired_row(hybrid, pure)
        for group in settings.values()
        for hybrid in group
        if not is_pure(hybrid)
        for pure in group
        if is_pure(pure) and set(pure.seeds) & set(hybrid.seeds)
    ]
    if not rows:
        return None
    return Table(
        caption="Differences in mean accuracy at the same width, hybrid less pure, over shared seeds",
        columns=_PAIRED,
        rows=tuple(rows),
        notes=("each model at its own learning rate; intervals by bootstrap over the shared seeds",),
    )


def matrix_table(panel: Panel) -> Table:
    """The means of a panel, a row a line and a column a value of its axis."""
    labels = [line.label for line in panel.lines]
    if panel.view.y is not None:
        labels = _what_differs(labels)
    by_row = panel.view.y is not None and all(_is_number(label) for label in labels)
    xs = sorted(
        {point.x for line in panel.lines for point in line.points},
        key=lambda x: (not isinstance(x, int | float), x if isinstance(x, int | float) else str(x)),
    )
    columns = [Column(name="row", title="trained at" if panel.view.y is not None else "", numeric=by_row)]
    columns += [Column(name=f"at_{value_text(x)}", title=value_text(x)) for x in xs]
    rows = []
    for line, label in zip(panel.lines, labels, strict=True):
        there = {point.x: point.summary for point in line.points}
        entries = [_mean_entry(there[x].mean) if x in there else Entry(text="-") for x in xs]
        rows.append((Entry(text=label, value=float(label) if by_row else label), *entries))
    title = f"{panel.title}: mean accuracy by {panel.x_label}" if panel.title else f"By {panel.x_label}"
    return Table(caption=title, columns=tuple(columns), rows=tuple(rows))


def _what_differs(labels: list[str]) -> list[str]:
    """Labels without the words that all of them have at the same place."""
    words = [label.split() for label in labels]
    if len(words) < 2 or len({len(one) for one in words}) > 1:
        return labels
    told = [place for place, column in enumerate(zip(*words, strict=True)) if len(set(column)) > 1]
    return [" ".join(one[place] for place in told) for one in words]


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True


def _rest(cell: Cell) -> dict[str, object]:
    return {path: value for path, value in cell.settings.items() if path != PATTERN}


def _paired_row(hybrid: Cell, pure: Cell) -> tuple[Entry, ...]:
    difference: Difference = paired_difference(hybrid, pure)
    label = cell_label(_rest(hybrid)) if _rest(hybrid) else "-"
    return (
        Entry(text=label, value=label),
        Entry(text=hybrid.pattern, value=hybrid.pattern),
        Entry(text=pure.pattern, value=pure.pattern),
        *difference_entries(difference.mean, difference.interval),
        Entry(text=str(difference.seeds), value=difference.seeds),
    )


def _mean_entry(mean: float) -> Entry:
    return Entry(text=decimals(mean), value=mean)
