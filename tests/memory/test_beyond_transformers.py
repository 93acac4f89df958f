"""Families without a class in `transformers`: parameters that were published, states by hand, and what is refused."""

from collections.abc import Mapping
from typing import Any

import hf_instances as hf
import pytest

from plait.memory import read_config
from plait.memory.huggingface import FAMILIES

LLAMA_70B: dict[str, Any] = {
    "hidden_size": 8192, "num_attention_heads": 64, "num_hidden_layers": 80, "vocab_size": 128256,
}  # fmt: skip
BLOCK: dict[str, Any] = {"attention": {"n_heads_in_group": 8}, "ffn": {"ffn_mult": 5.25}}
MAMBA_SSM: dict[str, Any] = {
    "ssm_cfg": {},
    "rms_norm": True,
    "residual_in_fp32": True,
    "fused_add_norm": True,
}
HYBRID_CFG: dict[str, Any] = {
    "causal": True, "d_conv": 0, "head_dim": 128, "num_heads": 32, "num_heads_kv": 8, "out_proj_bias": False,
    "qkv_proj_bias": False, "rotary_emb_dim": 64,
}  # fmt: skip
LING: dict[str, Any] = {
    "hidden_size": 2048, "num_attention_heads": 16, "num_key_value_heads": 4, "intermediate_size": 5120,
    "num_hidden_layers": 20, "vocab_size": 157184, "moe_intermediate_size": 512, "num_experts": 256,
    "num_experts_per_tok": 8, "num_shared_experts": 1, "first_k_dense_replace": 1, "use_qk_norm": True,
    "head_dim": 128, "moe_router_enable_expert_bias": True,
}  # fmt: skip
RWKV7: dict[str, Any] = {
    "model_type": "rwkv7", "hidden_size": 768, "num_hidden_layers": 12, "vocab_size": 65536, "head_dim": 64,
    "decay_low_rank_dim": 64, "a_low_rank_dim": 64, "v_low_rank_dim": 32, "gate_low_rank_dim": 128,
    "hidden_ratio": 4.0, "intermediate_size": 3072, "norm_first": True, "norm_bias": True,
}  # fmt: skip
FLASH: dict[str, Any] = {
    "model_type": "phi4flash", "hidden_size": 2560, "num_hidden_layers": 32, "num_attention_heads": 40,
    "num_key_value_heads": 20, "intermediate_size": 10240, "mamba_d_state": 16, "mamba_d_conv": 4,
    "mamba_expand": 2, "mamba_dt_rank": "auto", "mb_per_layer": 2, "sliding_window": 512, "vocab_size": 200064,
    "tie_word_embeddings": True, "lm_head_bias": False,
}  # fmt: skip
MINIMAX: dict[str, Any] = {
    "model_type": "minimax_text_01", "hidden_size": 6144, "num_hidden_layers": 80, "num_attention_heads": 64,
    "num_key_value_heads": 8, "head_dim": 128, "attn_type_list": [int(i % 8 == 7) for i in range(80)],
    "num_local_experts": 32, "num_experts_per_tok": 2, "intermediate_size": 9216, "vocab_size": 200064,
    "postnorm": True, "layernorm_mlp_alpha": 3.5565588200778455, "shared_intermediate_size": 0,
}  # fmt: skip
PUBLISHED: dict[str, tuple[dict[str, Any], float | int]] = {
    "RWKV-7 World 0.1B": (RWKV7, 191_034_624),
    "RWKV-7 World 1.5B": (
        RWKV7 | {"hidden_size": 2048, "num_hidden_layers": 24, "intermediate_size": 8192, "decay_low_rank_dim": 96,
                 "a_low_rank_dim": 96, "v_low_rank_dim": 64, "gate_low_rank_dim": 256},
        1_527_404_544,
    ),
    "mamba-130m": (MAMBA_SSM | {"d_model": 768, "n_layer": 24, "vocab_size": 50277}, 129_135_360),
    "mamba-2.8b": (MAMBA_SSM | {"d_model": 2560, "n_layer": 64, "vocab_size": 50277}, 2_768_345_600),
    "mamba2-130m": (
        MAMBA_SSM | {"d_model": 768, "n_layer": 24, "vocab_size": 50277, "ssm_cfg": {"layer": "Mamba2"},
                     "pad_vocab_size_multiple": 16, "d_intermediate": 0, "attn_layer_idx": [], "attn_cfg": {}},
        128_989_632,
    ),
    "Bamba 9B as trained": (
        MAMBA_SSM | {"d_model": 4096, "d_intermediate": 14336, "n_layer": 32, "vocab_size": 128256,
                     "ssm_cfg": {"layer": "Mamba2"}, "attn_layer_idx": [9, 18, 27], "attn_cfg": HYBRID_CFG,
                     "pad_vocab_size_multiple": 16, "tie_embeddings": False},
        9_780_235_392,
    ),
    "MiniMax-Text-01": (MINIMAX, 456_089_655_296),
    "MiniMax-M1": (MINIMAX | {"model_type": "minimax_m1"}, 456_089_655_296),
    "Phi-4-mini-flash": (FLASH, 3.85e9),
    "PLaMo 2 1B": (
        {"model_type": "plamo2", "hidden_size": 2048, "hidden_size_per_head": 128, "intermediate_size": 8192,
         "mamba_d_conv": 4, "mamba_d_state": 64, "mamba_enabled": True, "mamba_num_heads": 32, "mamba_step": 2,
         "num_attention_heads": 16, "num_hidden_layers": 16, "num_key_value_heads": 1, "vocab_size": 100000},
        1_291_441_920,
    ),
    "Ling-lite-1.5": (
        {"model_type": "bailing_moe", "first_k_dense_replace": 0, "hidden_size": 2048, "intermediate_size": 1408,
         "moe_intermediate_size": 1408, "num_experts": 64, "num_shared_experts": 2, "num_attention_heads": 16,
         "num_experts_per_tok": 6, "num_hidden_layers": 28, "num_key_value_heads": 4, "vocab_size": 126464,
         "norm_head": False, "norm_softmax": False, "use_bias": False, "use_qkv_bias": False},
        16_801_974_272,
    ),
    "Ling-mini-2.0": (LING | {"model_type": "bailing_moe"}, 16_255_643_392),
    "Ring-mini-linear-2.0": (
        LING | {"model_type": "bailing_moe_linear", "layer_group_size": 5, "group_norm_size": 4}, 16.4e9
    ),
    "Llama 3.1 70B in blocks": (
        LLAMA_70B | {"model_type": "nemotron-nas", "block_configs": [BLOCK] * 80}, 70_553_706_496
    ),
    "Llama 3.1 70B as DeciLM": (
        LLAMA_70B | {"model_type": "deci", "intermediate_size": 28672, "num_key_value_heads_per_layer": [8] * 80},
        70_553_706_496,
    ),
    "Step-3": ({"model_type": "step3_text"}, 316e9),
    "DeepSeekMoE-16B": (
        {"model_type": "deepseek", "hidden_size": 2048, "intermediate_size": 10944, "moe_intermediate_size": 1408,
         "num_hidden_layers": 28, "num_attention_heads": 16, "num_key_value_heads": 16, "n_shared_experts": 2,
         "n_routed_experts": 64, "num_experts_per_tok": 6, "moe_layer_freq": 1, "first_k_dense_replace": 1,
         "vocab_size": 102400},
        16_375_728_128,
    ),
    "InternLM2-7B": (
        {"model_type": "internlm2", "bias": False, "hidden_size": 4096, "intermediate_size": 14336,
         "num_attention_heads": 32, "num_hidden_layers": 32, "num_key_value_heads": 8, "vocab_size": 92544},
        7_737_708_544,
    ),
    "MiniCPM-2B": (
        {"model_type": "minicpm", "hidden_size": 2304, "intermediate_size": 5760, "num_attention_heads": 36,
         "num_hidden_layers": 40, "num_key_value_heads": 36, "vocab_size": 122753, "scale_emb": 12,
         "dim_model_base": 256, "scale_depth": 1.4},
        2_724_880_896,
    ),
    "Baichuan2-7B": (
        {"model_type": "baichuan", "hidden_size": 4096, "intermediate_size": 11008, "num_attention_heads": 32,
         "num_hidden_layers": 32, "vocab_size": 125696},
        7_505_973_248,
    ),
    "MiMo-7B": (
        {"model_type": "mimo", "hidden_size": 4096, "intermediate_size": 11008, "num_attention_heads": 32,
         "num_hidden_layers": 36, "num_key_value_heads": 8, "head_dim": 128, "attention_bias": True,
         "vocab_size": 151680},
        7.62e9,
    ),
}  # fmt: skip
"""Counts of the published weights: to the parameter where an index of them was at hand, else as their authors round."""


