"""Decoders of the years before Llama: LayerNorms, biases, and often a learned table of positions."""

from dataclasses import dataclass, replace

from plait.memory.block import Block, Layer, norm
from plait.memory.huggingface.blocks import Attention, Body, mlp, slides_if_set, window_of
from plait.memory.huggingface.fields import Fields, shown


@dataclass(frozen=True, kw_only=True)
class Classic:
    """What these families differ in.

    Args:
        n_kv: heads of keys and values that are cached; None = as many as query heads.
        qkv_bias: of queries, keys and values.
        extra: further parameters of a layer.
        norms: LayerNorms of a layer.
        positions: rows of a table of positions.
        head_bias: of the unembedding.
        embedding_norm: a norm after the embedding.
        last_norm: one before the unembedding.
        norm_bias: they have one.
    """

    d: int
    n_layers: int
    n_heads: int
    units: int
    vocab_size: int
    tied: bool
    n_kv: int | None = None
    qkv_bias: bool = True
    out_bias: bool = True
    mlp_bias: bool = True
    extra: int = 0
    norms: int = 2
    positions: int = 0
    head_bias: bool = False
    embedding_norm: bool = False
    last_norm: bool = True
    norm_bias: bool = True

    def body(self, f: Fields) -> Body:
        """Every layer alike.

        Raises:
            ValueError: the heads do not divide the width, or layers without reason.
        """
        if self.d % self.n_heads:
            raise f.refuse(f"the number of heads must divide the width {self.d}, got {self.n_heads}")
        n = Fields({"num_hidden_layers": self.n_layers}, f.model_type).n_layers(self.n_layers)
        attention = Attention(
            d_model=self.d, n_heads=self.n_heads, n_kv=self.n_kv or self.n_heads, d_head=self.d // self.n_heads,
            bias=self.qkv_bias, out_bias=self.out_bias, extra=self.extra,
        )  # fmt: skip
        kind = slides_if_set(f, None)(0)
        block = replace(attention, window=window_of(f, kind, default=None)).block
        feed = mlp(self.d, self.units, gated=False, bias=self.mlp_bias)
        layer = Layer(kind=kind, blocks=(block, feed, norm(self.d, self.norms, bias=self.norm_bias)))
        table = self.d * self.vocab_size
        outside = (
            Block(part="embedding", weights=table, lookup=self.d),
            Block(part="embedding", weights=self.d * self.positions, lookup=self.d),
            norm(self.d, self.last_norm + self.embedding_norm, bias=self.norm_bias),
            Block(
                part="unembedding",
                weights=(0 if self.tied else table) + self.head_bias * self.vocab_size,
                matrices=table,
            ),
        )
        return Body(d_model=self.d, vocab_size=self.vocab_size, layers=(layer,) * n, outside=outside)


def _tied(f: Fields, default: bool) -> bool:
    return f.flag("tie_word_embeddings", default=default)


def _no_cross_attention(f: Fields) -> None:
    if f.flag("add_cross_attention", default=False):
        raise f.refuse("add_cross_attention must be false: a decoder beside an encoder is not read")


def gpt2(f: Fields) -> Body:
    """GPT2LMHeadModel."""
    _no_cross_attention(f)
    d = f.integer("n_embd", "hidden_size", default=768)
    return Classic(
        d=d, n_layers=f.integer("n_layer", "num_hidden_layers", default=12),
        n_heads=f.integer("n_head", "num_attention_heads", default=12), units=f.integer("n_inner", default=4 * d),
        vocab_size=f.integer("vocab_size", default=50257), tied=_tied(f, True),
        positions=f.integer("n_positions", "max_position_embeddings", default=1024),
    ).body(f)  # fmt: skip


def openai_gpt(f: Fields) -> Body:
    """OpenAIGPTLMHeadModel: norms behind the parts of a layer, none before the answer."""
    d = f.integer("n_embd", "hidden_size", default=768)
    return Classic(
        d=d, n_layers=f.integer("n_layer", "num_hidden_layers", default=12),
        n_heads=f.integer("n_head", "num_attention_heads", default=12), units=4 * d,
        vocab_size=f.integer("vocab_size", default=40478), tied=_tied(f, True), last_norm=False,
        positions=f.integer("n_positions", "max_position_embeddings", default=512),
    ).body(f)  # fmt: skip


def gpt_bigcode(f: Fields) -> Body:
    """GPTBigCodeForCausalLM: one head of keys and values with multi_query."""
    _no_cross_attention(f)
    d, heads = (
        f.integer("n_embd", "hidden_size", default=768),
        f.integer("n_head", "num_attention_heads", default=12),
    )
    single = f.flag("multi_query", default=True)
    f.ignore("num_key_value_heads")
    return Classic(
        d=d, n_layers=f.integer("n_layer", "num_hidden_layers", default=12), n_heads=heads,
        n_kv=1 if single else heads, units=f.integer("n_inner", default=4 * d),
        vocab_size=f.integer("vocab_size", default=50257), tied=_tied(f, True),
        positions=f.integer("n_positions", "max_position_embeddings", default=1024),
    ).body(f)  # fmt: skip


