"""Families of softmax attention with feed-forward parts or experts, each as one value: what differs among them.

Sizes carry the names of the fields that they are defaults of, so that a row reads like the config file of its family.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace

from plait.memory.block import Block, Layer, norm
from plait.memory.huggingface.blocks import Attention, Body, attention_of, attention_stack, mlp, slides_if_set
from plait.memory.huggingface.fields import ATTENTION_BIAS, OFF, Fields, Flag
from plait.memory.huggingface.recipe_experts import Sparse

Kinds = Callable[[int], str]
Slides = Callable[[Fields, int], tuple[Kinds, int | None]]
"""From fields and the number of layers: the kind of each layer in a file without layer_types, and the window."""


def as_cached(f: Fields, n: int) -> tuple[Kinds, int | None]:
    """The cache's own rule: all layers slide if the file has a window."""
    return slides_if_set(f, None), None


def every(period: int, window: int | None, *, full_at: int = -1, name: str | None = None) -> Slides:
    """One full layer a period, the rest sliding.

    Args:
        window: default of sliding_window.
        full_at: which one, counted from the end if negative.
        name: of the field that the period is a default of.
    """

    def slides(f: Fields, n: int) -> tuple[Kinds, int | None]:
        step = f.integer(name, default=period) if name else period
        return lambda i: "sliding_attention" if (i - full_at) % step else "full_attention", window

    return slides


def from_the_end(period: int, window: int) -> Slides:
    """The last layer attends in full, and every `period`-th before it."""
    return lambda f, n: (lambda i: "sliding_attention" if (n - 1 - i) % period else "full_attention", window)


def late(first: int) -> Slides:
    """With use_sliding_window, layers from max_window_layers (default `first`) on slide."""

    def slides(f: Fields, n: int) -> tuple[Kinds, int | None]:
        begin = f.integer("max_window_layers", default=first, least=0)
        f.ignore("sliding_window")
        window = (
            f.optional("sliding_window", default=4096)
            if f.flag("use_sliding_window", default=False)
            else None
        )
        return lambda i: "sliding_attention" if window and i >= begin else "full_attention", window

    return slides


@dataclass(frozen=True, kw_only=True)
class Recipe:
    """One family; sizes are defaults of the fields of their names.

    Args:
        intermediate_size: of the plain feed-forward part, and of experts without a width of their own.
        dense: default and name of the plain part's width where intermediate_size is not meant.
        num_key_value_heads: None = as many as query heads.
        head_dim: None = hidden_size / num_attention_heads; 0 = that, and a file that says otherwise cannot be run.
        tied: default of tie_word_embeddings; None = never.
        bias: of the query, key and value projections.
        out_bias: of the output projection; None = as `bias`.
        norms: of the width of the model, in every layer.
        norm_bias: they are LayerNorms.
        last_norm: one more before the unembedding.
        head_norms: norms of queries and of keys, over one head.
        wide_norms: norms over all queries and over all keys.
        sinks: parameters for each head.
        gate: matrix entries of an output gate, for each hidden feature: "head" one a head, "all" one a feature.
        extra: further parameters of a layer, from the fields and the width of the model.
        head_bias: of the unembedding.
        answers: the field of the unembedding's width, where it may differ from the vocabulary's.
        aliases: the family's names for usual ones.
    """

    hidden_size: int
    num_hidden_layers: int
    num_attention_heads: int
    intermediate_size: int
    vocab_size: int
    num_key_value_heads: int | None = None
    head_dim: int | None = None
    tied: bool | None = False
    bias: Flag = ATTENTION_BIAS
    out_bias: Flag | None = None
    mlp_bias: Flag = OFF
    gated: bool = True
    dense: tuple[int | None, str] | None = None
    norms: int = 2
    norm_bias: Flag = OFF
    last_norm: bool = True
    head_norms: Flag = OFF
    wide_norms: Flag = OFF
    sinks: bool = False
    gate: str = ""
    slides: Slides = as_cached
    experts: Sparse | None = None
    extra: Callable[[Fields, int], int] | None = None
    head_bias: Flag = OFF
    answers: str | None = None
    aliases: Mapping[str, tuple[str, ...]] = field(default_factory=dict)

    def __call__(self, f: Fields) -> Body:
        """Read a file."""
        d, n = f.integer("hidden_size", default=self.hidden_size), f.n_layers(self.num_hidden_layers)
        attention = self._attention(f, d)
        layer_norm = self.norm_bias.of(f)
        default, window = self.slides(f, n)
        kinds = f.layer_types(default_layers=n, default=default)
        feeds = self._feeds(f, d, n)
        beside = norm(d, self.norms, bias=layer_norm)
        more = Block(part="norm", weights=self.extra(f, d)) if self.extra else None

        def others(i: int) -> tuple[Block, ...]:
            return (*feeds(i), beside, *((more,) if more else ()))

        layers = attention_stack(f, kinds, attention, window=window, others=others)
        return self._body(f, layers, d=d, layer_norm=layer_norm)

    def _attention(self, f: Fields, d: int) -> Attention:
        plain = attention_of(
            f,
            d,
            n_heads=self.num_attention_heads,
            n_kv=self.num_key_value_heads,
            d_head=self.head_dim or None,
        )
        if self.head_dim == 0 and plain.d_head * plain.n_heads != d:
            raise f.refuse(f"head_dim must be hidden_size / num_attention_heads, got {plain.d_head}")
        inner, kv = plain.n_heads * plain.d_head, plain.n_kv * plain.d_head
        extra = 2 * plain.d_head * self.head_norms.of(f) + (inner + kv) * self.wide_norms.of(f)
        gates = {"": 0, "head": d * plain.n_heads, "all": d * inner}[self.gate]
        bias = self.bias.of(f)
        return replace(
            plain,
            bias=bias,
            out_bias=bias if self.out_bias is None else self.out_bias.of(f),
            extra=extra + plain.n_heads * self.sinks,
            extra_matrices=gates,
        )

    def _feeds(self, f: Fields, d: int, n: int) -> Callable[[int], tuple[Block, ...]]:
        units = f.integer("intermediate_size", default=self.intermediate_size)
        wide = units
        if self.dense is not None:
            wide = f.integer(self.dense[1], default=self.dense[0] or units)
        plain = (mlp(d, wide, gated=self.gated, bias=self.mlp_bias.of(f)),)
        if self.experts is None:
            return lambda _: plain
        sparse, dense = self.experts.blocks(f, d, units), self.experts.dense(f, n)
        return lambda i: plain if dense(i) else sparse

    def _body(self, f: Fields, layers: tuple[Layer, ...], *, d: int, layer_norm: bool) -> Body:
        n = f.integer("vocab_size", default=self.vocab_size)
        tied = False if self.tied is None else f.flag("tie_word_embeddings", default=self.tied)
        table = d * (f.integer(self.answers, default=n) if self.answers else n)
        outside = (
            Block(part="embedding", weights=d * n, lookup=d),
            *((norm(d, bias=layer_norm),) if self.last_norm else ()),
            Block(
                part="unembedding",
                weights=(0 if tied else table) + n * self.head_bias.of(f),
                matrices=table,
            ),
        )
        return Body(d_model=d, vocab_size=n, layers=layers, outside=outside)
