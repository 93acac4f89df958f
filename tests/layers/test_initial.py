"""Initial weights: the stated distributions, Mamba's own for A_log, D and dt, every draw apart."""

import math

import pytest
import torch
from torch import Tensor

from plait.layers import MambaLayer, TransformerLayer, layer_class
from plait.layers.starts import INITS
from plait.model import HybridConfig, HybridLM
from plait.random import INIT, Stream


def initial(kind: str, *, init: str = "paper", seed: int = 0, d_model: int = 96) -> dict[str, Tensor]:
    layer = layer_class(kind)(
        HybridConfig(5, pattern=kind, d_model=d_model, init=init).layer_specs()[0]
    ).double()
    layer.reset_parameters(Stream(seed, 1, INIT))
    return {name: value.detach() for name, value in layer.named_parameters()}


def assert_normal(value: Tensor, std: float) -> None:
    """Mean and deviation within five standard errors, so wrong with probability below 1e-5."""
    n = value.numel()
    assert abs(value.mean().item()) < 5 * std / math.sqrt(n)
    assert abs(value.std().item() / std - 1) < 5 / math.sqrt(2 * n)
    assert value.abs().max().item() > 2.5 * std


def assert_uniform(value: Tensor, bound: float) -> None:
    assert value.abs().max().item() <= bound
    assert abs(value.std().item() * math.sqrt(3) / bound - 1) < 5 / math.sqrt(value.numel())
    assert value.abs().max().item() > 0.8 * bound


@pytest.mark.parametrize("init", INITS)
def test_transformer_weights_are_normal_with_zero_biases(init: str):
    for name, value in initial("TF", init=init).items():
        if "layernorm" in name:
            assert torch.equal(value, torch.ones_like(value) if name.endswith("weight") else 0 * value)
        elif name.endswith("bias"):
            assert not value.any(), name
        else:
            assert_normal(value, 0.02)


def test_mamba_weights_with_its_steps_kept():
    weights = initial("SSM", init="paper")
    for name in ("in_proj", "x_proj", "out_proj"):
        assert_normal(weights[f"mixer.{name}.weight"], 0.02)
    assert not weights["mixer.conv1d.bias"].any()
    assert_uniform(weights["mixer.conv1d.weight"], 4**-0.5)


def test_mamba_weights_by_the_released_program():
    """One rule over the whole model: every linear map alike, the step projection included, its bias 0."""
    weights = initial("SSM", init="released")
    for name in ("in_proj", "x_proj", "out_proj", "dt_proj"):
        assert_normal(weights[f"mixer.{name}.weight"], 0.02)
    assert not weights["mixer.dt_proj.bias"].any()
    assert_uniform(weights["mixer.conv1d.weight"], 4**-0.5)
    assert_uniform(weights["mixer.conv1d.bias"], 4**-0.5)
    states = torch.arange(1, 17, dtype=torch.float64)
    torch.testing.assert_close(weights["mixer.A_log"].exp(), states.expand(192, 16))
    assert torch.equal(weights["mixer.D"], torch.ones(192, dtype=torch.float64))
    assert torch.equal(weights["norm.weight"], torch.ones(96, dtype=torch.float64))


def test_the_released_rule_is_the_one_that_transformers_blocks_get():
    """The same distribution, tensor by tensor, as a model-wide rule gives a stack of unmodified blocks."""
    transformers = pytest.importorskip("transformers")
    from transformers.models.gpt_neox.modeling_gpt_neox import GPTNeoXLayer
    from transformers.models.mamba.modeling_mamba import MambaBlock

    d = 96
    mamba = transformers.MambaConfig(hidden_size=d, state_size=16, num_hidden_layers=1, vocab_size=5)
    neox = transformers.GPTNeoXConfig(
        hidden_size=d, num_attention_heads=1, num_hidden_layers=1, intermediate_size=2 * d, vocab_size=5
    )
    torch.manual_seed(0)
    # Blocks by themselves, as the released program makes them: the convolution keeps PyTorch's default.
    theirs = torch.nn.ModuleList([MambaBlock(mamba, layer_idx=0), GPTNeoXLayer(neox, 0)])

    def rule(module: torch.nn.Module) -> None:
        if isinstance(module, torch.nn.Linear):
            torch.nn.init.normal_(module.weight, std=0.02)
            if module.bias is not None:
                torch.nn.init.zeros_(module.bias)
        elif isinstance(module, torch.nn.LayerNorm):
            torch.nn.init.ones_(module.weight)
            torch.nn.init.zeros_(module.bias)

    theirs.apply(rule)
    for block, kind in zip(theirs, ("SSM", "TF"), strict=True):
        wanted = {name: value.detach().double() for name, value in block.named_parameters()}
        ours = initial(kind, init="released")
        assert ours.keys() == wanted.keys()
        for name, value in wanted.items():
            assert ours[name].shape == value.shape, name
            if name in ("mixer.A_log", "mixer.D"):  # not drawn, and left open by this block's constructor
                continue
            assert bool(ours[name].any()) == bool(value.any()), name
            spread = value.std().item()
            if spread > 1e-6:
                bound = 6 / math.sqrt(value.numel())
                assert abs(ours[name].std().item() / spread - 1) < bound, name
                assert abs(ours[name].abs().max().item() / value.abs().max().item() - 1) < 0.4, name
            else:
                torch.testing.assert_close(ours[name], value, rtol=1e-5, atol=0.0)


