"""HybridLM: parameter counts, streaming, members, dropout, bad tokens."""

import subprocess
import sys
from dataclasses import replace

import pytest
import torch
from torch import Tensor
from torch.func import functional_call

from plait import HybridConfig, HybridLM, Stream
from plait.model import ModelState, initial_parameters
from plait.random import DROPOUT

COUNTS = {
    (34, "SSM-TF"): {4: 872, 8: 2192, 12: 3960},
    (34, "TF-TF"): {16: 5024, 20: 7560, 24: 10608, 32: 18240},
    (34, "SSM-SSM"): {16: 7328, 20: 10280, 24: 13488, 32: 21056},
    (34, "TF-SSM"): {8: 2192},
    (11, "SSM-TF"): {4: 780, 8: 2008, 12: 3684, 16: 5808, 20: 8460, 24: 11496},
    (11, "TF-SSM"): {4: 780, 8: 2008, 12: 3684, 16: 5808, 20: 8460, 24: 11496},
    (11, "TF-TF"): {4: 396, 8: 1304, 12: 2724, 16: 4656, 20: 7100, 24: 10056},
    (11, "SSM-SSM"): {4: 1164, 8: 2712, 12: 4644, 16: 6960, 20: 9820, 24: 12936},
}
"""Trainable parameters of the paper's models: (vocabulary, pattern) -> width -> count."""

CONFIGS = {
    "hybrid": HybridConfig(13, d_model=8, window=5),
    "three": HybridConfig(13, pattern="TF-SSM-TF", d_model=12, window=(3, None, 7), n_heads=2, d_conv=1),
    "deep": HybridConfig(
        13, pattern="(SSM*2-TF)*2", d_model=8, window=4, d_mlp=(1, 2, 0, 4, 5, 6), d_state=1
    ),
    "full": HybridConfig(13, pattern="TF-TF", d_model=12, rotary_fraction=0.45, init="mamba"),
}


def tokens(*shape: int, seed: int = 0, vocab_size: int = 13) -> Tensor:
    return torch.randint(0, vocab_size, shape, generator=torch.Generator().manual_seed(seed))


def loud(config: HybridConfig, seed: int = 0) -> HybridLM:
    """A float64 model whose initial weights are five times as large, so that every path shows in the logits."""
    model = HybridLM(config, seed, dtype=torch.float64)
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            if name.endswith("weight") and "norm" not in name:
                parameter.mul_(5.0)
    return model


def held_bytes(state: ModelState) -> int:
    return sum(tensor.untyped_storage().nbytes() for layer in state for tensor in layer.values())


@pytest.mark.parametrize(("vocab_size", "pattern"), COUNTS)
def test_parameter_counts_of_the_paper(vocab_size: int, pattern: str):
    for d_model, expected in COUNTS[vocab_size, pattern].items():
        with torch.device("meta"):
            model = HybridLM(HybridConfig(vocab_size, pattern=pattern, d_model=d_model), seed=None)
        assert sum(parameter.numel() for parameter in model.parameters()) == expected


def test_names_of_the_weights():
    names = list(HybridLM(HybridConfig(13, d_model=8)).state_dict())
    assert names[0] == "embedding.weight"
    assert names[-2:] == ["final_norm.weight", "final_norm.bias"]
    assert "layers.0.mixer.A_log" in names
    assert "layers.1.attention.query_key_value.bias" in names
    assert len(names) == 3 + 10 + 12


@pytest.mark.parametrize("name", CONFIGS)
def test_streaming_equals_the_parallel_pass_at_every_position(name: str):
    config = CONFIGS[name]
    model, rows = loud(config), tokens(3, 40)
    logits = model(rows)
    state = model.init_state(3)
    sizes: list[int] = []
    for position in range(40):
        here, state = model.step(rows[:, position], state)
        torch.testing.assert_close(here, logits[:, position].detach(), rtol=1e-10, atol=1e-10)
        assert not here.requires_grad
        scalars = [sum(layer.state_size(position + 1).values()) for layer in model.each_layer()]
        assert held_bytes(state) == 3 * 8 * sum(scalars)
        sizes.append(held_bytes(state))
    windows = [
        spec.window for layer, spec in zip(config.layers, config.layer_specs(), strict=True) if layer == "TF"
    ]
    full = [window for window in windows if window is not None]
    if len(full) == len(windows):
        assert len(set(sizes[max(full) - 2 :])) == 1
    else:
        assert sizes == sorted(set(sizes))


