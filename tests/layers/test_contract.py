"""Each promise of the layer protocol, broken once by a layer that is right otherwise (`broken_layers`)."""

import time

import pytest
import torch

from plait import HybridConfig, HybridLM
from plait.layers import contract
from plait.layers.contract import check_layer
from plait.model import initial_parameters

HERE = "broken_layers"

BROKEN = {
    "Peeks": "forward reads the future: the answer at a position before 1 changes",
    "PeeksLater": "forward reads the future",
    "PeeksWhenOpened": "forward reads the future",
    "MixesTheBatch": "depends on the others of the batch",
    "StepForgets": "step answers otherwise than forward at position 1",
    "StepWritesInPlace": "step changes the state that it is given",
    "TooLarge": r"state_size says 216 scalars after 5 tokens, and its state holds 13",
    "TooSmall": r"state_size says 6 scalars after 5 tokens, and its state holds 13",
    "OtherNames": r"state_size must give counts under ssm_state, conv_tail, kv_cache, got \{'memory': 3\}",
    "Half": r"state_size must give counts under",
    "Unset": "reset_parameters leaves gate unset",
    "OwnDice": "reset_parameters gives gate other values when it is called again",
    "DrawsAConstant": "two layers with the same weights answer otherwise .*draws in features, and all randomness",
    "DrawsANumberBehindAGate": "two layers with the same weights answer otherwise .*constructor draws, and all",
    "OtherEachTime": "forward answers otherwise when it is asked again",
    "Shorter": r"forward must keep the shape of what it is given",
    "Doubled": r"forward must keep the type of what it is given, torch.float32, got torch.float64",
    "Halved": r"forward must keep the type of what it is given, torch.float32, got torch.bfloat16",
    "Detached": "no gradient reaches its input",
    "Idle": "no gradient reaches idle",
    "FalseMembers": "with weights of two members it says otherwise than for each alone",
    "LeavesTheProgram": "cannot run on 5 tokens: SystemExit: 3",
    "StopsGrowing": r"state_size says 120 scalars after 67 tokens, and its state holds 402",
}


def spec():
    return HybridConfig(5, pattern="SSM", d_model=6).layer_specs()[0]


@pytest.mark.parametrize("name", ["Right", "Single", "Long"])
def test_a_layer_that_keeps_its_promises(name):
    began = time.process_time()
    check_layer(f"{HERE}:{name}", spec(), seq_len=100)
    check_layer(f"{HERE}:{name}", spec(), seq_len=1)
    assert time.process_time() - began < 2


@pytest.mark.parametrize("name", BROKEN)
def test_a_layer_that_breaks_one(name, monkeypatch):
    monkeypatch.setattr(contract, "_SLOW", 60.0)
    with pytest.raises(ValueError, match=f"^layer {HERE}:{name}:? .*{BROKEN[name]}") as told:
        check_layer(f"{HERE}:{name}", spec(), seq_len=100)
    assert "\n" not in str(told.value)


@pytest.mark.parametrize(
    "name", ["plait.layers.mamba:MambaLayer", "plait.layers.transformer:TransformerLayer"]
)
def test_the_packages_own_layers_keep_them(name):
    check_layer(
        name, HybridConfig(5, pattern="TF", d_model=8, window=7, n_heads=2).layer_specs()[0], seq_len=40
    )


def test_a_model_and_an_ensemble_start_alike():
    """Values from a constructor count in neither: the weight is named."""
    config = HybridConfig(5, pattern=f"{HERE}:Unset-TF", d_model=4)
    for make in (lambda: HybridLM(config, 3), lambda: initial_parameters(config, [3])):
        with pytest.raises(ValueError, match="reset_parameters leaves gate unset"):
            make()
    right = HybridConfig(5, pattern=f"{HERE}:Right-TF", d_model=4)
    alone, stacked = HybridLM(right, 3), initial_parameters(right, [3, 4])
    assert all(torch.equal(p, stacked[name][0]) for name, p in alone.named_parameters())
