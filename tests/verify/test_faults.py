"""A fault in any single weight matrix is caught, and so is a window changed by hand."""

import copy
import json
from pathlib import Path

import pytest
import torch
from torch import Tensor

from plait.constructions import decoding_recall, save, selective_copying, smallest
from plait.model import HybridLM, load
from plait.tasks import DecodingRecall, SelectiveCopying, Task
from plait.verify import Checks, Claims, constructed, verify

COPYING, RECALL = SelectiveCopying(n_words=2, numbers=(1, 2)), DecodingRecall(n_bits=2)
CONSTRUCTIONS = {
    "copying": (selective_copying(COPYING, 5), COPYING),
    "smallest copying": (smallest(COPYING, 5), COPYING),
    "recall in three layers": (decoding_recall(RECALL, 5), RECALL),
    "recall in two layers": (decoding_recall(RECALL, 5, pattern="SSM-TF"), RECALL),
}


def fault(name: str, tensor: Tensor) -> Tensor:
    """Zeros for what multiplies, noise for what is added or is 0 anyway; and states that never forget."""
    if name.endswith("A_log"):
        return torch.full_like(tensor, -30.0)
    if name.endswith("weight") and bool(tensor.any()):
        return torch.zeros_like(tensor)
    noise = torch.randn(tensor.shape, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    return tensor + 2.0**60 * noise.to(tensor.dtype)


def with_fault(model: HybridLM, name: str) -> HybridLM:
    broken = copy.deepcopy(model)
    parameter = broken.get_parameter(name)
    with torch.no_grad():
        parameter.copy_(fault(name, parameter))
    return broken


def inert(model: HybridLM) -> set[str]:
    """Weights that nothing reads: the second norm, and the MLP's, of layers without MLP units."""
    names = {name for name, parameter in model.named_parameters() if parameter.numel() == 0}
    for index in range(len(model.layers)):
        if f"layers.{index}.mlp.dense_h_to_4h.weight" in names:
            names |= {f"layers.{index}.post_attention_layernorm.{part}" for part in ("weight", "bias")}
    return names


@pytest.mark.parametrize("construction", CONSTRUCTIONS)
def test_a_fault_in_each_weight_matrix_in_turn(construction: str):
    model, task = CONSTRUCTIONS[construction]
    checks = Checks(seq_len=5, exhaustive=True)
    assert verify(model, task, checks).passed
    missed = {
        name for name, _ in model.named_parameters() if verify(with_fault(model, name), task, checks).passed
    }
    assert missed == inert(model)


@pytest.mark.parametrize("construction", CONSTRUCTIONS)
def test_the_adversarial_inputs_alone_catch_them_too(construction: str):
    model, task = CONSTRUCTIONS[construction]
    checks, claims = (
        Checks(seq_len=30, adversarial=True),
        Claims(window=model.config.layer_specs()[-1].window),
    )
    assert verify(model, task, checks, claims=claims).passed
    names = [name for name, parameter in model.named_parameters() if parameter.ndim > 1]
    missed = {name for name in names if verify(with_fault(model, name), task, checks, claims=claims).passed}
    assert missed == inert(model) & set(names)


@pytest.mark.parametrize("construction", CONSTRUCTIONS)
def test_any_change_of_the_weights_shows_beside_the_plan(construction: str, tmp_path: Path):
    model, _ = CONSTRUCTIONS[construction]
    save(model, tmp_path)
    whole = constructed(tmp_path, load(tmp_path))
    assert whole is not None
    assert whole.changed == ()
    assert whole.claims.logit_gap is not None
    for name, parameter in model.named_parameters():
        if parameter.numel():
            broken = constructed(tmp_path, with_fault(load(tmp_path), name))
            assert broken is not None
            assert broken.changed == (name,)
            assert broken.claims.logit_gap is None


@pytest.mark.parametrize("change", [-1, 1, 7])
@pytest.mark.parametrize("construction", CONSTRUCTIONS)
def test_a_window_changed_by_hand(construction: str, change: int, tmp_path: Path):
    model, task = CONSTRUCTIONS[construction]
    save(model, tmp_path)
    config = tmp_path / "config.json"
    values = json.loads(config.read_text())
    window = values["window"]
    values["window"] = [*window[:-1], window[-1] + change] if isinstance(window, list) else window + change
    config.write_text(json.dumps(values))
    changed = load(tmp_path)
    with pytest.raises(ValueError, match=r"config\.json: window is .* built with"):
        constructed(tmp_path, changed)
    if change < 0:
        assert not verify(changed, task, Checks(seq_len=5, exhaustive=True)).passed


def other_vocabulary() -> Task:
    return DecodingRecall(n_bits=3)


def test_a_model_of_another_vocabulary_is_refused():
    model, _ = CONSTRUCTIONS["copying"]
    with pytest.raises(ValueError, match="vocab_size, 13, got 7"):
        verify(model, other_vocabulary(), Checks(seq_len=5, exhaustive=True))
