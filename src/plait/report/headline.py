"""Sections of the headline: what is known of its task without training, and what learned and built models cost.

Known without training are models built and verified, and bounds on pure ones.
"""

import functools

import polars as pl

from plait.attack import receptive_field
from plait.constructions import Plan, copying_plan, cost, smallest_plan
from plait.experiments import Experiment, cell_label, cells, summarise
from plait.findings.figure import Reference
from plait.findings.number_text import decimals
from plait.memory import count
from plait.model import HybridConfig, HybridLM
from plait.report.constructed import drawings_section
from plait.report.document import Column, Entry, Section, Table
from plait.tasks import DecodingRecall, SelectiveCopying, Task
from plait.theory import attention_reach, ssm_state_bits
from plait.verify import Checks, Claims, Tally, verify

BESIDE = "Learned and built"
"""Title of the section."""

_SUCCESS = 0.99
"""Accuracy from which a learned model stands beside the built one."""

_BESIDE_COLUMNS = (
    Column(name="model", title="model", numeric=False),
    Column(name="how", title="how", numeric=False),
    Column(name="parameters", title="params"),
    Column(name="state_bits", title="state bits"),
    Column(name="accuracy", title="accuracy", numeric=False),
    Column(name="times", title="x the smallest"),
)

_Row = tuple[str, str, int, int, float | None]
"""Model, how it came about, parameters, bits carried from token to token, accuracy (None: every input)."""


def beside_sections(experiment: Experiment, rows: pl.DataFrame) -> tuple[Section, ...]:
    """Every architecture of the headline beside the built models, the smallest first; nothing for other experiments."""
    if experiment.name != "headline":
        return ()
    found = sorted((*_built(experiment), *_learned(experiment, rows)), key=lambda row: row[2])
    enough = [row for row in found if row[4] is None or row[4] >= _SUCCESS]
    learned = [row for row in enough if row[4] is not None]
    note = f"state bits: carried from token to token in a sequence of {experiment.base.train.seq_len}"
    if learned:
        least = learned[0][2]
        note += f"; learning takes {least:,} parameters to reach {_SUCCESS}, {least / enough[0][2]:.1f} times as many"
    table = Table(
        caption="What the task costs",
        columns=_BESIDE_COLUMNS,
        rows=tuple(_entries(row, smallest=found[0][2]) for row in found),
        notes=(note,),
    )
    return (Section(title=BESIDE, blocks=(table,)),)


def _built(experiment: Experiment) -> list[_Row]:
    task, seq_len = experiment.base.task, experiment.base.train.seq_len
    if type(task) is not SelectiveCopying:
        return []
    plans = {plan.name: plan for plan in (smallest_plan(task, seq_len), copying_plan(task, seq_len))}
    rows: list[_Row] = []
    for name, plan in plans.items():
        price = cost(plan, seq_len)
        label = cell_label({"model.pattern": plan.config().pattern, "model.d_model": price.width})
        rows.append((label, f"built and proved, {name}", price.parameters, price.state_bits, None))
    return rows


def _learned(experiment: Experiment, rows: pl.DataFrame) -> list[_Row]:
    found: list[_Row] = []
    for cell in cells(experiment, rows):
        held = count(cell.run.model, experiment.base.train.seq_len).state_bits
        mean = summarise(cell).mean
        found.append((cell_label(cell.settings), "learned", cell.parameters, held, mean))
    return found


def _entries(row: _Row, *, smallest: int) -> tuple[Entry, ...]:
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


PROVED, BOUNDS = "Built and verified", "Bounds"
"""Titles of the sections."""

_SAMPLES = 100_000
_SMALL = (
    (SelectiveCopying(n_words=2, numbers=(1, 2)), 5),
    (DecodingRecall(n_bits=1), 6),
)
"""Domains of which every input is read."""

_CHECKED = (
    Column(name="task", title="task", numeric=False),
    Column(name="model", title="model", numeric=False),
    Column(name="parameters", title="params"),
    Column(name="state_bits", title="state bits"),
    Column(name="length", title="tokens"),
    Column(name="inputs", title="inputs", numeric=False),
    Column(name="checked", title="checked"),
    Column(name="wrong", title="wrong"),
    Column(name="undefined", title="undefined", brief=False),
    Column(name="beyond", title="out of window", brief=False),
    Column(name="gap", title="least gap"),
    Column(name="proved", title="proved"),
    Column(name="layout", title="layout", numeric=False, brief=False),
)
_BOUNDED = (
    Column(name="model", title="model", numeric=False),
    Column(name="parameters", title="params"),
    Column(name="quantity", title="of what", numeric=False),
    Column(name="needed", title="needs"),
    Column(name="held", title="has"),
    Column(name="verdict", title="", numeric=False),
)


def headline_sections(experiment: Experiment) -> tuple[Section, ...]:
    """What is told before the headline trains; nothing for other experiments."""
    if experiment.name != "headline":
        return ()
    return proved_section(), bounds_section(experiment), drawings_section()


