"""What accuracies prove: learned pure SSMs under the ceiling of their task, and the bits of state that each uses."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING

import polars as pl

from plait.advisor.capacities import CAPACITY_ALPHA, ProvedBits, proved_by
from plait.checks import counted
from plait.experiments import Experiment, cell_label, cells, evaluated_cells, summarise
from plait.findings.number_text import decimals
from plait.memory import count
from plait.report.document import Block, Column, Entry, Picture, Section, Table
from plait.report.styles import pattern_style
from plait.report.svg_file import hover
from plait.tasks import Task, task_name
from plait.theory import ceiling_curve, scored_positions

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from plait.experiments import Cell

CEILINGS = "What accuracies prove"
"""Title of the section."""

_DASHES = ("-", "--", "-.", ":")
"""Of the curves, one a task and length; colours are the models' patterns'."""

_MOST_CURVES = len(_DASHES)

FEWEST_ROWS = 512
"""Rows of a length, below which accuracies are known too roughly to prove much, and are left out."""

_COLUMNS = (
    Column(name="model", title="model", numeric=False),
    Column(name="task", title="task", numeric=False),
    Column(name="length", title="tokens"),
    Column(name="accuracy", title="accuracy"),
    Column(name="margin", title="less"),
    Column(name="bits", title="uses at least, bits"),
    Column(name="held", title="holds, bits"),
)


@dataclass(frozen=True, kw_only=True)
class Learned:
    """A learned model without attention, what its accuracy proves, and what it holds."""

    name: str
    pattern: str
    task: Task
    seq_len: int
    proved: ProvedBits
    held: int


def ceiling_sections(
    experiment: Experiment, rows: pl.DataFrame, evaluations: pl.DataFrame | None = None
) -> tuple[Section, ...]:
    """The pure SSMs of an experiment, where their tasks have a ceiling; nothing where there are none."""
    if experiment.evaluations and evaluations is not None:
        found = evaluated_cells(experiment, rows, evaluations)
    else:
        found = cells(experiment, rows)
    blocks = ceiling_blocks(experiment, found, name=experiment.name)
    return (Section(title=CEILINGS, blocks=blocks),) if blocks else ()


def ceiling_blocks(
    experiment: Experiment, found: Iterable["Cell"], *, name: str, title: str = ""
) -> tuple[Block, ...]:
    """A picture and a table of the pure SSMs among these cells; nothing where no one's task has a ceiling.

    Args:
        name: of the picture, without its ending.
        title: of the setting that the cells are from, where there are several.
    """
    learned = list(_learned(_measured(experiment, found)))
    if not learned:
        return ()
    told_in = f"{title}: " if title else ""
    table = Table(
        caption=f"{told_in}bits of state that pure SSMs use, by their accuracy on the task's own rows",
        columns=_COLUMNS,
        rows=tuple(_row(one) for one in learned),
        notes=(
            "accuracy: the mean over seeds; no models that carry fewer bits from token to token reach it, less what "
            f"sampling may be off by, at confidence {1 - CAPACITY_ALPHA:g}; 0: the bound says nothing there",
        ),
    )
    picture = Picture(
        caption=f"{told_in}accuracy that a model of so many bits can reach at most, and learned pure SSMs at what they "
        f"hold; at most {_MOST_CURVES} tasks and lengths are drawn",
        draw=lambda: ceiling_plot(learned),
        tell=lambda: ceiling_alt(learned),
        name=f"{name}-ceilings",
        brief=f"{told_in}ceilings of accuracy by bits of state, and learned pure SSMs below them",
    )
    return picture, table


def _measured(experiment: Experiment, found: Iterable["Cell"]) -> Iterable[tuple["Cell", int, int]]:
    """Cells, with the tokens and the number of rows that each seed was measured on."""
    sequences = {one.seq_len: one.sequences for one in experiment.evaluations if one.task is None}
    for cell in found:
        elsewhere = {key for key in cell.settings if key.startswith("test.")}
        if not elsewhere:
            yield cell, cell.run.train.seq_len, cell.run.train.test_sequences
        elif elsewhere == {"test.seq_len"}:
            seq_len = cell.settings["test.seq_len"]
            if sequences.get(seq_len, 0) >= FEWEST_ROWS:
                yield cell, int(seq_len), sequences[seq_len]


def _learned(measured: Iterable[tuple["Cell", int, int]]) -> Iterable[Learned]:
    for cell, seq_len, sequences in measured:
        if set(cell.run.model.parts) != {"SSM"}:
            continue
        summary = summarise(cell, samples=1)
        try:
            scored = scored_positions(cell.run.task, seq_len)
            proved = proved_by(
                cell.run.task, seq_len, summary.mean, rows=sequences * summary.seeds, scored=scored
            )
        except ValueError:  # no ceiling is known for this task, or for rows so long
            continue
        yield Learned(
            name=cell_label(
                {"model.pattern": cell.run.model.pattern, "model.d_model": cell.run.model.d_model}
            ),
            pattern=cell.run.model.pattern,
            task=cell.run.task,
            seq_len=seq_len,
            proved=proved,
            held=count(cell.run.model, seq_len).state_bits,
        )


def ceiling_plot(found: list[Learned]) -> "Figure":
    """A curve for each task and length, bits logarithmic; from each model a line leads to the bits that it proves."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(7.2, 4.4), layout="constrained")
    axes = figure.subplots()
    curves = list(dict.fromkeys((one.task, one.seq_len) for one in found))[:_MOST_CURVES]
    named: set[str] = set()
    for (task, seq_len), dash in zip(curves, _DASHES, strict=False):
        bits, ceilings = ceiling_curve(task, seq_len)
        label = f"{task_name(task)}, {seq_len:,} tokens: at most"
        axes.plot(bits, ceilings, color="#444444", linewidth=1.6, linestyle=dash, label=label)
        for one in found:
            if (one.task, one.seq_len) != (task, seq_len):
                continue
            style = pattern_style(one.pattern)
            axes.plot(
                [max(one.proved.bits, 0.3), one.held], [one.proved.accuracy] * 2, color=style.color,
                linewidth=0.6, linestyle=dash,
            )  # fmt: skip
            (point,) = axes.plot(
                [one.held], [one.proved.accuracy], color=style.color, marker=style.marker, linestyle="none",
                label=None if one.pattern in named else one.pattern,
            )  # fmt: skip
            named.add(one.pattern)
            hover(point, _told(one))
    axes.set_xscale("log", base=2)
    axes.set_ylim(0, 1.02)
    axes.set(xlabel="bits of state", ylabel="accuracy on sampled rows")
    axes.grid(visible=True, color="#dddddd", linewidth=0.6)
    axes.spines[["top", "right"]].set_visible(False)
    axes.legend(frameon=False, fontsize="small", loc="center right")
    return figure


def _told(one: Learned) -> str:
    """What is known of a model, in a line."""
    return (
        f"{one.name}, {task_name(one.task)}, {one.seq_len} tokens: accuracy {decimals(one.proved.accuracy)}, "
        f"uses at least {counted(one.proved.bits, 'bit')}, holds {one.held:,}"
    )


def ceiling_alt(found: list[Learned]) -> str:
    """The plot in words."""
    return f"Ceilings of accuracy by bits of state. {'; '.join(map(_told, found))}."


def _row(one: Learned) -> tuple[Entry, ...]:
    proved = one.proved
    return (
        Entry(text=one.name, value=one.name),
        Entry(text=task_name(one.task), value=task_name(one.task)),
        Entry(text=f"{one.seq_len:,}", value=one.seq_len),
        Entry(text=decimals(proved.accuracy), value=proved.accuracy),
        Entry(text=decimals(proved.margin), value=proved.margin),
        Entry(text=f"{proved.bits:g}", value=proved.bits),
        Entry(text=f"{one.held:,}", value=one.held),
    )
