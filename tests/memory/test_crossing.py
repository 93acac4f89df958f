"""Crossing lengths against a scan over lengths."""

import hf_instances as hf
import pytest
from drawn_configs import configs
from hypothesis import given, settings

from plait import HybridConfig
from plait.memory import Storage, architecture_of, count, crossing, read_config, with_full_attention

LONGEST = 400


@settings(max_examples=80, deadline=None)
@given(config=configs())
def test_is_the_first_length_of_a_scan(config: HybridConfig) -> None:
    ours, full = architecture_of(config), with_full_attention(architecture_of(config))
    for kind, layer in zip(config.layers, full.memory(9).layers, strict=True):
        if kind == "MLP":
            assert layer.kv_cache == 0, "it mixes no tokens, so attention takes no place of it"
        elif set(config.layers) <= {"SSM", "TF", "MLP"}:
            assert layer.kv_cache == 2 * config.d_model * 9
        else:
            assert layer.kv_cache > 0
    found = crossing(config).length
    less = [n for n in range(1, LONGEST) if ours.memory(n).state_bytes < full.memory(n).state_bytes]
    assert (less[0] if less else None) == (found if found is None or found < LONGEST else None)
    if less:
        assert less == list(range(less[0], LONGEST))


@pytest.mark.parametrize("name", sorted(path.stem for path in hf.FIXTURES.glob("*.json")))
def test_of_every_family(name: str) -> None:
    ours = read_config(hf.fixture(name))
    full = with_full_attention(ours)
    found = crossing(ours, dtype="bfloat16").length
    if found is None:
        settled = crossing(ours, dtype="bfloat16")
        assert settled.bytes_per_token >= settled.full_bytes_per_token
        return
    at, before = (ours.memory(n, dtype="bfloat16").state_bytes for n in (found, found - 1 or 1))
    assert at < full.memory(found, dtype="bfloat16").state_bytes
    assert found == 1 or before >= full.memory(found - 1, dtype="bfloat16").state_bytes


@pytest.mark.parametrize("name", ["jamba", "gpt_oss", "deepseek_v4", "mamba2", "gemma3_text", "bamba"])
@pytest.mark.parametrize("storage", [Storage(kv="fp8", state="float32"), Storage(serving="vllm", page=16)])
def test_in_other_formats_and_pages(name: str, storage: Storage) -> None:
    model = read_config(hf.FIXTURES / f"{name}.json")
    found = crossing(model, dtype="bfloat16", storage=storage)
    full = with_full_attention(model)
    saved = [
        full.state_bytes(n, dtype="bfloat16", storage=storage)
        - model.state_bytes(n, dtype="bfloat16", storage=storage)
        for n in range(1, 2000)
    ]
    assert found.length == next((n for n, more in enumerate(saved, start=1) if more > 0), None)
    grown = model.state_bytes(6400, dtype="bfloat16", storage=storage)
    grown -= model.state_bytes(3200, dtype="bfloat16", storage=storage)
    assert found.bytes_per_token == grown // 3200


def test_never_without_another_layer() -> None:
    assert crossing(HybridConfig(8, pattern="TF-TF", d_model=4)).length is None
    falcon = crossing(read_config(hf.fixture("falcon_h1")))
    assert falcon.length is None
    assert falcon.bytes_per_token == falcon.full_bytes_per_token


def test_a_pure_recurrent_model_says_what_it_is_compared_with() -> None:
    assert "no attention" in crossing(read_config(hf.fixture("mamba"))).notes[0]
    assert (
        crossing(HybridConfig(8, pattern="SSM", d_model=4)).fixed_bytes
        == count(HybridConfig(8, pattern="SSM", d_model=4), 1).state_bytes
    )


@pytest.mark.parametrize(("name", "times"), [("qwen3_next", 3.65), ("jamba", 7.76)])
def test_counting_every_layer_as_attention_overstates(name: str, times: float) -> None:
    """What a calculator that knows attention only makes of the default sizes, at 32k tokens in bfloat16."""
    ours = read_config({"model_type": name, "dtype": "bfloat16"})
    full = with_full_attention(ours).memory(32768).state_bytes
    assert round(full / ours.memory(32768).state_bytes, 2) == pytest.approx(times, abs=0.01)


def test_refuses_a_layer_of_unknown_growth() -> None:
    config = HybridConfig(11, pattern="test_count:Averager-TF", d_model=8)
    with pytest.raises(ValueError, match="layer 0 is test_count:Averager"):
        crossing(config)
