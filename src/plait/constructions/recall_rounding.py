"""What rounding does to decoding recall in two layers and in three, beside what is kept for it.

Source: docs/theory-constructions.md, Lemma 7.8.
"""

import math
from typing import TYPE_CHECKING

from plait.constructions.mamba_writer import SILU_ONE
from plait.constructions.recall_plan import PREVIOUS, REGISTER
from plait.constructions.rounding import DOUBLE, USUAL_OF_COPIES, USUAL_OF_SCORES, Allowance, Rounding, grown
from plait.constructions.transformer_writer import SETTLED

if TYPE_CHECKING:
    from plait.constructions.recall_long import LongRecallPlan
    from plait.constructions.recall_short import ShortRecallPlan


def short_noise(plan: "ShortRecallPlan", rounding: Rounding) -> dict[tuple[int, str], float]:
    """Lemma 7.8: what the two kinds of channels write, and what is copied."""
    early, late, _ = plan.reads(rounding)
    gate = rounding.silu(1.0, SILU_ONE * plan.constant_read(rounding))
    flag = rounding.channel(2.0, early / (0.75 * plan.radius**2))
    number = plan.number_error(rounding, flag=flag, value=rounding.channel(1.0, early / (2.0 * plan.radius)))
    # 6.6: a pair errs by 2.2 r + (10).
    placed = grown(plan.largest, 2.2 * early, rounding.function, gate, rounding.off(3.0, stored=3.0))
    copied = late + rounding.mass(plan.miss, plan.window) * 2.0 * plan.radius
    return {
        (1, "register"): REGISTER * number,
        (1, "previous level"): PREVIOUS * placed,
        (1, "previous height"): PREVIOUS * placed,
        (2, "level"): plan.gain * copied,
        (2, "height"): plan.gain * rounding.weight,
    }


def short_allowances(plan: "ShortRecallPlan", rounding: Rounding) -> tuple[Allowance, ...]:
    """What is kept for rounding in a short plan, margin by margin."""
    register, radius, n = plan.register, plan.radius, plan.register.width
    (own, _, last), noise, late = plan.lengths(), plan.noise(rounding), plan.reads(rounding)[1]
    # 7.8; and levels are computed in float64 too, by fewer than 64 operations each.
    number = (noise[1, "register"] + late) / REGISTER + register.cancellation * 64.0 * DOUBLE
    # Where a key was placed, and by which weights it is read, is the same for all keys of a token: that moves
    # levels, and no two equal keys apart.
    placed = (noise[1, "previous level"] + late) / PREVIOUS
    content = (register.reach * n + 1.0) * plan.rereads(rounding)[1] / PREVIOUS
    # 7.8: the score is n + 1 products, of numbers within their reach with levels, and of 1 with the height (at most
    # 3/2 r^2, of bits); with recency's pair n + 3 terms, summed and scaled.
    size = n * register.reach * 2.0 * radius + 1.5 * radius**2
    content += size * (rounding.off(n + 5.0, stored=2.0) + rounding.spread(plan.softening))
    turned = rounding.turned(max(plan.seq_len, plan.window), plan.recency.turns.values[0], n + 3)
    level = math.sqrt(n) * noise[2, "level"] / plan.gain
    logit = math.sqrt(plan.squares()[0]) * plan.strayed(rounding)[2] + rounding.kept(last) * own
    return (
        Allowance(
            what="the register's level",
            error=register.lead
            - register.lead_with_error(number)
            + 2.0 * (1.0 + n * register.reach) * placed,
            usual=USUAL_OF_SCORES,
            room=plan.lead / 8.0,  # 7.7: the sharpness is 8/7 of what exact arithmetic needs
        ),
        Allowance(
            what="the score of two equal keys",
            error=2.0 * (plan.sharpness * content + plan.recency.sharpness * turned),
            usual=USUAL_OF_SCORES,
            room=plan.recency.nats - plan.recency.kept,
            certain=2.0 * plan.sharpness * plan.softening * size,
        ),
        Allowance(
            what="the copied level",
            error=plan.spacing * level + 2.0 * logit / plan.gain + rounding.kept(1.0) * plan.spacing**2 / 2.0,
            usual=USUAL_OF_COPIES,
            room=plan.spacing**2 / 16.0,  # 7.7: what the signal leaves for rounding
        ),
    )


