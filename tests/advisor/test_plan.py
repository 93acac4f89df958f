"""Plans: every verdict follows from the bounds, and every exclusion names its own."""

import json
from math import ceil
from pathlib import Path

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from plait import HybridConfig
from plait.advisor import MemoryPlan, plan
from plait.advisor.candidates import candidates
from plait.memory import architecture_of, count, read_config
from plait.tasks import AssociativeRecall
from plait.theory import attention_reach, ssm_state_bits

SMALL = HybridConfig(34, pattern="SSM-TF", d_model=8, window=20)
CONFIGS = Path(__file__).parents[1] / "memory" / "fixtures"
GEMMA = {"model_type": "gemma3_text", "num_hidden_layers": 6, "hidden_size": 256, "dtype": "bfloat16"}


@settings(max_examples=40, deadline=None)
@given(
    budget=st.integers(1, 20_000),
    seq_len=st.integers(2, 200),
    items=st.integers(2, 60),
    d_model=st.integers(1, 8),
)
def test_verdicts(budget: int, seq_len: int, items: int, d_model: int) -> None:
    config = HybridConfig(8, pattern="SSM-TF-TF", d_model=d_model, rotary_fraction=0.0)
    found = plan(config, budget=budget, seq_len=seq_len, items=items, windows=(1, 7, None))
    task = AssociativeRecall(n_words=items)
    bits = ssm_state_bits(task, seq_len=seq_len).value
    reach = attention_reach(task, seq_len).value
    assert {(c.pattern, c.window) for c in found.candidates} >= {("SSM-SSM-SSM", "none"), ("TF-TF-TF", "7")}
    for c in found.candidates:
        reasons = {e.bound for e in c.exclusions}
        assert ("budget" in reasons) == (c.state_bytes > budget)
        assert ("state bits" in reasons) == (8 * c.state_bytes < ceil(bits))
        sees_all = "SSM" in c.pattern or c.window in ("full", "own")
        assert ("reach" in reasons) == (not sees_all and 3 * (int(c.window) - 1) < reach)
        window = {"full": None, "own": None, "none": None}.get(c.window, c.window)
        mixed = HybridConfig(
            8, pattern=c.pattern, d_model=d_model, rotary_fraction=0.0, window=window and int(window)
        )
        assert c.state_bytes == count(mixed, seq_len).state_bytes
        assert c.parameters == count(mixed, seq_len).parameters
    assert found.impossible == (8 * budget < bits)
    if found.impossible:
        assert not found.remaining


def test_an_impossible_budget_rules_out_everything() -> None:
    assert plan(SMALL, budget=19, seq_len=100, items=32).impossible
    enough = plan(SMALL, budget=20, seq_len=100, items=32)
    assert not enough.impossible
    assert enough.least_bytes == 20


def test_more_budget_never_rules_out_more() -> None:
    def remaining(budget: int) -> set[tuple[str, str]]:
        found = plan(SMALL, budget=budget, seq_len=100, items=32)
        return {(c.pattern, c.window) for c in found.remaining}

    assert remaining(2_000) < remaining(3_000) < remaining(10_000)


def test_a_small_state_is_ruled_out_by_the_bits_it_lacks() -> None:
    tiny = HybridConfig(34, pattern="SSM", d_model=1, d_inner=1, d_state=1, d_conv=1, rotary_fraction=0.0)
    found = plan(tiny, budget=1000, seq_len=100, items=32)
    [[exclusion]] = [c.exclusions for c in found.candidates if c.window == "none"]
    assert (exclusion.bound, exclusion.needed, exclusion.got) == ("state bits", 155, 32)


def test_every_exclusion_says_what_it_is() -> None:
    found = plan(SMALL, budget=1500, seq_len=100, items=32)
    for exclusion in (e for c in found.candidates for e in c.exclusions):
        assert exclusion.statement
        assert exclusion.source
        assert ("no prediction of perplexity" in exclusion.scope) == (exclusion.bound != "budget")


def test_windows_of_a_model_of_attention_alone() -> None:
    found = plan(read_config(GEMMA), budget=10**9, seq_len=4096, items=100, windows=(683, 684, None))
    verdicts = {c.window: {e.bound for e in c.exclusions} for c in found.candidates if c.window != "own"}
    assert verdicts == {"683": {"reach"}, "684": set(), "full": set()}


def test_the_model_as_it_is_stands_among_the_candidates() -> None:
    model = read_config({"model_type": "qwen3_next", "dtype": "bfloat16"})
    found = plan(model, budget=10**9, seq_len=32768, items=1000)
    [own] = [c for c in found.candidates if c.window == "own"]
    assert own.state_bytes == model.memory(32768).state_bytes
    assert own.remains
    same = [c for c in found.candidates if (c.pattern, c.window) == ("36 recurrent + 12 attention", "full")]
    assert same[0].state_bytes == own.state_bytes
    assert same[0].parameters == own.parameters


