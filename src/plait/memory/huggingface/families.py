"""Every family that a config file can name, with the class of `transformers` it is tested against."""

from collections.abc import Callable
from dataclasses import dataclass

from plait.memory.huggingface import (
    convolved_attention,
    dense_families,
    glm5,
    inkling2,
    lara,
    linear_families,
    mamba_families,
    nemotron,
    other_families,
    qwen4,
    transformers_only,
    zamba_families,
)
from plait.memory.huggingface.body import Body
from plait.memory.huggingface.fields import Fields


@dataclass(frozen=True, kw_only=True)
class Family:
    """One row of the table.

    Args:
        model_type: as in the config file.
        title: for people.
        class_name: the causal language model of `transformers`, without `ForCausalLM`.
        read: from fields to layers.
    """

    model_type: str
    title: str
    class_name: str
    read: Callable[[Fields], Body]


_ROWS: tuple[tuple[str, str, str, Callable[[Fields], Body]], ...] = (
    ("llama", "Llama", "Llama", transformers_only.llama),
    ("mistral", "Mistral", "Mistral", transformers_only.mistral),
    ("mixtral", "Mixtral", "Mixtral", transformers_only.mixtral),
    ("qwen2", "Qwen2", "Qwen2", transformers_only.qwen2),
    ("qwen3", "Qwen3", "Qwen3", transformers_only.qwen3),
    ("qwen3_moe", "Qwen3-MoE", "Qwen3Moe", transformers_only.qwen3_moe),
    ("gemma2", "Gemma 2", "Gemma2", transformers_only.gemma2),
    ("gemma3_text", "Gemma 3", "Gemma3", transformers_only.gemma3_text),
    ("gpt_oss", "GPT-OSS", "GptOss", transformers_only.gpt_oss),
    ("gpt_neox", "GPT-NeoX", "GPTNeoX", transformers_only.gpt_neox),
    ("gemma", "Gemma", "Gemma", dense_families.gemma),
    ("granite", "Granite", "Granite", transformers_only.llama),
    ("smollm3", "SmolLM3", "SmolLM3", dense_families.smollm3),
    ("phi3", "Phi-3", "Phi3", dense_families.phi3),
    ("olmo3", "OLMo 3", "Olmo3", dense_families.olmo3),
    ("cohere2", "Cohere 2", "Cohere2", dense_families.cohere2),
    ("mamba", "Mamba", "Mamba", mamba_families.mamba),
    ("falcon_mamba", "Falcon Mamba", "FalconMamba", mamba_families.mamba),
    ("mamba2", "Mamba-2", "Mamba2", mamba_families.mamba2),
    ("jamba", "Jamba", "Jamba", mamba_families.jamba),
    ("bamba", "Bamba", "Bamba", mamba_families.bamba),
    ("granitemoehybrid", "Granite 4 hybrid", "GraniteMoeHybrid", mamba_families.granitemoehybrid),
    ("falcon_h1", "Falcon-H1", "FalconH1", mamba_families.falcon_h1),
    ("nemotron_h", "Nemotron-H", "NemotronH", nemotron.nemotron_h),
    ("zamba", "Zamba", "Zamba", zamba_families.zamba),
    ("zamba2", "Zamba2", "Zamba2", zamba_families.zamba2),
    ("qwen3_next", "Qwen3-Next", "Qwen3Next", linear_families.qwen3_next),
    ("qwen3_5_text", "Qwen3.5", "Qwen3_5", linear_families.qwen3_5),
    ("qwen3_5_moe_text", "Qwen3.5-MoE", "Qwen3_5Moe", linear_families.qwen3_5_moe),
    ("qwen4_exp_text", "Qwen4-Exp", "Qwen4Exp", qwen4.qwen4_exp),
    ("glm5_next_text", "GLM-5-Next", "Glm5Next", glm5.glm5_next),
    ("olmo_hybrid", "OLMo hybrid", "OlmoHybrid", linear_families.olmo_hybrid),
    ("kimi_linear", "Kimi Linear", "KimiLinear", linear_families.kimi_linear),
    ("bailing_hybrid", "Bailing hybrid", "BailingHybrid", linear_families.bailing_hybrid),
    ("minimax", "MiniMax", "MiniMax", linear_families.minimax),
    ("lara_mini", "Lara 4 Mini", "LaraMini", lara.lara_mini),
    ("lfm2", "LFM2", "Lfm2", other_families.lfm2),
    ("lfm2_moe", "LFM2-MoE", "Lfm2Moe", other_families.lfm2_moe),
    ("lfm3", "LFM3", "Lfm3", other_families.lfm3),
    ("recurrent_gemma", "RecurrentGemma", "RecurrentGemma", other_families.recurrent_gemma),
    ("rwkv", "RWKV-4", "Rwkv", other_families.rwkv),
    ("xlstm", "xLSTM", "xLSTM", other_families.xlstm),
    ("zaya", "Zaya", "Zaya", convolved_attention.zaya),
    ("inkling_text", "Inkling", "Inkling", convolved_attention.inkling),
    ("inkling2_text", "Inkling 2", "Inkling2", inkling2.inkling2),
    ("inkling2_loop_text", "Inkling 2 Loop", "Inkling2Loop", inkling2.inkling2_loop),
)

FAMILIES: dict[str, Family] = {
    model_type: Family(model_type=model_type, title=title, class_name=class_name, read=read)
    for model_type, title, class_name, read in _ROWS
}

WRAPPERS: dict[str, str] = {
    "gemma3": "gemma3_text",
    "qwen3_5": "qwen3_5_text",
    "qwen3_5_moe": "qwen3_5_moe_text",
    "qwen4_exp": "qwen4_exp_text",
    "glm5_next": "glm5_next_text",
    "inkling_mm_model": "inkling_text",
    "inkling2": "inkling2_text",
    "inkling2_loop": "inkling2_loop_text",
}
"""Models with further inputs, whose language model stands in text_config."""
