"""Every lemma holds on built models, and a fault in any weight breaks one of them or an answer."""

import copy
from dataclasses import replace
from fractions import Fraction

import pytest
import torch
from construction_cases import COPYING, RECALL, judge, sampled

from plait.constructions import (
    STATEMENTS,
    CopyingLayout,
    Plan,
    check_lemma,
    check_lemmas,
    copying_plan,
    explain,
    layouts,
    loud_recall_plan,
    plan_of,
    recall_plan,
    smallest_plan,
)
from plait.constructions.copying import CopyingPlan
from plait.constructions.line import LinePlan
from plait.constructions.recall_long import LongRecallPlan
from plait.constructions.recall_long_stream import LOUD_REGISTER
from plait.constructions.register import widest_gap_decay
from plait.constructions.residual import QUIET
from plait.constructions.rounding import UNITS, Rounding
from plait.constructions.trace import attention, logit_gaps, trace
from plait.model import HybridLM
from plait.tasks import DecodingRecall, SelectiveCopying

DTYPES = (torch.float64, torch.float32, torch.bfloat16)

PLANS = {
    "digits": copying_plan(COPYING, 100),
    "line": smallest_plan(COPYING, 100),
    "long": recall_plan(RECALL, 100, success=1.0),
    "long, loud": LongRecallPlan(
        task=DecodingRecall(n_bits=2),
        seq_len=100,
        window=99,
        register=widest_gap_decay(2),
        base=4,
        amplitude=1.0,
        register_gain=LOUD_REGISTER,
    ),
    "short": recall_plan(RECALL, 100, success=1.0, pattern="SSM-TF"),
}


@pytest.mark.parametrize("dtype", DTYPES, ids=str)
@pytest.mark.parametrize("task", [COPYING, RECALL, DecodingRecall(n_bits=1)], ids=str)
def test_every_lemma_of_every_layout(task: SelectiveCopying | DecodingRecall, dtype: torch.dtype) -> None:
    tokens = sampled(task, batch=8)
    for plan in layouts(task, 100, success=0.99, dtype=dtype)[:8]:
        if plan.carried():
            for check in check_lemmas(plan.build(), tokens):
                assert check.holds, (plan.name, check)
                assert check.lemma in STATEMENTS


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16], ids=str)
@pytest.mark.parametrize("task", [COPYING, RECALL, DecodingRecall(n_bits=1)], ids=str)
def test_rounding_stays_far_below_its_worst_case(
    task: SelectiveCopying | DecodingRecall, dtype: torch.dtype
) -> None:
    """Scores and logits beside those of float64: no more than the usual share of what the allowances bound."""
    tokens = sampled(task, batch=8)
    for plan in [plan for plan in layouts(task, 100, dtype=dtype) if plan.carried()][:5]:
        coarse, fine = plan.build(), replace(plan, dtype=torch.float64).build()
        rounding = Rounding(unit=UNITS[dtype], d_model=plan.residual.d_model, usual=True)
        allowed = {allowance.what: allowance for allowance in plan.allowances(rounding)}
        gaze = plan.gazes(tokens)[-1]
        targets, scored = plan.task.targets(tokens)
        seen = [trace(model, tokens) for model in (coarse, fine)]
        leads = [
            _leads(model, gaze.layer, found.hidden[gaze.layer - 1], gaze.distance)
            for model, found in zip((coarse, fine), seen, strict=True)
        ]
        equal = "the score of two equal keys"
        score = allowed.get(equal) or allowed["the score of a distance"]
        scale = 1.0 if score.what == equal else plan.sharpness  # type: ignore[attr-defined]
        known = gaze.known.unsqueeze(-1) & leads[1].isfinite() & leads[0].isfinite()
        known &= _alike(tokens, gaze.distance) | torch.tensor(score.what != equal)
        moved = (leads[0] - leads[1])[known]
        assert float(moved.abs().max()) <= score.usual * score.error * scale, (plan.name, score)
        # Where other positions have next to no mass, so that what is copied is compared, and not how much of it.
        others = leads[1].scatter(-1, (torch.arange(leads[1].shape[-1]) - gaze.distance).clamp(min=0).unsqueeze(-1),
                                  float("inf"))  # fmt: skip
        alone = scored & gaze.known & (others.amin(-1) > 15.0)
        assert int(alone.sum()) > 100
        gaps = [logit_gaps(found.logits, targets).double()[alone] for found in seen]
        copied = next(a for what, a in allowed.items() if "copied" in what)
        lost = float((gaps[1] - gaps[0]).max()) / plan.margins().logit_gap * _reserve(plan)
        assert lost <= copied.usual * copied.error, (plan.name, copied)


