"""Files as they are published, and the traps in them."""

import json
from collections.abc import Mapping
from pathlib import Path

import hf_instances as hf
import pytest
import torch

from plait.memory import read_config

PUBLISHED = sorted((hf.FIXTURES / "published").glob("*.json"))
BILLIONS = {
    "bamba-9b": 9.78,
    "falcon-h1-0.5b": 0.521,
    "falcon-mamba-7b": 7.27,
    "gemma-3-4b": 3.88,
    "gpt-oss-20b": 20.9,
    "granite-4.0-h-tiny": 6.94,
    "jamba-v0.1": 51.6,
    "kimi-linear-48b-a3b": 49.1,
    "lfm2-1.2b": 1.17,
    "llama-3.1-8b": 8.03,
    "mamba-130m": 0.129,
    "mamba-codestral-7b": 7.29,
    "mistral-7b": 7.24,
    "nemotron-h-8b": 8.10,
    "qwen3-next-80b-a3b": 79.7,
    "recurrentgemma-2b": 2.68,
    "zamba2-1.2b": 1.22,
}


@pytest.mark.parametrize("path", PUBLISHED, ids=lambda p: p.stem)
def test_published_shapes(path: Path) -> None:
    config = json.loads(path.read_text())
    config.pop("time_step_limit", None)  # "Infinity" as a string is read by from_pretrained alone
    model = hf.build(config, torch.bfloat16, device="meta")
    read = read_config(path)
    assert read.parameters == sum(p.numel() for p in model.parameters())
    assert read.parameters / 1e9 == pytest.approx(BILLIONS[path.stem], rel=0.005)
    assert read.dtype in ("bfloat16", "float32")
    assert read.verified


def changed(name: str, **change: object) -> dict[str, object]:
    return hf.fixture(name) | change


def kinds(config: Mapping[str, object]) -> list[str]:
    return [layer.kind for layer in read_config(config).layers]


