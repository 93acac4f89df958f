"""Families of attention alone with one feed-forward part in every layer: by functions, and as rows of a table."""

from collections.abc import Callable
from dataclasses import replace

from plait.memory.block import norm
from plait.memory.huggingface.blocks import (
    Attention,
    Body,
    attention_of,
    attention_stack,
    decoder,
    mlp,
    slides_if_set,
)
from plait.memory.huggingface.fields import MLP_BIAS, OFF, ON, Fields, Flag
from plait.memory.huggingface.recipe import Recipe, every, from_the_end, late


def _biased(f: Fields, attention: Attention) -> Attention:
    bias = f.flag("attention_bias", default=False)
    return replace(attention, bias=bias, out_bias=bias)


def _every(f: Fields, n: int) -> Callable[[int], str]:
    """n - 1 sliding layers, then a full one."""
    every = f.integer("sliding_window_pattern", default=n)
    return lambda i: "sliding_attention" if (i + 1) % every else "full_attention"


def gemma(f: Fields) -> Body:
    """GemmaForCausalLM."""
    d = f.integer("hidden_size", default=3072)
    attention = _biased(f, attention_of(f, d, n_heads=16, n_kv=16, d_head=256))
    feed = mlp(d, f.integer("intermediate_size", default=24576))
    kinds = f.layer_types(default_layers=28, default=slides_if_set(f, None))
    layers = attention_stack(f, kinds, attention, window=None, others=lambda _: (feed, norm(d, 2)))
    return decoder(f, layers, d_model=d, vocab_size=256000, tied=True)


def smollm3(f: Fields) -> Body:
    """SmolLM3ForCausalLM: with use_sliding_window, every no_rope_layer_interval-th layer slides."""
    d = f.integer("hidden_size", default=2048)
    attention = _biased(f, attention_of(f, d, n_heads=16, n_kv=4))
    feed = mlp(d, f.integer("intermediate_size", default=11008), bias=f.flag("mlp_bias", default=False))
    sliding = f.flag("use_sliding_window", default=False) and f.get("sliding_window") is not None
    rotary = f.get("no_rope_layers")
    interval = f.integer("no_rope_layer_interval", default=4)

    def kind(i: int) -> str:
        turns = (i + 1) % interval if not isinstance(rotary, list) else i < len(rotary) and rotary[i]
        return "sliding_attention" if sliding and not turns else "full_attention"

    kinds = f.layer_types(default_layers=36, default=kind)
    layers = attention_stack(f, kinds, attention, window=None, others=lambda _: (feed, norm(d, 2)))
    return decoder(f, layers, d_model=d, vocab_size=128256, tied=True)


def phi3(f: Fields) -> Body:
    """Phi3ForCausalLM: every layer slides if sliding_window is set."""
    d = f.integer("hidden_size", default=3072)
    feed = mlp(d, f.integer("intermediate_size", default=8192))
    kinds = f.layer_types(default_layers=32, default=slides_if_set(f, None))
    attention = attention_of(f, d, n_heads=32)
    layers = attention_stack(f, kinds, attention, window=None, others=lambda _: (feed, norm(d, 2)))
    return decoder(f, layers, d_model=d, vocab_size=32064)


def olmo3(f: Fields) -> Body:
    """Olmo3ForCausalLM: three sliding layers, then a full one; norms over all queries and all keys."""
    d = f.integer("hidden_size", default=4096)
    plain = _biased(f, attention_of(f, d, n_heads=32))
    attention = replace(plain, extra=plain.d_head * (plain.n_heads + plain.n_kv))
    feed = mlp(d, f.integer("intermediate_size", default=11008))
    kinds = f.layer_types(
        default_layers=32, default=lambda i: "sliding_attention" if (i + 1) % 4 else "full_attention"
    )
    layers = attention_stack(f, kinds, attention, window=4096, others=lambda _: (feed, norm(d, 2)))
    return decoder(f, layers, d_model=d, vocab_size=50304)


def cohere2(f: Fields) -> Body:
    """Cohere2ForCausalLM: attention and feed-forward side by side after one norm."""
    d = f.integer("hidden_size", default=8192)
    attention = _biased(f, attention_of(f, d, n_heads=64))
    feed = mlp(d, f.integer("intermediate_size", default=22528))
    kinds = f.layer_types(default_layers=40, default=_every(f, 4))
    layers = attention_stack(f, kinds, attention, window=4096, others=lambda _: (feed, norm(d)))
    return decoder(f, layers, d_model=d, vocab_size=256000, tied=True)