def gptj(f: Fields) -> Body:
    """GPTJForCausalLM and CodeGenForCausalLM: one norm a layer, biases in the feed-forward part and the answer."""
    d = f.integer("n_embd", "hidden_size", default=4096)
    return Classic(
        d=d, n_layers=f.integer("n_layer", "num_hidden_layers", default=28),
        n_heads=f.integer("n_head", "num_attention_heads", default=16), units=f.integer("n_inner", default=4 * d),
        vocab_size=f.integer("vocab_size", default=50400), tied=_tied(f, False),
        qkv_bias=False, out_bias=False, norms=1, head_bias=True,
    ).body(f)  # fmt: skip


def gpt_neo(f: Fields) -> Body:
    """GPTNeoForCausalLM: local layers look back window_size tokens, but their cache keeps all."""
    d = f.integer("hidden_size", default=2048)
    n = f.integer("num_layers", "num_hidden_layers", default=24)
    f.ignore("attention_types", "attention_layers", "window_size")
    return Classic(
        d=d, n_layers=n, n_heads=f.integer("num_heads", "num_attention_heads", default=16),
        units=f.integer("intermediate_size", default=4 * d),
        vocab_size=f.integer("vocab_size", default=50257), tied=_tied(f, True), qkv_bias=False,
        positions=f.integer("max_position_embeddings", default=2048),
    ).body(f)  # fmt: skip


def gpt_neox_japanese(f: Fields) -> Body:
    """GPTNeoXJapaneseForCausalLM: no biases but one, added after the last layer's attention."""
    d = f.integer("hidden_size", default=2560)
    body = Classic(
        d=d, n_layers=f.integer("num_hidden_layers", default=32),
        n_heads=f.integer("num_attention_heads", default=32),
        units=d * f.integer("intermediate_multiple_size", default=4),
        vocab_size=f.integer("vocab_size", default=32000), tied=_tied(f, True),
        qkv_bias=False, out_bias=False, mlp_bias=False,
    ).body(f)  # fmt: skip
    last = replace(body.layers[-1], blocks=(*body.layers[-1].blocks, Block(part="attention", weights=d)))
    return replace(body, layers=(*body.layers[:-1], last))


def opt(f: Fields) -> Body:
    """OPTForCausalLM: embeddings may be narrower than the model."""
    d = f.integer("hidden_size", default=768)
    bias, affine = f.flag("enable_bias", default=True), f.flag("layer_norm_elementwise_affine", default=True)
    before = f.flag("do_layer_norm_before", default=True) and not f.flag(
        "_remove_final_layer_norm", default=False
    )
    classic = Classic(
        d=d, n_layers=f.integer("num_hidden_layers", default=12),
        n_heads=f.integer("num_attention_heads", default=12), units=f.integer("ffn_dim", default=3072),
        vocab_size=f.integer("vocab_size", default=50272), tied=_tied(f, True),
        qkv_bias=bias, out_bias=bias, mlp_bias=bias, norms=2 if affine else 0, last_norm=before and affine,
        positions=f.integer("max_position_embeddings", default=2048) + 2,
    )  # fmt: skip
    body, narrow = classic.body(f), f.integer("word_embed_proj_dim", default=d)
    if narrow == d:
        return body
    table = narrow * classic.vocab_size
    outside = (
        Block(part="embedding", weights=table + d * narrow, matrices=d * narrow, lookup=0),
        *body.outside[1:3],
        Block(
            part="unembedding",
            weights=(0 if classic.tied else table) + d * narrow,
            matrices=table + d * narrow,
        ),
    )
    return replace(body, outside=outside)


def bloom(f: Fields) -> Body:
    """BloomForCausalLM."""
    d = f.integer("hidden_size", "n_embed", default=64)
    f.ignore("apply_residual_connection_post_layernorm", "slow_but_exact", "skip_bias_add", "offset_alibi")
    f.ignore("skip_bias_add_qkv", "masked_softmax_fusion", "bias_dropout_fusion", "attention_softmax_in_fp32")
    return Classic(
        d=d, n_layers=f.integer("n_layer", "num_hidden_layers", default=2),
        n_heads=f.integer("n_head", "num_attention_heads", default=8), units=4 * d,
        vocab_size=f.integer("vocab_size", default=250880), tied=_tied(f, True), embedding_norm=True,
    ).body(f)  # fmt: skip


FALCON_HEADS = (
    "the class caches keys and values once for every query head; other servers hold num_kv_heads of them"
)


