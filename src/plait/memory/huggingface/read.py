"""Reading a config.json of Hugging Face without `transformers`.

A model type that no family has is read by the usual field names: a guess, marked as one, and refused where it cannot be
right.
"""

import re
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

from plait.checks import counted, shortened
from plait.checks.values import unknown
from plait.files import read_json
from plait.memory.architecture import Architecture
from plait.memory.block import TRANSFORMERS, Block, Layer, norm
from plait.memory.huggingface.blocks import Body, attention_of, decoder, mlp, window_of
from plait.memory.huggingface.families import FAMILIES, ConfigFamily
from plait.memory.huggingface.fields import Fields
from plait.memory.huggingface.mixers import Mamba2, gated_delta
from plait.memory.huggingface.quantization import packing_of
from plait.memory.huggingface.wrappers import WRAPPERS, doubts_around, language_model
from plait.memory.report import dtype_name

GENERIC = "generic reading: usual field names, gated MLP, one norm before each part; no figure here is tested"
WHICH_SLIDE = (
    "sliding_window without layer_types: which layers slide is not said, and all are counted in full"
)
ONE_EACH = "num_key_value_heads is missing: as many as query heads are taken"

_REQUIRED = ("hidden_size", "num_attention_heads", "intermediate_size", "vocab_size")

_STRUCTURE = re.compile(
    r"""expert | moe(?!s) | lora_rank | latent | qk_nope | qk_rope | v_head_dim | low_rank
    | pattern | layer_freq | layers?_types? | block_types? | layer_ids | _idxs?$ | layer_indices | _interval$ | _period$
    | hybrid | block_configs? | per_layer | _every_ | attn_type_list | interleave
    | kv_shar | shared | k_eq_v | global | swa_ | sliding | window | chunk | cla_ | num_kv | n_head_kv
    | ssm | mamba | conv | linear_attn | linear_ | state_size | d_state | recurren | lru | rwkv | retention | delta
    | index_ | indexer | compress | sparse | altup | laurel | hc_ | loop | cycles | num_nextn | mtp
    | ffn_mult | mlp_ratio | multi_query | parallel_attn | encoder""",
    re.VERBOSE,
)
"""Names that speak of a structure which a generic reading does not count."""


def read_generic(f: Fields) -> Body:
    """Attention where layer_types says so (everywhere without it), recurrent state where its fields stand.

    Raises:
        ValueError: a missing size, recurrent layers without the fields of Mamba-2 or the gated delta rule, or fields
            that speak of experts, latent attention, patterns of layers, shared caches or other heads somewhere.
    """
    if missing := [name for name in _REQUIRED if f.get(name) is None]:
        raise f.refuse(f"a generic reading needs {', '.join(_REQUIRED)}; {missing[0]} is missing")
    if f.get("num_hidden_layers", "layer_types", "layers_block_type") is None:
        raise f.refuse("a generic reading needs num_hidden_layers or layer_types, got neither")
    d = f.integer("hidden_size", default=1)
    attention = attention_of(f, d, n_heads=1)
    kinds = f.layer_types(
        default_layers=1, default=lambda _: "full_attention", names=("layer_types", "layers_block_type")
    )
    unsaid = f.get("layer_types", "layers_block_type") is None and f.get("sliding_window") is not None
    one_each = () if f.get("num_key_value_heads") is not None else (ONE_EACH,)
    f.ignore("use_sliding_window", "max_window_layers")
    rest = (mlp(d, f.integer("intermediate_size", default=1)), norm(d, 2))
    layers = []
    for kind in kinds:
        attends = replace(attention, window=window_of(f, kind, default=None)).block
        mixers = {
            "mlp": (), "full_attention": (attends,), "sliding_attention": (attends,), "chunked_attention": (attends,),
        }.get(kind)  # fmt: skip
        if mixers is None and kind not in ("linear_attention", "hybrid", "hybrid_sliding"):
            raise f.refuse(f"a generic reading knows no layer of type {kind}")
        if mixers is None:
            mixers = (_recurrent(f, d), *((attends,) if kind.startswith("hybrid") else ()))
        layers.append(Layer(kind=kind, blocks=(*mixers, *rest)))
    notes = (GENERIC, *((WHICH_SLIDE,) if unsaid else ()), *one_each)
    body = replace(decoder(f, tuple(layers), d_model=d, vocab_size=1), notes=notes)
    if structural := [name for name in f.untouched() if _STRUCTURE.search(name) and "theta" not in name]:
        raise f.refuse(
            f"a generic reading does not count {', '.join(structural[:8])}, without which its figures would be wrong"
        )
    return body


def _recurrent(f: Fields, d: int) -> Block:
    """A Mamba-2 mixer or a gated delta rule, whichever has its fields in the file."""
    if f.get("mamba_n_heads") is not None and f.get("mamba_d_state") is not None:
        n = f.integer("mamba_n_heads", default=1)
        inner = f.integer("mamba_expand", default=2) * d
        return Mamba2(
            d_model=d,
            n_heads=n,
            d_head=f.auto("mamba_d_head", default=max(inner // n, 1)),
            d_state=f.integer("mamba_d_state", default=1),
            n_groups=f.integer("mamba_n_groups", default=1),
            d_conv=f.integer("mamba_d_conv", default=4),
        ).block
    if f.get("linear_num_value_heads") is not None and f.get("linear_value_head_dim") is not None:
        n_values, d_value = (
            f.integer("linear_num_value_heads", default=1),
            f.integer("linear_value_head_dim", default=1),
        )
        return gated_delta(
            d,
            n_keys=f.integer("linear_num_key_heads", default=n_values),
            n_values=n_values,
            d_key=f.integer("linear_key_head_dim", default=d_value),
            d_value=d_value,
            d_conv=f.integer("linear_conv_kernel_dim", default=4),
        )
    raise f.refuse(
        "a generic reading of recurrent layers needs mamba_n_heads and mamba_d_state, "
        "or linear_num_value_heads and linear_value_head_dim; got neither"
    )


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
_FLOAT32 = frozenset(("mamba", "gpt2", "gpt_neo", "biogpt", "openai-gpt"))


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
        f"{counted(count, 'draft layer')} (multi-token prediction) of the published file not "
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
NO_CACHE = (
    "parameters are those of {name}, which keeps no cache and computes each token from all before it: the state is "
    "what a cache of keys and values would take, not compared with a class"
)
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
    untested: tuple[str, ...] = ()
    if family is not None and not family.tested:
        untested = (NO_CLASS.format(source=family.source),)
    elif family is not None and not family.cached:
        untested = (NO_CACHE.format(name=family.class_name),)
    return (*untested, *others, *((UNREAD.format(names=listed + more),) if unread else ()))


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
