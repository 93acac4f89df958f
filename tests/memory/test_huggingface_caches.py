"""Every figure of a family equals what a tiny instance of the real class holds, byte for byte."""

import hf_instances as hf
import pytest
import torch

from plait.memory.huggingface import FAMILIES, read_config
from plait.memory.huggingface.read import NO_CACHE

NAMES = sorted(path.stem for path in hf.FIXTURES.glob("*.json"))
TESTED = sorted(name for name, family in FAMILIES.items() if family.tested)
UNCACHED = [name for name in TESTED if not FAMILIES[name].cached]
PIECES = {"float32": [(20, 0), (20, 3), (3, 1), (1, 4)], "bfloat16": [(20, 3), (3, 1)]}
"""Tokens of one pass, then single steps: beyond every window, and shorter than every convolution."""


def test_every_family_with_a_class_has_a_fixture() -> None:
    assert {hf.fixture(name)["model_type"] for name in NAMES} == set(TESTED)


@pytest.mark.parametrize("dtype", list(PIECES))
@pytest.mark.parametrize("name", [name for name in NAMES if name not in UNCACHED])
@torch.no_grad()
def test_parameters_and_state(name: str, dtype: str) -> None:
    model = hf.build(hf.fixture(name), getattr(torch, dtype))
    read = read_config(hf.fixture(name))
    assert read.verified
    assert read.parameters == sum(p.numel() for p in model.parameters())
    for prefill, steps in PIECES[dtype]:
        held = hf.prefill_then_steps(model, prefill=prefill, steps=steps)
        assert held, f"the class keeps nothing: the row of {name} belongs among those without a cache"
        report = read.memory(prefill + steps, dtype=dtype, phase="decode" if steps else "prefill")
        assert hf.totals(held) == {k: getattr(report, k) for k in hf.totals(held)}, (prefill, steps)
        if all(h.layer is not None for h in held):
            for layer in report.layers:
                real = hf.totals(held, layer.index)
                assert real == {k: getattr(layer, k) for k in real}, f"layer {layer.index}, {layer.kind}"
    if dtype == "float32":
        assert read.matrices_per_token == hf.matrices_of_one_token(model)


@pytest.mark.parametrize("name", UNCACHED)
@torch.no_grad()
def test_a_class_without_a_cache_has_its_parameters_compared_and_the_state_is_said_not_to_be(
    name: str,
) -> None:
    model = hf.build(hf.fixture(name), torch.float32)
    assert hf.prefill_then_steps(model, prefill=5, steps=2) == [], (
        f"the class of {name} keeps a cache: compare it"
    )
    read = read_config(hf.fixture(name))
    assert read.parameters == sum(p.numel() for p in model.parameters())
    assert read.matrices_per_token == hf.matrices_of_one_token(model)
    assert not read.verified
    assert read.notes == (NO_CACHE.format(name=FAMILIES[name].class_name),)
    assert read.memory(7, dtype="float32").kv_cache > 0


@pytest.mark.parametrize(
    "name", ["jamba", "gemma4_text", "deepseek_v32", "deepseek_v4", "zamba2", "rwkv", "xlstm"]
)
@torch.no_grad()
def test_a_batch_holds_the_same_for_each_sequence(name: str) -> None:
    model = hf.build(hf.fixture(name), torch.bfloat16)
    held = hf.prefill_then_steps(model, prefill=5, steps=1, batch=3)
    report = read_config(hf.fixture(name)).memory(6, batch=3, dtype="bfloat16")
    assert report.batch_bytes == hf.totals(held)["state_bytes"] == 3 * report.state_bytes
