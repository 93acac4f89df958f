"""`hf:NAME`: mixers of transformers in a pattern, unmodified, by their family or class; and what is no such mixer."""

import importlib.util
from pathlib import Path
from typing import Any

import layer_cases
import pytest
import torch

from plait import HybridConfig, HybridLM, Stream, load
from plait.checks.own_names import foreign_names
from plait.layers import layer_class
from plait.layers.contract import check_layer
from plait.layers.hf import check_family
from plait.layers.hf_families import MIXER_FAMILIES
from plait.memory import count
from plait.random import INIT

pytest.importorskip("transformers")


def config(name: str, **changes: Any) -> HybridConfig:
    return HybridConfig(7, pattern=f"hf:{name}-TF", d_model=8, **{"window": 6} | changes)


@pytest.mark.parametrize("name", MIXER_FAMILIES)
def test_every_family_is_causal_finite_and_begins_by_the_seed(name: str):
    layer: Any = layer_class(f"hf:{name}")(config(name).layer_specs()[0])
    layer.reset_parameters(Stream(3, 0, INIT))
    first = {key: value.clone() for key, value in layer.state_dict().items()}
    assert all(value.isfinite().all() for value in first.values())
    layer.reset_parameters(Stream(3, 0, INIT))
    assert all(torch.equal(first[key], value) for key, value in layer.state_dict().items())
    hidden = layer_cases.inputs(2, 9, 8, dtype=torch.float32)
    changed = hidden.clone()
    changed[:, 5:] += 1
    with torch.no_grad():
        one, two = layer(hidden), layer(changed)
    assert one.shape == hidden.shape
    torch.testing.assert_close(one[:, :5], two[:, :5], rtol=1e-4, atol=1e-5)
    assert (one - two)[:, 5:].abs().max() > 0.1
    assert not torch.equal(one, hidden)


@pytest.mark.parametrize("name", ["qwen3_next", "Lfm2ShortConv", "qwen3"])
def test_the_promises_of_a_layer_are_kept(name: str):
    check_layer(f"hf:{name}", config(name).layer_specs()[0], seq_len=20)


def test_it_is_their_class_between_norm_and_residual():
    from transformers.models.qwen3_next.modeling_qwen3_next import Qwen3NextGatedDeltaNet

    (layer, _) = HybridLM(config("qwen3_next")).layers
    mixer: Any = layer.get_submodule("mixer")
    assert type(mixer) is Qwen3NextGatedDeltaNet
    assert (mixer.hidden_size, mixer.head_k_dim, mixer.head_v_dim) == (8, 8, 16)
    hidden = layer_cases.inputs(2, 9, 8, dtype=torch.float32)
    torch.testing.assert_close(layer(hidden), hidden + mixer(layer.get_submodule("norm")(hidden)))
    assert torch.equal(mixer.dt_bias, torch.ones_like(mixer.dt_bias)), "first values of its pretrained model"


def test_a_class_is_its_family_and_windows_bind():
    (one, _), (two, _) = (HybridLM(config(name)).layers for name in ("Qwen3Attention", "qwen3"))
    assert all(torch.equal(a, b) for a, b in zip(one.parameters(), two.parameters(), strict=True))
    hidden = layer_cases.inputs(1, 12, 8, dtype=torch.float32).requires_grad_()
    (gradient,) = torch.autograd.grad(one(hidden)[0, 10].sum(), hidden)
    assert gradient[0].abs().sum(-1).nonzero().flatten().tolist() == [5, 6, 7, 8, 9, 10]


def test_sizes_are_options():
    name = "hf:qwen3_next"
    made = config("qwen3_next", options={name: {"linear_num_value_heads": 4, "linear_value_head_dim": 2}})
    (layer, _) = HybridLM(made).layers
    assert layer.get_parameter("mixer.A_log").shape == (4,)
    wrong = config("qwen3_next", options={name: {"linear_num_heads": 4}})
    with pytest.raises(ValueError, match="unknown option of layer hf:qwen3_next 'linear_num_heads'"):
        HybridLM(wrong)


def test_it_comes_back_from_disk_without_trust_and_is_counted(tmp_path: Path):
    model = HybridLM(config("mamba2"), 4).eval()
    model.save(tmp_path)
    tokens = torch.arange(7).unsqueeze(0)
    assert torch.equal(load(tmp_path)(tokens), model(tokens))
    assert foreign_names(("hf:mamba2", "hf.mine:Layer")) == ("hf.mine:Layer",)
    counted = count(model.config, 10).layers[0]
    assert counted.parameters == sum(p.numel() for p in model.layers[0].parameters())
    assert counted.kv_cache == 80


@pytest.mark.parametrize(
    ("name", "message"),
    [
        (
            "Qwen3NextMLP",
            "unknown token mixer of transformers 'Qwen3NextMLP'; known: mamba, .*name of its class",
        ),
        ("qwen3_nex", "nearest: qwen3_next"),
        ("bert", "unknown token mixer of transformers 'bert'"),
    ],
)
def test_what_is_no_token_mixer(name: str, message: str):
    with pytest.raises(ValueError, match=message):
        check_family(f"hf:{name}")
    with pytest.raises(ValueError, match=f"character 1: .*{message}"):
        config(name)


def test_without_transformers(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    with pytest.raises(ValueError, match=r"^layer hf:mamba2 needs Hugging Face transformers: pip install "):
        layer_class("hf:mamba2")