def falcon(f: Fields) -> Body:
    """FalconForCausalLM."""
    d = f.integer("hidden_size", "n_embed", default=4544)
    heads = f.integer("num_attention_heads", "n_head", default=71)
    n_kv = f.integer("num_kv_heads", "n_head_kv", default=heads)
    new, single = f.flag("new_decoder_architecture", default=False), f.flag("multi_query", default=True)
    parallel, bias = f.flag("parallel_attn", default=True), f.flag("bias", default=False)
    norms = f.optional("num_ln_in_parallel_attn", default=None)
    f.ignore("alibi", "rotary")
    if new and heads % n_kv:
        raise f.refuse(f"num_kv_heads must divide num_attention_heads = {heads}, got {n_kv}")
    own = n_kv if new else 1 if single else heads
    two = not parallel or norms == 2 or (norms is None and new)
    body = Classic(
        d=d, n_layers=f.integer("num_hidden_layers", "n_layer", default=32), n_heads=heads, n_kv=own,
        units=f.integer("ffn_hidden_size", default=4 * d), vocab_size=f.integer("vocab_size", default=65024),
        tied=_tied(f, True), qkv_bias=bias, out_bias=bias, mlp_bias=bias, norms=2 if two else 1,
    ).body(f)  # fmt: skip
    if not new or n_kv == heads:
        return body
    layers = tuple(
        replace(
            layer, blocks=tuple(replace(b, kv_per_token=2 * d) if b.kv_per_token else b for b in layer.blocks)
        )
        for layer in body.layers
    )
    return replace(body, layers=layers, notes=(FALCON_HEADS,))


def mpt(f: Fields) -> Body:
    """MptForCausalLM: no biases; its class has a feed-forward part of 4 d_model whatever expansion_ratio says."""
    d = f.integer("d_model", "hidden_size", default=2048)
    f.accept("expansion_ratio", 4)
    f.accept("no_bias", True)
    f.ignore("learned_pos_emb", "embedding_fraction", "norm_type", "verbose", "attn_config", "emb_pdrop")
    attention = f.data.get("attn_config")
    if (
        isinstance(attention, dict)
        and attention.get("attn_type", "multihead_attention") != "multihead_attention"
    ):
        raise f.refuse(f"attn_type must be multihead_attention, got {shown(attention['attn_type'])}")
    return Classic(
        d=d, n_layers=f.integer("n_layers", "num_hidden_layers", default=24),
        n_heads=f.integer("n_heads", "num_attention_heads", default=16), units=4 * d,
        vocab_size=f.integer("vocab_size", default=50368), tied=_tied(f, True),
        qkv_bias=False, out_bias=False, mlp_bias=False, norm_bias=False,
    ).body(f)  # fmt: skip


def xglm(f: Fields) -> Body:
    """XGLMForCausalLM: positions are computed, not learned."""
    _no_cross_attention(f)
    f.ignore("scale_embedding")
    return Classic(
        d=f.integer("d_model", "hidden_size", default=1024),
        n_layers=f.integer("num_layers", "num_hidden_layers", default=24),
        n_heads=f.integer("attention_heads", "num_attention_heads", default=16),
        units=f.integer("ffn_dim", default=4096), vocab_size=f.integer("vocab_size", default=256008),
        tied=_tied(f, True),
    ).body(f)  # fmt: skip


def biogpt(f: Fields) -> Body:
    """BioGptForCausalLM."""
    f.ignore("scale_embedding")
    return Classic(
        d=f.integer("hidden_size", default=1024), n_layers=f.integer("num_hidden_layers", default=24),
        n_heads=f.integer("num_attention_heads", default=16), units=f.integer("intermediate_size", default=4096),
        vocab_size=f.integer("vocab_size", default=42384), tied=_tied(f, True),
        positions=f.integer("max_position_embeddings", default=1024) + 2,
    ).body(f)  # fmt: skip


def persimmon(f: Fields) -> Body:
    """PersimmonForCausalLM: norms with biases on queries and keys."""
    d, heads = f.integer("hidden_size", default=4096), f.integer("num_attention_heads", default=64)
    normed = f.flag("qk_layernorm", default=True)
    return Classic(
        d=d, n_layers=f.integer("num_hidden_layers", default=36), n_heads=heads,
        units=f.integer("intermediate_size", default=16384), vocab_size=f.integer("vocab_size", default=262144),
        tied=_tied(f, False), extra=4 * (d // heads) * normed,
    ).body(f)  # fmt: skip


def ctrl(f: Fields) -> Body:
    """CTRLLMHeadModel: positions are computed, the answer has a bias."""
    d = f.integer("n_embd", "hidden_size", default=1280)
    return Classic(
        d=d, n_layers=f.integer("n_layer", "num_hidden_layers", default=48),
        n_heads=f.integer("n_head", "num_attention_heads", default=16), units=f.integer("dff", default=8192),
        vocab_size=f.integer("vocab_size", default=246534), tied=_tied(f, True), head_bias=True,
    ).body(f)  # fmt: skip
