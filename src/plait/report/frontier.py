"""Models beside the frontier of a task: built, given as configs, and learned; the section of the headline."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import polars as pl

from plait.advisor.frontier import held_by, placed
from plait.constructions import copying_plan, smallest_plan
from plait.experiments import Experiment, cell_label, cells, summarise
from plait.findings.number_text import decimals
from plait.memory import Architecture
from plait.memory.architecture import read_model
from plait.model import HybridConfig
from plait.report.document import Column, Entry, Picture, Section, Table
from plait.report.frontier_plot import Mark, frontier_alt, frontier_plot
from plait.tasks import DecodingRecall, SelectiveCopying, is_built_in
from plait.theory import FrontierPoint, frontier

FRONTIER = "Frontier"
"""Title of the section."""

_COLUMNS = (
    Column(name="model", title="model", numeric=False),
    Column(name="how", title="how", numeric=False),
    Column(name="reach", title="reach"),
    Column(name="bits", title="recurrent bits"),
    Column(name="needed", title="needs"),
    Column(name="verdict", title="", numeric=False),
)


@dataclass(frozen=True, kw_only=True)
class Known:
    """A model to be put beside a curve.

    Args:
        kind: what it is and how it came about, as `pure, learned`.
        note: what is known of it.
    """

    name: str
    kind: str
    model: HybridConfig | Architecture
    note: str = ""


def built_models(task: object, seq_len: int) -> list[Known]:
    """The smallest model that a construction gives, if one does."""
    if not isinstance(task, SelectiveCopying | DecodingRecall) or not is_built_in(task):
        return []
    try:
        plan = smallest_plan(task, seq_len)
    except ValueError:
        return []
    config = plan.config()
    return [Known(name=f"{config.pattern} {config.d_model}", kind="built", model=config, note=plan.name)]


def given_models(paths: Iterable[Path], *, trust_code: bool = False) -> list[Known]:
    """The models of config files, each under the name of its folder or file.

    Args:
        trust_code: as of `read_model`.

    Raises:
        ValueError: a config that cannot be read.
    """
    return [
        Known(
            name=path.parent.name if path.stem == "config" else path.stem,
            kind="given",
            model=read_model(path, trust_code=trust_code),
        )
        for path in paths
    ]


def marks_beside(points: Sequence[FrontierPoint], known: Iterable[Known], *, seq_len: int) -> list[Mark]:
    """Each model where it stands."""
    return [
        Mark(
            name=one.name,
            kind=one.kind,
            place=placed(points, held_by(one.model, seq_len=seq_len)),
            pattern=one.model.pattern if isinstance(one.model, HybridConfig) else "",
            note=one.note,
        )
        for one in known
    ]


def frontier_sections(experiment: Experiment, rows: pl.DataFrame) -> tuple[Section, ...]:
    """The frontier of the headline's task, with its built and learned models; nothing for other experiments."""
    task, seq_len = experiment.base.task, experiment.base.train.seq_len
    if experiment.name != "headline" or not isinstance(task, SelectiveCopying):
        return ()
    plans = {plan.name: plan for plan in (smallest_plan(task, seq_len), copying_plan(task, seq_len))}
    known = [
        Known(
            name=cell_label({"model.pattern": plan.config().pattern, "model.d_model": plan.config().d_model}),
            kind="built",
            model=plan.config(),
            note=f"right on every input, {name}",
        )
        for name, plan in plans.items()
    ]
    for cell in cells(experiment, rows):
        note = f"mean accuracy {decimals(summarise(cell).mean)}"
        kind = f"{'pure' if len(set(cell.run.model.parts)) == 1 else 'hybrid'}, learned"
        known.append(Known(name=cell_label(cell.settings), kind=kind, model=cell.run.model, note=note))
    points = frontier(task, seq_len)
    marks = marks_beside(points, known, seq_len=seq_len)
    table = Table(
        caption=f"What recurrent states need beside windows, on inputs of {seq_len} tokens",
        columns=_COLUMNS,
        rows=tuple(_row(mark) for mark in marks),
        notes=(
            "reach: what all windows and convolutions look back together; below the curve a model is wrong on some "
            "input, whatever its weights; above it, it need not learn the task",
        ),
    )
    figure = Picture(
        caption="The frontier: bits that recurrent states need at least, by reach; marks are models, float32 as held",
        draw=lambda: frontier_plot(points, marks),
        tell=lambda: frontier_alt(points, marks),
        name=f"{experiment.name}-frontier",
    )
    return (Section(title=FRONTIER, blocks=(figure, table)),)


def _row(mark: Mark) -> tuple[Entry, ...]:
    held, needed = mark.place.held, float(mark.place.needed)
    return (
        Entry(text=mark.name, value=mark.name),
        Entry(text=f"{mark.kind}, {mark.note}", value=mark.kind),
        Entry(text="no limit" if held.reach is None else f"{held.reach:,}", value=held.reach),
        Entry(text=f"{held.bits:,}", value=held.bits),
        Entry(text=f"{needed:.3f}", value=needed),
        Entry(text="ruled out" if mark.place.ruled_out else "not ruled out", value=mark.place.ruled_out),
    )
