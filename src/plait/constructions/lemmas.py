"""The lemmas of docs/theory-constructions.md, section 6 and 7, as checks of a built model on given tokens.

Every check reads numbers from a real forward pass and holds them against what is proved, rounding included:
a weight that is not what the proof needs shows in the first lemma that uses it.
"""

from dataclasses import dataclass

import torch
from jaxtyping import Int
from torch import Tensor

from plait.checks.values import unknown
from plait.constructions.plan import Plan, plan_of
from plait.constructions.rounding import UNITS, Rounding
from plait.constructions.trace import Trace, attention, logit_gaps, trace
from plait.model import HybridLM

STATEMENTS = {
    "6.1": "the embedding holds every signal, and each norm multiplies signals by one known factor",
    "6.3": "the control is that of the latest number, and 0 before the first",
    "6.4": "attention lies at the distance held",
    "6.5": "flag and code are those of the token looked at, times the gain, beside the token's own",
    "6.6": "the target's logit leads every other",
    "6.7": "the control is the tangent of the number held, and attention lies at its distance",
    "6.8": "the target's logit leads every other",
    "7.1": "the signals of the token before stand beside the token's own",
    "7.2": "the register's numbers are sums of decaying bits, held at words",
    "7.3": "the wanted code is that of the word in the register",
    "7.4": "attention lies at the latest key whose level is nearest to the register",
    "7.6": "attention lies at the latest key with the wanted code; its token's code is copied",
    "7.7": "the target's logit leads every other",
    "12.1": "the embedding holds the token's columns",
    "12.3": "a table's steps give the points of its entries",
    "12.4": "the skip gives what the convolution reads",
    "12.5": "the value is that of the latest position with an open gate",
    "12.6": "the state is the sum of the amounts since the reset",
    "12.7": "the state is a sum of decaying bits",
    "12.8": "the gate multiplies two numbers",
    "12.9": "attention lies at the distance held",
    "12.10": "attention lies at the latest, or earliest, match",
    "12.12": "equal scores give the mean",
    "12.13": "the value is that held for the query's key",
    "12.15": "the target's logit leads every other",
}
"""What the lemmas say, in a line each."""


@dataclass(frozen=True, kw_only=True)
class LemmaCheck:
    """One lemma held against one forward pass.

    Args:
        lemma: its number.
        about: the layer, and the subspace or the quantity.
        proved: the bound.
        measured: the worst value seen; None where no position is concerned.
        at_least: True where the bound is a lower one.
    """

    lemma: str
    about: str
    proved: float
    measured: float | None
    at_least: bool

    @property
    def holds(self) -> bool:
        if self.measured is None:
            return True
        return self.measured >= self.proved if self.at_least else self.measured <= self.proved


def check_lemmas(
    model: HybridLM, tokens: Int[Tensor, "*batch time"], plan: Plan | None = None
) -> tuple[LemmaCheck, ...]:
    """Every lemma of the model's construction, on these tokens.

    Raises:
        ValueError: a model without a plan, or tokens that the task cannot contain.
    """
    plan = plan or plan_of(model)
    tokens = tokens.long()
    plan.task.targets(tokens)
    seen = trace(model, tokens)
    return (
        *check_norms(plan, seen),
        *check_holdings(plan, seen, tokens),
        *check_attention(model, plan, seen, tokens),
        check_gap(plan, seen, tokens),
    )


def check_lemma(
    number: str, model: HybridLM, tokens: Int[Tensor, "*batch time"], plan: Plan | None = None
) -> tuple[LemmaCheck, ...]:
    """One lemma of the model's construction, "6.3" say, on these tokens; empty if the construction does not use it.

    Raises:
        ValueError: a number that no lemma has, or as `check_lemmas`.
    """
    if number not in STATEMENTS:
        raise ValueError(unknown("lemma", number, STATEMENTS))
    return tuple(check for check in check_lemmas(model, tokens, plan) if check.lemma == number)


