"""What fits into a budget, checked by counting the next one too."""

import json
from pathlib import Path

import pytest

from plait.advisor.sizing import LONGEST_COUNTED, AnyLength, longest_in, sequences_in
from plait.memory import Storage, read_config

FIXTURES = Path(__file__).parents[1] / "memory/fixtures"


@pytest.mark.parametrize("name", ["jamba", "llama", "gpt_oss", "deepseek_v4", "llama4_text", "mamba2"])
@pytest.mark.parametrize(
    "storage", [Storage(), Storage(kv="fp8", weights="int4"), Storage(serving="vllm", page=32)]
)
def test_one_more_does_not_fit(name: str, storage: Storage) -> None:
    model = read_config(FIXTURES / f"{name}.json")
    at = model.memory(300, batch=3, dtype="bfloat16", storage=storage)
    assert at.total_bytes is not None
    budget = at.total_bytes + 11
    n = sequences_in(at, budget)
    assert n is not None
    assert n >= 3
    for count, fits in ((n, True), (n + 1, False)):
        total = model.memory(300, batch=count, dtype="bfloat16", storage=storage).total_bytes
        assert total is not None
        assert (total <= budget) is fits
    length = longest_in(model, budget, batch=3, dtype="bfloat16", storage=storage)
    assert length is not None
    if isinstance(length, AnyLength):
        assert name == "mamba2"
    else:
        assert 300 <= length < LONGEST_COUNTED
        after = model.memory(length + 1, batch=3, dtype="bfloat16", storage=storage).total_bytes
        assert after is not None
        assert after > budget


def test_any_length_is_told_from_the_longest_looked_for() -> None:
    state, cache = (read_config(FIXTURES / f"{name}.json") for name in ("mamba2", "llama"))
    assert isinstance(longest_in(state, 1 << 40, dtype="float32"), AnyLength)
    assert longest_in(state, 1, dtype="float32") == 0
    beyond = cache.memory(LONGEST_COUNTED, dtype="float32").total_bytes
    assert beyond is not None
    assert longest_in(cache, beyond, dtype="float32") == LONGEST_COUNTED
    assert longest_in(cache, beyond - 1, dtype="float32") == LONGEST_COUNTED - 1


def test_weights_alone_may_be_too_much() -> None:
    model = read_config(FIXTURES / "llama.json")
    report = model.memory(10, dtype="float32")
    assert sequences_in(report, report.weight_bytes or 0) == 0
    assert longest_in(model, report.weight_bytes or 0, dtype="float32") == 0
    assert longest_in(model, 1, dtype="float32") == 0


def test_weights_of_unknown_size_say_so() -> None:
    config = json.loads((FIXTURES / "llama.json").read_text())
    model = read_config({**config, "quantization_config": {"quant_method": "a new one"}})
    assert sequences_in(model.memory(10, dtype="float32"), 1 << 40) is None
    assert longest_in(model, 1 << 40, dtype="float32") is None


def test_a_budget_is_at_least_a_byte() -> None:
    model = read_config(FIXTURES / "llama.json")
    with pytest.raises(ValueError, match="budget"):
        longest_in(model, 0)
    with pytest.raises(ValueError, match="budget"):
        sequences_in(model.memory(1, dtype="float32"), 0)
