"""Damage to any weight matrix of a compiled model is caught: by the inputs made to break it, and by the lemmas."""

import copy

import pytest
import torch
from program_cases import EXAMPLES, small
from torch import Tensor

from plait.compiler import Program, ProgramPlan, plan_program
from plait.constructions import check_lemmas, logit_gaps, plan_of
from plait.constructions.plan import attach
from plait.model import HybridLM
from plait.random import Stream
from plait.tasks import Targets
from plait.verify import Checks, verify
from plait.verify.adversarial import suite

LENGTH = 20


def damage(name: str, tensor: Tensor) -> Tensor:
    """Zeros for a matrix that multiplies; states that never forget for the decay rates."""
    if name.endswith("A_log"):
        return torch.full_like(tensor, -300.0)
    if bool(tensor.any()):
        return torch.zeros_like(tensor)
    noise = torch.randn(tensor.shape, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    return tensor + 2.0**60 * noise.to(tensor.dtype)


def damaged(model: HybridLM, name: str) -> HybridLM:
    broken = copy.deepcopy(model)
    parameter = broken.get_parameter(name)
    with torch.no_grad():
        parameter.copy_(damage(name, parameter))
    attach(broken, plan_of(model))
    return broken


def idle(plan: ProgramPlan) -> set[str]:
    """Matrices that nothing reads: of heads that look nowhere, states that are closed or only add up."""
    names: set[str] = set()
    for index, layer in enumerate(plan.layout.layers):
        at, block = f"layers.{index}.", plan.layout.blocks[index]
        kinds = {one.kind for one in layer.makes}
        if layer.kind == "TF" and not layer.fetches:
            names |= {f"{at}attention.query_key_value.weight", f"{at}attention.dense.weight"}
        if layer.kind == "SSM":
            if not getattr(block, "holds", False):
                names |= {f"{at}mixer.x_proj.weight", f"{at}mixer.A_log"}
            if not getattr(block, "quantities", ()):
                names.add(f"{at}mixer.dt_proj.weight")
            if not kinds & {"hold", "register", "since"}:
                names.add(f"{at}mixer.A_log")
    return names


def inputs(program: Program) -> list[tuple[Tensor, Targets]]:
    """What is made to break it, each length by itself."""
    found: dict[int, list[Tensor]] = {}
    for case in suite(program, seq_len=LENGTH, window=None, seed=0):
        found.setdefault(case.tokens.shape[1], []).append(case.tokens)
    return [(tokens, program.targets(tokens)) for parts in found.values() for tokens in [torch.cat(parts)]]


@torch.no_grad()
def is_wrong(model: HybridLM, cases: list[tuple[Tensor, Targets]]) -> bool:
    return any(
        bool((~(logit_gaps(model(tokens), targets.tokens)[targets.scored] > 0.0)).any())
        for tokens, targets in cases
    )


@pytest.mark.parametrize(
    ("name", "only"), [*((name, None) for name in EXAMPLES), ("associative_recall", "SSM")]
)
def test_damage_to_any_weight_matrix_is_caught(name: str, only: str | None) -> None:
    program, _ = small(name)
    plan = plan_program(program, LENGTH, only=only)
    model, cases = plan.build(), inputs(program)
    assert not is_wrong(model, cases)
    matrices = {
        key for key, parameter in model.named_parameters() if parameter.ndim > 1 and parameter.numel()
    }
    assert {key for key in matrices if not is_wrong(damaged(model, key), cases)} <= idle(plan)


def test_verify_finds_the_damage_and_a_short_input_that_shows_it() -> None:
    program, _ = small("selective_copying")
    model = program.compile(seq_len=LENGTH)
    checks = Checks(seq_len=LENGTH, adversarial=True)
    assert verify(model, program, checks).passed
    found = verify(damaged(model, "layers.0.mixer.out_proj.weight"), program, checks)
    assert not found.passed
    wrong = found.verified[0].counterexample
    assert wrong is not None
    assert len(wrong.tokens) <= 5


@pytest.mark.parametrize("name", ["decoding_recall", "dyck", "majority"])
def test_damage_shows_in_the_lemmas_too(name: str) -> None:
    program, _ = small(name)
    plan = plan_program(program, LENGTH)
    model = plan.build()
    tokens = program.sample(Stream(0), batch=64, seq_len=LENGTH)
    assert all(check.holds for check in check_lemmas(model, tokens))
    for key, parameter in model.named_parameters():
        if parameter.ndim > 1 and parameter.numel() and key not in idle(plan) and "A_log" not in key:
            assert not all(check.holds for check in check_lemmas(damaged(model, key), tokens)), key
