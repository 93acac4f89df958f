"""Reading a config.json of Hugging Face without `transformers`."""

from collections.abc import Mapping
from pathlib import Path

from plait.checks import shortened
from plait.checks.values import unknown
from plait.files import read_json
from plait.memory.architecture import Architecture
from plait.memory.block import TRANSFORMERS, Layer
from plait.memory.huggingface.body import Body
from plait.memory.huggingface.families import FAMILIES, ConfigFamily
from plait.memory.huggingface.fields import Fields
from plait.memory.huggingface.generic import read_generic
from plait.memory.huggingface.quantization import packing_of
from plait.memory.huggingface.wrappers import WRAPPERS, doubts_around, language_model
from plait.memory.report import dtype_name

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


_COUNTS = (
    "num_nextn_predict_layers", "num_mtp_layers", "mtp_num_hidden_layers", "mtp_num_layers", "num_mtp_modules",
    "mtp_num_modules", "n_predict_layers", "num_nextn_predict", "num_draft_layers",
)  # fmt: skip
_BESIDE = (
    "use_mtp", "mtp_transformer_layers", "mtp_use_dedicated_embeddings", "mtp_loss_factor", "mtp_layers_block_type",
    "mtp_layer_types", "mtp_mlp_layer_types", "mtp_hidden_states_first", "mtp_hybrid_override_pattern",
    "mtp_local_layer_ids", "mtp_config", "keep_mtp_spec_layer",
)  # fmt: skip


def draft_notes(f: Fields, body: Body) -> tuple[str, ...]:
    """How many draft layers the file names, and about how large one is; none of them is counted."""
    count = f.get(*_COUNTS)
    f.ignore(*_COUNTS, *_BESIDE)
    if isinstance(count, list):
        count = len(count)
    if not isinstance(count, int) or isinstance(count, bool) or count < 1:
        return ()
    return (
        f"{count} draft layer{'s' if count > 1 else ''} (multi-token prediction) of the published file not "
        f"counted: about {_size(body):,} parameters each, if made as the last layer",
    )


def _size(body: Body) -> int:
    """A layer like the last one, the projection of hidden state and embedding together, and three norms."""
    last = body.layers[-1]
    blocks = last.blocks if isinstance(last, Layer) else ()
    return sum(b.weights for b in blocks) + 2 * body.d_model**2 + 3 * body.d_model


TEXT_ONLY = "only the language model within the file is counted, without the other inputs' encoders"
UNREAD = "not read, so the figures may be wrong: {names}"
BY_CLASS = "the model type {name} is not known: read as {read}, the class that the file names"
NO_CLASS = "counted from a published definition, not compared with a class: {source}"
ASSUMED_DTYPE = "the file names no dtype: {dtype} is taken, that of the published checkpoints"
MOST_NAMES = 12
QUANTIZED_BESIDE = "hf_quant_config.json"
"""Where ModelOpt says how weights are stored, if config.json does not."""


def known_model_types() -> tuple[str, ...]:
    """Every model_type that is read by its family's formulas."""
    return tuple(sorted({*FAMILIES, *WRAPPERS}))


