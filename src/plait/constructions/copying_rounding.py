"""What rounding does to the two constructions of selective copying, beside what is kept for it.

Source: docs/theory-constructions.md, section 6.6.
"""

import math
from typing import TYPE_CHECKING

from plait.constructions.looking_back import LOOKBACK_RESERVE
from plait.constructions.mamba_writer import HOLD, LIFT, SILU_ONE, STEP
from plait.constructions.rounding import USUAL_OF_COPIES, USUAL_OF_SCORES, Allowance, Rounding, grown

if TYPE_CHECKING:
    from plait.constructions.copying import CopyingPlan
    from plait.constructions.line import LinePlan


def digits_noise(plan: "CopyingPlan", rounding: Rounding) -> dict[tuple[int, str], float]:
    """Lemma 6.9 along the two paths: control to score, and code to logit."""
    early, late, _ = plan.reads(rounding)
    one = rounding.silu(1.0, SILU_ONE * rounding.weight)
    gate = rounding.silu(1.0, SILU_ONE * plan.constant_read(rounding))
    step = rounding.step(rounding.channel(1.0, early))
    # 6.6: a pair errs by 2.2 r + (10), what is held by (1 + s)(1 + c_1)^2 (1 + (5))(1 + g) more, what is
    # the token's own by (1 + (2))(1 + g).
    pair = grown(1.0, 2.2 * early, rounding.function)
    held = grown(1.0, pair, step, one, one, rounding.off(5.0, stored=3.0), gate)
    own = grown(1.0, pair, rounding.off(2.0, stored=2.0), gate)
    code = plan.gain * plan.louder * (late + rounding.mass(plan.miss, plan.window))
    return {(1, "control"): held + own, (2, "control"): held + own, (2, "flag"): code, (2, "code"): code}


def digits_allowances(plan: "CopyingPlan", rounding: Rounding) -> tuple[Allowance, ...]:
    """What is kept for rounding in the layout of digits, margin by margin."""
    chord, (own, _, last), noise = plan.code.chord, plan.lengths(), plan.noise(rounding)
    query = math.sqrt(2.0) * (noise[1, "control"] + plan.reads(rounding)[1])
    turned = rounding.turned(
        max(plan.seq_len, plan.window), max(plan.turns.values), 2 * plan.layout.n_frequencies
    )
    code = math.sqrt(2.0) * noise[2, "code"] / plan.gain
    # Two rows of the unembedding differ by 2 sqrt(S) at most; each is read with the constant, which is nothing.
    logit = 2.0 * (math.sqrt(plan.square) * plan.strayed(rounding)[2] + rounding.kept(last) * own) / plan.gain
    return (
        Allowance(
            what="the score of a distance",
            error=2.0 * grown(1.0, query, turned),
            usual=USUAL_OF_SCORES,
            room=plan.margin * (1.0 - 1.0 / LOOKBACK_RESERVE),
        ),
        Allowance(
            what="the copied code",
            error=chord * code + logit + rounding.kept(1.0) * chord**2 / 2.0,
            usual=USUAL_OF_COPIES,
            room=chord**2 / 8.0,  # 6.6: what the signal leaves for rounding
        ),
    )


def _lifted(plan: "LinePlan", rounding: Rounding) -> float:
    """Error of the one channel, B + k, as it is stored."""
    return rounding.channel(LIFT + 2.0, plan.reads(rounding)[0])


def _exponent(plan: "LinePlan", rounding: Rounding) -> float:
    """Error of 256 (x - B) - 128."""
    read = grown(LIFT + 2.0, _lifted(plan, rounding), rounding.off(1.0, stored=1.0))
    # 6.6, line: 256 times the channel, and the roundings of numbers of at most 4 * 128.
    return 2.0 * STEP * read + rounding.off(2.0, stored=1.0) * 4.0 * STEP


def line_noise(plan: "LinePlan", rounding: Rounding) -> dict[tuple[int, str], float]:
    """Lemma 6.9: the lifted channel is squared and scaled, so its error grows with the lift."""
    channel, step = _lifted(plan, rounding), _exponent(plan, rounding)
    relative, middle = channel / LIFT, plan.states[0]
    gate = rounding.silu(1.0, SILU_ONE * plan.constant_read(rounding))
    held = 0.0
    for control in plan.controls:
        # 6.6, line: the state errs by the step, 256 k - 128, and twice the channel over the lift; the
        # output by it once more.
        written = step / (2.0 * STEP * control + HOLD)
        shown = plan.state(control) * (1.0 + 2.0 / LIFT)
        held = max(held, grown(shown, 0.0, written, *[relative] * 3, rounding.off(8.0, stored=3.0)))
    skip = 1.0 + middle / LIFT
    own = grown(skip * (LIFT + 2.0), skip * channel, rounding.weight, rounding.off(2.0, stored=1.0))
    control = grown(plan.output, held + own, gate, rounding.off(2.0, stored=1.0))
    code = plan.gain * (plan.reads(rounding)[1] + rounding.mass(plan.miss, plan.window))
    return {(1, "control"): control, (2, "control"): control, (2, "code"): code}


def line_allowances(plan: "LinePlan", rounding: Rounding) -> tuple[Allowance, ...]:
    """Everything is read beside the control, which is the largest signal."""
    chord, (own, _, last), noise = plan.code.chord, plan.lengths(), plan.noise(rounding)
    slope, steepest = plan.steepest / plan.states[1], (1.0 + 2.0 / LIFT) * plan.steepest
    softer = plan.residual.softening(0.0, plan.squares()[1], eps=plan.config().norm_eps)
    tangent = slope * (noise[1, "control"] + plan.reads(rounding)[1])
    tangent += slope * LIFT * grown(1.0, 0.0, rounding.weight, rounding.off(2.0, stored=2.0))
    # The query is (1, tangent), the key a point of the circle.
    query = math.hypot(1.0, steepest)
    turned = rounding.turned(max(plan.seq_len, plan.window), plan.turns.values[0], 2)
    score = grown(query, tangent + query * 2.0 * rounding.weight, turned)
    code = math.sqrt(2.0) * noise[2, "code"] / plan.gain
    # A row of the unembedding measures sqrt 5 at most: code 1, control 2.
    logit = 2.0 * (math.sqrt(5.0) * plan.strayed(rounding)[2] + rounding.kept(last) * own) / plan.gain
    return (
        Allowance(
            what="the hold of a number",
            error=_exponent(plan, rounding),
            room=-HOLD / 2.0,
            usual=USUAL_OF_SCORES,
        ),
        Allowance(
            what="the score of a distance",
            error=2.0 * score,
            usual=USUAL_OF_SCORES,
            room=plan.margin * (1.0 - 1.0 / LOOKBACK_RESERVE),
            certain=2.0 * slope * softer * plan.span,
        ),
        Allowance(
            what="the copied code",
            error=chord * code + logit + rounding.kept(1.0) * chord**2 / 2.0,
            usual=USUAL_OF_COPIES,
            room=chord**2 / 8.0,  # 6.8: what the signal leaves for rounding
            certain=math.sqrt(2.0) * chord * softer,
        ),
    )