def proved_points(experiment: Experiment) -> tuple[Reference, ...]:
    """The models that a construction gives for the task of an experiment, one bit a coordinate and the smallest.

    None where the task is varied, or not right on every input.
    """
    task, seq_len = experiment.base.task, experiment.base.train.seq_len
    if type(task) is not SelectiveCopying or any(path.split(".")[0] == "task" for path in experiment.varied):
        return ()
    plans = {plan.name: plan for plan in (copying_plan(task, seq_len), smallest_plan(task, seq_len))}
    return tuple(
        Reference(
            pattern=plan.config().pattern,
            parameters=cost(plan).parameters,
            accuracy=1.0,
            source=f"proved, {name}",
        )
        for name, plan in plans.items()
    )


@functools.cache
def proved_section(*, seq_len: int = 100, samples: int = _SAMPLES) -> Section:
    """The smallest models that both constructions give, every input of a small domain read, and samples of the paper's.

    Args:
        seq_len: tokens of the sampled inputs.
        samples: scored tokens.
    """
    rows = [
        _checked(task, smallest_plan(task, length, success=1.0), exhaustive=length) for task, length in _SMALL
    ]
    for task in (SelectiveCopying(), DecodingRecall()):
        rows.append(_checked(task, smallest_plan(task, seq_len), samples=samples))
    table = Table(
        caption="Models with weights set by hand, the smallest that float32 carries",
        columns=_CHECKED,
        rows=tuple(rows),
        notes=(
            "wrong answers to targets inside the window; gap: by how much the right logit leads (nats), the least seen "
            "beside the least that is proved of every input",
        ),
    )
    return Section(title=PROVED, blocks=(table,))


def bounds_section(experiment: Experiment) -> Section:
    """Each architecture of an experiment beside what it would need to be right on every input.

    Raises:
        ValueError: a task without bounds, or models that cannot be counted.
    """
    models: dict[str, HybridConfig] = {}
    for run in experiment.expand():
        settings = {"model.pattern": run.model.pattern, "model.d_model": run.model.d_model}
        models.setdefault(cell_label(settings), run.model)
    task, seq_len = experiment.base.task, experiment.base.train.seq_len
    table = Table(
        caption=f"What being right on every input of {seq_len} tokens takes",
        columns=_BOUNDED,
        rows=tuple(_bounded(label, config, task, seq_len) for label, config in models.items()),
        notes=(
            "lower bounds for the worst input; a model that meets them need not learn the task, and one that does not "
            "may still be right on most inputs",
        ),
    )
    return Section(title=BOUNDS, blocks=(table,))


def _checked(task: Task, plan: Plan, *, exhaustive: int = 0, samples: int = 0) -> tuple[Entry, ...]:
    model, price, margins = plan.build(), cost(plan), plan.margins()
    checks = Checks(seq_len=exhaustive or plan.seq_len, exhaustive=bool(exhaustive), samples=samples)
    claims = Claims(window=plan.config().layer_specs()[-1].window, logit_gap=margins.logit_gap)
    total = verify(model, task, checks, claims=claims).verified[0].total
    return (
        _text(_task_label(task)),
        _text(cell_label({"model.pattern": plan.config().pattern, "model.d_model": price.width})),
        _count(price.parameters),
        _count(price.state_bits),
        _count(checks.seq_len),
        Entry(text=f"all {total.inputs:,}" if exhaustive else f"{total.inputs:,}", value=total.inputs),
        _count(total.checked),
        _count(total.wrong),
        _count(total.undefined),
        _count(total.beyond),
        _gap(total),
        Entry(text=f"{margins.logit_gap:.3g}", value=margins.logit_gap),
        _text(plan.name),
    )


def _bounded(label: str, config: HybridConfig, task: Task, seq_len: int) -> tuple[Entry, ...]:
    report, kinds = count(config, seq_len), set(config.parts)
    if kinds == {"TF"}:
        field = receptive_field(HybridLM(config, seed=0)).tokens
        needed, held = attention_reach(task, seq_len).value, seq_len if field is None else field - 1
        quantity, unit = "tokens that windows reach back", "tokens"
    else:
        needed, held = ssm_state_bits(task, seq_len=seq_len).value, report.state_bits
        quantity, unit = "state carried", "bits"
    verdict = "wrong on some input" if held < needed else "not ruled out"
    return (
        _text(label),
        _count(report.parameters),
        _text(quantity),
        Entry(text=f"{float(needed):,.0f} {unit}", value=float(needed)),
        Entry(text=f"{held:,} {unit}", value=held),
        _text(verdict),
    )


def _task_label(task: Task) -> str:
    if isinstance(task, SelectiveCopying):
        return f"copying, {task.n_words} words"
    return f"recall, {getattr(task, 'n_bits', 0)} bits"


def _gap(tally: Tally) -> Entry:
    return (
        Entry(text="-") if tally.gap is None else Entry(text=f"{tally.gap.value:.3g}", value=tally.gap.value)
    )


def _count(number: int) -> Entry:
    return Entry(text=f"{number:,}", value=number)


def _text(text: str) -> Entry:
    return Entry(text=text, value=text)