def long_noise(plan: "LongRecallPlan", rounding: Rounding) -> dict[tuple[int, str], float]:
    """Lemma 7.8: what the register's channels write, what attention at distance 1 and the steps write."""
    early, held, late, _ = plan.reads(rounding)
    apart = float((plan.points[1] - plan.points[0]).norm())
    # 7.2: 64 (2 (y - y_0).(y_1 - y_0)/|y_1 - y_0|^2 - 1), so a read counts 2/|y_1 - y_0| times.
    value = rounding.channel(1.0 + 4.0 / apart, 2.0 / apart * (early + rounding.weight))
    number = plan.number_error(rounding, flag=rounding.channel(1.0, early), value=value)
    previous = plan.previous * (held + rounding.mass(0.0, 2))
    copied = plan.gain * (late + rounding.mass(plan.miss, plan.window))
    return {
        (1, "register"): plan.register_gain * number,
        (2, "previous flag"): previous, (2, "previous code"): previous, (2, "wanted code"): _wanted(plan, rounding),
        (3, "flag"): copied, (3, "code"): copied,  # keys are layers, from 1
    }  # fmt: skip


def long_allowances(plan: "LongRecallPlan", rounding: Rounding) -> tuple[Allowance, ...]:
    """What is kept for rounding in a long plan, margin by margin."""
    chord, digits, width = plan.code.chord, plan.code.n_digits, plan.code.width
    noise, (_, held, late, _) = plan.noise(rounding), plan.reads(rounding)
    own, last, again = plan.lengths()[0], plan.lengths()[3], plan.rereads(rounding)
    leak = plan.residual.overlap("previous code", "wanted code") * _summing(plan, rounding)
    # Two equal keys: what stood before was read from two streams, and is read from two others.
    moved = again[1] + rounding.mass(0.0, 2) + (again[2] + leak) / plan.previous
    fixed = (noise[2, "previous code"] + late + leak) / plan.previous
    # 7.8: the score is width + 1 products, together at most D + 1; with recency's pair width + 3 terms.
    sizes = (digits + 1.0) * rounding.off(width + 6.0, stored=2.0)
    softer = (digits + 1.0) * sum(plan.softenings)
    norms = (digits + 1.0) * rounding.spread(plan.softening)
    read = math.sqrt(digits * width) + 1.0
    turned = rounding.turned(max(plan.seq_len, plan.window), plan.recency.turns.values[0], width + 3)
    wanted = math.sqrt(2.0) * (noise[2, "wanted code"] + late)
    code = math.sqrt(2.0) * noise[3, "code"] / plan.gain
    logit = math.sqrt(1.0 + digits) * plan.strayed(rounding)[3] + rounding.kept(last) * own
    return (
        Allowance(
            what="the register's number",
            error=(noise[1, "register"] + held) / plan.register_gain
            + rounding.weight
            + plan.register.cancellation * 64.0 * DOUBLE,  # levels are computed in float64
            usual=USUAL_OF_SCORES,
            room=plan.gap / 6.0,  # 7.8: half of the way from a level to the steps beside it
        ),
        Allowance(
            what="the wanted code",
            error=2.0 * (chord * wanted + read * fixed + sizes + norms),
            usual=USUAL_OF_SCORES,
            room=plan.reserve * chord**2 / 2,
            certain=softer,
        ),
        Allowance(
            what="the score of two equal keys",
            error=2.0 * (plan.sharpness * (read * moved + sizes + norms) + plan.recency.sharpness * turned),
            usual=USUAL_OF_SCORES,
            room=plan.recency.nats - plan.recency.kept,
            certain=plan.sharpness * softer,
        ),
        Allowance(
            what="the copied code",
            error=chord * code + 2.0 * logit / plan.gain + rounding.kept(1.0) * chord**2 / 2.0,
            usual=USUAL_OF_COPIES,
            room=chord**2 / 8.0,  # 7.6: what the signal leaves for rounding
        ),
    )


def _summing(plan: "LongRecallPlan", rounding: Rounding) -> float:
    """The error of the sum over the steps passed: each adds and takes away up to 3 span / gap times its height, and
    one: two products and two sums."""
    # 7.8: four roundings of 3 span/gap + 1 times the height.
    steps = rounding.many(plan.passed) * plan.heights
    return steps * (rounding.off(4.0, stored=2.0) * (3.0 * plan.span / plan.gap + 1.0) + rounding.weight)


def _wanted(plan: "LongRecallPlan", rounding: Rounding) -> float:
    """Error of a coordinate of the wanted code."""
    # The two units of a step read the same row, and round on their own: their sums of d terms, and their biases.
    sums = rounding.off(plan.residual.d_model + 2.0, stored=1.0)
    apart = sums * (plan.lengths()[1] / plan.register_gain + 1.0) + rounding.weight
    # 7.8: a slope of 96/gap in both units, over 32.
    steps = rounding.many(plan.passed) * plan.heights * 6.0 * apart / plan.gap
    # Where the number is off by gap / 6, the nearest steps are 16 from their bends, and below 40.
    bends = 4.0 * SETTLED * math.exp(-SETTLED / 2.0) + 4.0 * rounding.function * 40.0 / SETTLED
    return _summing(plan, rounding) + steps + bends * plan.code.chord
