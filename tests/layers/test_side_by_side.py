"""Layers side by side: the sum of what each adds, its state the sum of theirs, and each as it is alone."""

import dataclasses
from typing import Any

import layer_cases
import pytest
import torch
from torch import Tensor
from torch.func import functional_call

from plait import HybridConfig, HybridLM, Stream, load
from plait.advisor import frontier
from plait.attack.twins import receptive_field
from plait.layers import layer_class
from plait.layers.contract import check_layer
from plait.layers.parallel import ParallelLayer
from plait.layers.spec import sides_of
from plait.memory import count
from plait.random import DROPOUT, INIT
from plait.training.ensemble import Ensemble

OWN = "examples.my_layer:GatedLinearAttention"
CASES: list[tuple[str, dict[str, Any]]] = [
    ("(SSM|TF)", {"window": 5}),
    ("(TF|TF)", {"window": 3, "n_heads": 2}),
    ("(GDN|Attention|ShortConv)", {"options": {"GDN": {"heads": 2}, "ShortConv": {"taps": 5}}}),
    (f"(SSM|{OWN})", {}),
]
each_case = pytest.mark.parametrize(("pattern", "changes"), CASES)


def config(pattern: str, changes: dict[str, Any]) -> HybridConfig:
    return HybridConfig(7, pattern=pattern, d_model=8, **changes)


def made(
    pattern: str, changes: dict[str, Any], dtype: torch.dtype = torch.float64, *, seed: int = 0
) -> ParallelLayer:
    layer = layer_class(pattern)(config(pattern, changes).layer_specs()[0]).to(dtype)
    assert isinstance(layer, ParallelLayer)
    layer_cases.fill(layer, seed)
    return layer


@each_case
def test_it_adds_what_its_sides_add_alone(pattern: str, changes: Any):
    layer = made(pattern, changes)
    hidden = layer_cases.inputs(2, 20, 8)
    added = [side(hidden) - hidden for side in layer.sides]
    expected = hidden + torch.stack(added).sum(0)
    for found in (layer(hidden), layer.reference_forward(hidden)):
        torch.testing.assert_close(found, expected, rtol=1e-12, atol=1e-12)
    assert all(part.abs().max() > 1e-3 for part in added)


@each_case
@pytest.mark.parametrize("seq_len", [1, 63, 65])
@torch.no_grad()
def test_steps_equal_the_parallel_pass_and_memory_is_counted_to_the_byte(
    pattern: str, changes: Any, seq_len: int
):
    layer, hidden = made(pattern, changes), layer_cases.inputs(2, seq_len, 8)
    state = layer.init_state(2, dtype=torch.float64, device=hidden.device)
    outputs: list[Tensor] = []
    for position in range(seq_len):
        output, state = layer.step(hidden[:, position], state)
        outputs.append(output)
    torch.testing.assert_close(torch.stack(outputs, 1), layer(hidden), rtol=1e-10, atol=1e-10)
    held = sum(value.numel() * value.element_size() for value in state.values()) // 2
    counted = count(config(pattern, changes), seq_len, "float64")
    assert counted.state_bytes == held
    assert sum(layer.state_size(seq_len).values()) * 8 == held
    assert counted.layers[0].parameters == sum(p.numel() for p in layer.parameters())


@each_case
def test_the_protocol_is_kept(pattern: str, changes: Any):
    check_layer(pattern, config(pattern, changes).layer_specs()[0], seq_len=40)


@each_case
def test_a_member_is_bitwise_what_it_is_alone(pattern: str, changes: Any):
    layers = [made(pattern, changes, torch.float32, seed=seed) for seed in range(3)]
    if not layers[0].members_axis:
        assert OWN in pattern
        return
    states = [layer.state_dict() for layer in layers]
    stacked = {key: torch.stack([s[key] for s in states]).requires_grad_() for key in states[0]}
    hidden = layer_cases.inputs(3, 9, 30, 8, dtype=torch.float32)
    output = functional_call(layers[0], stacked, (hidden,))
    output.square().sum().backward()
    for member, layer in enumerate(layers):
        alone = layer(hidden[member])
        alone.square().sum().backward()
        assert torch.equal(alone, output[member])
        for key, parameter in layer.named_parameters():
            gradient = stacked[key].grad
            assert gradient is not None
            assert parameter.grad is not None
            assert torch.equal(gradient[member], parameter.grad), key


def test_the_first_side_begins_as_it_would_alone_and_the_others_by_draws_of_their_own():
    alone = HybridLM(config("TF", {}), seed=4).state_dict()
    beside = HybridLM(config("(TF|TF)", {}), seed=4).state_dict()
    for name, weight in alone.items():
        assert torch.equal(beside[name.replace("layers.0.", "layers.0.sides.0.")], weight)
    name = "attention.dense.weight"
    assert not torch.equal(beside[f"layers.0.sides.0.{name}"], beside[f"layers.0.sides.1.{name}"])


