"""Every lemma holds on built models, and a fault in any weight breaks one of them or an answer."""

import copy

import pytest
import torch
from construction_cases import COPYING, RECALL, judge, sampled

from plait.constructions import (
    STATEMENTS,
    Plan,
    check_lemma,
    check_lemmas,
    copying_plan,
    explain,
    layouts,
    plan_of,
    recall_plan,
    smallest_plan,
)
from plait.constructions.lemmas import check_holdings
from plait.constructions.rounding import USUAL
from plait.constructions.trace import trace
from plait.model import HybridLM
from plait.tasks import DecodingRecall, SelectiveCopying

DTYPES = (torch.float64, torch.float32, torch.bfloat16)

PLANS = {
    "digits": copying_plan(COPYING, 100),
    "line": smallest_plan(COPYING, 100),
    "long": recall_plan(RECALL, 100, success=1.0),
    "long, quiet": layouts(DecodingRecall(n_bits=2), 100, success=1.0)[4],
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


@pytest.mark.parametrize("dtype", DTYPES, ids=str)
def test_rounding_stays_far_below_its_worst_case(dtype: torch.dtype) -> None:
    for task in (COPYING, RECALL):
        for plan in layouts(task, 100, success=1.0, dtype=dtype)[:4]:
            if not plan.carried():
                continue
            tokens = sampled(task, batch=16)
            seen = trace(plan.build(), tokens)
            for holding, check in zip(plan.holdings(tokens), check_holdings(plan, seen, tokens), strict=True):
                assert check.measured is not None
                worst = check.proved - holding.tolerance
                assert check.measured <= holding.tolerance + 2 * USUAL * worst, (plan.name, check)


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
