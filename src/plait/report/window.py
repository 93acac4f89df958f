"""How far decoding recall has to look: success rates of windows, in closed form and measured on built models."""

from collections.abc import Sequence

import torch

from plait.attack.certified import count_limits
from plait.constructions import growth, recall_plan, smallest_window, success_rate
from plait.model.compiled import can_compile
from plait.random import TEST, Stream
from plait.report.document import Column, Entry, Table
from plait.tasks import DecodingRecall, Targets
from plait.verify.reading import CompiledReader, ParallelReader

SUCCESS = 0.99
WINDOWS = (10, 25, 50, 100)
SEQUENCES = 10_000
TOKENS = 2**18
"""Tokens read at once."""

COLUMNS = (
    Column(name="window", title="window"),
    Column(name="closed_form", title="closed form"),
    Column(name="measured", title="measured"),
    Column(name="interval", title="95% interval", numeric=False),
    Column(name="right", title="right", brief=False),
    Column(name="sequences", title="sequences"),
)


def reach_table(
    task: DecodingRecall, *, windows: Sequence[int] = WINDOWS, sequences: int = SEQUENCES, seed: int = 0
) -> Table:
    """Several windows and the smallest one that reaches 99%, each with a model built for it."""
    least = smallest_window(task, SUCCESS)
    return Table(
        caption=f"Success by window of the last attention; {least} is the smallest that reaches {SUCCESS:.0%}",
        columns=COLUMNS,
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
        batch = min(sequences - done, max(1, TOKENS // (keys + 1)))
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


def _entry(value: int | str) -> Entry:
    return Entry(text=value if isinstance(value, str) else f"{value:,}", value=value)
