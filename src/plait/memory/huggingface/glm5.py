"""GLM-5-Next: Kimi delta attention and latent attention over indexed tokens, between mixed residual streams."""

from dataclasses import replace

from plait.memory.block import Block, norm
from plait.memory.huggingface.blocks import Experts, LatentAttention, mlp
from plait.memory.huggingface.body import Body, decoder
from plait.memory.huggingface.fields import Fields, shown
from plait.memory.huggingface.linear_families import first_dense, stack_of
from plait.memory.huggingface.mixers import kimi_delta
from plait.memory.huggingface.qwen4 import SCORES


def glm5_next(f: Fields) -> Body:
    """The language model of Glm5NextForConditionalGeneration; layers may share the tokens that an earlier one chose."""
    d, n = f.integer("hidden_size", default=4096), f.n_layers(45)
    kinds = f.layer_types(
        default_layers=n, default=lambda i: "linear_attention" if i % 4 != 3 else "indexed_attention"
    )
    kinds = tuple("indexed_attention" if kind == "full_attention" else kind for kind in kinds)
    attention, indexer = _attention(f, d), _indexer(f, d)
    mixed = _mixed_streams(d, f.integer("hc_mult", default=4))
    feed = first_dense(
        f, n, dense=mlp(d, f.integer("intermediate_size", default=12288)), sparse=_experts(f, d), default=3
    )
    layers = stack_of(
        f,
        kinds,
        {"indexed_attention": attention, "linear_attention": _linear(f, d)},
        lambda i: (*feed(i), mixed, mixed, norm(d, 2)),
    )
    layers = tuple(
        replace(layer, blocks=(*layer.blocks, indexer))
        if chooses and layer.kind == "indexed_attention"
        else layer
        for layer, chooses in zip(layers, _choosing(f, n), strict=True)
    )
    return replace(decoder(f, layers, d_model=d, vocab_size=154880), notes=(SCORES,))


def _choosing(f: Fields, n: int) -> list[bool]:
    """Which layers have an indexer: indexer_types, a pattern of F and S, or a rhythm."""
    named, pattern = f.get("indexer_types"), f.get("index_topk_pattern")
    if named is None and isinstance(pattern, str):
        named = [{"F": "full", "S": "shared"}.get(letter, letter) for letter in pattern]
    elif named is None:
        named = pattern
    if named is None:
        every, offset = (
            f.integer("index_topk_freq", default=1),
            f.integer("index_skip_topk_offset", default=2, least=0),
        )
        return [max(i - offset + 1, 0) % every == 0 for i in range(n)]
    if not isinstance(named, list) or len(named) != n or set(map(str, named)) - {"full", "shared"}:
        raise f.refuse(f"indexer_types must name {n} layers full or shared, got {shown(named)}")
    return [kind == "full" for kind in named]


def _attention(f: Fields, d: int) -> Block:
    return LatentAttention(
        d_model=d,
        n_heads=f.integer("num_attention_heads", default=64),
        q_rank=f.integer("q_lora_rank", default=1536),
        kv_rank=f.integer("kv_lora_rank", default=512),
        d_rope=f.integer("qk_rope_head_dim", default=0, least=0),
        d_nope=f.integer("qk_nope_head_dim", default=256),
        d_value=f.integer("v_head_dim", default=256),
        bias=f.flag("attention_bias", default=False),
    ).block


def _indexer(f: Fields, d: int) -> Block:
    """Scores pools of tokens; a key, a gate as wide and a flag are cached for every token."""
    heads, width = f.integer("index_n_heads", default=32), f.integer("index_head_dim", default=128)
    pool = f.integer("index_kpool", default=16)
    matrices = f.integer("q_lora_rank", default=1536) * heads * width + d * (2 * width + heads)
    return Block(
        part="attention",
        weights=matrices + 2 * width + pool * width,
        matrices=matrices,
        kv_per_token=2 * width + 1,
        score=heads * width // pool,
    )


def _linear(f: Fields, d: int) -> Block:
    inner = f.child("linear_attn_config")
    return kimi_delta(
        d,
        n_heads=inner.integer("num_heads", default=f.integer("linear_num_heads", default=64)),
        d_head=inner.integer("head_dim", default=f.integer("linear_head_dim", default=128)),
        d_conv=inner.integer(
            "short_conv_kernel_size", default=f.integer("linear_conv_kernel_dim", default=4)
        ),
        low_rank=True,
    )


def _mixed_streams(d: int, streams: int) -> Block:
    """The weights with which residual streams are read, written and mixed."""
    gates = (2 + streams) * streams
    return Block(part="norm", weights=gates * streams * d + gates + 3, matrices=gates * streams * d)


def _experts(f: Fields, d: int) -> tuple[Block, Block]:
    units = f.integer("moe_intermediate_size", default=2048)
    routed = Experts(
        d_model=d,
        n_experts=f.renamed("n_routed_experts", "num_local_experts", default=288),
        per_token=f.integer("num_experts_per_tok", default=8),
        d_mlp=units,
    ).block
    return routed, mlp(d, units * f.integer("n_shared_experts", default=1))
