"""Width against precision: every layout of a construction, what it costs and how many bits its proof needs."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from plait.constructions import tradeoff
from plait.report.document import Block, Column, Entry, Picture, Table
from plait.report.styles import pattern_style
from plait.report.svg_file import hover
from plait.tasks import Task

if TYPE_CHECKING:
    from matplotlib.figure import Figure as Plot

Rows = Sequence[Mapping[str, Any]]

TYPES: Mapping[str, int] = {"bfloat16": 8, "float32": 24, "float64": 53}
"""Significant bits."""

COLUMNS = (
    Column(name="layout", title="layout", numeric=False),
    Column(name="pattern", title="pattern", numeric=False),
    Column(name="width", title="width"),
    Column(name="parameters", title="params"),
    Column(name="state", title="states", brief=False),
    Column(name="attention_margin", title="attention margin", brief=False),
    Column(name="logit_gap", title="logit gap"),
    Column(name="precision_bits", title="bits"),
    *(Column(name=name, title=name, numeric=False) for name in TYPES),
)


def tradeoff_blocks(task: Task, seq_len: int, *, name: str, success: float = 0.99) -> tuple[Block, ...]:
    """The table and the plot of all layouts; `name` keeps the plot's ids apart from others'.

    Raises:
        ValueError: a task without a construction, or lengths and rates that it refuses.
    """
    rows = tradeoff(task, seq_len, success=success)
    table = Table(
        caption="Every layout, the smallest first",
        columns=COLUMNS,
        rows=tuple(tuple(_entry(row[column.name]) for column in COLUMNS) for row in rows),
        notes=(
            "bits: significant bits at which the proof covers rounding in the worst case; carried: not that, but "
            "rounding as it is usually met leaves the margins intact; the logit gap is proved in exact arithmetic",
        ),
    )
    figure = Picture(
        caption="What a layout costs, and the precision that its proof needs",
        draw=lambda: tradeoff_plot(rows),
        tell=lambda: tradeoff_alt(rows),
        name=f"{name}-layouts",
    )
    return table, figure


def unbeaten(rows: Rows) -> list[Mapping[str, Any]]:
    """The layouts that no other beats in parameters and precision at once, the smallest first."""
    best: list[Mapping[str, Any]] = []
    for row in sorted(rows, key=lambda row: (row["parameters"], row["precision_bits"])):
        if not best or row["precision_bits"] < best[-1]["precision_bits"]:
            best.append(row)
    return best


def tradeoff_plot(rows: Rows) -> "Plot":
    """Parameters (logarithmic) against bits, a mark a layout; those that none beats with their sizes."""
    from matplotlib.figure import Figure as Plot
    from matplotlib.ticker import FixedLocator, FuncFormatter, NullLocator

    figure = Plot(figsize=(7.2, 4.4), layout="constrained")
    axes = figure.subplots()
    best = unbeaten(rows)
    axes.step(
        [row["precision_bits"] for row in best], [row["parameters"] for row in best],
        where="pre", color="#999999", linewidth=1.0, zorder=1,
    )  # fmt: skip
    patterns = dict.fromkeys(row["pattern"] for row in rows)
    for row in rows:
        style = pattern_style(row["pattern"])
        (point,) = axes.plot(
            [row["precision_bits"]], [row["parameters"]], marker=style.marker, color=style.color, ls="none"
        )
        hover(point, _told(row))
    for row in best:
        place = (row["precision_bits"], row["parameters"])
        beside = {"xytext": (8, -3), "ha": "left"} if row is best[0] else {"xytext": (-7, -10), "ha": "right"}
        said = f"{row['parameters']:,}, width {row['width']}"
        axes.annotate(said, place, **beside, textcoords="offset points", fontsize=8)
    last = max(*(row["precision_bits"] for row in rows), TYPES["float32"]) + 2
    for name, bits in TYPES.items():
        if bits <= last:
            axes.axvline(bits, color="#777777", linewidth=0.8, linestyle=":")
            across = axes.get_xaxis_transform()
            axes.text(bits, 1.01, name, fontsize=8, color="#555555", ha="center", transform=across)
    if len(patterns) > 1:
        for pattern in patterns:
            style = pattern_style(pattern)
            axes.plot([], [], marker=style.marker, color=style.color, ls="none", label=pattern)
        axes.legend(frameon=False, fontsize="small", loc="lower left")
    axes.set_yscale("log")
    axes.yaxis.set_major_locator(FixedLocator([n * 10**k for k in range(1, 8) for n in (1, 2, 5)]))
    axes.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:,.0f}"))
    axes.yaxis.set_minor_locator(NullLocator())
    axes.set(xlabel="significant bits that the proof needs", ylabel="parameters", xlim=(4, last))
    axes.grid(visible=True, color="#eeeeee", linewidth=0.6)
    axes.spines[["top", "right"]].set_visible(False)
    return figure


def tradeoff_alt(rows: Rows) -> str:
    """The plot in words: the layouts that no other beats."""
    return f"Parameters against bits of precision; none beats: {'; '.join(_told(row) for row in unbeaten(rows))}."


def _told(row: Mapping[str, Any]) -> str:
    return (
        f"{row['layout']}, {row['pattern']}, width {row['width']}: {row['parameters']:,} parameters at "
        f"{row['precision_bits']} bits"
    )


def _entry(value: Any) -> Entry:
    if isinstance(value, float):
        return Entry(text=f"{value:.3g}", value=value)
    return Entry(text=f"{value:,}" if isinstance(value, int) else value, value=value)