@pytest.mark.parametrize("name", PUBLISHED)
def test_parameters_that_were_published(name: str) -> None:
    config, count = PUBLISHED[name]
    read = read_config(config)
    if isinstance(count, int):
        assert read.parameters == count
    else:
        assert read.parameters == pytest.approx(count, rel=0.002)
    assert not read.verified
    assert len(read.notes) == 1
    assert "not compared with a class" in read.notes[0]


def test_every_such_family_is_tried() -> None:
    tried = {read_config(config).model_type for config, _ in PUBLISHED.values()}
    beyond = {name for name, family in FAMILIES.items() if not family.tested}
    same = {"bailing_moe_v2": "bailing_moe"}
    assert {same.get(name, name) for name in beyond} == tried
    assert all(FAMILIES[name].source for name in beyond)


class TestStates:
    """Of one sequence, by hand."""

    def test_rwkv7_keeps_a_matrix_a_head_and_two_tokens(self) -> None:
        report = read_config(RWKV7).memory(1000, dtype="bfloat16")
        assert report.ssm_state == 12 * 12 * 64 * 64
        assert report.conv_tail == 12 * 2 * 768
        assert report.state_bytes == 4 * report.ssm_state + 2 * report.conv_tail

    @pytest.mark.parametrize(("layer", "name"), [("Mamba1", "mamba"), ("Mamba2", "mamba2")])
    def test_mamba_ssm_is_the_class_of_transformers_but_for_the_dtype_of_states(
        self, layer: str, name: str
    ) -> None:
        sizes: dict[str, Any] = {"vocab_size": 96, "hidden_size": 64, "num_hidden_layers": 3, "expand": 2}
        twin = {
            "mamba": {"state_size": 16},
            "mamba2": {"state_size": 128, "num_heads": 2, "head_dim": 64, "n_groups": 1},
        }
        other = read_config({"model_type": name, **sizes, **twin[name], "tie_word_embeddings": True})
        own = read_config(
            MAMBA_SSM | {"d_model": 64, "n_layer": 3, "vocab_size": 95, "ssm_cfg": {"layer": layer}}
        )
        assert own.parameters == other.parameters
        for dtype, width in (("float32", 4), ("bfloat16", 2)):
            held, twin_held = (model.memory(50, dtype=dtype) for model in (own, other))
            assert held.ssm_state == twin_held.ssm_state
            assert held.conv_tail == twin_held.conv_tail
            assert held.state_bytes == width * (held.ssm_state + held.conv_tail)

    def test_attention_of_mamba_ssm_convolves_queries_keys_and_values(self) -> None:
        config = MAMBA_SSM | {
            "d_model": 64, "n_layer": 2, "vocab_size": 96, "attn_layer_idx": [1],
            "attn_cfg": {"num_heads": 4, "num_heads_kv": 2, "head_dim": 8, "d_conv": 3},
        }  # fmt: skip
        report = read_config(config).memory(9, dtype="float32")
        mixed = (4 + 2 * 2) * 8
        assert report.layers[1].conv_tail == 3 * mixed
        assert report.layers[1].kv_cache == 9 * 2 * 2 * 8
        assert report.layers[1].parameters == 64 * mixed + mixed + mixed * 4 + 4 * 8 * 64 + 64 + 64

    def test_the_hybrid_of_mamba_ssm_is_bamba(self) -> None:
        own = read_config(PUBLISHED["Bamba 9B as trained"][0])
        bamba = read_config(hf.FIXTURES / "published" / "bamba-9b.json")
        assert own.parameters == bamba.parameters
        assert own.memory(777, dtype="bfloat16").kv_cache == bamba.memory(777, dtype="bfloat16").kv_cache

    def test_minimax_keeps_lightning_states_in_float32(self) -> None:
        report = read_config(MINIMAX).memory(100, dtype="bfloat16")
        assert report.ssm_state == 70 * 64 * 128 * 128
        assert report.kv_cache == 10 * 2 * 8 * 128 * 100
        assert report.state_bytes == 4 * report.ssm_state + 2 * report.kv_cache

    def test_phi4flash_caches_its_first_half_and_one_layer_more(self) -> None:
        report = read_config(FLASH).memory(5000, dtype="bfloat16")
        token = 2 * 20 * 64
        assert report.kv_cache == 8 * 511 * token + 5000 * token
        assert report.ssm_state == 9 * 2 * 2560 * 16
        assert [layer.kind for layer in report.layers[15:20]] == [
            "sliding_attention", "linear_attention", "full_attention", "gated_memory", "shared_attention",
        ]  # fmt: skip

    def test_ring_attends_once_a_group(self) -> None:
        report = read_config(PUBLISHED["Ring-mini-linear-2.0"][0]).memory(100, dtype="bfloat16")
        assert [i for i, layer in enumerate(report.layers) if layer.kv_cache] == [4, 9, 14, 19]
        assert report.ssm_state == 16 * 16 * 128 * 128


