"""Families with routed experts, as rows."""

from collections.abc import Callable

from plait.memory.huggingface.fields import MLP_BIAS, OFF, ON, Fields, Flag, shown
from plait.memory.huggingface.recipe import Kinds, Recipe, every
from plait.memory.huggingface.recipe_experts import (
    EITHER,
    EXPERTS,
    LOCAL,
    N_SHARED,
    N_SHARED_2,
    NUM_SHARED,
    ROUTED,
    ROUTED_ANY,
    ROUTED_NUM,
    SHARED_ANY,
    Shared,
    Sparse,
    first_layers,
    sparse_step,
)

_USE_BIAS = Flag(False, ("use_bias",))


def _ernie_dense(f: Fields, n: int) -> Callable[[int], bool]:
    """Experts from one layer to another, at an interval."""
    first = f.integer("moe_layer_start_index", default=1, least=0)
    last = f.integer("moe_layer_end_index", default=27, least=-1)
    step = f.integer("moe_layer_interval", default=1)
    end = n - 1 if last == -1 else last
    return lambda i: not (first <= i <= end and (i + 1) % step == 0)


def _after_dense(f: Fields, n: int) -> tuple[Kinds, int | None]:
    """Cohere's rhythm starts anew after the dense layers, which have one of their own."""
    step = f.integer("sliding_window_pattern", default=4)
    prefix = f.integer("prefix_dense_sliding_window_pattern", default=1)
    first = f.integer("first_k_dense_replace", default=0, least=0)

    def kind(i: int) -> str:
        full = (i + 1) % prefix == 0 if i < first else (i - first + 1) % step == 0
        return "full_attention" if full else "sliding_attention"

    return kind, 4096


def _late(f: Fields, n: int) -> tuple[Kinds, int | None]:
    """Layers from max_window_layers on slide."""
    window = f.optional("sliding_window", default=4096)
    first = f.integer("max_window_layers", default=62, least=0)
    return lambda i: "sliding_attention" if window and i >= first else "full_attention", window


def _qwen2(f: Fields, n: int) -> tuple[Kinds, int | None]:
    """Every other layer below max_window_layers slides, if use_sliding_window says so."""
    slides = f.flag("use_sliding_window", default=False)
    if not slides and "sliding_attention" in str(f.get("layer_types")):
        raise f.refuse("layer_types must not slide where use_sliding_window is false")
    first = f.integer("max_window_layers", default=28, least=0)
    window = f.optional("sliding_window", default=None) if slides else None
    f.get("sliding_window")
    return lambda i: "sliding_attention" if slides and i % 2 == 0 and i < first else "full_attention", window


def _flint(f: Fields, n: int) -> tuple[Kinds, int | None]:
    """The first two layers, every fourth and the last attend in full."""
    full = {0, 1, n - 1, *range(1, n, 4)}
    return lambda i: "full_attention" if i in full else "sliding_attention", 513


def _sixth_and_last(f: Fields, n: int) -> tuple[Kinds, int | None]:
    """Every sixth layer and the last attend in full."""
    return lambda i: "full_attention" if i == n - 1 or i % 6 == 5 else "sliding_attention", 512


def _llama4(f: Fields, n: int) -> tuple[Kinds, int | None]:
    """Layers with rotary positions attend in chunks."""
    step = f.integer("no_rope_layer_interval", default=4)
    chunk = f.optional("attention_chunk_size", default=8192)
    rotary = f.get("no_rope_layers") or [(i + 1) % step for i in range(n)]
    if not isinstance(rotary, list) or len(rotary) != n:
        raise f.refuse(f"no_rope_layers must list {n} layers, got {shown(rotary)}")
    chunked = [bool(turns and chunk) for turns in rotary]
    return lambda i: "chunked_attention" if chunked[i] else "full_attention", chunk


def _llama4_dense(f: Fields, n: int) -> Callable[[int], bool]:
    step = f.integer("interleave_moe_layer_step", default=1, least=0)
    named = f.indices("moe_layers", n)
    sparse = set(range(step - 1, n, step) if step else ()) if named is None else set(named)
    return lambda i: i not in sparse


