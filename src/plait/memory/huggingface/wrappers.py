"""Models with further inputs: where their files keep the language model, and which family it is if they do not say."""

import re
from collections.abc import Iterator, Mapping

from plait.checks import shortened
from plait.memory.huggingface.vocabulary import is_neutral

NESTED = (
    "text_config", "llm_config", "language_config", "language_model_config", "thinker_config", "lm_config",
    "text_model_config", "llm_cfg", "language_model", "text_model", "llm",
)  # fmt: skip
"""Fields under which files keep the fields of the language model."""

_BY_FAMILY: dict[str, str] = {
    "apertus1p5_text": "apertus1p5",
    "aria_text": "aria",
    "cohere2": "aya_vision cohere2_vision",
    "cohere_compass_text": "cohere_compass",
    "cosmos3_edge_text": "cosmos3_edge",
    "deepseek_ocr2_text": "deepseek_ocr2",
    "deepseek_v2": "deepseek_vl_v2",
    "deepseek_v3": "kimi_k25 kimi_vl kimi_k2",
    "dots3_note_text": "dots3_note",
    "emu3_text_model": "emu3",
    "ernie4_5_vl_moe_text": "ernie4_5_vl_moe",
    "exaone4": "exaone4_5",
    "gemma": "paligemma",
    "gemma3_text": "gemma3 shieldgemma2",
    "gemma3n_text": "gemma3n",
    "gemma4_text": "gemma4",
    "gemma4_unified_text": "gemma4_unified",
    "glm4v_moe_text": "glm4v_moe",
    "glm4v_text": "glm4v glm46v glmga",
    "glm5_next_text": "glm5_next",
    "glm_ocr_text": "glm_ocr",
    "gpt2": "gpt-sw3",
    "granite4_vision_text": "granite4_vision",
    "granite_docling_text": "granite_docling",
    "hunyuan_vl_text": "hunyuan_vl",
    "hy_v4_vl_text": "hy_v4_vl",
    "hyperclovax": "hyperclovax_vision_v2",
    "inkling2_loop_text": "inkling2_loop",
    "inkling2_text": "inkling2",
    "inkling_text": "inkling_mm_model",
    "kimi_linear": "kimi_k3",
    "lfm2": "lfm2_vl",
    "lfm3": "lfm3_vl",
    "llama": "deepseek_vl deepseek_vl_hybrid idefics3 janus llava llava_next perception_lm smolvlm vipllava voxtral",
    "llama4_text": "llama4",
    "minimax_m3_vl_text": "minimax_m3 minimax_m3_vl",
    "mistral": "idefics2 mistral3",
    "mistral_large4_text": "mistral_large4",
    "molmo2_text": "molmo2",
    "muse_glimmer_text": "muse_glimmer",
    "muse_spark_text": "muse_spark",
    "nemotron_h": "nemotron_h_omni",
    "paddleocr_vl_text": "paddleocr_vl",
    "persimmon": "fuyu",
    "phi3": "phi4_multimodal phi4mm",
    "qwen2": "fast_vlm got_ocr2 internvl llava_onevision ovis2 video_llama_3",
    "qwen2_5_omni_text": "qwen2_5_omni qwen2_5_omni_thinker",
    "qwen2_5_vl_text": "qwen2_5_vl",
    "qwen2_vl_text": "qwen2_vl",
    "qwen3": "lighton_ocr moss_transcribe_diarize qianfan_ocr",
    "qwen3_5_moe_text": "qwen3_5_moe",
    "qwen3_5_text": "minicpm_ocr minicpmv4_6 minicpmv4_7 qwen3_5",
    "qwen3_omni_moe_text": "qwen3_omni_moe qwen3_omni_moe_thinker",
    "qwen3_vl_moe_text": "qwen3_vl_moe",
    "qwen3_vl_text": "cosmos3_omni qwen3_vl",
    "qwen4_exp_text": "qwen4_exp",
    "step3_text": "step3_vl",
    "step3p5": "step3p7",
}

WRAPPERS: dict[str, str] = {name: family for family, names in _BY_FAMILY.items() for name in names.split()}
"""The family of a wrapped language model whose file has no model type of its own."""

_INHERITED = ("dtype", "torch_dtype", "quantization_config", "quantization", "compression_config")

