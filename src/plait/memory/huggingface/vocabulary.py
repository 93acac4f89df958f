"""Words of config files: names of layer types, those that `transformers` renames, and fields that change no count.

A family that counts by a field that changes no count elsewhere reads it all the same; what is left over when a reader
has asked for its own is looked up here. tests/memory/test_huggingface_fields.py changes each field of each family's
class and compares.
"""

import ast
import importlib.util
import re
from collections.abc import Mapping
from functools import cache
from pathlib import Path

LAYER_TYPES = frozenset(
    (
        "full_attention",
        "sliding_attention",
        "chunked_attention",
        "indexed_attention",
        "compressed_sparse_attention",
        "heavily_compressed_attention",
        "linear_attention",
        "conv",
        "hybrid",
        "hybrid_sliding",
        "mlp",
        "moe",
        "minimax_m3_sparse",
    )
)
"""What a list of layer types may hold, each named where a family reads it."""

RENAMED_WITHOUT_TRANSFORMERS = {
    "mamba": "linear_attention",
    "attention": "full_attention",
    "deepseek_sparse_attention": "indexed_attention",
    "qwen_sparse_attention": "indexed_attention",
}
"""The renamings of `transformers` 5.24, for where none is installed."""

_TABLE = re.compile(r"^_LEGACY_LAYER_TYPE_REMAP\s*=\s*(\{.*?^\})", re.MULTILINE | re.DOTALL)


@cache
def renamed_layer_types() -> Mapping[str, str]:
    """Old names and what the installed `transformers` renames them to.

    Its source is read, nothing of it is imported. Where it is not installed, or has no such table, the names of
    version 5.24 stand.
    """
    spec = importlib.util.find_spec("transformers")
    if spec is None or spec.origin is None:
        return RENAMED_WITHOUT_TRANSFORMERS
    try:
        source = Path(spec.origin).with_name("configuration_utils.py").read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError):
        return RENAMED_WITHOUT_TRANSFORMERS
    return RENAMED_WITHOUT_TRANSFORMERS | table_in(source)


def table_in(source: str) -> dict[str, str]:
    """The renamings that a version's `configuration_utils.py` writes out; none where there is no such table."""
    found = _TABLE.search(source)
    if found is None:
        return {}
    try:
        table = ast.literal_eval(found[1])
    except (SyntaxError, ValueError):
        return {}
    return {str(old): str(new) for old, new in table.items()} if isinstance(table, dict) else {}


_EXACT_NAMES = """
    activation activation_function architectures auto_map chunk_size_feed_forward cls_token
    cross_attention_hidden_size dtype torch_dtype eps embd_pdrop embedding_dropout
    exponential_decay_length_penalty final_logit_softcapping finetuning_task forced_bos_token_id
    forced_eos_token_id gradient_checkpointing gradient_clipping hidden_act hidden_activation id2label is_decoder
    keys_to_ignore_at_inference label2id language_code layer_norm_eps layer_norm_epsilon
    layerdrop logits_to_keep max_batch_size max_length max_position_embeddings max_seq_len max_sequence_length
    mlp_hidden_act model_type mup_enabled n_ctx n_group n_positions norm_eps norm_epsilon norm_topk_prob
    num_labels num_logits_to_keep output_attentions output_hidden_states output_router_logits
    partial_rotary_factor prediction_type pretraining_tp pretraining_sequence_length problem_type
    quantization_config quantization compression_config query_pre_attn_scalar remove_invalid_values
    reorder_and_upcast_attn resid_pdrop return_dict rms_norm_eps rotary_dim rotary_pct rotary_base rotary_emb_base
    scale_attn_by_inverse_layer_idx scale_attn_weights scale_attention_softmax_in_fp32 attention_softmax_in_fp32
    scoring_func seq_length task_specific_params tf_legacy_loss tie_encoder_decoder tokenizer_class topk_group
    topk_method transformers_version type_vocab_size typical_p use_bfloat16 use_cache use_cpu use_flash_attn
    use_flash_attention use_flash_attention_2 use_return_dict gqa_kernel attn_implementation _attn_implementation
    attn_logit_softcapping attention_multiplier embedding_multiplier logits_scaling logit_scale
    residual_multiplier moe_router_activation_func moe_renormalize use_grouped_topk ep_size seq_aux
    tensor_parallel unsloth_fixed unsloth_version chunk_size mamba_chunk_size time_step_floor time_step_limit
    time_step_max time_step_min time_step_scale residual_in_fp32 use_associative_scan use_mamba_kernels
    rescale_prenorm_residual mamba_ssm_cache_dtype swiglu_limit swiglu_alpha model_max_length hc_sinkhorn_iters
    original_max_position_embeddings context_length num_expert_group logits_soft_cap rms_norm_eps_moe_gate
    router_bias_update_rate expert_selection_fn shared_expert_combination_strategy use_gemm_fused_kernel
    moe_norm_min route_scale route_norm score_func enable_moe_fp32_combine attn_temperature_tuning floor_scale
    attn_scale for_llm_class mlp_alpha_factor mlp_beta_factor hidden_mamba_act mamba_hidden_act mamba_act_fn
    final_w_init_variance_scale w_init_variance_scale scale_embedding clip_qkv initial_context_length
    position_embedding_type embeddings_scale_by_sqrt_dim transformers.js_config sequence_parallel ignore_index
    do_sample early_stopping length_penalty diversity_penalty repetition_penalty temperature top_k top_p num_beams
    num_beam_groups num_return_sequences no_repeat_ngram_size encoder_no_repeat_ngram_size min_length max_new_tokens
    bad_words_ids suppress_tokens begin_suppress_tokens
"""
_EXACT = frozenset(_EXACT_NAMES.split())

