"""The error rules of a TF layer's statements (docs/theory-constructions.md, section 12)."""

import math

import torch

from plait.compiler.book import condition
from plait.compiler.flow import Flow
from plait.compiler.given import Given
from plait.compiler.heads import RESERVE, SHARE
from plait.compiler.lookups import AtDistance, Previous
from plait.compiler.pointwise import Table
from plait.compiler.statement import Statement
from plait.compiler.stream import base_of
from plait.compiler.tf_ops import Averages, ByDistance, ByMatch, ByStep, Fetches, Steps, TfOp
from plait.constructions.rounding import FUNCTION


def given(flow: Flow, op: TfOp) -> Given:
    """What a statement of a TF layer gives."""
    if isinstance(op, Steps):
        stairs = op.stairs
        reads = [(scalar.statement, scalar.column) for scalar in stairs.scalars]
        return flow.stairs(stairs, reads, op.book.lowered.called(op.statement), centred=True)
    if isinstance(op, Averages):
        return averages(flow, op)
    assert isinstance(op, Fetches)
    if isinstance(op, ByDistance):
        by_distance(flow, op)
    elif isinstance(op, ByStep):
        by_step(flow, op)
    elif isinstance(op, ByMatch):
        by_match(flow, op)
    return fetched(flow, op)


def by_distance(flow: Flow, op: ByDistance) -> None:
    """Lemma 12.9: what two scores may differ by, in cosines."""
    assert isinstance(op.statement, AtDistance)
    look = op.turns.look_at(op.statement)
    # 12.9: 2 (sqrt 2 q + 8 u + d v) <= 2 gamma/3.
    query = flow.columns(op.statement.inputs[1], op.points)
    error = 2.0 * (math.sqrt(2.0) * query + flow.units(8.0) + flow.wides(flow.rounding.d_model))
    flow.allow(
        f"the score of a distance in {op.book.lowered.called(op.statement)}",
        error=error, room=look.margin * (1.0 - 1.0 / RESERVE),
    )  # fmt: skip


def by_step(flow: Flow, op: ByStep) -> None:
    """Lemma 12.9 with constant queries."""
    assert isinstance(op.statement, Previous)
    look = op.turns.look_at(op.statement)
    error = 2.0 * (flow.units(8.0) + flow.wides(flow.rounding.d_model))
    flow.allow(
        f"the score of a distance in {op.book.lowered.called(op.statement)}",
        error=error, room=look.margin * (1.0 - 1.0 / RESERVE),
    )  # fmt: skip


def by_match(flow: Flow, op: ByMatch) -> None:
    """Lemma 12.10: what a match leads by, and what tells two matches apart."""
    match, lead, called = op.match, op.lead, op.book.lowered.called(op.statement)
    look = op.turns.look_for_match(match, lead)
    # Two equal keys that count hold counts within their range, and so does the stream if there are no other counts:
    # unless a key is something where the count has left its range.
    counted = {
        signal for one in match.keys for signal in one.inputs if signal.maybe and not sees_nothing(one)
    }
    where = "inside" if flow.counts <= counted else "something"
    query = key = other_key = size = apart = 0.0
    for code, one, other in zip(op.codes, match.keys, match.queries, strict=True):
        stored = flow.units(2.0) * code.norm
        key += (flow.columns(one, code.of(one.domain), where=where) + stored) ** 2
        other_key += (flow.columns(one, code.of(one.domain), where="anywhere") + stored) ** 2
        query += (flow.columns(other, code.of(other.domain)) + stored) ** 2
        size, apart = size + code.norm**2, apart + code.diameter**2
    key, other_key, query, size, apart = (math.sqrt(value) for value in (key, other_key, query, size, apart))
    summed = flow.wides(flow.rounding.d_model) * (size * size + lead)
    passed = equal = 0.0
    if match.condition is not None:
        choices = condition(match.condition)
        passed = lead * (flow.column(match.condition, choices) + flow.units(2.0))
        equal = lead * (flow.column(match.condition, choices, where=where) + flow.units(2.0))
    # 12.10: turn = beta_r (6 u + 1.5 d v); first (i), then (ii).
    turned = look.recency * (flow.units(6.0) + flow.wides(1.5 * flow.rounding.d_model))
    flow.allow(
        f"what a match leads by in {called}",
        error=query * apart
        + (size + query) * (key + other_key)
        + 2.0 * (passed + summed + turned / look.sharpness),
        room=SHARE * lead,
    )
    flow.allow(
        f"what tells two matches apart in {called}",
        error=2.0 * (look.sharpness * ((size + query) * key + equal + summed) + turned),
        room=look.nats - look.kept,
    )


def sees_nothing(statement: Statement) -> bool:
    """Whether it may be something where an input is nothing."""
    return isinstance(statement, Table) and statement.sees_nothing


def fetched(flow: Flow, op: Fetches) -> Given:
    """Lemma 12.11: all softmax mass but the miss lies at the place looked at."""
    value = op.statement.inputs[0]
    weights = flow.stream.weights(value, op.columns)
    base = base_of(value, flow.stream.token)
    size = float(torch.linalg.matrix_norm(weights, ord=2)) * flow.sizes[base]
    # 12.11: e + mu (M + M' + 2 e) + ((K + 30) v + 3 u)(M' + e).
    known = float(op.columns.norm(dim=-1).max())
    read = flow.columns(value, op.columns)
    miss = op.turns.miss(op.statement)
    window = op.turns.window(op.statement)
    summed = flow.wides(window + 2.0 * FUNCTION + 10.0) + flow.units(3.0)
    error = read + miss * (known + size + 2.0 * read) + summed * (size + read)
    return Given(inside=error, error=error, blank=error, gross=size + read)


def averages(flow: Flow, op: Averages) -> Given:
    """Lemma 12.12: equal scores, equal weights."""
    value = op.statement.inputs[0]
    # 12.12: ((K + 30) v + 3 u) of their size.
    numbers = op.book.numbers(value)
    scale = op.book.scale(op.statement)
    size = float(numbers.abs().max())
    read = flow.columns(value, numbers, where="anywhere")
    window = op.turns.window(op.statement)
    summed = flow.wides(window + 2.0 * FUNCTION + 10.0) + flow.units(3.0)
    error = scale * (read + summed * (size + read))
    return Given(inside=error, error=error, blank=error, gross=scale * (size + read))
