"""Every figure of a family equals what a tiny instance of the real class holds, byte for byte."""

import hf_instances as hf
import pytest
import torch

from plait.memory.huggingface import FAMILIES, read_config

NAMES = sorted(path.stem for path in hf.FIXTURES.glob("*.json"))
PIECES = [(20, 0), (20, 3), (3, 1), (1, 9)]
"""Tokens of one pass, then single steps: beyond every window, and shorter than every convolution."""


def test_every_family_has_a_fixture() -> None:
    assert {hf.fixture(name)["model_type"] for name in NAMES} == set(FAMILIES)


@pytest.fixture(scope="module", params=NAMES)
def name(request: pytest.FixtureRequest) -> str:
    return request.param


@pytest.fixture(scope="module", params=["float32", "bfloat16"])
def model(request: pytest.FixtureRequest, name: str) -> torch.nn.Module:
    return hf.build(hf.fixture(name), getattr(torch, request.param))


def test_parameters(name: str, model: torch.nn.Module) -> None:
    assert read_config(hf.fixture(name)).parameters == sum(p.numel() for p in model.parameters())


@pytest.mark.parametrize(("prefill", "steps"), PIECES)
@torch.no_grad()
def test_state(name: str, model: torch.nn.Module, prefill: int, steps: int) -> None:
    held = hf.prefill_then_steps(model, prefill=prefill, steps=steps)
    report = read_config(hf.fixture(name)).memory(
        prefill + steps, dtype=model.dtype, phase="decode" if steps else "prefill"
    )
    assert hf.totals(held) == {k: getattr(report, k) for k in hf.totals(held)}
    if all(h.layer is not None for h in held):
        for layer in report.layers:
            real = hf.totals(held, layer.index)
            assert real == {k: getattr(layer, k) for k in real}, f"layer {layer.index}, {layer.kind}"


@torch.no_grad()
@pytest.mark.parametrize("name", NAMES)
def test_matrices_that_multiply_one_token(name: str) -> None:
    model = hf.build(hf.fixture(name), torch.float32)
    assert read_config(hf.fixture(name)).matrices_per_token == hf.matrices_of_one_token(model)


@torch.no_grad()
def test_a_batch_holds_the_same_for_each_sequence(name: str, model: torch.nn.Module) -> None:
    held = hf.prefill_then_steps(model, prefill=5, steps=1, batch=3)
    report = read_config(hf.fixture(name)).memory(6, batch=3, dtype=model.dtype)
    assert report.batch_bytes == hf.totals(held)["state_bytes"] == 3 * report.state_bytes