def test_logits_do_not_depend_on_later_tokens():
    model, rows = loud(CONFIGS["three"]), tokens(2, 20)
    changed = rows.clone()
    changed[:, 12] = (changed[:, 12] + 1) % 13
    same = model(rows) == model(changed)
    assert same[:, :12].all()
    assert not same[:, 12:].all(-1).any()


@pytest.mark.parametrize("name", CONFIGS)
def test_members_compute_what_they_compute_alone(name: str):
    config, seeds = CONFIGS[name], [3, 3, 8]
    stacked = initial_parameters(config, seeds, dtype=torch.float64)
    rows = tokens(3, 2, 17)
    frame = HybridLM(config, seed=None, dtype=torch.float64)
    logits = functional_call(frame, stacked, (rows,))
    for member, seed in enumerate(seeds):
        alone = HybridLM(config, seed, dtype=torch.float64)
        for weight, value in alone.named_parameters():
            assert torch.equal(stacked[weight][member], value), weight
        torch.testing.assert_close(logits[member], alone(rows[member]), rtol=1e-12, atol=1e-12)
    assert not torch.equal(stacked["embedding.weight"][0], stacked["embedding.weight"][2])


def test_layers_of_one_kind_start_with_different_weights():
    weights = HybridLM(HybridConfig(13, pattern="SSM-SSM", d_model=8)).state_dict()
    first, second = (weights[f"layers.{index}.mixer.in_proj.weight"] for index in (0, 1))
    assert not torch.equal(first, second)
    assert not torch.equal(first[0], weights["embedding.weight"][0])


def test_float32_weights_are_the_float64_weights_rounded_and_no_generator_moves():
    before = torch.get_rng_state()
    single = HybridLM(CONFIGS["three"], 5).state_dict()
    double = HybridLM(CONFIGS["three"], 5, dtype=torch.float64).state_dict()
    assert all(torch.equal(single[name], double[name].float()) for name in single)
    assert torch.equal(before, torch.get_rng_state())


def test_without_a_seed_no_weight_is_set():
    assert all(parameter.isnan().all() for parameter in HybridLM(CONFIGS["three"], seed=None).parameters())


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_lower_precisions_come_near_float64(dtype: torch.dtype):
    exact = loud(CONFIGS["three"])
    model = HybridLM(CONFIGS["three"], seed=None, dtype=dtype)
    model.load_state_dict(exact.state_dict())
    exact.load_state_dict(model.state_dict())
    rows = tokens(2, 20)
    expected, logits = exact(rows), model(rows)
    assert logits.dtype == dtype
    tolerance = {torch.float32: 1e-5, torch.bfloat16: 0.05}[dtype] * expected.abs().max().item()
    torch.testing.assert_close(logits.double(), expected, rtol=0.0, atol=tolerance)
    state = model.init_state(2)
    for position in range(20):
        here, state = model.step(rows[:, position], state)
        torch.testing.assert_close(here.double(), expected[:, position], rtol=0.0, atol=tolerance)


def test_layers_may_have_different_precisions():
    model = loud(HybridConfig(13, pattern="SSM-TF-TF", d_model=8, window=5))
    rows = tokens(2, 20)
    expected = model(rows)
    model.float()
    model.layers[2].to(torch.bfloat16)
    logits = model(rows)
    assert logits.dtype == torch.float32
    torch.testing.assert_close(logits.double(), expected, rtol=0.0, atol=0.05 * expected.abs().max().item())
    state = model.init_state(2)
    assert state[1]["kv_cache"].dtype == torch.float32
    assert state[2]["kv_cache"].dtype == torch.bfloat16
    for position in range(20):
        here, state = model.step(rows[:, position], state)
        torch.testing.assert_close(here, logits[:, position], rtol=0.0, atol=0.05)


