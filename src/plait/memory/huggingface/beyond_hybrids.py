"""Recurrent and hybrid families that `transformers` has no class of, by arithmetic from their published definitions."""

from math import ceil, sqrt

from plait.memory.block import Block, Layer, norm
from plait.memory.huggingface.blocks import Attention, Body, Experts, around, attention_of, decoder, mlp
from plait.memory.huggingface.fields import Fields
from plait.memory.huggingface.mixers import Mamba1, lightning


def minimax_text_01(f: Fields) -> Body:
    """MiniMax-Text-01 and -M1: attn_type_list has 1 for softmax attention, 0 for lightning attention."""
    d, n = f.integer("hidden_size", default=6144), f.n_layers(80)
    attends = f.get("attn_type_list")
    if not isinstance(attends, list) or len(attends) != n or any(kind not in (0, 1) for kind in attends):
        raise f.refuse(f"attn_type_list must give 0 or 1 for each of the {n} layers")
    plain = attention_of(f, d, n_heads=64, n_kv=8)
    linear = lightning(d, n_heads=plain.n_heads, d_head=plain.d_head, float32=True)
    feed = Experts(
        d_model=d,
        n_experts=f.integer("num_local_experts", default=32),
        per_token=f.integer("num_experts_per_tok", default=2),
        d_mlp=f.integer("intermediate_size", default=9216),
    ).block
    f.accept("postnorm", True)
    f.ignore("rotary_dim", "shared_moe_mode")
    f.ignore(
        *(
            f"layernorm_{k}_{s}"
            for k in ("full_attention", "linear_attention", "mlp")
            for s in ("alpha", "beta")
        )
    )
    layers = (
        Layer(
            kind="full_attention" if kind else "linear_attention",
            blocks=(plain.block if kind else linear, feed, norm(d, 2)),
        )
        for kind in attends
    )
    return decoder(f, tuple(layers), d_model=d, vocab_size=200064)


def phi4flash(f: Fields) -> Body:
    """Phi-4-mini-flash (arXiv 2507.06607): Mamba-1 and windowed attention in turn, then gates on the middle Mamba's
    output and attention to the middle layer's keys and values; attention is differential."""
    d, n = f.integer("hidden_size", default=2560), f.n_layers(32)
    step, half = f.integer("mb_per_layer", default=2), n // 2
    plain = attention_of(f, d, n_heads=40, n_kv=20)
    if plain.d_head * plain.n_heads != d or n < 4:
        raise f.refuse(
            "hidden_size must be num_attention_heads times the width of a head, of 4 layers at least"
        )
    extra = 6 * plain.d_head
    window = (
        f.optional("sliding_window", default=512) if not isinstance(f.get("sliding_window"), list) else None
    )
    windows = _windows(f, n, window, half)
    expand, bias = f.integer("mamba_expand", default=2), f.flag("mamba_proj_bias", default=False)
    mamba = Mamba1(
        d_model=d,
        d_inner=expand * d,
        d_state=f.integer("mamba_d_state", default=16),
        d_conv=f.integer("mamba_d_conv", default=4),
        dt_rank=f.auto("mamba_dt_rank", default=ceil(d / 16)),
        conv_bias=f.flag("mamba_conv_bias", default=True),
        bias=bias,
        float32=False,
    ).block
    gate = Block(
        part="gate",
        weights=2 * expand * d * d + bias * (expand + 1) * d,
        matrices=2 * expand * d * d,
    )
    cross = Block(part="attention", weights=2 * d * (d + 1) + extra, matrices=2 * d * d, score=2 * d)
    feed = (mlp(d, f.integer("intermediate_size", default=10240)), norm(d, 2, bias=True))

    def mixer(i: int) -> tuple[str, Block]:
        late = i >= half + 2
        if i % step == 0:
            return ("gated_memory", gate) if late else ("linear_attention", mamba)
        if late:
            return "shared_attention", cross
        own = Attention(
            d_model=d, n_heads=plain.n_heads, n_kv=plain.n_kv, d_head=plain.d_head,
            window=windows[i], bias=True, out_bias=True, extra=extra,
        )  # fmt: skip
        return "full_attention" if windows[i] is None else "sliding_attention", own.block

    made = [mixer(i) for i in range(n)]
    vocab = f.integer("vocab_size", default=200064)
    f.accept("lm_head_bias", False)
    f.accept("mlp_bias", False)
    return Body(
        d_model=d,
        vocab_size=vocab,
        layers=tuple(Layer(kind=kind, blocks=(block, *feed)) for kind, block in made),
        outside=around(d, vocab, tied=f.flag("tie_word_embeddings", default=True), norm_bias=True),
    )


def _windows(f: Fields, n: int, window: int | None, half: int) -> list[int | None]:
    """Of each layer: the file's list, else the one window in the first half."""
    listed = f.get("sliding_window")
    if not isinstance(listed, list):
        return [window if i < half else None for i in range(n)]
    if len(listed) != n or any(w is not None and (type(w) is not int or w < 1) for w in listed):
        raise f.refuse(f"sliding_window must give a window or null for each of the {n} layers")
    return listed


def plamo2(f: Fields) -> Body:
    """PLaMo 2: Mamba whose step sizes are one a head, attention with norms of its own for each head, in turn."""
    d, n = f.integer("hidden_size", default=4096), f.n_layers(32)
    d_head = f.integer("hidden_size_per_head", default=128)
    heads, states = f.integer("mamba_num_heads", default=64), f.integer("mamba_d_state", default=64)
    taps, rank, inner = f.integer("mamba_d_conv", default=4), max(64, d // 16), heads * d_head
    matrices = 3 * d * inner + inner * (rank + 2 * states) + rank * heads
    mamba = Block(
        part="recurrent",
        weights=matrices + inner * taps + 3 * heads + rank + 2 * states,
        matrices=matrices,
        recurrence=inner * (5 * states + 3) + 2 * heads + 2 * inner * taps,
        recurrent=inner * states,
        conv=inner * taps,
        conv_columns=taps,
    )
    n_heads, n_kv = f.heads(default=32, default_kv=4)
    window, full = f.optional("attention_window_size", default=2048), f.indices("full_attention_idx", n) or ()
    step = f.integer("mamba_step", default=2)
    enabled = f.flag("mamba_enabled", default=True)
    last_only = n <= step // 2
    feed = (mlp(d, f.integer("intermediate_size", default=13312)), norm(d, 4))

    def layer(i: int) -> Layer:
        recurs = enabled and (i != n - 1 if last_only else i % step != step // 2)
        if recurs:
            return Layer(kind="linear_attention", blocks=(mamba, *feed))
        seen = None if i in full else window
        attention = Attention(
            d_model=d, n_heads=n_heads, n_kv=n_kv, d_head=d_head, window=seen, extra=(n_heads + n_kv) * d_head
        )
        return Layer(
            kind="full_attention" if seen is None else "sliding_attention", blocks=(attention.block, *feed)
        )

    f.ignore("mamba_chunk_size", "eval_attention_n_bit", "eval_mlp_n_bit", "use_predefined_initial_state")
    layers = tuple(layer(i) for i in range(n))
    return decoder(f, layers, d_model=d, vocab_size=100000, tied=True)


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
