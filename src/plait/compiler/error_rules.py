"""The error rules of statements, in SSM layers and in TF layers (docs/theory-constructions.md, section 12)."""

import math
from collections.abc import Callable
from dataclasses import replace

import torch

from plait.compiler.book import condition
from plait.compiler.flow import IDENTITY, Flow
from plait.compiler.given import Given
from plait.compiler.heads import HEAD_RESERVE, SHARE
from plait.compiler.lookups import AtDistance, Previous
from plait.compiler.pointwise import ValueTable
from plait.compiler.recurrent import BitRegister
from plait.compiler.ssm_op import SsmOp
from plait.compiler.ssm_ops import (
    DRIFT,
    SLOW,
    SLOW_STEP,
    SWING,
    Copies,
    Counts,
    Holds,
    Multiplies,
    Passes,
    Recalls,
    Shifts,
)
from plait.compiler.statement import Statement
from plait.compiler.stream import base_of
from plait.compiler.tf_ops import Averages, ByDistance, ByMatch, ByStep, Fetches, Steps, TfOp
from plait.compiler.wires import OPEN
from plait.constructions.mamba_writer import LIFT
from plait.constructions.rounding import FUNCTION, grown

HELD = 2.0**-130
"""More than what one closed gate lets in or out of a state: e^-96, at a gate that is off by an eighth."""

CLOSED = 2.0**-78
"""More than what an output's gate that reads -64, off by an eighth, lets through: 0.9 e^-56."""

LEFT = 2.0**-36
"""More than what e^-64 of an amount becomes where steps are softplus(-32): at resets."""


def _opened(flow: Flow, op: SsmOp, gate: Given) -> float:
    """The relative error of a step of 128, the gate being 64 up to its error."""
    what = f"the gate of {op.book.lowered.called(op.statement)}"
    flow.allow(what, error=gate.summed / OPEN, room=0.125)  # 12.5: what HELD and CLOSED are for
    # 12.5: 2 q + 18 u: the step is 4 x - 128, where x is 64 (1 + q).
    return 2.0 * (gate.error + max(gate.leaks)) / OPEN + flow.units(8.0 + FUNCTION)


def carried(flow: Flow, step: float) -> float:
    """The relative error of what goes through states, for all channels alike: the step, B and C, the output's gate."""
    return (1.0 + step) * (1.0 + flow.one) ** 2 * (1.0 + flow.gate) - 1.0


def each(flow: Flow) -> float:
    """That of each channel by itself: (8) v and (2) u (Lemma 12.5)."""
    return (1.0 + flow.wides(8.0)) * (1.0 + flow.units(2.0)) - 1.0


def copies(flow: Flow, op: SsmOp) -> Given:
    """Lemma 12.4: the skip gives the feed."""
    value = flow.feed(op.fed[0], op.book.lowered.called(op.statement))
    # 12.4: g for all channels alike, 4 u for each.
    return value.through(flow.gate, float(op.columns.norm(dim=-1).max()), each=flow.units(4.0))


def holds(flow: Flow, op: SsmOp) -> Given:
    """Lemma 12.5: the step that wrote the value errs by one factor; closed steps change nothing."""
    value, gate = (flow.feed(feed, op.book.lowered.called(op.statement)) for feed in op.fed)
    factor = carried(flow, _opened(flow, op, gate))
    size, more = float(op.columns.norm(dim=-1).max()), flow.seq_len * HELD * max(value.loud)
    return value.earlier.through(factor, size, each=each(flow), more=more)


def recalls(flow: Flow, op: SsmOp) -> Given:
    """Lemma 12.13: as Lemma 12.5 for the state of the query's key; the outputs of all others are closed."""
    assert isinstance(op, Recalls)
    called, n = op.book.lowered.called(op.statement), len(op.keyed.keys)
    value, *fed = (flow.feed(feed, called) for feed in op.fed)
    opens, asked = fed[:n], fed[n:]
    step = max(_opened(flow, op, gate) for gate in opens)
    query = max(one.either for one in asked) / OPEN
    flow.allow(f"the query that {called} reads", error=query, room=0.125)
    shown, own = query + flow.units(4.0 + FUNCTION), each(flow)
    factor, loud = (1.0 + carried(flow, step)) * (1.0 + shown) - 1.0, max(value.loud)
    size = float(op.columns.norm(dim=-1).max())
    given = value.earlier.through(factor, size, each=own, more=(flow.seq_len * HELD + n * CLOSED) * loud)
    # Of no query a gate reads its error alone, and silu(z) is at most |z|.
    return replace(given, blank=given.blank + n * query * (value.gross + own * loud) * (1.0 + factor))


def counts(flow: Flow, op: SsmOp) -> Given:
    """Lemma 12.6: every amount errs, every addition rounds."""
    amounts, *resets = (flow.feed(feed, op.book.lowered.called(op.statement)) for feed in op.fed)
    return _summed(flow, op, amounts, resets)


def passes(flow: Flow, op: SsmOp) -> Given:
    amounts, resets = (flow.feed(feed, op.book.lowered.called(op.statement)) for feed in op.fed)
    return _summed(flow, op, amounts, [resets])