def test_dropout_needs_a_stream_in_training_and_none_in_evaluation():
    model, rows = loud(replace(CONFIGS["three"], dropout=0.3)), tokens(2, 9)
    with pytest.raises(ValueError, match=r"dropout 0\.3 in training mode needs a dropout_stream"):
        model(rows)
    stream = Stream(1, 2, DROPOUT)
    dropped = model(rows, dropout_stream=stream)
    assert torch.equal(dropped, model(rows, dropout_stream=stream))
    assert not torch.equal(dropped, model(rows, dropout_stream=Stream(1, 3, DROPOUT)))
    calm = loud(CONFIGS["three"])(rows)
    assert not torch.equal(dropped, calm)
    model.eval()
    assert torch.equal(model(rows), calm)
    assert torch.equal(model(rows, dropout_stream=stream), calm)


def test_dropout_of_a_member_is_its_own():
    config = replace(CONFIGS["three"], dropout=0.3)
    stacked = initial_parameters(config, [4, 5], dtype=torch.float64)
    rows = tokens(2, 2, 9)
    frame = HybridLM(config, seed=None, dtype=torch.float64)
    streams = Stream(torch.tensor([40, 50]), 7, DROPOUT)
    logits = functional_call(frame, stacked, (rows,), {"dropout_stream": streams})
    for member, (seed, key) in enumerate(((4, 40), (5, 50))):
        alone = HybridLM(config, seed, dtype=torch.float64)
        expected = alone(rows[member], dropout_stream=Stream(key, 7, DROPOUT))
        torch.testing.assert_close(logits[member], expected, rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("wrong", [-1, 13, 10**12])
def test_tokens_out_of_range_are_refused(wrong: int):
    model, rows = HybridLM(CONFIGS["hybrid"]), tokens(2, 9)
    rows[1, 4] = wrong
    message = rf"tokens must be in \[0, 13\), got {wrong}"
    with pytest.raises(ValueError, match=message):
        model(rows)
    with pytest.raises(ValueError, match=message):
        model.step(rows[:, 4], model.init_state(2))
    stacked = initial_parameters(CONFIGS["hybrid"], [0, 1, 2])
    for member in range(3):
        many = tokens(3, 2, 9)
        many[member, 1, 4] = wrong
        with pytest.raises(ValueError, match=message):
            functional_call(model, stacked, (many,))


def test_other_bad_calls():
    model = HybridLM(CONFIGS["hybrid"])
    with pytest.raises(ValueError, match=r"tokens must be integers, got torch\.float32"):
        model(torch.zeros(2, 9))
    with pytest.raises(ValueError, match=r"tokens must be integers, got torch\.bool"):
        model(torch.zeros(2, 9, dtype=torch.bool))
    with pytest.raises(ValueError, match="a state of 2 layers is needed, got one of 1"):
        model.step(torch.zeros(2, dtype=torch.int64), model.init_state(2)[:1])
    with pytest.raises(ValueError, match="weights of 2 members need tokens that start with that axis"):
        functional_call(model, initial_parameters(CONFIGS["hybrid"], [0, 1]), (tokens(3, 2, 9),))
    with pytest.raises(ValueError, match="needs vocab_size"):
        HybridLM(HybridConfig(d_model=8))
    with pytest.raises(ValueError, match="at least one seed is needed"):
        initial_parameters(CONFIGS["hybrid"], [])
    with pytest.raises(ValueError, match=r"seed must be an integer of at least 0, below 2\^63"):
        HybridLM(CONFIGS["hybrid"], seed=-1)
    with pytest.raises(ValueError, match="cannot be made"):
        HybridLM(HybridConfig(2**31 - 1, d_model=2**28))


@pytest.mark.parametrize("dtype", [torch.int32, torch.int16, torch.uint8])
def test_any_integer_type_will_do(dtype: torch.dtype):
    model, rows = HybridLM(CONFIGS["hybrid"]), tokens(2, 9)
    assert torch.equal(model(rows), model(rows.to(dtype)))


def test_import_loads_nothing_heavy():
    heavy = (
        "matplotlib",
        "polars",
        "transformers",
        "pandas",
        "typer",
        "rich",
        "jinja2",
        "triton",
        "ray",
        "duckdb",
    )
    code = f"import sys, plait; print([name for name in {heavy} if name in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_dropout_acts_on_the_embedding_too():
    """SSM layers have none of their own."""
    model, rows = loud(HybridConfig(13, pattern="SSM", d_model=8, dropout=0.5)), tokens(2, 9)
    first, second = (model(rows, dropout_stream=Stream(0, step, DROPOUT)) for step in (0, 1))
    assert not torch.equal(first, second)
