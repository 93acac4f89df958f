"""The example of a user's own layer: in a pattern, streamed, trained, in an ensemble, saved and loaded."""

from pathlib import Path

import pytest
import torch
from torch.func import functional_call

from plait import HybridConfig, HybridLM, load
from plait.model import initial_parameters

EXAMPLES = Path(__file__).parent.parent / "examples"
CONFIG_FIELDS = {"pattern": "(my_layer:GatedLinearAttention-TF)*2", "d_model": 8, "window": 5}


@pytest.fixture
def config(monkeypatch: pytest.MonkeyPatch) -> HybridConfig:
    monkeypatch.syspath_prepend(str(EXAMPLES))
    return HybridConfig(13, **CONFIG_FIELDS)


def tokens(*shape: int) -> torch.Tensor:
    return torch.randint(0, 13, shape, generator=torch.Generator().manual_seed(0))


def test_streaming_equals_the_parallel_pass(config: HybridConfig):
    model, rows = HybridLM(config, dtype=torch.float64), tokens(2, 20)
    logits, state = model(rows), model.init_state(2)
    for position in range(20):
        here, state = model.step(rows[:, position], state)
        torch.testing.assert_close(here, logits[:, position].detach(), rtol=1e-10, atol=1e-10)
    for layer, layer_state in zip(model.each_layer(), state, strict=True):
        held = {name: tensor[0].numel() for name, tensor in layer_state.items()}
        assert held == layer.state_size(20)


def test_an_ensemble_of_it_is_each_member_alone(config: HybridConfig):
    seeds = [2, 5, 7]
    stacked = initial_parameters(config, seeds, dtype=torch.float64)
    stacked = {name: value.requires_grad_() for name, value in stacked.items()}
    frame, rows = HybridLM(config, seed=None, dtype=torch.float64), tokens(3, 2, 9)
    logits = functional_call(frame, stacked, (rows,))
    logits.square().sum().backward()
    name = "layers.2.projections.weight"
    gradient = stacked[name].grad
    assert gradient is not None
    for member, seed in enumerate(seeds):
        alone = HybridLM(config, seed, dtype=torch.float64)
        expected = alone(rows[member])
        torch.testing.assert_close(logits[member], expected, rtol=1e-12, atol=1e-12)
        expected.square().sum().backward()
        torch.testing.assert_close(gradient[member], alone.get_parameter(name).grad, rtol=1e-10, atol=1e-12)


def test_an_ensemble_of_it_streams(config: HybridConfig):
    stacked = initial_parameters(config, [2, 5, 7], dtype=torch.float64)
    model, rows = HybridLM(config, seed=None, dtype=torch.float64), tokens(3, 2, 9)

    class Streamed(torch.nn.Module):
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
        Streamed(), {f"model.{name}": value for name, value in stacked.items()}, (rows,)
    )
    logits = functional_call(model, stacked, (rows,))
    torch.testing.assert_close(streamed, logits, rtol=1e-10, atol=1e-10)


def test_saved_and_loaded(config: HybridConfig, tmp_path: Path):
    model = HybridLM(config, 4)
    model.save(tmp_path)
    assert torch.equal(load(tmp_path, trust_code=True)(tokens(2, 9)), model(tokens(2, 9)))


def test_initial_weights_come_from_the_seed_alone(config: HybridConfig):
    torch.manual_seed(1)
    first = HybridLM(config, 4).state_dict()
    torch.manual_seed(2)
    second = HybridLM(config, 4).state_dict()
    assert all(torch.equal(first[name], second[name]) for name in first)


def test_it_is_about_forty_lines():
    source = (EXAMPLES / "my_layer.py").read_text().split("class GatedLinearAttention")[1]
    assert len([line for line in source.splitlines() if line.strip()]) <= 45
