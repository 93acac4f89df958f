"""Families with parts of their own: looped stacks, experts of attention, experts that are rows of a table."""

from dataclasses import replace
from math import isqrt

from plait.memory.block import Block, Layer, norm
from plait.memory.huggingface.blocks import (
    ATTENTION_KINDS,
    Attention,
    Body,
    Experts,
    attention_of,
    decoder,
    mlp,
    only,
    slides_if_set,
    window_of,
)
from plait.memory.huggingface.fields import MOST_LAYERS, Fields, shown
from plait.memory.huggingface.recipe_experts import first_layers

_VISITS = "a layer that is visited again is listed once more for each visit: with a cache of its own, without weights"


def doge(f: Fields) -> Body:
    """DogeForCausalLM: values also decide which keys are seen; its experts are rows of two tables."""
    d = f.integer("hidden_size", default=1024)
    plain = attention_of(f, d, n_heads=8)
    bias, kv = f.flag("attention_bias", default=False), plain.n_kv * plain.d_head
    plain = replace(
        plain, bias=bias, out_bias=bias, extra=2 * plain.d_head + plain.n_kv * (1 + bias),
        extra_matrices=kv * plain.n_kv,
    )  # fmt: skip
    units, n_experts = f.integer("intermediate_size", default=2048), f.integer("num_experts", default=16384)
    per_token = f.integer("num_experts_per_tok", default=64)
    feed: tuple[Block, ...] = (mlp(d, units, bias=f.flag("mlp_bias", default=False)),)
    if f.flag("is_moe", default=False):
        router = 2 * d * isqrt(n_experts)
        feed += (
            Block(part="experts", weights=router, matrices=router),
            Block(part="experts", weights=2 * n_experts * d, lookup=2 * per_token * d),
        )
    f.ignore("keep_window_size")
    kinds = f.layer_types(default_layers=32, default=slides_if_set(f, None))
    only(f, kinds, ATTENTION_KINDS)
    layers = tuple(
        Layer(
            kind=kind,
            blocks=(replace(plain, window=window_of(f, kind, default=None)).block, *feed, norm(d, 4)),
        )
        for kind in kinds
    )
    return decoder(f, layers, d_model=d, vocab_size=32768)


def jetmoe(f: Fields) -> Body:
    """JetMoeForCausalLM: queries and outputs of attention are experts as well, num_experts_per_tok of them at once."""
    d, n_kv = f.integer("hidden_size", default=2048), f.integer("num_key_value_heads", default=16)
    width, n = f.integer("kv_channels", "head_dim", default=128), f.integer("num_local_experts", default=8)
    per_token, kv = f.integer("num_experts_per_tok", default=2), n_kv * width
    f.ignore("num_attention_heads")
    one, visited = 2 * d * kv, min(per_token, n)
    attention = Block(
        part="attention",
        weights=n * one + d * n + d + 2 * d * kv,
        matrices=visited * one + d * n + 2 * d * kv,
        kv_per_token=2 * kv,
        score=2 * per_token * kv,
        linear=n * one + 2 * d * kv,
        visited=visited * one,
        idle=(n - visited) * one,
    )
    units = f.integer("intermediate_size", default=5632)
    routed = Experts(d_model=d, n_experts=n, per_token=per_token, d_mlp=units).block
    routed = replace(routed, weights=routed.weights + d)
    layer = Layer(kind="full_attention", blocks=(attention, routed, norm(d, 2)))
    return decoder(f, (layer,) * f.n_layers(12), d_model=d, vocab_size=32000, tied=True)