class TestNemotronNas:
    def one(self, *blocks: Mapping[str, object], **change: object) -> Any:
        sizes = {
            "hidden_size": 96,
            "num_attention_heads": 4,
            "vocab_size": 50,
            "num_hidden_layers": len(blocks),
        }
        return read_config({"model_type": "nemotron-nas", **sizes, "block_configs": list(blocks), **change})

    def test_a_layer_without_attention_holds_nothing_and_has_no_norm_for_it(self) -> None:
        feed = {"ffn_mult": 1.0}
        none, linear, full = (
            self.one({"attention": attention, "ffn": feed}).memory(10, dtype="float32")
            for attention in ({"no_op": True}, {"replace_with_linear": True}, {"n_heads_in_group": 2})
        )
        assert none.kv_cache == linear.kv_cache == 0
        assert full.kv_cache == 10 * 2 * 2 * 24
        assert linear.parameters - none.parameters == 96 * 96 + 96
        assert full.parameters - none.parameters == 96 * (96 + 2 * 48) + 96 * 96 + 96

    def test_widths_of_the_second_half_are_multiples_of_256(self) -> None:
        attention = {"attention": {"no_op": True}}
        none = self.one({**attention, "ffn": {"no_op": True}}).parameters
        assert self.one({**attention, "ffn": {"ffn_mult": 5.25}}).parameters - none == 3 * 96 * 512 + 96
        assert self.one({**attention, "ffn": {"replace_with_linear": True}}).parameters - none == 96 * 96 + 96

    def test_other_fields_of_a_block_are_named(self) -> None:
        read = self.one(
            {"attention": {"no_op": True, "sparsify": ["a"]}, "ffn": {"ffn_mult": 1, "num_experts": 8}}
        )
        assert any("sparsify" in note for note in read.notes)
        assert any("num_experts" in note for note in read.notes)

    @pytest.mark.parametrize(
        ("blocks", "said"),
        [
            ([], "block_configs"),
            ([3], "list objects"),
            ([{"attention": {"n_heads_in_group": 3}}], "must divide"),
            ([{"attention": {"n_heads_in_group": 2}, "ffn": {"ffn_mult": -1}}], "ffn_mult"),
        ],
    )
    def test_refused(self, blocks: list[Any], said: str) -> None:
        with pytest.raises(ValueError, match=said):
            self.one(*[{}], block_configs=blocks)