def test_short_convolutions_reach_a_little_further() -> None:
    fields = {"model_type": "lfm2", "hidden_size": 64, "num_attention_heads": 4, "num_key_value_heads": 2}
    model = read_config(fields | {"num_hidden_layers": 5, "full_attn_idxs": [4], "vocab_size": 90})
    found = plan(model, budget=10**9, seq_len=50, items=10, windows=(40, 41))
    verdicts = {c.window: c.remains for c in found.candidates if c.pattern.startswith("4 convolution + 1")}
    assert verdicts == {"40": False, "41": True}


def test_as_json_and_rows() -> None:
    found: MemoryPlan = plan(SMALL, budget=4000, seq_len=100, items=32)
    plain = json.loads(json.dumps(found.to_json()))
    assert plain["state_bits"]["value"] == 155
    assert [c["remains"] for c in plain["candidates"]] == [c.remains for c in found.candidates]
    assert [row["verdict"] == "remains" for row in found.rows()] == [c.remains for c in found.candidates]


def test_a_pure_recurrent_file_says_what_attention_is_assumed() -> None:
    found = plan(read_config({"model_type": "mamba"}), budget=10**9, seq_len=100, items=10)
    assert "no attention" in found.notes[0]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"budget": 0}, "budget must be an integer of at least 1, got 0"),
        ({"budget": 2.5}, "budget must be an integer of at least 1, got 2.5"),
        ({"seq_len": 0}, "seq_len must be an integer of at least 1, got 0"),
        ({"items": 1}, "items must be an integer of at least 2, got 1"),
        ({"windows": (0,)}, "window must be an integer of at least 1, got 0"),
        ({"dtype": "float8"}, "dtype must be one of"),
        ({"model": HybridConfig(8, pattern="TF-a:B", d_model=4)}, "layer 1 is a:B"),
        ({"model": HybridConfig(d_model=4)}, "needs vocab_size"),
    ],
)
def test_refused(change: dict[str, object], message: str) -> None:
    arguments = {"model": SMALL, "budget": 1000, "seq_len": 100, "items": 10} | change
    with pytest.raises(ValueError, match=message):
        plan(**arguments)


def test_own_sizes_are_those_of_the_config() -> None:
    found = plan(SMALL, budget=10**6, seq_len=100, items=10)
    [own] = [c for c in found.candidates if c.window == "own"]
    assert own.parameters == architecture_of(SMALL).parameters == 2192


def real_parameters(config: dict[str, object], *, without: str) -> tuple[int, int]:
    """Distinct scalars of the class of `transformers`: all, and those whose names do not hold `without`."""
    from transformers import AutoConfig, AutoModelForCausalLM

    fields = {name: value for name, value in config.items() if name != "model_type"}
    with torch.device("meta"):
        model = AutoModelForCausalLM.from_config(AutoConfig.for_model(config["model_type"], **fields))
    sizes = {name: parameter.numel() for name, parameter in model.named_parameters()}
    return sum(sizes.values()), sum(n for name, n in sizes.items() if without not in name)


def test_a_layer_that_is_visited_again_is_stored_once() -> None:
    """Inkling-2-Loop as published, but with one kind of attention: 24 layers in 48 visits."""
    config = {"model_type": "inkling2_loop_text", "dtype": "float32", "layer_types": ["hybrid_sliding"] * 24}
    found = plan(read_config(config), budget=10**9, seq_len=4096, items=100, windows=(1024,))
    mixes = {c.pattern: c for c in found.candidates}
    own, attention = mixes["Inkling 2 Loop"], mixes["0 convolution + 24 attention"]
    assert (own.parameters, attention.parameters) == real_parameters(config, without="conv")
    tails = mixes["24 convolution + 0 attention"].state_bytes
    assert own.state_bytes == attention.state_bytes + tails, "each visit has a cache of its own"


def test_every_visit_of_a_layer_has_its_mixer() -> None:
    model = read_config({"model_type": "inkling2_loop_text"})
    for candidate in candidates(model, (16, None)):
        layers = candidate.architecture.layers
        again = [layer for layer in layers if layer.revisits is not None]
        assert len(again) == 24
        assert all(layer.kind == layers[layer.revisits].kind for layer in again)


@pytest.mark.parametrize(("name", "hybrids"), [("zamba", 2), ("zamba2", 3)])
def test_attention_that_layers_share_is_stored_as_often_as_in_the_model(name: str, hybrids: int) -> None:
    config = json.loads((CONFIGS / f"{name}.json").read_text())
    found = plan(read_config(config), budget=10**9, seq_len=100, items=10, windows=(None,))
    sizes = {c.pattern: c.parameters for c in found.candidates}
    total, without_their_mixers = real_parameters(config, without="mamba_decoder.mamba.")
    assert sizes[found.model] == total
    assert sizes[f"{6 - hybrids} recurrent + {hybrids} attention"] == without_their_mixers
