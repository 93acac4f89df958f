"""Drawn configurations and each family's defaults, against the real classes."""

from pathlib import Path

import hf_instances as hf
import pytest
import torch
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from plait.memory.huggingface import FAMILIES, read_config

SIZES: dict[str, st.SearchStrategy[object]] = {
    "vocab_size": st.integers(60, 130),
    "intermediate_size": st.sampled_from([16, 32, 40, 64]),
    "moe_intermediate_size": st.sampled_from([8, 16, 24]),
    "shared_expert_intermediate_size": st.integers(1, 20),
    "shared_intermediate_size": st.integers(1, 20),
    "moe_shared_expert_intermediate_size": st.integers(1, 20),
    "num_experts": st.integers(2, 6),
    "num_local_experts": st.integers(2, 6),
    "n_routed_experts": st.integers(2, 6),
    "num_key_value_heads": st.sampled_from([1, 2, 4]),
    "head_dim": st.sampled_from([4, 8, 12]),
    "sliding_window": st.integers(2, 12),
    "attention_window_size": st.integers(2, 12),
    "mamba_d_state": st.integers(1, 9),
    "state_size": st.integers(1, 9),
    "ssm_state_size": st.integers(1, 9),
    "mamba_d_conv": st.integers(2, 5),
    "conv_kernel": st.integers(2, 5),
    "conv1d_width": st.integers(2, 5),
    "conv_L_cache": st.integers(2, 5),
    "linear_conv_kernel_dim": st.integers(2, 5),
    "short_conv_kernel_size": st.integers(2, 5),
    "linear_key_head_dim": st.integers(2, 9),
    "linear_value_head_dim": st.integers(2, 9),
    "linear_head_dim": st.integers(2, 9),
    "linear_num_heads": st.integers(1, 4),
    "kv_lora_rank": st.integers(1, 9),
    "qk_nope_head_dim": st.integers(1, 9),
    "v_head_dim": st.integers(1, 9),
    "mamba_n_groups": st.sampled_from([1, 2, 3]),
    "mamba_ngroups": st.sampled_from([1, 2, 3]),
    "adapter_rank": st.integers(1, 6),
    "num_mem_blocks": st.integers(1, 3),
    "mamba_dt_rank": st.integers(1, 5),
    "time_step_rank": st.integers(1, 5),
    "attn_layer_offset": st.integers(0, 1),
    "expert_layer_offset": st.integers(0, 1),
    "full_attention_interval": st.integers(1, 4),
    "layer_group_size": st.integers(1, 4),
    "decoder_sparse_step": st.integers(1, 3),
    "num_dense_layers": st.integers(0, 3),
    "first_k_dense_replace": st.integers(0, 3),
    "max_window_layers": st.integers(0, 4),
    "cca_time0": st.integers(2, 4),
    "cca_time1": st.integers(1, 3),
    "router_hidden_size": st.integers(1, 9),
    "lm_head_bias": st.booleans(),
    "conv_kernel_size": st.integers(2, 5),
    "n_shared_experts": st.integers(1, 2),
    "d_rel": st.integers(1, 5),
    "rel_extent": st.integers(20, 40),
    "swa_head_dim": st.sampled_from([4, 8]),
    "sliding_window_size": st.integers(2, 12),
    "q_lora_rank": st.one_of(st.none(), st.integers(1, 9)),
    "moe_latent_size": st.one_of(st.none(), st.sampled_from([8, 16])),
    "tie_word_embeddings": st.booleans(),
    "attention_bias": st.booleans(),
    "mlp_bias": st.booleans(),
    "use_bias": st.booleans(),
    "use_conv_bias": st.booleans(),
    "conv_bias": st.booleans(),
    "mamba_conv_bias": st.booleans(),
    "mamba_proj_bias": st.booleans(),
    "projectors_bias": st.booleans(),
    "mamba_rms_norm": st.booleans(),
    "add_bias_linear": st.booleans(),
    "use_shared_attention_adapter": st.booleans(),
    "use_attention_gate": st.booleans(),
    "use_sandwich_norm": st.booleans(),
    "block_auto_adjust_ff_dim": st.booleans(),
    "use_sliding_window": st.booleans(),
    "hc_count": st.integers(2, 4),
    "hc_lowrank": st.integers(1, 9),
    "ple_conv_kernel_size": st.integers(2, 4),
    "ngram_vocab_size_base": st.integers(2, 60),
    "make_ngram_vocab_size_divisible_by": st.integers(1, 20),
    "indexer_n_heads": st.integers(1, 3),
    "index_n_heads": st.integers(1, 3),
    "index_head_dim": st.integers(1, 9),
    "hc_mult": st.integers(1, 4),
}
EXPERTS = ("num_experts", "num_local_experts", "n_routed_experts")
FIXED = {
    "mamba2": {"head_dim"},
    "kimi_linear": {"num_key_value_heads"},
    "bailing_hybrid": {"num_key_value_heads"},
    "zamba2": {"num_key_value_heads"},
    "glm5_next_text": {"num_key_value_heads", "q_lora_rank", "head_dim"},
}

TESTED = sorted(name for name, family in FAMILIES.items() if family.tested)
DRAWN = [
    name
    for name in TESTED
    if FAMILIES[name].read.__module__.split(".")[-1]
    not in (
        "recipe",
        "latent_table",
        "older_families",
        "uneven_families",
        "odd_families",
        "latent_families",
        "compressed",
    )
]
"""Families with linear, recurrent or convolution layers among others; every field of the rest is changed in
test_huggingface_fields.py."""