def _stablelm_norms(f: Fields, d: int) -> int:
    """Two LayerNorms, one if both branches are side by side, and one without bias for every head."""
    heads, n_kv = f.heads(default=32, default_kv=32)
    each = (heads + n_kv) * (d // heads) * f.flag("qk_layernorm", default=False)
    return 2 * d * (1 if f.flag("use_parallel_residual", default=False) else 2) + each


_USE_BIAS = Flag(False, ("use_bias",))


APERTUS = Recipe(
    hidden_size=4096, num_hidden_layers=32, num_attention_heads=32, intermediate_size=14336, vocab_size=131072,
    gated=False, head_norms=ON, extra=lambda f, d: 2,  # the two slopes of its activation
)  # fmt: skip
APERTUS1P5 = Recipe(
    hidden_size=4096, num_hidden_layers=32, num_attention_heads=32, intermediate_size=14336, vocab_size=266752,
    gated=False, head_norms=ON, extra=lambda f, d: 2, answers="output_vocab_size",
)  # fmt: skip
ARCEE = Recipe(
    hidden_size=2560, num_hidden_layers=32, num_attention_heads=32, intermediate_size=18432, vocab_size=32000,
    gated=False, mlp_bias=MLP_BIAS,
)  # fmt: skip
BITNET = Recipe(
    hidden_size=2560, num_hidden_layers=30, num_attention_heads=20, num_key_value_heads=5, intermediate_size=6912,
    vocab_size=128256, extra=lambda f, d: d + f.integer("intermediate_size", default=6912),
)  # fmt: skip
COHERE = Recipe(
    hidden_size=8192, num_hidden_layers=40, num_attention_heads=64, intermediate_size=22528, vocab_size=256000,
    tied=True, norms=1, wide_norms=Flag(False, ("use_qk_norm",)),
)  # fmt: skip
CWM = Recipe(
    hidden_size=6144, num_hidden_layers=64, num_attention_heads=48, num_key_value_heads=8, head_dim=128,
    intermediate_size=21504, vocab_size=128256, bias=OFF, slides=every(4, 8192, full_at=0),
)  # fmt: skip
COHERE_COMPASS = Recipe(
    hidden_size=8192, num_hidden_layers=40, num_attention_heads=64, intermediate_size=22528, vocab_size=256000,
    tied=True, norms=1, slides=lambda f, n: (lambda i: "full_attention", 4096),
)  # fmt: skip
DIFFLLAMA = Recipe(
    hidden_size=2048, num_hidden_layers=16, num_attention_heads=32, intermediate_size=8192, vocab_size=32000,
    extra=lambda f, d: 4 * f.d_head(d, f.integer("num_attention_heads", default=32)),
)  # fmt: skip
QWEN2_VL = Recipe(
    hidden_size=8192, num_hidden_layers=80, num_attention_heads=64, num_key_value_heads=8, head_dim=0,
    intermediate_size=29568, vocab_size=152064, bias=ON, out_bias=OFF, slides=late(80),
)  # fmt: skip
QWEN2_OMNI = Recipe(
    hidden_size=3584, num_hidden_layers=28, num_attention_heads=28, num_key_value_heads=4, intermediate_size=18944,
    vocab_size=152064, tied=True, bias=ON, out_bias=OFF, slides=late(28),
)  # fmt: skip
EMU3 = Recipe(
    hidden_size=4096, num_hidden_layers=32, num_attention_heads=32, num_key_value_heads=8, intermediate_size=14336,
    vocab_size=184622, mlp_bias=MLP_BIAS,
)  # fmt: skip
ERNIE4_5 = Recipe(
    hidden_size=1024, num_hidden_layers=18, num_attention_heads=16, num_key_value_heads=2, head_dim=128,
    intermediate_size=3072, vocab_size=103424, tied=True, bias=_USE_BIAS, mlp_bias=_USE_BIAS,
)  # fmt: skip
EXAONE = Recipe(
    hidden_size=4096, num_hidden_layers=32, num_attention_heads=32, num_key_value_heads=8, intermediate_size=14336,
    vocab_size=102400, mlp_bias=MLP_BIAS, aliases={"num_hidden_layers": ("num_layers",)},
)  # fmt: skip
EXAONE4 = Recipe(
    hidden_size=4096, num_hidden_layers=32, num_attention_heads=32, intermediate_size=16384, vocab_size=102400,
    bias=OFF, head_norms=ON, slides=every(4, 4096, name="sliding_window_pattern"),
)  # fmt: skip
GLM = Recipe(
    hidden_size=4096, num_hidden_layers=40, num_attention_heads=32, num_key_value_heads=2, head_dim=128,
    intermediate_size=13696, vocab_size=151552, bias=Flag(True, ("attention_bias",)), out_bias=OFF,
)  # fmt: skip
GLM4 = Recipe(
    hidden_size=4096, num_hidden_layers=40, num_attention_heads=32, num_key_value_heads=2, head_dim=128,
    intermediate_size=13696, vocab_size=151552, bias=Flag(True, ("attention_bias",)), out_bias=OFF, norms=4,
)  # fmt: skip
GRANITE_SWA = Recipe(
    hidden_size=2560, num_hidden_layers=24, num_attention_heads=20, num_key_value_heads=4, intermediate_size=8192,
    vocab_size=100352, tied=True, mlp_bias=MLP_BIAS, sinks=True, slides=every(4, 128, full_at=0),
)  # fmt: skip
HELIUM = Recipe(
    hidden_size=2560, num_hidden_layers=24, num_attention_heads=20, head_dim=0, intermediate_size=7040,
    vocab_size=48000, out_bias=OFF, mlp_bias=MLP_BIAS,
)  # fmt: skip
HUNYUAN_DENSE = Recipe(
    hidden_size=4096, num_hidden_layers=32, num_attention_heads=32, intermediate_size=11008, vocab_size=290943,
    head_norms=ON,
)  # fmt: skip
HYPERCLOVAX = Recipe(
    hidden_size=4096, num_hidden_layers=32, num_attention_heads=32, intermediate_size=11008, vocab_size=32000,
    mlp_bias=MLP_BIAS, extra=lambda f, d: 2 * d * f.flag("use_post_norm", default=True),
)  # fmt: skip
INTERNLM3 = Recipe(
    hidden_size=4096, num_hidden_layers=48, num_attention_heads=32, num_key_value_heads=2, head_dim=128,
    intermediate_size=10240, vocab_size=128512, bias=Flag(False, ("attention_bias", "qkv_bias")),
    mlp_bias=Flag(False, ("mlp_bias", "bias")),
)  # fmt: skip
IQUESTCODER = Recipe(
    hidden_size=5120, num_hidden_layers=80, num_attention_heads=40, num_key_value_heads=8, head_dim=128,
    intermediate_size=27648, vocab_size=76800, mlp_bias=MLP_BIAS,
)  # fmt: skip
JAIS2 = Recipe(
    hidden_size=3328, num_hidden_layers=32, num_attention_heads=26, head_dim=128, intermediate_size=26624,
    vocab_size=150272, bias=Flag(True, ("attention_bias",)), mlp_bias=Flag(True, ("mlp_bias",)), gated=False,
    norm_bias=ON,
)  # fmt: skip
MINISTRAL = Recipe(
    hidden_size=4096, num_hidden_layers=32, num_attention_heads=32, num_key_value_heads=8, intermediate_size=14336,
    vocab_size=32000, bias=OFF, slides=lambda f, n: (lambda i: "sliding_attention", 4096),
)  # fmt: skip
MINISTRAL3 = Recipe(
    hidden_size=4096, num_hidden_layers=34, num_attention_heads=32, num_key_value_heads=8, head_dim=128,
    intermediate_size=14336, vocab_size=131072, bias=OFF,
)  # fmt: skip
NANOCHAT = Recipe(
    hidden_size=768, num_hidden_layers=12, num_attention_heads=6, intermediate_size=8192, vocab_size=50304,
    gated=False, norms=0, last_norm=False,
)  # fmt: skip
NEMOTRON = Recipe(
    hidden_size=6144, num_hidden_layers=32, num_attention_heads=48, head_dim=128, intermediate_size=24576,
    vocab_size=256000, gated=False, mlp_bias=MLP_BIAS, norm_bias=ON,
)  # fmt: skip
OLMO = Recipe(
    hidden_size=4096, num_hidden_layers=32, num_attention_heads=32, intermediate_size=11008, vocab_size=50304,
    norms=0, last_norm=False,
)  # fmt: skip
OLMO2 = Recipe(
    hidden_size=4096, num_hidden_layers=32, num_attention_heads=32, intermediate_size=11008, vocab_size=50304,
    wide_norms=ON,
)  # fmt: skip
PHI = Recipe(
    hidden_size=2048, num_hidden_layers=24, num_attention_heads=32, intermediate_size=8192, vocab_size=51200,
    bias=ON, mlp_bias=ON, gated=False, norms=1, norm_bias=ON, head_bias=ON,
    extra=lambda f, d: 4 * (d // f.integer("num_attention_heads", default=32)) * f.flag("qk_layernorm", default=False),
)  # fmt: skip
STABLELM = Recipe(
    hidden_size=2560, num_hidden_layers=32, num_attention_heads=32, num_key_value_heads=32, head_dim=0,
    intermediate_size=6912, vocab_size=50304, bias=Flag(False, ("use_qkv_bias",)), out_bias=OFF, norms=0,
    norm_bias=ON, extra=_stablelm_norms,
)  # fmt: skip
SEED_OSS = Recipe(
    hidden_size=4096, num_hidden_layers=64, num_attention_heads=80, num_key_value_heads=8, head_dim=128,
    intermediate_size=27648, vocab_size=155136, bias=Flag(True, ("attention_bias",)),
    out_bias=Flag(False, ("attention_out_bias",)), mlp_bias=MLP_BIAS,
)  # fmt: skip
STARCODER2 = Recipe(
    hidden_size=3072, num_hidden_layers=30, num_attention_heads=24, num_key_value_heads=2, intermediate_size=12288,
    vocab_size=49152, tied=True, bias=Flag(True, ("use_bias",)), mlp_bias=Flag(True, ("use_bias",)), gated=False,
    norm_bias=ON,
)  # fmt: skip
VAULTGEMMA = Recipe(
    hidden_size=2304, num_hidden_layers=26, num_attention_heads=8, num_key_value_heads=4, head_dim=256,
    intermediate_size=9216, vocab_size=256000, tied=True, slides=every(2, 4096),
)  # fmt: skip
MUSE_GLIMMER = Recipe(
    hidden_size=6656, num_hidden_layers=52, num_attention_heads=32, num_key_value_heads=2, head_dim=128,
    intermediate_size=19968, vocab_size=202048, norms=4, gate="all", slides=from_the_end(4, 2048),
)  # fmt: skip
COSMOS3_EDGE = Recipe(
    hidden_size=2048, num_hidden_layers=28, num_attention_heads=16, num_key_value_heads=8, head_dim=128,
    intermediate_size=9216, vocab_size=131072, mlp_bias=MLP_BIAS, gated=False,
)  # fmt: skip
GRANITE_DOCLING = Recipe(
    hidden_size=1024, num_hidden_layers=28, num_attention_heads=16, num_key_value_heads=4, intermediate_size=2048,
    vocab_size=133800, tied=True, mlp_bias=MLP_BIAS,
)  # fmt: skip
GRANITE_VISION = Recipe(
    hidden_size=4096, num_hidden_layers=32, num_attention_heads=32, intermediate_size=11008, vocab_size=32000,
    mlp_bias=MLP_BIAS,
)  # fmt: skip
QWEN3_VL = Recipe(
    hidden_size=4096, num_hidden_layers=32, num_attention_heads=32, num_key_value_heads=32, head_dim=128,
    intermediate_size=22016, vocab_size=151936, head_norms=ON,
)  # fmt: skip
GLM4V = Recipe(
    hidden_size=4096, num_hidden_layers=40, num_attention_heads=32, num_key_value_heads=2, head_dim=0,
    intermediate_size=13696, vocab_size=151552, bias=ON, out_bias=OFF, norms=4,
)  # fmt: skip
GLM_OCR = Recipe(
    hidden_size=1024, num_hidden_layers=16, num_attention_heads=16, num_key_value_heads=8, intermediate_size=4096,
    vocab_size=59392, bias=OFF, norms=4,
)  # fmt: skip
PADDLEOCR_VL = Recipe(
    hidden_size=1024, num_hidden_layers=18, num_attention_heads=16, num_key_value_heads=2, head_dim=128,
    intermediate_size=3072, vocab_size=103424, tied=True, bias=_USE_BIAS, mlp_bias=_USE_BIAS,
)  # fmt: skip
HUNYUAN_VL = Recipe(
    hidden_size=4096, num_hidden_layers=32, num_attention_heads=32, intermediate_size=11008, vocab_size=290943,
    tied=True, head_norms=ON,
    aliases={"head_dim": ("attention_head_dim",), "vocab_size": ("org_vocab_size",)},
)  # fmt: skip