def read_config(source: str | Path | Mapping[str, object], *, generic: bool = False) -> Architecture:
    """The architecture that a config.json describes.

    Args:
        source: the file, a folder that holds it, or its parsed content.
        generic: read an unknown model type by the usual field names; the result says `verified=False`.

    Raises:
        ValueError: no such file, not a JSON object, neither model_type nor architectures, impossible
            numbers, or an unknown model type (unless `generic`).
    """
    whole = source if isinstance(source, Mapping) else _load(Path(source))
    data, wrapped = language_model(whole)
    model_type, by_class = _model_type(data, whole)
    family = FAMILIES.get(model_type)
    if family is None and not generic:
        raise ValueError(_unknown(model_type))
    fields = Fields(data, shortened(model_type)[1:-1]) if family is None else family.fields(data)
    body = read_generic(fields) if family is None else family.read(fields)
    drafts = draft_notes(fields, body)
    unread = fields.unread()
    doubts = _doubts(family, unread, (*by_class, *body.doubts, *doubts_around(whole, data)))
    dtype = data.get("dtype") or data.get("torch_dtype")
    assumed = published_dtype(model_type) if dtype is None else None
    return Architecture(
        model_type=model_type,
        title=f"{shortened(model_type)[1:-1]} (generic reading)" if family is None else family.title,
        convention=TRANSFORMERS,
        verified=family is not None and not doubts,
        d_model=body.d_model,
        vocab_size=body.vocab_size,
        dtype=assumed if dtype is None else dtype_name(dtype),
        dtype_note=ASSUMED_DTYPE.format(dtype=assumed) if assumed else None,
        layers=body.layers,
        outside=body.outside,
        notes=(*((TEXT_ONLY,) if wrapped else ()), *doubts, *body.notes, *drafts),
        packing=packing_of(data),
    )


def _doubts(family: ConfigFamily | None, unread: tuple[str, ...], others: tuple[str, ...]) -> tuple[str, ...]:
    """Why the figures are not those of a tested class."""
    listed = ", ".join(shortened(name)[1:-1] for name in unread[:MOST_NAMES])
    more = f" and {len(unread) - MOST_NAMES} more" if len(unread) > MOST_NAMES else ""
    source = () if family is None or family.verified else (NO_CLASS.format(source=family.source),)
    return (*source, *others, *((UNREAD.format(names=listed + more),) if unread else ()))


def _unknown(model_type: str) -> str:
    """Without the list of all that are known, which is of no use in one line."""
    known = known_model_types()
    near = unknown("model_type", model_type, known).partition("; nearest: ")[2]
    told = f"unknown model_type {shortened(model_type)}, none of the {len(known)} in known_model_types()"
    return f"{told}{f'; nearest: {near}' if near else ''} (or ask for a generic reading)"


def _load(path: Path) -> dict[str, object]:
    """The JSON object in `path`, or in config.json of the folder `path`."""
    path = path / "config.json" if path.is_dir() else path
    if not path.is_file():
        raise ValueError(f"config file must exist, got {str(path)!r}")
    data = read_json(path)
    if not isinstance(data, dict):
        raise ValueError(f"{path}: a config must be a JSON object, got {type(data).__name__}")
    beside = path.with_name(QUANTIZED_BESIDE)
    if path.name == "config.json" and not data.get("quantization_config") and beside.is_file():
        told = read_json(beside)
        if isinstance(told, dict) and isinstance(inner := told.get("quantization"), dict):
            data["quantization_config"] = {"quant_method": "modelopt", **inner}
    return data


def _model_type(data: Mapping[str, object], whole: Mapping[str, object]) -> tuple[str, tuple[str, ...]]:
    """The family, and a doubt where it is told by a class that a file of another model type names.

    In this order: its model_type, the class that its architectures name, the model_type of what is around it.
    """
    model_type, classes, around = data.get("model_type"), data.get("architectures"), whole.get("model_type")
    by_class = {family.class_name: name for name, family in reversed(FAMILIES.items()) if family.class_name}
    own = WRAPPERS.get(model_type, model_type) if isinstance(model_type, str) and model_type else None
    named = str(classes[0]) if isinstance(classes, list) and classes else None
    if own in FAMILIES:
        return str(own), ()
    if named in by_class:
        return by_class[named], (BY_CLASS.format(name=shortened(own)[1:-1], read=named),) if own else ()
    if own is None and isinstance(around, str) and around in WRAPPERS:
        return WRAPPERS[around], ()
    if own is not None or named is not None:
        return own or str(named), ()
    if {"d_model", "n_layer", "ssm_cfg"} <= data.keys():
        return "mamba_ssm", ()
    raise ValueError(
        "config file must have model_type or architectures, got neither: not a Hugging Face config.json?"
    )