def _summed(flow: Flow, op: SsmOp, amounts: Given, resets: list[Given]) -> Given:
    scale, n = op.book.scale(op.statement), float(flow.seq_len)
    step, drift, left, added = flow.units(2.0 + FUNCTION), DRIFT, 0.0, flow.wides(n)
    if resets:
        _opened(flow, op, resets[0])
        # A closed gate is silu of -64 or less, so that the step's argument errs by its own rounding alone.
        step, drift, left = flow.units(4.0 * abs(SLOW) + FUNCTION), SLOW_STEP, LEFT
        # Decays are 1 to the last bit of float32; of float64 they are rounded, and so is what they leave.
        added = added if flow.unit > IDENTITY else flow.wides(3.0 * n)
    # For all channels alike: the step and B; for each by itself, three products, and the sum so far at every addition.
    alike = (1.0 + step) * (1.0 + flow.one) - 1.0
    loud = max(amounts.loud)
    state = (
        n * (amounts.either * (1.0 + alike) + amounts.gross * alike)
        + n * (1.0 + alike) * loud * ((1.0 + flow.wides(3.0)) * (1.0 + added) - 1.0)
        + n * amounts.gross * n * drift
        + left
    )
    # What is shown: C and the gate for all alike, six roundings of each.
    shown, own = (1.0 + flow.one) * (1.0 + flow.gate) - 1.0, flow.units(6.0) * (1.0 + alike)
    error = scale * (state * (1.0 + shown) + n * amounts.gross * shown + n * loud * own * (1.0 + shown))
    leak = max(1.0, scale * n) * max(amounts.leaks) * (1.0 + alike) * (1.0 + shown) * (1.0 + own)
    return Given(inside=error, error=error, blank=error, gross=scale * n * amounts.gross, leaks=(leak, leak))


def shifts(flow: Flow, op: SsmOp) -> Given:
    """Lemma 12.7: the number is off as in Lemma 7.8, and by what a bit's channel is."""
    assert isinstance(op.statement, BitRegister)
    bits, known = (flow.feed(feed, op.book.lowered.called(op.statement)) for feed in op.fed)
    register = op.book.register(op.statement.n_bits)
    number = register.rounded(flow.rounding, _opened(flow, op, known))
    number = grown(2.0 * register.reach, number, bits.either / OPEN, flow.one, flow.one, flow.gate)
    error = op.book.scale(op.statement) * (number + flow.seq_len * HELD)
    return Given(
        inside=error, error=error, blank=error, gross=op.book.scale(op.statement) * register.cancellation
    )


def multiplies(flow: Flow, op: SsmOp) -> Given:
    """Lemma 12.8: x times the lifted gate, less x times the lift."""
    first, second = op.fed
    one, other = (flow.feed(feed, op.book.lowered.called(op.statement)) for feed in (first, second))
    residual, numbers = flow.stream.residual, op.book.numbers(op.statement.inputs[1])
    largest = max(1.0, float(numbers.abs().max()))
    swing = SWING / largest
    size = float(op.book.numbers(op.statement.inputs[0]).abs().max())
    # 12.8: e_x |y| + (|x| + e_x)(r 64/(kappa sqrt d) + s e_y + 14 u 80)/s, and the two products.
    lift = flow.read * LIFT / (residual.bias * math.sqrt(residual.d_model)) + swing * other.error
    gate = lift + flow.units(4.0 + FUNCTION) * (LIFT + SWING)
    error = one.error * largest + (size + one.error) * gate / swing
    error += (LIFT + SWING) * (flow.units(8.0) * max(one.loud) + LIFT / SWING * flow.gate * one.gross) / swing
    scale = op.book.scale(op.statement)
    sizes = scale * (2.0 * LIFT + SWING) / swing
    leak = max(1.0, sizes) * max(one.leaks) * (1.0 + gate) * (1.0 + flow.units(8.0))
    return Given(
        inside=scale * error,
        error=scale * error,
        blank=scale * error,
        gross=sizes * one.gross,
        leaks=(leak, leak),
    )


ERROR_RULES: dict[type[SsmOp], Callable[[Flow, SsmOp], Given]] = {
    Copies: copies, Holds: holds, Counts: counts, Passes: passes, Shifts: shifts, Multiplies: multiplies,
    Recalls: recalls,
}  # fmt: skip


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
        error=error, room=look.margin * (1.0 - 1.0 / HEAD_RESERVE),
    )  # fmt: skip


def by_step(flow: Flow, op: ByStep) -> None:
    """Lemma 12.9 with constant queries."""
    assert isinstance(op.statement, Previous)
    look = op.turns.look_at(op.statement)
    error = 2.0 * (flow.units(8.0) + flow.wides(flow.rounding.d_model))
    flow.allow(
        f"the score of a distance in {op.book.lowered.called(op.statement)}",
        error=error, room=look.margin * (1.0 - 1.0 / HEAD_RESERVE),
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
    return isinstance(statement, ValueTable) and statement.sees_nothing


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