def check_norms(plan: Plan, seen: Trace) -> tuple[LemmaCheck, ...]:
    """Lemma 6.1: what each norm multiplies signals by, over what the weights take it for."""
    eps, amplitude = plan.config().norm_eps, plan.residual.amplitude
    checks: list[LemmaCheck] = []
    for factor in plan.factors():
        hidden = seen.hidden[factor.layer - 1].double()
        if factor.norm != "norm":
            hidden = hidden - hidden.mean(-1, keepdim=True)
        actual = amplitude / (hidden.square().mean(-1) + eps).sqrt() / factor.assumed
        slack = 2.0 * plan.read_error(_rounding(plan), factor.layer - 1)
        about = f"layer {factor.layer}, {factor.norm}"
        checks += [
            LemmaCheck(
                lemma="6.1", about=f"{about}: most", proved=factor.high + slack,
                measured=float(actual.max()), at_least=False,
            ),
            LemmaCheck(
                lemma="6.1", about=f"{about}: least", proved=factor.low - slack,
                measured=float(actual.min()), at_least=True,
            ),
        ]  # fmt: skip
    return tuple(checks)


def check_holdings(plan: Plan, seen: Trace, tokens: Tensor) -> tuple[LemmaCheck, ...]:
    """What every subspace holds after every layer."""
    checks: list[LemmaCheck] = []
    for holding in plan.holdings(tokens):
        actual = plan.residual.read(seen.hidden[holding.layer], holding.subspace)
        off = (actual - holding.expected).abs().amax(-1)[holding.known]
        checks.append(
            LemmaCheck(
                lemma=holding.lemma,
                about=f"after layer {holding.layer}: {holding.subspace}",
                proved=holding.tolerance + plan.stray(_rounding(plan), holding.layer, holding.subspace),
                measured=float(off.max()) if off.numel() else None,
                at_least=False,
            )
        )
    return tuple(checks)


def check_attention(model: HybridLM, plan: Plan, seen: Trace, tokens: Tensor) -> tuple[LemmaCheck, ...]:
    """Where attention looks: the target's lead in score, and the softmax mass there."""
    checks: list[LemmaCheck] = []
    for gaze in plan.gazes(tokens):
        scores, weights = attention(model, gaze.layer, seen.hidden[gaze.layer - 1])
        place = torch.arange(tokens.shape[-1]) - gaze.distance
        target = place.clamp(min=0).unsqueeze(-1)
        mass = weights.gather(-1, target).squeeze(-1)[gaze.known]
        score = scores.gather(-1, target).squeeze(-1)
        lead = (score - scores.scatter(-1, target, float("-inf")).amax(-1))[gaze.known]
        unit = UNITS[plan.dtype]
        # The mass as it is measured errs itself: an exponential, the sum and the quotient.
        for name, proved, values in (("margin", gaze.margin, lead), ("mass", gaze.mass - 8 * unit, mass)):
            checks.append(
                LemmaCheck(
                    lemma=gaze.lemma,
                    about=f"layer {gaze.layer}, attention {name}",
                    proved=proved,
                    measured=float(values.min()) if values.numel() else None,
                    at_least=True,
                )
            )
    return tuple(checks)


def check_gap(plan: Plan, seen: Trace, tokens: Tensor) -> LemmaCheck:
    """The theorem: by how much the target's logit leads, where the key is in the window."""
    targets = plan.task.targets(tokens)
    known = targets.scored & plan.answered(tokens)
    gaps = logit_gaps(seen.logits, targets.tokens)[known]
    return LemmaCheck(
        lemma=plan.theorem,
        about="logit gap",
        proved=plan.margins().logit_gap,
        measured=float(gaps.min()) if gaps.numel() else None,
        at_least=True,
    )


def _rounding(plan: Plan) -> Rounding:
    return Rounding(unit=UNITS[plan.dtype], d_model=plan.residual.d_model)
