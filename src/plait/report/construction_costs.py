"""What constructions cost: width against precision of every layout, and how far decoding recall has to look.

Windows' success rates are given in closed form and measured on built models.
"""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import torch

from plait.attack.certified import count_limits
from plait.constructions import growth, recall_plan, smallest_window, success_rate, tradeoff
from plait.constructions.recall import SUCCESS
from plait.model.compiled import can_compile
from plait.random import TEST, Stream
from plait.report.document import Block, Column, Entry, Picture, Table
from plait.report.styles import pattern_style
from plait.report.svg_file import hover
from plait.tasks import DecodingRecall, Targets, Task
from plait.verify.reading import CompiledReader, ParallelReader

if TYPE_CHECKING:
    from matplotlib.figure import Figure as Plot


_Rows = Sequence[Mapping[str, Any]]

TYPES: Mapping[str, int] = {"bfloat16": 8, "float32": 24, "float64": 53}
"""Significant bits."""

_TRADEOFF_COLUMNS = (
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


def tradeoff_blocks(task: Task, seq_len: int, *, name: str, success: float = SUCCESS) -> tuple[Block, ...]:
    """The table and the plot of all layouts; `name` keeps the plot's ids apart from others'.

    Raises:
        ValueError: a task without a construction, or lengths and rates that it refuses.
    """
    rows = tradeoff(task, seq_len, success=success)
    table = Table(
        caption="Every layout, the smallest first",
        columns=_TRADEOFF_COLUMNS,
        rows=tuple(tuple(_entry(row[column.name]) for column in _TRADEOFF_COLUMNS) for row in rows),
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


def unbeaten(rows: _Rows) -> list[Mapping[str, Any]]:
    """The layouts that no other beats in parameters and precision at once, the smallest first."""
    best: list[Mapping[str, Any]] = []
    for row in sorted(rows, key=lambda row: (row["parameters"], row["precision_bits"])):
        if not best or row["precision_bits"] < best[-1]["precision_bits"]:
            best.append(row)
    return best


def tradeoff_plot(rows: _Rows) -> "Plot":
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


def tradeoff_alt(rows: _Rows) -> str:
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


WINDOWS = (10, 25, 50, 100)
_SEQUENCES = 10_000
_TOKENS = 2**18
"""Tokens read at once."""

_WINDOW_COLUMNS = (
    Column(name="window", title="window"),
    Column(name="closed_form", title="closed form"),
    Column(name="measured", title="measured"),
    Column(name="interval", title="95% interval", numeric=False),
    Column(name="right", title="right", brief=False),
    Column(name="sequences", title="sequences"),
)


def reach_table(
    task: DecodingRecall, *, windows: Sequence[int] = WINDOWS, sequences: int = _SEQUENCES, seed: int = 0
) -> Table:
    """Several windows and the smallest one that reaches 99%, each with a model built for it."""
    least = smallest_window(task, SUCCESS)
    return Table(
        caption=f"Success by window of the last attention; {least} is the smallest that reaches {SUCCESS:.0%}",
        columns=_WINDOW_COLUMNS,
        rows=tuple(_row(task, keys, sequences, seed) for keys in dict.fromkeys((*windows, least))),
        notes=(
            "a sequence of window + 1 tokens, its last position alone, so that samples are independent; a word that "
            "never occurred, and so a target that is not defined, is a failure; interval: Clopper and Pearson",
        ),
    )


def right_at_the_end(task: DecodingRecall, keys: int, *, sequences: int, seed: int = 0) -> int:
    """How many of `sequences`, `keys + 1` tokens long, end in a right answer of the model built for that window."""
    model = recall_plan(task, keys + 1, success=success_rate(task, keys)).build()
    reader = CompiledReader(model) if can_compile(model) else ParallelReader(model)
    right = done = 0
    while done < sequences:
        batch = min(sequences - done, max(1, _TOKENS // (keys + 1)))
        tokens = task.sample(Stream(seed, done, TEST), batch=batch, seq_len=keys + 1)
        targets = task.targets(tokens)
        last = torch.zeros_like(targets.scored)
        last[:, -1] = targets.scored[:, -1]
        gaps = reader.read(tokens, Targets(targets.tokens, last), None).gaps[:, -1]
        right += int((last[:, -1] & (gaps > 0)).sum())
        done += batch
    return right


def _row(task: DecodingRecall, keys: int, sequences: int, seed: int) -> tuple[Entry, ...]:
    expected, right = success_rate(task, keys), right_at_the_end(task, keys, sequences=sequences, seed=seed)
    low, high = (float(end) for end in count_limits(right, sequences, 0.025))
    return (
        Entry(text=f"{keys:,}", value=keys),
        Entry(text=f"{expected:.4f}", value=expected),
        Entry(text=f"{right / sequences:.4f}", value=right / sequences),
        Entry(text=f"{low:.4f} to {high:.4f}", value=[low, high]),
        Entry(text=f"{right:,}", value=right),
        Entry(text=f"{sequences:,}", value=sequences),
    )


GROWTH_COLUMNS = (
    Column(name="varied", title="varied", numeric=False),
    Column(name="value", title="to"),
    Column(name="width", title="width"),
    Column(name="parameters", title="params"),
    Column(name="mlp_units", title="MLP units", brief=False),
    Column(name="ssm_state", title="states"),
    Column(name="states_in_use", title="in use", brief=False),
    Column(name="conv_tail", title="conv tail", brief=False),
    Column(name="kv_cache", title="keys and values"),
    Column(name="state_bits", title="bits held"),
)


def growth_table(construction: str) -> Table:
    """Costs of the default layouts of one construction in float64, in closed form.

    Args:
        construction: "selective-copying" or "decoding-recall".
    """
    rows = [row for row in growth() if row["construction"] == construction]
    return Table(
        caption="How costs grow, the rest as in the experiments (float64)",
        columns=GROWTH_COLUMNS,
        rows=tuple(tuple(_entry(row[column.name]) for column in GROWTH_COLUMNS) for row in rows),
        notes=(
            "width grows with the logarithm of the vocabulary, working memory with numbers or register, "
            "neither with the length",
        ),
    )