def _leads(model: HybridLM, layer: int, hidden: torch.Tensor, distance: torch.Tensor) -> torch.Tensor:
    """How far each score lies below that of the position looked at."""
    scores, _ = attention(model, layer, hidden)
    place = (torch.arange(distance.shape[-1]) - distance).clamp(min=0).unsqueeze(-1)
    return scores.double().gather(-1, place) - scores


def _alike(tokens: torch.Tensor, distance: torch.Tensor) -> torch.Tensor:
    """Which positions have the same token before them as the one looked at."""
    before = torch.nn.functional.pad(tokens, (1, 0), value=-1)[:, :-1]
    place = (torch.arange(tokens.shape[-1]) - distance).clamp(min=0)
    return before.unsqueeze(1) == before.gather(-1, place).unsqueeze(-1)


def _reserve(plan: Plan) -> float:
    """The proved gap in the unit of the allowances, the last norm's factor and the gain being 1."""
    margins = plan.margins()
    last = plan.residual.layer_factor(plan.squares()[-1], eps=plan.config().norm_eps)
    return margins.logit_gap / (plan.final_gain * plan.residual.amplitude * last * plan.gain)  # type: ignore[attr-defined]


def test_what_exact_arithmetic_changes_is_not_taken_for_rounding() -> None:
    """At amplitude 1 the register moves the last norm's factor: no type repairs that, and it is not called proved."""
    loud = LongRecallPlan(
        task=DecodingRecall(n_bits=4), seq_len=5001, dtype=torch.float64, window=5000, register=widest_gap_decay(4),
        base=16, amplitude=1.0, register_gain=LOUD_REGISTER,
    )  # fmt: skip
    equal = next(a for a in loud.allowances(Rounding(unit=2.0**-53, d_model=10)) if "equal" in a.what)
    assert equal.certain > equal.room
    assert not loud.carried()
    assert loud.precision_bits() == 65
    with pytest.raises(ValueError, match="no type up to float64 would do"):
        loud.build()
    for n_bits in (1, 2, 4):
        for pattern in ("SSM-TF-TF", "SSM-TF"):
            plan = recall_plan(
                DecodingRecall(n_bits=n_bits), 5001, success=1.0, pattern=pattern, dtype=torch.float64
            )
            assert plan.proved(), plan.tightest()
            assert plan.residual.amplitude < 1.0


def test_quiet_norms_soften_by_what_is_said() -> None:
    """Lemma 6.1 (ii) and its figures for the line, before attention and before the last norm."""
    assert QUIET == 2.0**-40
    few, many = (
        LinePlan(task=task, seq_len=100, dtype=torch.float64)
        for task in (COPYING, SelectiveCopying(n_words=1000, numbers=tuple(range(1, 65))))
    )
    before, last, of_many = (
        plan.residual.softening(0.0, plan.squares()[layer], eps=1e-5)
        for plan, layer in ((few, 1), (few, 2), (many, 2))
    )
    assert 1.1e-15 < before < 1.2e-15
    assert 2.7e-9 < last < 2.9e-9
    assert 2.9e-3 < of_many < 3.1e-3
    assert few.residual.softening(0.0, 5.0, eps=1e-5, constant=True) < 1e-16
    for plan in (few, recall_plan(RECALL, 100, pattern="SSM-TF"), loud_recall_plan(RECALL, 100)):
        residual, most = plan.residual, max(plan.squares())
        for least in (0.0, most / 3.0):
            softer = Fraction(residual.softening(least, most, eps=1e-5))
            scale = Fraction(residual.amplitude) ** 2 / residual.d_model
            grown = scale * Fraction(most - least) / (scale * Fraction(least) + Fraction(1e-5))
            assert (1 - softer) ** 2 * (1 + grown) <= 1 or softer == 1


def test_a_line_that_is_not_quiet_is_not_proved() -> None:
    """Its softening is an allowance of its own: what the control shows would turn the query."""
    line = smallest_plan(COPYING, 100, dtype=torch.float64)
    assert isinstance(line, LinePlan)
    assert line.proved()
    louder = replace(line, amplitude=2.0**-18)
    assert louder.tightest().what == "the score of a distance"
    assert louder.tightest().certain > louder.tightest().room
    assert not louder.carried()
    assert louder.precision_bits() == 65


def test_copying_takes_a_layout_that_is_proved_where_there_is_one() -> None:
    for numbers in ((1, 500), (1000,), (100_000,)):
        task = SelectiveCopying(numbers=numbers)
        plan = copying_plan(task, max(numbers) + 100)
        assert plan.proved(), plan.tightest()
        fewest = CopyingPlan(task=task, seq_len=plan.seq_len, layout=CopyingLayout())
        assert not fewest.proved(), "one frequency alone is not enough here"


