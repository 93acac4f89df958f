"""An unknown model type read by the usual field names: a guess, marked as one, and refused where it cannot be right."""

import re
from dataclasses import replace

from plait.memory.block import Block, Layer, norm
from plait.memory.huggingface.blocks import mlp
from plait.memory.huggingface.body import Body, attention_of, decoder, window_of
from plait.memory.huggingface.fields import Fields
from plait.memory.huggingface.mixers import Mamba2, gated_delta

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
