"""The config files of the `mamba_ssm` package, by arithmetic from its modules."""

from math import ceil

from plait.memory.block import Block, Layer, norm
from plait.memory.huggingface.blocks import Attention, Body, around, mlp
from plait.memory.huggingface.fields import MOST_LAYERS, Fields
from plait.memory.huggingface.mixers import Mamba1, Mamba2


def mamba_ssm(f: Fields) -> Body:
    """The configuration of the `mamba_ssm` package: Mamba-1 or Mamba-2 layers, attention in attn_layer_idx.

    All states are in the model's dtype, and convolutions keep as many columns as they have taps.
    """
    d, n = f.integer("d_model", default=2560), f.integer("n_layer", default=64)
    if n > MOST_LAYERS:
        raise f.refuse(f"n_layer must be at most {MOST_LAYERS}, got {n}")
    mixer = _mamba_of(f.child("ssm_cfg"), d)
    attends = f.indices("attn_layer_idx", n) or ()
    attention = _attention_of(f.child("attn_cfg"), d) if attends else ()
    layer_norm = not f.flag("rms_norm", default=True)
    units = f.integer("d_intermediate", default=0, least=0)
    feed = (mlp(d, -(-units // 128) * 128),) if units else ()
    norms = norm(d, 2 if units else 1, bias=layer_norm)
    multiple = f.integer("pad_vocab_size_multiple", default=8)
    vocab = -(-f.integer("vocab_size", default=50277) // multiple) * multiple
    f.ignore("fused_add_norm", "residual_in_fp32")
    return Body(
        d_model=d,
        vocab_size=vocab,
        layers=tuple(
            Layer(
                kind="full_attention" if i in attends else "linear_attention",
                blocks=(*(attention if i in attends else (mixer,)), *feed, norms),
            )
            for i in range(n)
        ),
        outside=around(d, vocab, tied=f.flag("tie_embeddings", default=True), norm_bias=layer_norm),
    )


def _mamba_of(c: Fields, d: int) -> Block:
    kind = c.get("layer") or "Mamba1"
    inner = int(c.number("expand", default=2) * d)
    d_conv, bias = c.integer("d_conv", default=4), c.flag("bias", default=False)
    conv_bias = c.flag("conv_bias", default=True)
    if kind == "Mamba1":
        return Mamba1(
            d_model=d,
            d_inner=inner,
            d_state=c.integer("d_state", default=16),
            d_conv=d_conv,
            dt_rank=c.auto("dt_rank", default=ceil(d / 16)),
            conv_bias=conv_bias,
            bias=bias,
            float32=False,
        ).block
    if kind != "Mamba2":
        raise c.refuse(f"layer must be Mamba1 or Mamba2, got {str(kind)[:40]!r}")
    d_head = c.integer("headdim", default=64)
    if inner % d_head:
        raise c.refuse(f"headdim must divide expand * d_model = {inner}, got {d_head}")
    return Mamba2(
        d_model=d,
        n_heads=inner // d_head,
        d_head=d_head,
        d_state=c.integer("d_state", default=128),
        n_groups=c.integer("ngroups", default=1),
        d_conv=d_conv,
        conv_bias=conv_bias,
        bias=bias,
        out_bias=bias,
        gated_norm=c.flag("rmsnorm", default=True),
        float32=False,
    ).block


def _attention_of(c: Fields, d: int) -> tuple[Block, ...]:
    """Attention whose queries, keys and values may run through a convolution together."""
    n = c.integer("num_heads", default=1)
    n_kv = c.integer("num_heads_kv", default=n)
    d_head = c.integer("head_dim", default=d // n or 1)
    attention = Attention(
        d_model=d,
        n_heads=n,
        n_kv=n_kv,
        d_head=d_head,
        bias=c.flag("qkv_proj_bias", default=True),
        out_bias=c.flag("out_proj_bias", default=True),
    ).block
    taps, wide = c.integer("d_conv", default=0, least=0), (n + 2 * n_kv) * d_head
    c.accept("causal", True)
    c.ignore("rotary_emb_dim", "rotary_emb_base", "softmax_scale")
    if not taps:
        return (attention,)
    return attention, Block(
        part="convolution",
        weights=wide * (taps + 1),
        recurrence=2 * wide * taps,
        conv=wide * taps,
        conv_columns=taps,
        conv_reach=taps - 1,
    )