_PARTS = re.compile(
    r"""(^_)                                              # private
    | (rope_|_rope|^rope$|rotary_|yarn)                   # positions, but for what readers ask for themselves
    | (_token_ids?$|_token_index$|_token$|_tokens_ids?$)
    | (dropout|_pdrop|drop_path)
    | (initializer|^init_|_init$|_init_|init_std|init_method|_std$)
    | (aux_loss|z_loss|_loss_|_loss$|_loss_coef|_coef$|load_balanc|jitter)
    | (_scaling_factor$|_scale$|_multipliers?$|softcap|_temperature$|_eps$|_epsilon$)
    | (^summary_|^classifier_|^generation_|^train|^optimizer|tokenizer|^ctc_|^apply_)
    | (vision|image|^img_|audio|video|speech|projector_|mm_)      # other inputs, which are not counted
    """,
    re.VERBOSE,
)


IGNORED: dict[str, str] = {
    "bailing_hybrid": "kda_lower_bound kda_safe_gate num_key_value_heads qk_head_dim",
    "diffllama": "lambda_std_dev",
    "falcon_h1": "mamba_norm_before_gate",
    "gemma4_text": "head_dim num_key_value_heads",
    "gemma4_unified_text": "head_dim num_key_value_heads",
    "glm5_next_text": "index_kpool_always_select_tail index_topk linear_lower_bound num_key_value_heads qk_head_dim",
    "glm_moe_dsa": "index_share_for_mtp_iteration",
    "gpt_neox": "use_parallel_residual",
    "hy_v4": "hc_magnitude learnable_sink_init",
    "hy_v4_vl_text": "hc_magnitude learnable_sink_init",
    "inkling2_loop_text": "log_scaling_alpha log_scaling_n_floor qk_l2_clip_threshold rel_l2_clip_threshold "
    "n_layers_per_attn_res_block",
    "inkling2_text": "log_scaling_alpha log_scaling_n_floor qk_l2_clip_threshold rel_l2_clip_threshold "
    "n_layers_per_attn_res_block",
    "inkling_text": "log_scaling_alpha shared_expert_sink number_of_conv_states",
    "kimi_linear": "head_dim num_key_value_heads qk_head_dim",
    "lfm2_moe": "use_expert_bias",
    "llama4_text": "use_qk_norm",
    "mamba2": "time_step_rank",
    "minicpm": "dim_model_base scale_depth scale_emb",
    "minicpm3": "dim_model_base scale_depth scale_emb",
    "minimax": "block_size full_attn_alpha_factor full_attn_beta_factor linear_attn_alpha_factor "
    "linear_attn_beta_factor",
    "muse_glimmer_text": "qk_scale_factor output_multiplier",
    "nemotron_h": "expand moe_shared_expert_overlap n_shared_experts time_step_rank",
    "olmo_hybrid": "linear_a_log_max linear_allow_neg_eigval linear_dt_max linear_dt_min",
    "openai-gpt": "afn",
    "qwen3_5_moe_text": "intermediate_size",
    "qwen3_moe": "max_window_layers",
    "qwen4_exp_text": "indexer_budget seed split_ngram_parts number_of_conv_states indexer_kv_heads",
    "rwkv": "rescale_every",
    "xlstm": "autocast_kernel_dtype chunkwise_kernel gate_soft_cap inference_state_dtype max_inference_chunksize mode "
    "norm_reduction_force_float32 output_logit_soft_cap return_last_states sequence_kernel step_kernel add_out_norm "
    "weight_mode",
    "zamba2": "hybrid_layer_ids kv_channels num_query_groups use_conv_bias",
    "zaya": "num_experts_per_tok",
}
"""Fields of a family's own class that it does not count by."""

ACCEPTED: dict[str, dict[str, tuple[object, ...]]] = {
    "deepseek": {"moe_layer_freq": (1,)},
    "glm_moe_dsa": {"moe_router_dtype": ("float32",)},
    "minimax_m2": {
        "attn_type_list": (1,),
        "qk_norm_type": ("per_layer",),
        "use_qk_norm": (True,),
        "use_routing_bias": (True,),
    },
    "minimax_m3_vl_text": {
        "n_shared_experts": (1,),
        "qk_norm_type": ("per_head",),
        "use_gemma_norm": (True,),
        "use_qk_norm": (True,),
        "use_routing_bias": (True,),
    },
    "qwen3_5_moe_text": {
        "attn_output_gate": (True,),
        "mamba_ssm_dtype": ("float32",),
        "output_gate_type": ("swish",),
    },
    "qwen3_5_text": {
        "attn_output_gate": (True,),
        "mamba_ssm_dtype": ("float32",),
        "output_gate_type": ("swish",),
    },
    "qwen3_moe": {"use_qk_norm": (True,)},
    "step3p5": {"n_shared_experts": (1,)},
}
"""Fields of published files that say what the family's class does anyhow, at these values (or lists of them) alone."""


def is_neutral(name: str) -> bool:
    """Whether a field of this name is without effect on parameters and caches unless a family reads it."""
    return name in _EXACT or _PARTS.search(name) is not None