def test_mamba_weights_by_the_original():
    weights = initial("SSM", init="mamba")
    for name, d_in in (("in_proj", 96), ("x_proj", 192), ("out_proj", 192)):
        assert_uniform(weights[f"mixer.{name}.weight"], d_in**-0.5)
    assert_uniform(weights["mixer.conv1d.weight"], 4**-0.5)
    assert_uniform(weights["mixer.conv1d.bias"], 4**-0.5)


def test_the_weights_of_transformers_model():
    """Tensor by tensor the distribution of an untouched MambaForCausalLM of two layers."""
    transformers = pytest.importorskip("transformers")
    torch.manual_seed(0)
    config = transformers.MambaConfig(hidden_size=96, state_size=16, num_hidden_layers=2, vocab_size=200)
    theirs = transformers.MambaForCausalLM(config).backbone
    ours = HybridLM(HybridConfig(200, pattern="SSM-SSM", d_model=96, init="transformers"), 0)
    pairs = [("embedding", theirs.embeddings.weight, ours.embedding.weight)]
    for name, value in ours.layers[1].named_parameters():
        pairs.append((name, theirs.layers[1].get_parameter(name), value))
    assert len(pairs) == 11
    for name, wanted, found in pairs:
        wanted, found = wanted.detach().double(), found.detach().double()
        assert bool(found.any()) == bool(wanted.any()), name
        spread = wanted.std().item()
        if spread < 1e-6:
            torch.testing.assert_close(found, wanted, rtol=1e-5, atol=0.0)
            continue
        bound = 6 / math.sqrt(wanted.numel())
        assert abs(found.std().item() / spread - 1) < bound, name
        assert abs(found.mean().item() - wanted.mean().item()) < 2 * bound * spread, name
        far = [value.abs().max().item() / value.std().item() for value in (wanted, found)]
        assert abs(far[0] / far[1] - 1) < 0.4, name


@pytest.mark.parametrize("init", ["paper", "mamba", "transformers"])
def test_mambas_own_values(init: str):
    weights = initial("SSM", init=init)
    states = torch.arange(1, 17, dtype=torch.float64)
    torch.testing.assert_close(weights["mixer.A_log"].exp(), states.expand(192, 16))
    assert torch.equal(weights["mixer.D"], torch.ones(192, dtype=torch.float64))
    assert_uniform(weights["mixer.dt_proj.weight"], 6**-0.5)
    log_dt = torch.nn.functional.softplus(weights["mixer.dt_proj.bias"]).log()
    low, high = math.log(1e-3), math.log(1e-1)
    assert low <= log_dt.min() < low + 0.1 * (high - low)
    assert high - 0.1 * (high - low) < log_dt.max() <= high
    assert abs(log_dt.mean().item() - (low + high) / 2) < 5 * (high - low) / math.sqrt(12 * 192)


@pytest.mark.parametrize("kind", ["SSM", "TF"])
@pytest.mark.parametrize("init", INITS)
def test_every_parameter_has_its_own_draws(kind: str, init: str):
    """Compared by the order of the first eight values, which no scaling changes."""
    orders: dict[str, tuple[int, ...]] = {}
    for seed in (0, 1):
        for name, value in initial(kind, init=init, seed=seed, d_model=32).items():
            if name != "mixer.A_log" and value.unique().numel() > 5:
                orders[f"{name} of seed {seed}"] = tuple(value.flatten()[:8].argsort().tolist())
    drawn = {"released": 12, "paper": 12, "mamba": 14, "transformers": 12}[init]
    assert len(orders) == {"SSM": drawn, "TF": 8}[kind]
    assert len(set(orders.values())) == len(orders)


def test_a_layer_resets_every_parameter():
    for kind in (MambaLayer, TransformerLayer):
        layer = kind(HybridConfig(5, d_model=8, pattern="SSM").layer_specs()[0])
        with torch.no_grad():
            for parameter in layer.parameters():
                parameter.fill_(float("nan"))
        layer.reset_parameters(Stream(3, 1, INIT))
        assert all(parameter.isfinite().all() for parameter in layer.parameters())
