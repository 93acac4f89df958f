"""The proof of one compiled model in one type of number: bounds composed along its layers (Theorem 12.15)."""

import math
from collections.abc import Mapping
from dataclasses import dataclass

import torch

from plait.compiler.error_rules import ERROR_RULES, given
from plait.compiler.flow import DIP, Flow
from plait.compiler.given import Given
from plait.compiler.layout import Layout
from plait.compiler.lookups import Fetch
from plait.compiler.one_kind_alone import Keyed
from plait.compiler.recurrent import Count, Hold, Lag, Since
from plait.compiler.schedule import SSM, ScheduledLayer, read_through
from plait.compiler.ssm_op import SsmOp
from plait.compiler.statement import Statement
from plait.compiler.stream import base_of
from plait.compiler.stream_plan import NORM_EPS
from plait.compiler.tf_ops import TfOp
from plait.compiler.values import amounts_of
from plait.constructions.rounding import FUNCTION, Allowance, Rounding


@dataclass(frozen=True, kw_only=True, eq=False)
class Bounds:
    """What holds in one type.

    Args:
        errors: after the embedding and every layer, how far off each base's vector may be where it holds something.
        blanks: likewise where it is known to hold nothing.
        lengths: the largest length of a stream vector there.
        allowances: what must be small, beside what is kept for it.
        answer: how far off the answer's code may be, over its gain.
    """

    errors: tuple[Mapping[Statement, float], ...]
    blanks: tuple[Mapping[Statement, float], ...]
    lengths: tuple[float, ...]
    allowances: tuple[Allowance, ...]
    answer: float


def bounds(layout: Layout, rounding: Rounding, seq_len: int) -> Bounds:
    """The rules of all statements, layer by layer."""
    _, stream = layout.planned
    token = layout.lowered.token
    flow = Flow(rounding=rounding, stream=stream, seq_len=seq_len, norm_eps=NORM_EPS)
    flow.sizes[token] = float(stream.bases[token].norm(dim=-1).max())
    flow.errors[token] = flow.blanks[token] = flow.insides[token] = (
        rounding.unit * 2.0 * _constant(layout, flow.sizes[token])
    )
    errors, blanks, lengths, answer = [dict(flow.errors)], [dict(flow.blanks)], [flow.length], 0.0
    for layer in layout.layers:
        found = {one: _given(layout, flow, one) for one in layer.makes}
        answer = _after(layout, flow, layer, found)
        errors.append(dict(flow.errors))
        blanks.append(dict(flow.blanks))
        lengths.append(flow.length)
    code = layout.book.tokens
    # A row of the unembedding is read with its constant, which no signal sees but rounding does.
    row = _constant(layout, flow.sizes[token])
    logit = 2.0 * (rounding.read(flow.length) * row + flow.errors[token] * flow.sizes[token]) / layout.gain
    called = layout.lowered.called(layout.lowered.answer)
    flow.allow(f"the code of {called}", error=code.chord * answer + logit, room=layout.lead / 4.0)  # 12.15
    return Bounds(
        errors=tuple(errors), blanks=tuple(blanks), lengths=tuple(lengths), allowances=tuple(flow.allowances),
        answer=answer,
    )  # fmt: skip


def _constant(layout: Layout, size: float) -> float:
    """The length of an embedding, its constant included."""
    residual = layout.stream.residual
    return math.sqrt(residual.d_model * residual.bias**2 + size**2)


def _given(layout: Layout, flow: Flow, statement: Statement) -> Given:
    op = layout.planned[0][statement]
    if isinstance(op, SsmOp):
        return ERROR_RULES[type(op)](flow, op)
    assert isinstance(op, TfOp)
    return given(flow, op)