AFMOE = Recipe(
    hidden_size=2048, num_hidden_layers=32, num_attention_heads=16, num_key_value_heads=16, head_dim=128,
    intermediate_size=6144, vocab_size=200192, norms=4, head_norms=ON, gate="all",
    slides=every(4, 1024, name="global_attn_every_n_layers"),
    experts=Sparse(
        experts=64, per_token=6, names=EXPERTS, units=1408, shared=Shared(count=2, count_names=("num_shared_experts",)),
        dense=first_layers(1, "num_dense_layers"), extra=1,
    ),
)  # fmt: skip
ARIA = Recipe(
    hidden_size=4096, num_hidden_layers=32, num_attention_heads=32, intermediate_size=4096, vocab_size=32000,
    experts=Sparse(
        experts=8, per_token=2, names=("moe_num_experts",), per_token_names=("moe_topk",),
        shared=Shared(count=2, count_names=("moe_num_shared_experts",)), shared_bias=MLP_BIAS,
    ),
)  # fmt: skip
BEAM = Recipe(
    hidden_size=5120, num_hidden_layers=52, num_attention_heads=48, num_key_value_heads=8, head_dim=128,
    intermediate_size=20480, vocab_size=151936, norms=4, head_norms=ON, gate="all", slides=_sixth_and_last,
    extra=lambda f, d: f.integer("num_attention_heads", default=48),  # the gate's bias
    experts=Sparse(experts=256, per_token=8, names=EXPERTS, units=2560, dense=first_layers(3)),
)  # fmt: skip
COHERE2_MOE = Recipe(
    hidden_size=8192, num_hidden_layers=40, num_attention_heads=64, head_dim=128, intermediate_size=22528,
    vocab_size=256000, tied=True, norms=1, slides=_after_dense, dense=(None, "prefix_dense_intermediate_size"),
    experts=Sparse(
        experts=8, per_token=2, names=EXPERTS, shared=Shared(count_names=("num_shared_experts",)),
        dense=first_layers(0, "first_k_dense_replace"),
    ),
)  # fmt: skip
DEEPSEEK_OCR2 = Recipe(
    hidden_size=4096, num_hidden_layers=32, num_attention_heads=32, head_dim=0, intermediate_size=11008,
    vocab_size=102400, mlp_bias=MLP_BIAS,
    experts=Sparse(
        experts=64, per_token=6, names=ROUTED_NUM, units=1407, shared=N_SHARED_2,
        dense=first_layers(1, "first_k_dense_replace"), shared_bias=MLP_BIAS,
    ),
)  # fmt: skip
DOTS1 = Recipe(
    hidden_size=4608, num_hidden_layers=62, num_attention_heads=32, num_key_value_heads=32, intermediate_size=10944,
    vocab_size=152064, head_norms=ON, slides=_late,
    experts=Sparse(
        experts=128, per_token=6, names=ROUTED, units=1408, shared=N_SHARED_2,
        dense=first_layers(0, "first_k_dense_replace"),
    ),
)  # fmt: skip
ERNIE4_5_MOE = Recipe(
    hidden_size=2560, num_hidden_layers=28, num_attention_heads=20, num_key_value_heads=4, intermediate_size=12288,
    vocab_size=103424, tied=True, bias=_USE_BIAS, mlp_bias=_USE_BIAS, head_bias=_USE_BIAS,
    experts=Sparse(
        experts=64, per_token=6, units=1536, names=("num_experts", "moe_num_experts"),
        per_token_names=("num_experts_per_tok", "moe_k"), dense=_ernie_dense, extra=1, shared_bias=_USE_BIAS,
        shared=Shared(count=2, count_names=("moe_num_shared_experts",)),
    ),
)  # fmt: skip
EXAONE_MOE = Recipe(
    hidden_size=4096, num_hidden_layers=32, num_attention_heads=32, num_key_value_heads=32, intermediate_size=16384,
    vocab_size=102400, bias=OFF, head_norms=ON, slides=every(4, 4096, name="sliding_window_pattern"),
    experts=Sparse(
        experts=64, per_token=8, names=EXPERTS, units=1024, shared=NUM_SHARED,
        dense=first_layers(1, "first_k_dense_replace"),
    ),
)  # fmt: skip
FLEX_OLMO = Recipe(
    hidden_size=4096, num_hidden_layers=32, num_attention_heads=32, intermediate_size=11008, vocab_size=100352,
    wide_norms=ON, experts=Sparse(experts=7, per_token=5, names=EITHER),
)  # fmt: skip
FLINT = Recipe(
    hidden_size=2048, num_hidden_layers=49, num_attention_heads=32, num_key_value_heads=4, head_dim=128,
    intermediate_size=6144, vocab_size=150144, head_norms=ON, sinks=True, slides=_flint,
    experts=Sparse(
        experts=256, per_token=6, names=EXPERTS, units=512, dense=sparse_step((0, 1)),
        shared=Shared(units=1024, units_names=("shared_expert_intermediate_size",)),
    ),
)  # fmt: skip
GLM4_MOE = Recipe(
    hidden_size=4096, num_hidden_layers=46, num_attention_heads=96, num_key_value_heads=8, intermediate_size=10944,
    vocab_size=151552, out_bias=OFF, head_norms=Flag(False, ("use_qk_norm",)),
    experts=Sparse(
        experts=128, per_token=8, names=ROUTED, units=1408, shared=N_SHARED,
        dense=first_layers(1, "first_k_dense_replace"),
    ),
)  # fmt: skip
GLM4V_MOE = Recipe(
    hidden_size=4096, num_hidden_layers=46, num_attention_heads=96, num_key_value_heads=8, intermediate_size=10944,
    vocab_size=151424, bias=Flag(True, ("attention_bias",)), out_bias=OFF,
    experts=Sparse(
        experts=128, per_token=8, names=ROUTED, units=1408, shared=N_SHARED,
        dense=first_layers(1, "first_k_dense_replace"),
    ),
)  # fmt: skip
GRANITEMOE = Recipe(
    hidden_size=4096, num_hidden_layers=32, num_attention_heads=32, intermediate_size=11008, vocab_size=32000,
    experts=Sparse(experts=8, per_token=2, names=LOCAL),
)  # fmt: skip
GRANITEMOE_SHARED = Recipe(
    hidden_size=4096, num_hidden_layers=32, num_attention_heads=32, intermediate_size=11008, vocab_size=32000,
    experts=Sparse(experts=8, per_token=2, names=LOCAL, shared=Shared(units_names=("shared_intermediate_size",))),
)  # fmt: skip
GRANITEMOE_SWA = Recipe(
    hidden_size=4096, num_hidden_layers=32, num_attention_heads=32, intermediate_size=11008, vocab_size=32000,
    sinks=True, slides=every(4, 128, full_at=0),
    experts=Sparse(experts=8, per_token=2, names=LOCAL, shared=Shared(units_names=("shared_intermediate_size",))),
)  # fmt: skip
HUNYUAN_MOE = Recipe(
    hidden_size=4096, num_hidden_layers=32, num_attention_heads=32, intermediate_size=11008, vocab_size=290943,
    head_norms=ON,
    experts=Sparse(
        experts=1, per_token=1, names=EITHER, per_token_names=("num_experts_per_tok", "moe_topk"),
        shared=Shared(count=1),
    ),
)  # fmt: skip
HY_V3 = Recipe(
    hidden_size=4096, num_hidden_layers=80, num_attention_heads=64, num_key_value_heads=8, head_dim=128,
    intermediate_size=13312, vocab_size=120832, mlp_bias=MLP_BIAS, head_norms=ON,
    experts=Sparse(
        experts=192, per_token=8, names=EITHER, units=1536, shared=NUM_SHARED,
        dense=first_layers(1), shared_bias=MLP_BIAS,
    ),
)  # fmt: skip
KOLIBRI1 = Recipe(
    hidden_size=2560, num_hidden_layers=50, num_attention_heads=48, num_key_value_heads=4, head_dim=128,
    intermediate_size=1, vocab_size=128000, bias=OFF, norms=4, head_norms=ON, slides=every(5, 513),
    experts=Sparse(
        experts=384, per_token=6, names=EITHER, units=512,
        shared=Shared(units=512, units_names=("shared_expert_intermediate_size",)),
    ),
)  # fmt: skip
LLAMA4 = Recipe(
    hidden_size=5120, num_hidden_layers=48, num_attention_heads=40, num_key_value_heads=8, head_dim=128,
    intermediate_size=8192, vocab_size=202048, slides=_llama4, dense=(16384, "intermediate_size_mlp"),
    experts=Sparse(
        experts=16, per_token=1, names=LOCAL, shared=Shared(count=1), dense=_llama4_dense
    ),
)  # fmt: skip
MELLUM = Recipe(
    hidden_size=2304, num_hidden_layers=28, num_attention_heads=32, num_key_value_heads=4, head_dim=128,
    intermediate_size=7168, vocab_size=98304, head_norms=ON,
    slides=lambda f, n: (lambda i: "full_attention", 1024),
    experts=Sparse(experts=64, per_token=8, names=EITHER, units=896, dense=first_layers(0)),
)  # fmt: skip
MINIMAX_M2 = Recipe(
    hidden_size=3072, num_hidden_layers=62, num_attention_heads=48, num_key_value_heads=8, head_dim=128,
    intermediate_size=1536, vocab_size=200064, bias=OFF, wide_norms=ON,
    experts=Sparse(experts=256, per_token=8, names=EITHER),
)  # fmt: skip
OLMOE = Recipe(
    hidden_size=2048, num_hidden_layers=16, num_attention_heads=16, num_key_value_heads=16, intermediate_size=2048,
    vocab_size=50304, wide_norms=ON, experts=Sparse(experts=64, per_token=8, names=EITHER),
)  # fmt: skip
PHIMOE = Recipe(
    hidden_size=4096, num_hidden_layers=32, num_attention_heads=32, num_key_value_heads=8, intermediate_size=6400,
    vocab_size=32064, norm_bias=ON, head_bias=Flag(False, ("lm_head_bias",)),
    experts=Sparse(experts=16, per_token=2, names=LOCAL),
)  # fmt: skip
QWEN2_MOE = Recipe(
    hidden_size=2048, num_hidden_layers=24, num_attention_heads=16, num_key_value_heads=16, intermediate_size=5632,
    vocab_size=151936, bias=Flag(True, ("qkv_bias",)), out_bias=OFF, slides=_qwen2,
    experts=Sparse(
        experts=60, per_token=4, names=EXPERTS, units=1408, dense=sparse_step(),
        shared=Shared(units=5632, units_names=("shared_expert_intermediate_size",), gated=True),
    ),
)  # fmt: skip
QWEN3_VL_MOE = Recipe(
    hidden_size=2048, num_hidden_layers=24, num_attention_heads=16, num_key_value_heads=16, intermediate_size=5632,
    vocab_size=151936, tied=True, head_norms=ON,
    experts=Sparse(experts=60, per_token=4, names=EITHER, units=1408, dense=sparse_step()),
)  # fmt: skip
QWEN3_OMNI_MOE = Recipe(
    hidden_size=2048, num_hidden_layers=28, num_attention_heads=28, num_key_value_heads=4, intermediate_size=18944,
    vocab_size=3584, head_norms=ON,
    experts=Sparse(experts=128, per_token=8, names=EXPERTS, units=768, dense=sparse_step()),
)  # fmt: skip
SARVAM_MOE = Recipe(
    hidden_size=4096, num_hidden_layers=19, num_attention_heads=64, num_key_value_heads=4, intermediate_size=8192,
    vocab_size=262144, bias=Flag(False, ("attention_bias", "use_qkv_bias")), out_bias=OFF,
    head_norms=Flag(True, ("use_qk_norm",)),
    experts=Sparse(
        experts=128, per_token=6, names=ROUTED_ANY, units=1024,
        shared=SHARED_ANY,
        dense=first_layers(1, "first_k_dense_replace"),
    ),
)  # fmt: skip
SOLAR_OPEN = Recipe(
    hidden_size=4096, num_hidden_layers=48, num_attention_heads=64, num_key_value_heads=8, head_dim=128,
    intermediate_size=1, vocab_size=196608, out_bias=OFF,
    experts=Sparse(
        experts=128, per_token=8, names=ROUTED, units=1280, shared=N_SHARED
    ),
)  # fmt: skip