class TestTraps:
    """docs name them; each was seen to mislead."""

    def test_recurrent_state_stays_in_float32(self) -> None:
        half = read_config(changed("jamba", dtype="bfloat16")).memory(10)
        assert half.state_bytes == 4 * half.ssm_state + 2 * (half.conv_tail + half.kv_cache)

    def test_except_where_a_model_keeps_its_own_dtype(self) -> None:
        half = read_config(changed("minimax", dtype="bfloat16")).memory(10)
        assert half.state_bytes == 2 * (half.ssm_state + half.kv_cache)

    def test_a_convolution_holds_all_its_columns_from_the_first_token(self) -> None:
        one, many = (read_config(hf.fixture("mamba")).memory(n) for n in (1, 99))
        assert one.conv_tail == many.conv_tail == 2 * 48 * 4

    def test_a_sliding_window_keeps_one_token_less(self) -> None:
        report = read_config(changed("mistral", sliding_window=8)).memory(20, phase="prefill")
        assert report.kv_cache == 2 * 2 * 7 * 2 * 10
        assert report.stored_bytes * 7 == report.state_bytes * 20

    @pytest.mark.parametrize(("prefill", "steps"), [(1, 0), (2, 2), (5, 1)])
    @torch.no_grad()
    def test_a_window_of_one_keeps_everything(self, prefill: int, steps: int) -> None:
        config = changed("mistral", sliding_window=1)
        held = hf.prefill_then_steps(hf.build(config, torch.float32), prefill=prefill, steps=steps)
        report = read_config(config).memory(prefill + steps, phase="decode" if steps else "prefill")
        assert hf.totals(held) == {k: getattr(report, k) for k in hf.totals(held)}
        assert report.kv_cache == 2 * 40 * (prefill + steps)

    def test_nemotrons_sliding_window_changes_nothing(self) -> None:
        plain, slid = (read_config(changed("nemotron_h", sliding_window=w)) for w in (None, 4))
        assert plain.memory(50) == slid.memory(50)

    @torch.no_grad()
    def test_nor_does_it_in_the_real_class(self) -> None:
        config = changed("nemotron_h", sliding_window=4)
        held = hf.prefill_then_steps(hf.build(config, torch.float32), prefill=12, steps=1)
        assert hf.totals(held)["kv_cache"] == read_config(config).memory(13).kv_cache == 13 * 40

    def test_old_layer_names(self) -> None:
        old = changed("granitemoehybrid", layer_types=["mamba", "attention", "mamba", "mamba"])
        new = changed(
            "granitemoehybrid",
            layer_types=["linear_attention", "full_attention", "linear_attention", "linear_attention"],
        )
        assert kinds(old) == kinds(new)

    def test_nemotron_ignores_num_hidden_layers(self) -> None:
        assert kinds(changed("nemotron_h", num_hidden_layers=9)) == [
            "linear_attention",
            "mlp",
            "linear_attention",
            "full_attention",
            "moe",
        ]
        named = changed("nemotron_h", layers_block_type=["mamba", "attention"])
        assert kinds(named) == ["linear_attention", "full_attention"]

    def test_zamba2_has_as_many_key_heads_as_heads_and_wide_ones(self) -> None:
        report = read_config(hf.fixture("zamba2")).memory(10)
        assert report.kv_cache == 3 * 2 * 4 * 10 * (2 * 24 // 4)
        assert [layer.ssm_state > 0 for layer in report.layers] == [True] * 6

    def test_convolution_layers_have_no_recurrent_state(self) -> None:
        assert read_config(hf.fixture("lfm2")).memory(10).ssm_state == 0

    def test_falcon_mambas_expand_is_not_its_width(self) -> None:
        config = changed("falcon_mamba", expand=16, intermediate_size=48)
        assert read_config(config).memory(1).ssm_state == 2 * 48 * 5

    def test_a_null_window_is_no_window(self) -> None:
        assert set(kinds(changed("mistral", sliding_window=None))) == {"full_attention"}
        absent = hf.fixture("mistral")
        del absent["sliding_window"]
        assert read_config(absent).layers[0].blocks[0].window == 4096

    def test_qwen2_needs_a_flag_to_slide(self) -> None:
        assert set(kinds(changed("qwen2", use_sliding_window=False))) == {"full_attention"}

    def test_text_of_a_wrapped_model(self) -> None:
        inner = hf.fixture("gemma3_text")
        wrapped = {"model_type": "gemma3", "text_config": inner, "torch_dtype": "bfloat16"}
        read = read_config(wrapped)
        assert read.layers == read_config(inner).layers
        assert "only the language model" in read.notes[0]
        del inner["model_type"]
        assert read_config(wrapped).layers == read.layers

    def test_class_name_in_place_of_a_model_type(self) -> None:
        config = hf.fixture("llama")
        del config["model_type"]
        config["architectures"] = ["LlamaForCausalLM"]
        assert read_config(config).title == "Llama"

    def test_kimi_numbers_its_layers_from_one(self) -> None:
        nested = {"full_attn_layers": [2, 4], "kda_layers": [1, 3], "num_heads": 3, "head_dim": 6}
        config = changed("kimi_linear", linear_attn_config=nested)
        del config["layer_types"]
        assert kinds(config) == ["linear_attention", "full_attention"] * 2
        model = hf.build(config, torch.float32, device="meta")
        assert model.config.layer_types == kinds(config)


class TestGeneric:
    def test_must_be_asked_for_and_says_so(self) -> None:
        config = hf.fixture("llama") | {"model_type": "llamma"}
        with pytest.raises(ValueError, match=r"unknown model_type 'llamma', none of the .*nearest: llama"):
            read_config(config)
        read = read_config(config, generic=True)
        assert not read.verified
        assert "generic" in read.title
        assert "no figure here is tested" in read.notes[-1]
        assert read.memory(20).kv_cache == read_config(hf.fixture("llama")).memory(20).kv_cache

    def test_recurrent_layers_by_their_usual_fields(self) -> None:
        known = read_config(hf.fixture("qwen3_5_text"))
        types = [layer.kind for layer in known.layers]
        config = hf.fixture("qwen3_5_text") | {"model_type": "new", "layer_types": types}
        read = read_config(config, generic=True)
        assert read.memory(30).state_bytes == known.memory(30).state_bytes

    def test_a_window_of_no_named_layer_bounds_nothing(self) -> None:
        """All layers are counted in full: too much, not without bound too little."""
        config = hf.fixture("llama") | {"model_type": "new", "sliding_window": 4}
        read = read_config(config, generic=True)
        assert read.memory(20).kv_cache == read_config(hf.fixture("llama")).memory(20).kv_cache
        assert "which layers slide is not said" in " ".join(read.notes)

    @pytest.mark.parametrize(
        ("change", "message"),
        [
            ({"hidden_size": None}, "hidden_size is missing"),
            (
                {"layer_types": ["linear_attention", "full_attention"]},
                "needs mamba_n_heads and mamba_d_state",
            ),
            ({"layer_types": ["conv", "full_attention"]}, "knows no layer of type conv"),
            ({"num_hidden_layers": None}, "needs num_hidden_layers or layer_types, got neither"),
            ({"layer_types": ["sliding_attention"] * 2}, "sliding_window must be an integer"),
        ],
    )
    def test_what_it_needs(self, change: dict[str, object], message: str) -> None:
        with pytest.raises(ValueError, match=message):
            read_config(hf.fixture("llama") | {"model_type": "new"} | change, generic=True)

    @pytest.mark.parametrize(
        "structure",
        [
            {"num_local_experts": 16},
            {"n_routed_experts": 8, "moe_intermediate_size": 8},
            {"kv_lora_rank": 8},
            {"hybrid_layer_pattern": [0, 1]},
            {"swa_num_key_value_heads": 2},
            {"global_head_dim": 32},
            {"num_global_key_value_heads": 1},
            {"num_kv_shared_layers": 1},
            {"attention_k_eq_v": True},
            {"block_configs": [{}, {}]},
            {"per_layer_config": {"0": {"head_dim": 4}}},
            {"attn_type_list": [0, 1]},
            {"ssm_cfg": {"d_state": 4}},
            {"index_topk": 64},
            {"cla_share_factor": 2},
        ],
        ids=lambda structure: next(iter(structure)),
    )
    def test_structure_that_it_does_not_count_is_refused(self, structure: dict[str, object]) -> None:
        config = hf.fixture("llama") | {"model_type": "new"} | structure
        with pytest.raises(ValueError, match=f"does not count .*{next(iter(structure))}"):
            read_config(config, generic=True)

    @pytest.mark.parametrize(
        "name", ["minimax_m2", "deepseek_v3", "mimo_v2_flash", "gemma4_text", "glm_moe_dsa", "jamba"]
    )
    def test_a_family_under_another_name_is_refused(self, name: str) -> None:
        with pytest.raises(ValueError, match=r"does not count|is missing|unknown|knows no layer"):
            read_config(hf.fixture(name) | {"model_type": "new"}, generic=True)
