"""First values of the mixers are those of their papers: ranges and spreads, weight by weight."""

import math

import pytest
import torch
from torch import Tensor

from plait import HybridConfig, HybridLM
from plait.layers.registry import MIXERS

WIDTH = 64


def weights(name: str, heads: int | None = None) -> dict[str, Tensor]:
    options = {name: {"heads": heads}} if heads else None
    model = HybridLM(
        HybridConfig(5, pattern=name, d_model=WIDTH, options=options), seed=1, dtype=torch.float64
    )
    return {key.removeprefix("mixer."): p.detach() for key, p in model.layers[0].named_parameters()}


def spread(weight: Tensor) -> float:
    return weight.square().mean().sqrt().item()


@pytest.mark.parametrize("name", ["Mamba2", "GDN"])
def test_steps_and_rates_of_a_head(name: str):
    own = weights(name, 32)
    step, rate = torch.nn.functional.softplus(own["dt_bias"]), own["A_log"].exp()
    assert bool(((step > 0.99e-3) & (step < 0.101)).all())
    assert step.log().std() > 0.8, "uniform in the logarithm over two decades"
    least = 1.0 if name == "Mamba2" else 0.0
    assert bool(((rate > least) & (rate < 16.0)).all())
    assert 6.0 < rate.mean() < 11.0


def test_steps_and_rates_of_kda():
    own = weights("KDA", 16)
    step, rate = torch.nn.functional.softplus(own["forget_gate.dt_bias"]), own["forget_gate.A_log"].exp()
    assert bool(((step > 0.99e-3) & (step < 0.101)).all())
    assert bool(((rate > 1.0) & (rate < 16.0)).all())


@pytest.mark.parametrize("name", ["GDN", "DeltaNet", "KDA", "GLA", "Retention"])
def test_projections_are_normal(name: str):
    own = weights(name)
    for key in ("q_proj", "k_proj", "v_proj"):
        assert spread(own[f"{key}.weight"]) == pytest.approx(0.02, rel=0.1)


def test_mamba2_has_linear_maps_and_taps_as_pytorch_has_them():
    own = weights("Mamba2")
    for key, fan_in in (("in_proj.weight", WIDTH), ("out_proj.weight", 2 * WIDTH), ("conv1d.weight", 4)):
        assert own[key].abs().max() < fan_in**-0.5
        assert spread(own[key]) == pytest.approx((3 * fan_in) ** -0.5, rel=0.1)
    assert bool((own["D"] == 1.0).all())


def test_mlstm_writes_little_and_keeps_much():
    own = weights("MLSTM", 4)
    assert own["igate_preact.bias"].tolist() == [-10.0] * 4
    assert own["fgate_preact.bias"].tolist() == [3.0, 4.0, 5.0, 6.0]
    assert not own["igate_preact.weight"].any()
    assert spread(own["q.weight"]) == pytest.approx((2 / (5 * WIDTH)) ** 0.5, rel=0.1)
    assert spread(own["out_proj.weight"]) == pytest.approx(2 / WIDTH**0.5, rel=0.1)


def test_rglru_keeps_between_nine_and_999_thousandths():
    own = weights("RGLRU")
    kept = torch.exp(-8 * torch.nn.functional.softplus(own["rg_lru.recurrent_param"]))
    assert bool(((kept >= 0.9) & (kept <= 0.999)).all())
    assert kept.std() > 0.02


def test_rwkv7_begins_as_its_first_layer():
    own = weights("RWKV7", 4)
    place = torch.arange(WIDTH, dtype=torch.float64)
    torch.testing.assert_close(own["x_k"], 1 - (place / WIDTH) ** 0.7)
    torch.testing.assert_close(own["w0"], -6.5 + 5 * (place / (WIDTH - 1)) ** 0.85)
    assert own["k_k"].unique().tolist() == [0.85]
    assert not own["o_proj.weight"].any()
    assert own["k_proj.weight"].abs().max() < 0.05 / math.sqrt(WIDTH)


@pytest.mark.parametrize("name", MIXERS)
def test_seeds_differ_and_a_seed_does_not(name: str):
    first, again = weights(name), weights(name)
    assert all(torch.equal(first[key], again[key]) for key in first)
    other = HybridLM(HybridConfig(5, pattern=name, d_model=WIDTH), seed=2, dtype=torch.float64).layers[0]
    assert any(not torch.equal(p, first[key.removeprefix("mixer.")]) for key, p in other.named_parameters())
