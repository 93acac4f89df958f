"""Zamba: Mamba layers, some of which begin with an attention block whose weights many layers share.

`transformers` shares them only if tie_word_embeddings is true, its default here.
"""

from dataclasses import replace
from math import ceil

from plait.memory.block import Block, Layer, norm
from plait.memory.huggingface.blocks import Attention, Body, decoder, mlp
from plait.memory.huggingface.fields import Fields, shown
from plait.memory.huggingface.mixers import Mamba1, Mamba2

HEADS_OF_WIDTH = (
    "{n} Mamba heads taken, as many as of width {width} fit: the class would take 8 and could not run"
)


def _reused(block: Block) -> Block:
    """The same weights once more: applied again, not stored again."""
    return replace(block, weights=0)


def _zamba_kinds(f: Fields, default: tuple[str, ...]) -> tuple[str, ...]:
    kinds = f.layer_types(
        default_layers=len(default), default=lambda i: default[i], names=("layers_block_type", "layer_types")
    )
    if unknown := sorted(set(kinds) - {"linear_attention", "hybrid"}):
        raise f.refuse(f"layers_block_type must use mamba and hybrid, got {shown(unknown[0])}")
    return kinds


def zamba(f: Fields) -> Body:
    """ZambaForCausalLM: one attention block, shared by all hybrid layers, before their Mamba mixers."""
    d, n = f.integer("hidden_size", default=3712), f.n_layers(76)
    inner = f.integer("mamba_expand", default=2) * d
    n_heads = f.integer("n_mamba_heads", default=2)
    if inner % n_heads:
        raise f.refuse(f"n_mamba_heads must divide mamba_expand * hidden_size = {inner}, got {n_heads}")
    mixer = Mamba1(
        d_model=d,
        d_inner=inner,
        d_state=f.integer("mamba_d_state", default=16),
        d_conv=f.integer("mamba_d_conv", default=4),
        dt_rank=f.auto("mamba_dt_rank", default=ceil(d / 16)),
        conv_bias=f.flag("mamba_conv_bias", default=True),
        bias=f.flag("mamba_proj_bias", default=False),
    ).block
    heads, n_kv = f.heads(default=16, default_kv=16)
    d_in = f.integer("attention_hidden_size", default=2 * d)
    d_head = f.integer("attention_head_dim", default=max(2 * d // heads, 1))
    attention = Attention(d_model=d, n_heads=heads, n_kv=n_kv, d_head=d_head, d_in=d_in).block
    shared = (attention, mlp(d, f.integer("intermediate_size", default=14848)), norm(d), norm(d_in))
    own = Block(part="attention", weights=d * d, matrices=d * d)
    period, offset = (
        f.integer("attn_layer_period", default=6),
        f.integer("attn_layer_offset", default=4, least=0),
    )
    rest = tuple("hybrid" if i % period == offset else "linear_attention" for i in range(max(n - 3, 0)))
    kinds = _zamba_kinds(f, ("linear_attention", "linear_attention", "hybrid", *rest)[:n])
    shares = f.flag("tie_word_embeddings", default=True)
    layers, used = [], False
    for kind in kinds:
        blocks: tuple[Block, ...] = (mixer, norm(d))
        if kind == "hybrid":
            blocks = (*(_reused(b) if used else b for b in shared), own, *blocks)
            used = shares
        layers.append(Layer(kind=kind, blocks=blocks))
    return decoder(f, tuple(layers), d_model=d, vocab_size=32000, tied=True)


_ZAMBA2_GROUPS = (5, 5, 5, 5, 5, 5, 5, 4, 3)
_ZAMBA2_KINDS = (
    "linear_attention",
    *(kind for n in _ZAMBA2_GROUPS for kind in (*["linear_attention"] * n, "hybrid")),
    *["linear_attention"] * 2,
)


def zamba2(f: Fields) -> Body:
    """Zamba2ForCausalLM: num_mem_blocks shared attention blocks in turn, each layer with low-rank adapters.

    Keys and values are cached in hybrid layers only, recurrent state in all. A head is 2 * hidden_size /
    num_attention_heads wide, and num_key_value_heads defaults to the heads.
    """
    d = f.integer("hidden_size", default=2560)
    inner = f.integer("mamba_expand", default=2) * d
    n_heads, doubts = _zamba2_heads(f, inner)
    bias = f.flag("add_bias_linear", default=False)
    f.accept("use_shared_mlp_adapter", True)
    mixer = Mamba2(
        d_model=d,
        n_heads=n_heads,
        d_head=inner // n_heads,
        d_state=f.integer("mamba_d_state", default=64),
        n_groups=f.integer("mamba_ngroups", default=1),
        d_conv=f.integer("mamba_d_conv", default=4),
        bias=bias,
        out_bias=bias,
    ).block
    shared = _zamba2_shared(f, d, bias=bias)
    own = Block(part="attention", weights=d * d, matrices=d * d)
    n_shared = f.integer("num_mem_blocks", default=1)
    shares = f.flag("tie_word_embeddings", default=True)
    kinds = _zamba_kinds(f, _ZAMBA2_KINDS)
    adapter, n_hybrid = _zamba2_adapters(f, d), kinds.count("hybrid")
    layers, used = [], 0
    for kind in kinds:
        blocks: tuple[Block, ...] = (mixer, norm(d))
        if kind == "hybrid":
            again = (_reused(b) if shares and used >= n_shared else b for b in shared)
            # An unshared copy keeps the adapters of every layer that would have shared it.
            n_adapters = 1 if shares else len(range(used % n_shared, n_hybrid, n_shared))
            blocks = (*again, own, replace(adapter, weights=n_adapters * adapter.weights), *blocks)
            used += 1
        layers.append(Layer(kind=kind, blocks=blocks))
    return replace(decoder(f, tuple(layers), d_model=d, vocab_size=32000, tied=True), doubts=doubts)


def _zamba2_heads(f: Fields, inner: int) -> tuple[int, tuple[str, ...]]:
    """Heads of the Mamba-2 mixer; where the file gives their width alone, as many as fill the inner one.

    Raises:
        ValueError: heads of that number, or of that width, do not fill it.
    """
    width = f.integer("mamba_headdim", default=64)
    n_heads, doubts = f.integer("n_mamba_heads", default=8), ()
    if f.get("mamba_headdim") is not None and f.get("n_mamba_heads") is None and inner % width == 0:
        n_heads = inner // width
        if n_heads != 8:
            doubts = (HEADS_OF_WIDTH.format(n=n_heads, width=width),)
    if inner % n_heads:
        raise f.refuse(f"n_mamba_heads must divide mamba_expand * hidden_size = {inner}, got {n_heads}")
    if f.get("mamba_headdim") is not None and n_heads * width != inner:
        raise f.refuse(
            f"n_mamba_heads * mamba_headdim must be mamba_expand * hidden_size = {inner}, got {n_heads} * {width}"
        )
    return n_heads, doubts


def _zamba2_shared(f: Fields, d: int, *, bias: bool) -> tuple[Block, ...]:
    heads, n_kv = f.heads(default=32, default_kv=None)
    d_in = f.integer("attention_hidden_size", default=2 * d)
    d_head = f.integer("attention_head_dim", default=max(2 * d // heads, 1))
    attention = Attention(d_model=d, n_heads=heads, n_kv=n_kv, d_head=d_head, d_in=d_in).block
    feed = mlp(d, f.integer("intermediate_size", default=4 * d), bias=bias)
    return attention, feed, norm(d), norm(d_in)


def _zamba2_adapters(f: Fields, d: int) -> Block:
    rank, units = f.integer("adapter_rank", default=128), f.integer("intermediate_size", default=4 * d)
    n = rank * (d + 2 * units)
    n += 12 * d * rank if f.flag("use_shared_attention_adapter", default=False) else 0
    return Block(part="adapters", weights=n, matrices=n)
