"""What checkpoints of a family were published in, for files that name no dtype."""

_BFLOAT16_NAMES = """
    afmoe apertus arcee bamba bailing_hybrid cohere cohere2 cwm deepseek_v2 deepseek_v3 deepseek_v32 deepseek_v4
    dots1 ernie4_5 ernie4_5_moe exaone4 falcon_h1 falcon_mamba flex_olmo gemma gemma2 gemma3_text gemma3n_text
    gemma4_text glm glm4 glm4_moe glm4_moe_lite glm4v_moe_text glm4v_text glm5_next_text glm_moe_dsa gpt_oss
    granite granitemoe granitemoehybrid granitemoeshared helium hunyuan_v1_dense hunyuan_v1_moe jamba kimi_linear
    lfm2 lfm2_moe llama4_text longcat_flash mimo_v2_flash minicpm3 minimax minimax_m2 ministral ministral3 mistral
    mistral4 mixtral nemotron nemotron_h olmo2 olmo3 olmo_hybrid olmoe phi3 phimoe qwen2 qwen2_5_vl_text qwen2_moe
    qwen2_vl_text qwen3 qwen3_5_moe_text qwen3_5_text qwen3_moe qwen3_next qwen3_omni_moe_text qwen3_vl_moe_text
    qwen3_vl_text recurrent_gemma seed_oss smollm3 solar_open starcoder2 step3p5 vaultgemma youtu zamba zamba2
"""
_BFLOAT16 = frozenset(_BFLOAT16_NAMES.split())
_FLOAT16 = frozenset(("gpt_neox", "opt", "phi", "codegen"))
_FLOAT32 = frozenset(("mamba", "gpt2", "gpt_neo", "biogpt"))


def published_dtype(model_type: str) -> str | None:
    """The dtype of the family's published checkpoints, where they agree; else None, and a user must say."""
    for name, families in (("bfloat16", _BFLOAT16), ("float16", _FLOAT16), ("float32", _FLOAT32)):
        if model_type in families:
            return name
    return None
