"""What every built-in mixer promises: one answer by three ways, the state that it counts, members apart."""

from typing import Any

import layer_cases
import mixer_cases
import pytest
import torch
from torch import Tensor
from torch.func import functional_call

from plait import HybridConfig, HybridLM, load
from plait.attack.twins import receptive_field
from plait.layers import DrawnLayer
from plait.layers.contract import check_layer
from plait.layers.registry import MIXERS
from plait.training.ensemble import Ensemble

LENGTHS = (1, 63, 64, 65, 200)

each_case = pytest.mark.parametrize(("name", "options", "changes"), mixer_cases.CASES)


@torch.no_grad()
def streamed(layer: DrawnLayer, hidden: Tensor) -> Tensor:
    """All steps in order; after each the state is held against `state_size`, to its storage's byte."""
    state = layer.init_state(hidden.shape[0], dtype=hidden.dtype, device=hidden.device)
    outputs: list[Tensor] = []
    for position in range(hidden.shape[1]):
        output, state = layer.step(hidden[:, position], state)
        outputs.append(output)
        held = {kind: value.numel() // len(hidden) for kind, value in state.items()}
        assert held == layer.state_size(position + 1)
        assert all(v.untyped_storage().nbytes() == v.numel() * v.element_size() for v in state.values())
    return torch.stack(outputs, dim=1)


@each_case
@pytest.mark.parametrize("seq_len", LENGTHS)
def test_steps_equal_the_parallel_pass(name: str, options: Any, changes: Any, seq_len: int):
    layer = mixer_cases.made(name, options, changes)
    hidden = layer_cases.inputs(2, seq_len, changes["d_model"])
    expected = streamed(layer, hidden)
    for found in (layer(hidden), layer.reference_forward(hidden)):
        torch.testing.assert_close(found.detach(), expected, rtol=1e-10, atol=1e-10)


@each_case
@pytest.mark.parametrize("seq_len", LENGTHS)
def test_compiled_gradients_are_those_of_plain_operations(
    name: str, options: Any, changes: Any, seq_len: int
):
    layer = mixer_cases.made(name, options, changes)
    hidden = layer_cases.inputs(9, seq_len, changes["d_model"]).requires_grad_()
    direction = layer_cases.inputs(9, seq_len, changes["d_model"], seed=3)
    assert layer.compiled(hidden)
    wanted = [hidden, *layer.parameters()]
    found, expected = (
        torch.autograd.grad((way(hidden) * direction).sum(), wanted)
        for way in (layer.forward, layer.reference_forward)
    )
    for ours, plain in zip(found, expected, strict=True):
        torch.testing.assert_close(ours, plain, rtol=1e-9, atol=1e-9 * max(1.0, plain.abs().max().item()))


@each_case
def test_the_protocol_is_kept(name: str, options: Any, changes: Any):
    """Causality, sequences apart, steps, state, weights, gradients, members: as for a layer of a user's own."""
    check_layer(name, mixer_cases.config(name, options, changes).layer_specs()[0], seq_len=67)


@each_case
@pytest.mark.parametrize("way", ["forward", "reference_forward"])
def test_what_comes_after_changes_nothing(name: str, options: Any, changes: Any, way: str):
    """A sequence that is padded at its end is read as without its padding."""
    layer = mixer_cases.made(name, options, changes)
    hidden = layer_cases.inputs(2, 70, changes["d_model"])
    padded = torch.cat((hidden[:, :37], 1e3 * torch.ones_like(hidden[:, 37:])), dim=1)
    found = getattr(layer, way)(padded)[:, :37]
    torch.testing.assert_close(found, getattr(layer, way)(hidden[:, :37]), rtol=1e-12, atol=1e-12)


@each_case
def test_a_member_is_bitwise_what_it_is_alone(name: str, options: Any, changes: Any):
    layers = [mixer_cases.made(name, options, changes, torch.float32, seed=seed) for seed in range(3)]
    states = [layer.state_dict() for layer in layers]
    stacked = {key: torch.stack([s[key] for s in states]).requires_grad_() for key in states[0]}
    hidden = layer_cases.inputs(3, 9, 50, changes["d_model"], dtype=torch.float32)
    output = functional_call(layers[0], stacked, (hidden,))
    (output.square()).sum().backward()
    for member, layer in enumerate(layers):
        alone = layer(hidden[member])
        alone.square().sum().backward()
        assert torch.equal(alone, output[member])
        for key, parameter in layer.named_parameters():
            gradient = stacked[key].grad
            assert gradient is not None
            assert parameter.grad is not None
            assert torch.equal(gradient[member], parameter.grad), key


@each_case
def test_in_bfloat16_all_ways_agree_to_its_precision(name: str, options: Any, changes: Any):
    layer = mixer_cases.made(name, options, changes, torch.bfloat16)
    hidden = layer_cases.inputs(2, 30, changes["d_model"], dtype=torch.bfloat16)
    exact = mixer_cases.made(name, options, changes)
    exact.load_state_dict(layer.state_dict())
    expected = exact(hidden.double()).detach()
    for output in (streamed(layer, hidden), layer(hidden).detach()):
        assert output.dtype == torch.bfloat16
        assert (output.double() - expected).norm() < 0.05 * expected.norm()


PATTERN = "-".join(MIXERS)


def test_a_model_of_all_comes_back_from_disk(tmp_path: Any):
    config = HybridConfig(7, pattern=f"{PATTERN}-TF", d_model=8, options={"GDN": {"heads": 2}})
    model = HybridLM(config, seed=3).eval()
    model.save(tmp_path)
    loaded = load(tmp_path)
    assert loaded.config == config
    tokens = torch.randint(0, 7, (2, 20), generator=torch.Generator().manual_seed(0))
    assert torch.equal(loaded(tokens), model(tokens))


def test_an_ensemble_trains_each_member_as_alone():
    config = HybridConfig(7, pattern=f"{PATTERN}-TF", d_model=8)
    tokens = torch.randint(0, 7, (3, 8, 20), generator=torch.Generator().manual_seed(0))
    among, alone = Ensemble(config, [0, 1, 2]), Ensemble(config, [1])
    assert among.engine == "compiled"
    scored = torch.ones_like(tokens, dtype=torch.bool)
    for ensemble, part in ((among, slice(None)), (alone, slice(1, 2))):
        ensemble.differentiate(ensemble.scores(tokens[part], (tokens[part], scored[part]))[0])
    assert bool(alone.gradients.abs().amax() > 0)
    assert torch.equal(among.gradients[1], alone.gradients[0])


@pytest.mark.parametrize("name", MIXERS)
def test_how_far_it_reads(name: str):
    found = receptive_field(HybridLM(HybridConfig(5, pattern=f"{name}-TF", d_model=8, window=4))).tokens
    assert found == {"ShortConv": 6, "MLP": 4, "Attention": 7}.get(name)


@pytest.mark.parametrize(
    ("pattern", "options", "message"),
    [
        ("GDN-TF", {"GDN": {"head": 2}}, "unknown option of layer GDN 'head'; .*nearest: heads"),
        ("GDN-TF", {"GDN": {"heads": 3}}, "layer GDN: heads must divide d_model"),
        ("GDN-TF", {"GDN": {"heads": 0}}, "layer GDN: heads must be an integer of at least 1"),
        ("GDN-TF", {"GDN": {"beta_to": 3}}, "beta_to must be 1 or 2"),
        ("GDN-TF", {"GDN": {"heads": 4, "key_heads": 3}}, "key_heads must divide heads"),
        ("GDN-TF", {"Mamba2": {"heads": 2}}, "options: unknown layer 'Mamba2'; known: GDN, TF"),
        ("GDN-TF", {"GDN": 3}, "options must be a JSON object such as"),
        ("GDN-TF", 3, "options must be a JSON object such as"),
        ("SSM-TF", {"SSM": {"heads": 2}}, "layer SSM has no options of its own, got heads"),
        ("Mamba2-TF", {"Mamba2": {"heads": 3}}, "d_inner must be divisible by heads"),
        ("Mamba2-TF", {"Mamba2": {"heads": 4, "groups": 3}}, "groups must divide heads"),
        ("DeltaNet", {"DeltaNet": {"beta_to": 1.5}}, "beta_to must be 1 or 2"),
        ("DeltaNet", {"DeltaNet": {"output_gate": 1}}, "output_gate must be true or false"),
        ("Retention", {"Retention": {"decay": [0.5, 0.7]}}, "a number for each of 1 heads, got 2"),
        (
            "Retention",
            {"Retention": {"decay": [0.0]}},
            "decay must be a list of numbers above 0 and at most 1",
        ),
        ("GLA", {"GLA": {"heads": 3}}, "heads must divide d_model where"),
        ("RWKV7", {"RWKV7": {"heads": 3}}, "d_model must be divisible by heads"),
        ("MLSTM", {"MLSTM": {"heads": 3}}, "heads must divide d_model where"),
        ("RGLRU", {"RGLRU": {"heads": 3}}, "width must be divisible by heads"),
        ("ShortConv", {"ShortConv": {"taps": 0}}, "taps must be an integer of at least 1"),
        ("MLP", {"MLP": {"gated": 2}}, "gated must be true or false"),
        ("Attention", {"Attention": {"positions": "rpoe"}}, "unknown positions 'rpoe'; .*nearest: rope"),
        ("Attention", {"Attention": {"heads": 3}}, "d_model must be divisible by heads"),
        ("Attention", {"Attention": {"heads": 4, "kv_heads": 3}}, "kv_heads must divide heads"),
        ("GND-TF", {}, "unknown layer 'GND'; .*nearest: GDN"),
    ],
)
def test_refused_in_one_line(pattern: str, options: Any, message: str):
    with pytest.raises(ValueError, match=message) as refused:
        HybridConfig(5, pattern=pattern, d_model=8, options=options)
    assert "\n" not in str(refused.value)