SHORTER: dict[str, dict[str, object]] = {
    "zamba": {"num_hidden_layers": 11},
    "zamba2": {"layers_block_type": ["mamba", "hybrid", "hybrid"], "num_hidden_layers": 3},
    "qwen4_exp_text": {
        "indexer_n_heads": 4,
        "indexer_kv_heads": 1,
        "indexer_head_dim": 256,
        "indexer_budget": 64,
        "indexer_compress_ratio": 8,
    },
    "lfm2_moe": {"layer_types": [*["conv", "full_attention"] * 6, "conv"]},
    # What its class cannot be built without.
    "ministral": {"head_dim": 128},
    "hunyuan_v1_dense": {"head_dim": 128},
    "hunyuan_v1_moe": {"head_dim": 128, "num_experts": 4},
    "hunyuan_vl_text": {"head_dim": 128},
    "nemotron": {"num_key_value_heads": 8},
    "dots1": {"n_routed_experts": 128, "n_shared_experts": 2, "num_experts_per_tok": 6},
    "deepseek_v2": {"num_experts_per_tok": 6},
    "deepseek_ocr2_text": {"num_experts_per_tok": 6, "mlp_layer_types": [*["dense"], *["sparse"] * 12]},
    "dbrx": {"attn_config": {"rope_theta": 1e4}, "ffn_config": {"moe_num_experts": 4}},
    "cohere_compass_text": {
        "rope_parameters": {"full_attention": {"rope_type": "default", "rope_theta": 1e4}}
    },
    "dory": {"n_input_layers": 4, "n_output_layers": 4},
    "gemma3n_text": {"num_kv_shared_layers": 4},
    "hrm_text": {"num_hidden_layers": 2},
    "longcat_flash": {"num_layers": 2},
}
OWN_NUMBER = ("zamba", "zamba2", "nemotron_h", "inkling2_loop_text", "hrm_text", "longcat_flash", "gpt_neo")
"""Families whose number of layers follows from other fields."""

SEVERAL_VISITS = ("zamba", "zamba2", "gemma3n_text", "inkling2_loop_text", "hrm_text", "ernie4_5_vl_moe_text")
"""Families in which a token passes a module more than once, or never."""


def fields_of(model_type: str) -> set[str]:
    """Names that a saved file of this family has."""
    from transformers import AutoConfig

    return set(AutoConfig.for_model(model_type).to_dict())


@pytest.mark.parametrize("name", DRAWN)
@settings(
    max_examples=3,
    deadline=None,
    derandomize=True,
    phases=[Phase.explicit, Phase.generate],
    suppress_health_check=list(HealthCheck),
)
@given(data=st.data())
@torch.no_grad()
def test_drawn_sizes(name: str, data: st.DataObject) -> None:
    config = hf.fixture(name)
    for field in sorted((fields_of(name) & set(SIZES)) - FIXED.get(name, set())):
        if field in EXPERTS and field not in config:  # another name of a field that the fixture has
            continue
        config[field] = data.draw(SIZES[field], label=field)
    model = hf.build(config, torch.float32)
    read = read_config(config)
    assert read.parameters == sum(p.numel() for p in model.parameters()), config
    if not FAMILIES[name].cached:
        return
    prefill, steps = data.draw(st.integers(2, 15)), data.draw(st.integers(0, 3))
    held = hf.totals(hf.prefill_then_steps(model, prefill=prefill, steps=steps))
    report = read.memory(prefill + steps, phase="decode" if steps else "prefill")
    assert held == {k: getattr(report, k) for k in held}, config


def visits(config: object) -> int:
    """Layers, one that is visited again counted again."""
    if config.model_type == "dory":
        return config.num_hidden_layers + config.n_recurrent_layers * (config.n_recurrent_loops - 1)
    return getattr(config, "total_num_hidden_layers", config.num_hidden_layers)


@pytest.mark.parametrize("name", TESTED)
def test_defaults_of_absent_fields(name: str) -> None:
    """A file with little more than its model type: every default is the class's own."""
    from transformers import DynamicCache

    config: dict[str, object] = {"model_type": name}
    if name not in OWN_NUMBER:
        config["num_hidden_layers"] = 13
    config |= SHORTER.get(name, {})
    model = hf.build(config, torch.float32, device="meta")
    read = read_config(config)
    assert read.parameters == sum(p.numel() for p in model.parameters())
    assert len(read.layers) == visits(model.config)
    if name not in (*SEVERAL_VISITS, "dory"):
        assert read.matrices_per_token == hf.matrices_once(model)
    if name not in ("minimax", "rwkv", "xlstm", "gpt_neo"):  # caches of their own, without windows
        real = [getattr(layer, "sliding_window", None) for layer in DynamicCache(config=model.config).layers]
        windows = [
            max((b.window or 0 for b in layer.blocks if b.kv_per_token), default=0) or None
            for layer in read.layers
        ]
        assert windows[: len(real)] == real


@pytest.mark.parametrize("name", TESTED)
def test_a_file_that_transformers_saved(name: str, tmp_path: Path) -> None:
    """Saved files also hold derived fields, under names of their own."""
    fixture = hf.fixture(name)
    hf.build(fixture, torch.float32, device="meta").config.save_pretrained(tmp_path)
    saved, ours = read_config(tmp_path), read_config(fixture)
    assert (saved.layers, saved.outside) == (ours.layers, ours.outside)


@pytest.mark.parametrize("name", TESTED)
def test_default_layers(name: str) -> None:
    from transformers import AutoConfig

    real = AutoConfig.for_model(name)
    kinds = [layer.kind for layer in read_config({"model_type": name}).layers]
    assert len(kinds) == visits(real)
    if getattr(real, "layer_types", None) is not None:
        assert kinds[: real.num_hidden_layers] == list(real.layer_types)