@pytest.mark.parametrize(
    ("config", "said"),
    [
        (MINIMAX | {"attn_type_list": [2] * 80}, "attn_type_list"),
        (MINIMAX | {"attn_type_list": [1]}, "attn_type_list"),
        (FLASH | {"sliding_window": [512] * 3}, "sliding_window"),
        (MAMBA_SSM | {"d_model": 64, "n_layer": 2, "ssm_cfg": {"layer": "S4"}}, "Mamba1 or Mamba2"),
        (MAMBA_SSM | {"d_model": 64, "n_layer": 2, "attn_layer_idx": [2]}, "attn_layer_idx"),
        (MAMBA_SSM | {"d_model": 64, "n_layer": 10**9}, "n_layer"),
        (RWKV7 | {"head_dim": 100}, "head_dim"),
        ({"model_type": "step3_text", "moe_layers_enum": "4,x"}, "moe_layers_enum"),
        ({"model_type": "step3_text", "moe_layers_enum": ["9" * 5000]}, "moe_layers_enum"),
    ],
)
def test_refused(config: dict[str, Any], said: str) -> None:
    with pytest.raises(ValueError, match=said):
        read_config(config)


def test_ranks_that_a_file_leaves_out_are_doubted() -> None:
    config = {name: value for name, value in RWKV7.items() if "rank" not in name}
    read = read_config(config)
    assert read.parameters == 191_034_624
    assert any("ranks" in note for note in read.notes)