_BETWEEN_NAMES = """
    adapter_config alignment_intermediate_size code2wav_config density_router_threshold downsample_factor
    downsample_mode downsample_ratio im_end_id im_newline_id im_start_id insert_layer_id merge_kernel_size
    merged_hidden_size merger_times num_channels out_hidden_size patch_size perceiver_config position_id_per_seconds
    projection_dim projection_hidden_size qformer_config scale_factor seconds_per_chunk spatial_merge_size
    spatial_target_layers talker_config tie_word_embeddings token2wav_config vq_config
"""
_BETWEEN = frozenset(_BETWEEN_NAMES.split())
"""Fields of known wrappers' classes about other inputs and outputs, and the way from them to the language model."""

_DRAFT = re.compile(r"assistant|draft|eagle|medusa|speculat|dflash|(?:^|_)mtp", re.IGNORECASE)
_HEAD = re.compile(
    r"For(?:Sequence|Token)Classification|ForQuestionAnswering|ForMaskedLM|ForMultipleChoice|Reward"
)
DRAFT = (
    "{name} is a draft model, which may share another model's caches and have weights that are not counted"
)
OTHER_HEAD = "{name} has another head than the language model that is counted"
NO_WRAPPER = "read as the language model within it, but nothing is known of {name} itself"
UNREAD_AROUND = "around the language model not read, so the figures may be wrong: {names}"


def doubts_around(data: Mapping[str, object], inner: Mapping[str, object]) -> tuple[str, ...]:
    """Why the file as a whole may not be the language model `inner` that is read from it."""
    doubts: list[str] = []
    for level in _levels(data):
        classes = level.get("architectures")
        names = [level.get("model_type"), *(classes if isinstance(classes, list) else ())][:3]
        for name in (name for name in names if isinstance(name, str)):
            if _DRAFT.search(name):
                doubts.append(DRAFT.format(name=shortened(name)[1:-1]))
            elif _HEAD.search(name):
                doubts.append(OTHER_HEAD.format(name=shortened(name)[1:-1]))
        if _within(level) is not None:
            doubts += _around(level, inner)
    return tuple(dict.fromkeys(doubts))


def _around(outer: Mapping[str, object], inner: Mapping[str, object]) -> Iterator[str]:
    name = outer.get("model_type")
    if isinstance(name, str) and name not in WRAPPERS and name != inner.get("model_type"):
        yield NO_WRAPPER.format(name=shortened(name)[1:-1])
    unread = [
        shortened(field)[1:-1]
        for field, value in outer.items()
        if field not in NESTED and field not in _BETWEEN and not is_neutral(field)
        if value not in (None, False, [], {}) and inner.get(field) != value
    ]
    if unread:
        more = f" and {len(unread) - 12} more" if len(unread) > 12 else ""
        yield UNREAD_AROUND.format(names=", ".join(unread[:12]) + more)


def _levels(data: Mapping[str, object]) -> Iterator[Mapping[str, object]]:
    """The file, the language model within it, the one within that, and so on."""
    level: Mapping[str, object] | None = data
    while level is not None:
        yield level
        level = _within(level)


def _within(data: Mapping[str, object]) -> Mapping[str, object] | None:
    return next((found for name in NESTED if isinstance(found := data.get(name), dict)), None)


def language_model(data: Mapping[str, object]) -> tuple[dict[str, object], bool]:
    """The fields of the language model, and whether they stood within others.

    The wrapper's tie_word_embeddings counts before the inner one; dtype and quantization are its, unless the inner
    ones are given.
    """
    inner, wrapped = dict(data), False
    while (
        nested := next((inner[name] for name in NESTED if isinstance(inner.get(name), dict)), None)
    ) is not None:
        outer, wrapped = inner, True
        inner = {name: outer[name] for name in _INHERITED if outer.get(name) is not None}
        inner |= {str(k): v for k, v in dict(nested).items() if v is not None or k not in inner}  # type: ignore[call-overload]
        if isinstance(outer.get("tie_word_embeddings"), bool):
            inner["tie_word_embeddings"] = outer["tie_word_embeddings"]
        if not inner.get("model_type") and not inner.get("architectures"):
            inner["model_type"] = outer.get("model_type")
    return inner, wrapped
