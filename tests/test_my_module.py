"""The example of a user's own module as a mixer: trained, streamed, in an ensemble, from disk; and what is refused."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import nn
from torch.func import functional_call

from plait import HybridConfig, HybridLM, Stream, load
from plait.layers import LayerSpec, ModuleMixer, layer_class
from plait.layers.contract import check_layer
from plait.memory import count
from plait.model import initial_parameters
from plait.random import INIT
from plait.training.ensemble import Ensemble

EXAMPLES = Path(__file__).parent.parent / "examples"
NAME = "my_module:AttentionFree"
HERE = __name__


class WithDropout(nn.Module):
    """A recurrent network behind dropout, with a buffer that no state dict should hold."""

    def __init__(self, d_model: int, units: int) -> None:
        super().__init__()
        self.recurrent = nn.GRU(d_model, units, batch_first=True)
        self.drop, self.out = nn.Dropout(0.5), nn.Linear(units, d_model)
        self.register_buffer("scale", torch.rand(d_model))

    def forward(self, x: torch.Tensor) -> tuple[torch.Tensor, None]:
        read, _ = self.recurrent(x)
        return self.out(self.drop(read)) * self.get_buffer("scale"), None


@dataclass(frozen=True, kw_only=True)
class Recurrent(ModuleMixer):
    units: int = 5

    def __post_init__(self) -> None:
        if self.units < 1:
            raise ValueError(f"units must be at least 1, got {self.units}")

    def build(self, spec: LayerSpec) -> nn.Module:
        return WithDropout(spec.d_model, self.units)


@dataclass(frozen=True, kw_only=True)
class Together(Recurrent):
    together = True


class Backwards(ModuleMixer):
    def build(self, spec: LayerSpec) -> nn.Module:
        return nn.Sequential(nn.Linear(spec.d_model, spec.d_model), _Flip())


class _Flip(nn.Module):
    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return x.flip(-2)


@pytest.fixture(autouse=True)
def found(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(str(EXAMPLES))


def config(name: str, **changes: Any) -> HybridConfig:
    return HybridConfig(13, pattern=f"{name}-TF", d_model=8, window=5, **changes)


each = pytest.mark.parametrize("name", [NAME, f"{HERE}:Recurrent"])
TOKENS = torch.randint(0, 13, (3, 2, 12), generator=torch.Generator().manual_seed(0))


@each
def test_it_keeps_the_promises_of_a_layer(name: str):
    check_layer(name, config(name).layer_specs()[0], seq_len=20)


@each
def test_streaming_equals_the_parallel_pass_and_its_memory_is_measured(name: str):
    model = HybridLM(config(name), dtype=torch.float64).eval()
    logits, state = model(TOKENS[0]), model.init_state(2)
    for position in range(12):
        here, state = model.step(TOKENS[0, :, position], state)
        torch.testing.assert_close(here, logits[:, position].detach(), rtol=1e-10, atol=1e-10)
    held = state[0]["kv_cache"]
    assert count(config(name), 12, "float64").layers[0].state_bytes == held[0].numel() * 8 == 12 * 8 * 8


@each
def test_first_weights_are_those_of_the_module_and_come_from_the_seed_alone(name: str):
    torch.manual_seed(1)
    first = HybridLM(config(name), 4).state_dict()
    drawn = torch.rand(3)
    torch.manual_seed(2)
    second = HybridLM(config(name), 4).state_dict()
    assert all(torch.equal(first[key], second[key]) for key in first)
    torch.manual_seed(1)
    assert torch.equal(drawn, torch.rand(3)), "PyTorch's own generator was used"
    other = HybridLM(config(name), 5).state_dict()
    assert not any(torch.equal(first[key], other[key]) for key in first if ".mixer." in key)
    assert not any("scale" in key for key in first)
    for key in first:
        if key.endswith("out.weight"):
            bound = first[key].shape[1] ** -0.5
            assert 0.5 * bound < float(first[key].abs().max()) <= bound, "PyTorch's own range"


@each
def test_members_are_what_they_are_alone(name: str):
    among, alone = Ensemble(config(name), [0, 1, 2]), Ensemble(config(name), [1])
    for ensemble, own in ((among, TOKENS), (alone, TOKENS[1:2])):
        ensemble.learn(own, (own, torch.ones_like(own, dtype=torch.bool)))
    if name == NAME:
        torch.testing.assert_close(among.gradients[1], alone.gradients[0], rtol=1e-4, atol=1e-6)
    else:
        assert torch.equal(among.gradients[1], alone.gradients[0])
    assert among.gradients[1].abs().max() > 0
    among.member(1)(TOKENS[1])


@each
def test_an_ensemble_of_it_streams(name: str):
    stacked = initial_parameters(config(name), [2, 5, 7], dtype=torch.float64)
    model = HybridLM(config(name), seed=None, dtype=torch.float64)

    class Streamed(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.model = model

        def forward(self, rows: torch.Tensor) -> torch.Tensor:
            state, outputs = self.model.init_state((3, 2)), []
            for position in range(rows.shape[-1]):
                here, state = self.model.step(rows[..., position], state)
                outputs.append(here)
            return torch.stack(outputs, dim=-2)

    streamed = functional_call(
        Streamed(), {f"model.{key}": value for key, value in stacked.items()}, (TOKENS,)
    )
    torch.testing.assert_close(streamed, functional_call(model, stacked, (TOKENS,)), rtol=1e-10, atol=1e-10)


@each
def test_it_comes_back_from_disk(name: str, tmp_path: Path):
    model = HybridLM(config(name), 4).eval()
    model.save(tmp_path)
    assert torch.equal(load(tmp_path, trust_code=True)(TOKENS[0]), model(TOKENS[0]))


def test_dropout_inside_is_shut_in_training():
    (layer, _) = HybridLM(config(f"{HERE}:Recurrent"), 4).train().layers
    hidden = torch.randn(2, 9, 8, generator=torch.Generator().manual_seed(0))
    assert torch.equal(layer(hidden), layer(hidden))


def test_options_are_those_of_the_dataclass():
    name = f"{HERE}:Recurrent"
    assert HybridLM(config(name, options={name: {"units": 3}})).layers[0].get_parameter(
        "mixer.out.weight"
    ).shape == (8, 3)
    for options, message in (
        ({"unit": 3}, "unknown option of layer Recurrent 'unit'; known: units; nearest: units"),
        ({"units": 0}, "layer Recurrent: units must be at least 1, got 0"),
    ):
        with pytest.raises(ValueError, match=message):
            HybridLM(config(name, options={name: options}))


@pytest.mark.parametrize(
    ("name", "message"),
    [("Backwards", "forward reads the future"), ("Together", "cannot run with a members axis: .*gru")],
)
def test_what_breaks_a_promise_is_refused(name: str, message: str):
    with pytest.raises(ValueError, match=message):
        check_layer(f"{HERE}:{name}", config(f"{HERE}:{name}").layer_specs()[0], seq_len=20)


def test_a_stream_of_other_numbers_gives_other_weights():
    layer = layer_class(NAME)(config(NAME).layer_specs()[0])
    weights = []
    for step in (0, 1, 0):
        layer.reset_parameters(Stream(3, step, INIT))
        weights.append(layer.get_parameter("mixer.q.weight").detach().clone())
    assert torch.equal(weights[0], weights[2])
    assert not torch.equal(weights[0], weights[1])