def dbrx(f: Fields) -> Body:
    """DbrxForCausalLM: sizes of attention and experts stand in attn_config and ffn_config."""
    d, heads = (
        f.integer("d_model", "hidden_size", default=2048),
        f.integer("n_heads", "num_attention_heads", default=16),
    )
    inner, experts = f.child("attn_config"), f.child("ffn_config")
    n_kv = inner.integer("kv_n_heads", default=1)
    if heads % n_kv or d % heads:
        raise f.refuse(
            f"n_heads = {heads} must divide d_model and be a multiple of kv_n_heads, got {d} and {n_kv}"
        )
    f.ignore("num_key_value_heads")
    inner.ignore("clip_qkv", "attn_pdrop")
    experts.ignore(
        "ffn_act_fn", "moe_jitter_eps", "moe_loss_weight", "moe_normalize_expert_weights", "hidden_size"
    )
    experts.ignore("uniform_expert_assignment")
    attention = Attention(d_model=d, n_heads=heads, n_kv=n_kv, d_head=d // heads).block
    routed = Experts(
        d_model=d,
        n_experts=experts.integer("moe_num_experts", default=4),
        per_token=experts.integer("moe_top_k", default=1),
        d_mlp=experts.integer("ffn_hidden_size", default=3584),
    ).block
    layer = Layer(kind="full_attention", blocks=(attention, routed, norm(d, 2)))
    n = f.integer("n_layers", "num_hidden_layers", default=24)
    n = Fields({"num_hidden_layers": n}, f.model_type).n_layers(n)
    return decoder(f, (layer,) * n, d_model=d, vocab_size=32000)


def hrm_text(f: Fields) -> Body:
    """HrmTextForCausalLM: two stacks visited in cycles, with a cache for every visit."""
    d = f.integer("hidden_size", default=1536)
    high, low = f.integer("H_cycles", default=2), f.integer("L_cycles", default=3)
    visits = high * (low + 1)
    total = f.n_layers(16)
    n = f.integer("num_layers_per_stack", default=total)
    if f.get("num_layers_per_stack") is not None and total != n * visits:
        raise f.refuse(f"num_hidden_layers must be {n} * {visits} visits of a stack, got {total}")
    Fields({"num_hidden_layers": n * visits}, f.model_type).n_layers(n * visits)
    f.ignore("L_bp_cycles", "prefix_lm", "num_key_value_heads")
    heads = f.integer("num_attention_heads", default=12)
    width, bias = f.d_head(d, heads, default=128), f.flag("attention_bias", default=False)
    attention = Attention(
        d_model=d, n_heads=heads, n_kv=heads, d_head=width, bias=bias, out_bias=bias,
        extra=bias * heads * width, extra_matrices=d * heads * width,
    ).block  # fmt: skip
    feed = mlp(d, f.integer("intermediate_size", default=4096), bias=f.flag("mlp_bias", default=False))
    own = Layer(kind="full_attention", blocks=(attention, feed))
    blocks = tuple(replace(block, weights=0) for block in own.blocks)
    # Cycle by cycle: the low stack several times, then the high one.
    first_low, first_high = 0, low * n
    layers: list[Layer] = []
    for visit in range(visits):
        first = first_high if visit % (low + 1) == low else first_low
        for i in range(n):
            place = first + i
            layers.append(
                own if place == len(layers) else Layer(kind=own.kind, blocks=blocks, revisits=place)
            )
    body = decoder(f, tuple(layers), d_model=d, vocab_size=151808)
    outside = tuple(b for b in body.outside if b.part != "norm")
    return replace(body, outside=(*outside, norm(d)), notes=(_VISITS,))


def dory(f: Fields) -> Body:
    """DoryForCausalLM: vectors on a sphere, no norms with weights; the middle layers are visited again and again."""
    d, n = f.integer("hidden_size", default=2560), f.n_layers(36)
    named, first = f.get("layer_types"), f.integer("n_input_layers", default=8, least=0)
    last, middle = (
        f.integer("n_output_layers", default=8, least=0),
        f.optional("n_recurrent_layers", default=None),
    )
    if isinstance(named, list) and "mlp" in named:  # attention and feed-forward listed one by one
        named, n, first, last = named[::2], n // 2, first // 2, last // 2
        middle = None if middle is None else middle // 2
    middle = n - first - last if middle is None else middle
    if middle < 0 or first + middle + last != n:
        raise f.refuse(f"input, recurrent and output layers must make {n}, got {first}, {middle} and {last}")
    default = lambda i: "sliding_attention" if (i + 1) % 4 else "full_attention"  # noqa: E731
    kinds = Fields({"layer_types": named, "num_hidden_layers": n}, f.model_type).layer_types(
        default_layers=n, default=default
    )
    only(f, kinds, ATTENTION_KINDS[:2])
    own = tuple(_dory_layer(f, d, kind) for kind in kinds)
    loops = f.integer("n_recurrent_loops", default=2)
    if middle * loops > MOST_LAYERS:
        raise f.refuse(f"n_recurrent_loops must visit at most {MOST_LAYERS} layers, got {middle} * {loops}")
    kept = 1 if f.get("recurrent_kv_cache_mode") == "last_loop" else loops
    again = tuple(
        replace(
            own[i], revisits=i,
            blocks=tuple(
                replace(b, weights=0, kv_per_token=b.kv_per_token if loop < kept else 0) for b in own[i].blocks
            ),
        )
        for loop in range(1, loops)
        for i in range(first, first + middle)
    )  # fmt: skip
    body = decoder(f, (*own, *again), d_model=d, vocab_size=131072)
    outside = tuple(b for b in body.outside if b.part != "norm")
    scale = Block(part="norm", weights=body.vocab_size)
    return replace(body, outside=(*outside, scale), notes=(_VISITS,) if again else ())


def _dory_layer(f: Fields, d: int, kind: str) -> Layer:
    heads, n_kv = f.heads(default=16, default_kv=4)
    width, units = f.d_head(d, heads, default=256), f.integer("intermediate_size", default=7168)
    bias, mlp_bias = f.flag("attention_bias", default=False), f.flag("mlp_bias", default=False)
    inner = heads * width
    attention = Attention(
        d_model=d, n_heads=heads, n_kv=n_kv, d_head=width, bias=bias, out_bias=bias,
        window=window_of(f, kind, default=1024),
        extra=2 * inner + bias * inner, extra_matrices=d * inner,
    ).block  # fmt: skip
    feed = mlp(d, units, bias=mlp_bias)
    return Layer(kind=kind, blocks=(attention, feed, Block(part="norm", weights=2 * d + 2 * units)))


def molmo2(f: Fields) -> Body:
    """The language model of Molmo 2: additional_vocab_size rows of the embedding have no answer."""
    d = f.integer("hidden_size", default=4096)
    plain = attention_of(f, d, n_heads=32, n_kv=8, d_head=128)
    bias, style = f.flag("attention_bias", "qkv_bias", default=False), f.get("qk_norm_type")
    if style not in (None, "qwen3", "olmo"):
        raise f.refuse(f"qk_norm_type must be qwen3 or olmo, got {shown(style)}")
    normed = plain.n_heads + plain.n_kv if style == "olmo" else 2
    kinds = f.layer_types(default_layers=36, default=slides_if_set(f, None))
    only(f, kinds, ATTENTION_KINDS)
    plain = replace(plain, bias=bias, extra=normed * plain.d_head)
    feed = mlp(d, f.integer("intermediate_size", default=12288))
    f.ignore("norm_after", "rope_scaling_layers")
    layers = tuple(
        Layer(
            kind=kind,
            blocks=(replace(plain, window=window_of(f, kind, default=None)).block, feed, norm(d, 2)),
        )
        for kind in kinds
    )
    body = decoder(f, layers, d_model=d, vocab_size=151936)
    more = d * f.integer("additional_vocab_size", default=128, least=0)
    return replace(body, outside=(*body.outside, Block(part="embedding", weights=more, lookup=0)))


def ernie4_5_vl_moe(f: Fields) -> Body:
    """The language model of ERNIE 4.5 VL: experts for text and others for pictures, which text never visits."""
    d, n = f.integer("hidden_size", default=2560), f.n_layers(28)
    bias = f.flag("use_bias", default=False)
    attention = replace(attention_of(f, d, n_heads=20, n_kv=4), bias=bias, out_bias=bias).block
    units, count = _pair(f, "moe_intermediate_size", (1536, 512)), _pair(f, "moe_num_experts", (64, 64))
    per_token = f.integer("num_experts_per_tok", "moe_k", default=6)
    text, pictures = (
        Experts(d_model=d, n_experts=c, per_token=per_token, d_mlp=u).block
        for c, u in zip(count, units, strict=True)
    )
    shared = f.integer("moe_num_shared_experts", default=2, least=0)
    sparse = (
        replace(text, weights=text.weights + count[0]),
        Block(
            part="experts", weights=pictures.weights + count[1], idle=pictures.weights + count[1],
            linear=pictures.linear,
        ),
        *((replace(mlp(d, shared * units[0], bias=bias), part="shared experts"),) if shared else ()),
    )  # fmt: skip
    dense, feed = first_layers(1)(f, n), (mlp(d, f.integer("intermediate_size", default=12288), bias=bias),)
    layers = tuple(
        Layer(kind="full_attention", blocks=(attention, *(feed if dense(i) else sparse), norm(d, 2)))
        for i in range(n)
    )
    return decoder(f, layers, d_model=d, vocab_size=103424, tied=True)


def _pair(f: Fields, name: str, default: tuple[int, int]) -> tuple[int, int]:
    """One number for text and one for pictures; a single one is both."""
    value = f.get(*(("num_experts",) if name == "moe_num_experts" else ()), name)
    if value is None:
        return default
    pair = value if isinstance(value, list) else [value, value]
    sizes = [x for x in pair if isinstance(x, int) and x > 0]
    if len(pair) != 2 or len(sizes) != 2:
        raise f.refuse(f"{name} must be one or two integers of at least 1, got {shown(value)}")
    return sizes[0], sizes[1]