def parameters_in_use(plan: Plan) -> list[str]:
    """All that reach an answer: a norm before an MLP without units does not."""
    weights = plan.weights()
    idle = {
        name.replace("mlp.dense_h_to_4h.weight", f"post_attention_layernorm.{part}")
        for name, tensor in weights.items()
        for part in ("weight", "bias")
        if name.endswith("mlp.dense_h_to_4h.weight") and not tensor.numel()
    }
    return [name for name, tensor in weights.items() if tensor.numel() and name not in idle]


FAULTS = [(key, name) for key, plan in PLANS.items() for name in parameters_in_use(plan)]


@pytest.mark.parametrize(("key", "name"), FAULTS)
def test_a_fault_in_any_weight_is_caught(key: str, name: str) -> None:
    plan = PLANS[key]
    model = plan.build()
    tokens = sampled(plan.task, batch=8)  # type: ignore[arg-type]
    parameter = dict(model.named_parameters())[name]
    generator = torch.Generator().manual_seed(0)
    noise = torch.randn(parameter.shape, generator=generator, dtype=torch.float64).to(parameter.dtype)
    with torch.no_grad():
        # A faster reset would be no fault: the old state goes below rounding either way.
        parameter += -10.0 if name.endswith("A_log") else noise * natural_size(parameter, plan, name)
    wrong = judge(model, plan.task, tokens).wrong  # type: ignore[arg-type]
    failed = [check for check in check_lemmas(model, tokens) if not check.holds]
    assert wrong or failed


def natural_size(parameter: torch.Tensor, plan: Plan, name: str) -> float:
    """A size at which a weight of this kind matters: its own, or for zeros that of what it is added to."""
    largest = float(parameter.abs().max())
    if largest > 0.0:
        return 0.3 * largest
    if "norm.bias" in name and "final" not in name:
        return 1.0
    if "final_norm.bias" in name:
        return 1.0 / plan.residual.amplitude
    writes = ("dense.bias", "dense_4h_to_h.bias", "out_proj")
    return plan.residual.amplitude * 1e3 if any(part in name for part in writes) else 10.0


@pytest.mark.parametrize("key", PLANS)
def test_each_lemma_can_be_checked_by_its_number(key: str) -> None:
    plan = PLANS[key]
    model, tokens = plan.build(), sampled(plan.task, batch=2, seq_len=40)  # type: ignore[arg-type]
    by_number = [check for number in STATEMENTS for check in check_lemma(number, model, tokens)]
    assert sorted(map(str, by_number)) == sorted(map(str, check_lemmas(model, tokens)))
    with torch.no_grad():
        model.get_parameter("layers.0.mixer.x_proj.weight").zero_()
    hold = {"digits": "6.3", "line": "6.7"}.get(key, "7.2")
    assert not all(check.holds for check in check_lemma(hold, model, tokens))
    assert all(check.holds for check in check_lemma("6.1", model, tokens) if "layer 0" in check.about)
    with pytest.raises(ValueError, match=r"unknown lemma '6\.33'; .*nearest: 6\.3"):
        check_lemma("6.33", model, tokens)


def test_a_model_without_a_plan_is_refused() -> None:
    model = HybridLM(PLANS["line"].config())
    with pytest.raises(ValueError, match="carries no construction"):
        plan_of(model)


def test_explain_reads_the_forward_pass() -> None:
    model = PLANS["line"].build()
    tokens = sampled(COPYING, batch=1, seq_len=40)[0]
    explanation = explain(model, tokens)
    scored = COPYING.targets(tokens).scored
    assert [position.target is not None for position in explanation.positions] == scored.tolist()
    for position in explanation.positions:
        assert position.target is None or position.answer == position.target
        for held in position.held:
            assert held.lemma in explanation.lemmas
            if held.expected is not None:
                size = max(1.0, *map(abs, held.expected))
                assert held.values == pytest.approx(held.expected, abs=0.02 * size)
        for look in position.looked:
            assert look.expected is None or (look.distance == look.expected and look.mass > 0.99)
    text = explanation.text()
    assert "after layer 1  control" in text
    assert STATEMENTS["6.7"] in text
    spoiled = copy.deepcopy(model)
    with torch.no_grad():
        spoiled.layers[0].mixer.D.zero_()  # type: ignore[union-attr, operator]
    assert explain(spoiled, tokens) != explanation


def test_explain_takes_one_sequence() -> None:
    with pytest.raises(ValueError, match="one sequence"):
        explain(PLANS["line"].build(), sampled(COPYING, batch=2))
