"""What the headline's task costs when it is learned, beside what it costs when weights are set by hand."""

import polars as pl

from plait.constructions import copying_plan, cost, smallest_plan
from plait.experiments import Experiment, cell_label, cells, summarise
from plait.findings.words import decimals
from plait.memory import count
from plait.report.document import Column, Entry, Section, Table
from plait.tasks import SelectiveCopying

BESIDE = "Learned and built"
"""Title of the section."""

SUCCESS = 0.99

COLUMNS = (
    Column(name="model", title="model", numeric=False),
    Column(name="how", title="how", numeric=False),
    Column(name="parameters", title="params"),
    Column(name="state_bits", title="state bits"),
    Column(name="accuracy", title="accuracy", numeric=False),
    Column(name="times", title="x the smallest"),
)

Row = tuple[str, str, int, int, float | None]
"""Model, how it came about, parameters, bits carried from token to token, accuracy (None: every input)."""


def beside_sections(experiment: Experiment, rows: pl.DataFrame) -> tuple[Section, ...]:
    """Every architecture of the headline beside the built models, the smallest first; nothing for other experiments."""
    if experiment.name != "headline":
        return ()
    found = sorted((*_built(experiment), *_learned(experiment, rows)), key=lambda row: row[2])
    enough = [row for row in found if row[4] is None or row[4] >= SUCCESS]
    learned = [row for row in enough if row[4] is not None]
    note = f"state bits: carried from token to token in a sequence of {experiment.base.train.seq_len}"
    if learned:
        least = learned[0][2]
        note += f"; learning takes {least:,} parameters to reach {SUCCESS}, {least / enough[0][2]:.1f} times as many"
    table = Table(
        caption="What the task costs",
        columns=COLUMNS,
        rows=tuple(_entries(row, smallest=found[0][2]) for row in found),
        notes=(note,),
    )
    return (Section(title=BESIDE, blocks=(table,)),)


def _built(experiment: Experiment) -> list[Row]:
    task, seq_len = experiment.base.task, experiment.base.train.seq_len
    if type(task) is not SelectiveCopying:
        return []
    plans = {plan.name: plan for plan in (smallest_plan(task, seq_len), copying_plan(task, seq_len))}
    rows: list[Row] = []
    for name, plan in plans.items():
        price = cost(plan, seq_len)
        label = cell_label({"model.pattern": plan.config().pattern, "model.d_model": price.width})
        rows.append((label, f"built and proved, {name}", price.parameters, price.state_bits, None))
    return rows


def _learned(experiment: Experiment, rows: pl.DataFrame) -> list[Row]:
    found: list[Row] = []
    for cell in cells(experiment, rows):
        held = count(cell.run.model, experiment.base.train.seq_len).state_bits
        mean = summarise(cell).mean
        found.append((cell_label(cell.settings), "learned", cell.parameters, held, mean))
    return found


def _entries(row: Row, *, smallest: int) -> tuple[Entry, ...]:
    model, how, parameters, state_bits, accuracy = row
    right = "every input" if accuracy is None else decimals(accuracy)
    return (
        Entry(text=model, value=model),
        Entry(text=how, value=how),
        Entry(text=f"{parameters:,}", value=parameters),
        Entry(text=f"{state_bits:,}", value=state_bits),
        Entry(text=right, value=1.0 if accuracy is None else accuracy),
        Entry(text=f"{parameters / smallest:.1f}", value=parameters / smallest),
    )
