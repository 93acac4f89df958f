"""RWKV-7, by arithmetic from its published definition."""

from math import sqrt

from plait.memory.block import Block, Layer, norm
from plait.memory.huggingface.blocks import Body, around
from plait.memory.huggingface.fields import Fields

RANKS = "the file leaves out ranks of its low-rank maps: those of the usual rule are taken"


def rwkv7(f: Fields) -> Body:
    """RWKV-7: ranks of decay, learning rate, value and gate by the rule of its authors' code where a file has none."""
    d, n = f.integer("hidden_size", default=2048), f.n_layers(24)
    root = sqrt(d)
    ranks = {
        name: f.integer(f"{name}_low_rank_dim", default=max(32, round(rule / 32) * 32))
        for name, rule in (
            ("decay", 1.8 * root), ("a", 1.8 * root), ("v", 1.3 * root), ("gate", 0.6 * d**0.8),
        )
    }  # fmt: skip
    units = f.integer("intermediate_size", default=int(f.number("hidden_ratio", default=4) * d))
    d_head = f.integer("head_dim", "head_size", default=64)
    if d % d_head:
        raise f.refuse(f"head_dim must divide hidden_size = {d}, got {d_head}")
    feed = channel_mix(d, units)
    f.accept("num_heads", d // d_head)
    f.accept("num_attention_heads", d // d_head)
    f.accept("attention_hidden_size", d)
    f.accept("value_dim", d, [d] * n)
    f.accept("norm_first", True)
    f.accept("norm_bias", True)
    f.ignore("attn_mode", "fuse_norm", "fuse_cross_entropy", "norm_eps", "hidden_ratio")

    def layer(i: int) -> Layer:
        mix = time_mix(
            d,
            d_head=d_head,
            ranks=(ranks["decay"], ranks["a"], ranks["gate"]),
            value_rank=ranks["v"] if i else None,
        )
        first = (norm(d, bias=True),) if i == 0 else ()
        return Layer(kind="linear_attention", blocks=(mix, feed, norm(d, 2, bias=True), *first))

    vocab = f.integer("vocab_size", default=65536)
    tied = f.flag("tie_word_embeddings", default=False)
    absent = any(f.data.get(f"{name}_low_rank_dim") is None for name in ranks)
    return Body(
        d_model=d,
        vocab_size=vocab,
        layers=tuple(layer(i) for i in range(n)),
        outside=around(d, vocab, tied=tied, norm_bias=True),
        doubts=(RANKS,) if absent else (),
    )


def time_mix(d: int, *, d_head: int, ranks: tuple[int, int, int], value_rank: int | None) -> Block:
    """The generalised delta rule (arXiv 2503.14456, section 4): a matrix for each head, in float32.

    `S = S (diag(w) - k^T (a k)) + v^T k`, `y = S r`. The last token's input, which counts as a convolution tail, is
    mixed into six inputs (3 operations each).

    Args:
        ranks: of decay, learning rate and gate.
        value_rank: of what mixes the first layer's values in; None in the first layer.
    """
    low = 2 * d * sum(ranks) + (0 if value_rank is None else 2 * d * value_rank)
    # Mixes of six inputs, three scalings of keys, three biases (two in the first layer), a norm of every head.
    vectors = 14 if value_rank is not None else 13
    return Block(
        part="recurrent",
        weights=4 * d * d + low + vectors * d,
        matrices=4 * d * d + low,
        recurrence=9 * d * d_head + 18 * d,
        recurrent=d * d_head,
        conv=d,
    )


def channel_mix(d: int, units: int) -> Block:
    """A feed-forward part that also remembers the last token's input."""
    return Block(part="mlp", weights=2 * d * units + d, matrices=2 * d * units, recurrence=3 * d, conv=d)