def _after(layout: Layout, flow: Flow, layer: ScheduledLayer, found: Mapping[Statement, Given]) -> float:
    """Bounds on the stream behind the layer; the answer's error over its gain, if the layer makes it.

    Every part of the layer's output is a sum over channels, head dimensions or units, rounded once or twice when it
    is added to the stream: that reaches all subspaces.
    """
    stream, rounding, config = layout.stream, flow.rounding, layout.config
    answer = layout.lowered.answer
    n_terms = float(config.d_inner or 1) if layer.kind == SSM else float(rounding.d_model)
    # 12.15, between layers: (3 u + (m + 2) v) W of what is added, and, below, (3 u + m v) H of the stream.
    spill = 0.0
    for statement, one in found.items():
        gain = max(1.0, layout.gain) if statement is answer else 1.0
        spill += gain * (flow.units(3.0) + flow.wides(n_terms + 2.0)) * one.gross
    answer_error = 0.0
    for statement, one in found.items():
        if stream.names[statement]:
            flow.sizes[statement] = _size(layout, flow, statement) + one.either
            flow.errors[statement], flow.blanks[statement] = one.error, one.blank
            flow.insides[statement] = one.inside
        if statement is answer:
            answer_error = one.error + max(one.leaks)
    if answer in found:
        flow.sizes[answer] = math.hypot(flow.sizes.get(answer, 0.0), _written(layout, flow, answer_error))
    _take_out(layout, flow, layer)
    added = flow.units(3.0) + flow.wides(n_terms)
    spill_inside, spill = spill + added * flow.length_inside, spill + added * flow.length
    gains = {one: layout.gain if one is answer else 1.0 for one in found}
    inside, anywhere = (math.fsum(gains[one] * found[one].leaks[side] for one in found) for side in (0, 1))
    for base in flow.errors:
        flow.insides[base] += spill_inside + inside
        flow.errors[base] += spill + anywhere
        flow.blanks[base] += spill + anywhere
    flow.settle()
    return answer_error + spill / layout.gain if answer in found else 0.0


def _written(layout: Layout, flow: Flow, error: float) -> float:
    """By how much the answer's code lengthens the stream: it is written over the token, and what took its place."""
    answer = layout.gain * (float(layout.book.tokens.norm) + error)
    below = math.hypot(
        *(flow.sizes[one] for one in (layout.lowered.token, *(t.new for t in layout.stream.taken)))
    )
    return math.sqrt(answer * (answer + 2.0 * below))


def _take_out(layout: Layout, flow: Flow, layer: ScheduledLayer) -> None:
    """What taking out the old content of a subspace leaves of it, as an error of the new (Lemma 12.4).

    A pair of channels, or of units, subtracts what it reads: left is what was misread, and what rounds.
    """
    number = layout.layers.index(layer) + 1
    for one in layout.stream.taken:
        if one.layer == number:
            size = flow.sizes[one.old] + DIP
            rounds = (1.0 + flow.gate) * (1.0 + flow.units(6.0 + FUNCTION)) - 1.0
            width = layout.stream.residual.width(one.name)
            left = math.sqrt(width) * flow.read + 2.0 * size * rounds
            flow.insides[one.new] += left
            flow.errors[one.new] += left
            flow.blanks[one.new] += left


def _size(layout: Layout, flow: Flow, statement: Statement) -> float:
    """The largest length of a base's vector at any position, known or not, before rounding."""
    stream = layout.stream
    own = stream.bases[statement]
    points = float(own.norm(dim=-1).max())
    if isinstance(statement, Count):
        amounts = amounts_of(statement.inputs[0].domain, "")
        return max(points, layout.book.scale(statement) * flow.seq_len * max(abs(one) for one in amounts))
    if isinstance(statement, Since):
        return max(points, layout.book.scale(statement) * flow.seq_len)
    if isinstance(statement, Lag | Hold | Fetch | Keyed) and (statement.loose or statement.numeric):
        value = statement.inputs[0]
        if base_of(value, stream.token) not in flow.sizes:
            value, _ = read_through(value)
        base = base_of(value, stream.token)
        if base in flow.sizes:
            weights = stream.weights(value, own)
            return float(torch.linalg.matrix_norm(weights, ord=2)) * flow.sizes[base]
    # What is never loose is a point or 0; a table's output lies between two of its points, whatever it reads.
    return points