def test_sides_drop_zeros_of_their_own():
    spec = config("(TF|TF)", {"dropout": 0.5}).layer_specs()[0]
    layer = layer_class("(TF|TF)")(spec).double()
    layer_cases.fill(layer, 0)
    assert isinstance(layer, ParallelLayer)
    layer.sides[1].load_state_dict(layer.sides[0].state_dict())
    hidden, stream = layer_cases.inputs(2, 6, 8), Stream(0, 0, DROPOUT)
    one, two = (side(hidden, stream) for side in layer.sides)
    assert not torch.equal(one, two)
    torch.testing.assert_close(layer(hidden, stream), one + two - hidden, rtol=1e-12, atol=1e-12)


def test_a_model_comes_back_from_disk_and_trains_compiled(tmp_path: Any):
    model = HybridLM(config("((SSM|TF)-(GDN|Attention))*2", {"window": 4}), seed=3).eval()
    model.save(tmp_path)
    tokens = torch.tensor([[0, 3, 6, 2]])
    assert torch.equal(load(tmp_path)(tokens), model(tokens))
    assert Ensemble(model.config, [0, 1]).engine == "compiled"


def test_code_of_others_is_refused_on_either_side(tmp_path: Any):
    HybridLM(config(f"(SSM|{OWN})", {}), seed=3).save(tmp_path)
    with pytest.raises(ValueError, match=r"names code that is not plait's, examples\.my_layer"):
        load(tmp_path)
    assert load(tmp_path, trust_code=True).config.parts == ("SSM", OWN)


def test_the_widest_side_says_how_far_a_layer_reaches():
    windows = config(
        "(TF|ShortConv)-(ShortConv|TF)", {"window": (5, 2), "options": {"ShortConv": {"taps": 4}}}
    )
    field = receptive_field(HybridLM(windows))
    assert field.tokens == 1 + 4 + 3
    assert field.why.startswith("windows of 5, 4 tokens")
    model = HybridLM(windows, seed=0).double()
    layer_cases.fill(model, 0)
    tokens = torch.arange(20).remainder(7).unsqueeze(0)
    for first, reaches in ((20 - 8, True), (20 - 9, False)):
        changed = tokens.clone()
        changed[0, first] = (changed[0, first] + 1) % 7
        assert torch.equal(model(tokens)[0, -1], model(changed)[0, -1]) != reaches
    assert frontier.held_by(windows, seq_len=50)[0] == frontier.Held(
        reach=7, bits=0, counted="windows and convolutions"
    )


def test_states_add_up_and_reaches_do_not():
    (held, *_) = frontier.held_by(config("(SSM|TF)-TF", {"window": (9, 3)}), seq_len=50)
    assert held.reach == 8 + 2
    assert held.bits == 32 * 16 * 16
    own = config(f"({OWN}|TF)", {"window": 9})
    assert frontier.held_by(own, seq_len=50)[0] == frontier.Held(
        reach=8, bits=32 * 8 * 8, counted="windows and convolutions"
    )
    assert frontier.held_by(config("(SSM|TF)", {}), seq_len=50)[0].reach is None


def test_recurrence_on_one_side_voids_the_reach():
    for pattern, why in (
        ("(TF|SSM)", "is recurrent"),
        ("(TF|GDN)", "carries a state"),
        (f"(TF|{OWN})", "is your own"),
    ):
        assert why in receptive_field(HybridLM(config(pattern, {"window": 3}))).why


def test_options_are_those_of_each_side():
    made_config = config("(GDN|Mamba2)", {"options": {"GDN": {"heads": 2}, "Mamba2": {"heads": 4}}})
    one, two = sides_of("(GDN|Mamba2)", made_config.layer_specs()[0])
    assert (dict(one.spec.options), dict(two.spec.options)) == ({"heads": 2}, {"heads": 4})
    for options, message in (
        ({"KDA": {"heads": 2}}, "options: unknown layer 'KDA'; known: GDN, Mamba2"),
        ({"GDN": {"headz": 2}}, "unknown option of layer GDN 'headz'.*nearest: heads"),
        ({"Mamba2": {"heads": 3}}, "layer Mamba2: d_inner must be divisible by heads"),
    ):
        with pytest.raises(ValueError, match=message):
            config("(GDN|Mamba2)", {"options": options})


def test_every_side_is_reset_from_the_stream_alone():
    layer = made("(GDN|SSM)", {})
    layer.reset_parameters(Stream(1, 5, INIT))
    first = {name: value.clone() for name, value in layer.state_dict().items()}
    alone = layer_class("SSM")(dataclasses.replace(layer.parts[1].spec, index=0)).double()
    alone.reset_parameters(Stream(1, 5 + 4097, INIT))  # type: ignore[operator]
    for name, value in alone.state_dict().items():
        assert torch.equal(first[f"sides.1.{name}"], value)
