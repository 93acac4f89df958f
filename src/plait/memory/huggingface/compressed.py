"""DeepSeek-V4: one key that is also the value, in a window, beside a compressed cache of everything before."""

from dataclasses import replace

from plait.memory.block import Block, Layer, norm
from plait.memory.huggingface.blocks import Body, Experts, decoder, mlp, only
from plait.memory.huggingface.fields import Fields, shown
from plait.memory.huggingface.latent_table import SCORES

_WINDOW, CSA, HCA = "sliding_attention", "compressed_sparse_attention", "heavily_compressed_attention"
_BY_RATIO = {0: _WINDOW, 4: CSA, 128: HCA}
_TABLES = "the first layers' tables of experts by token, 8 bytes an entry, are buffers and not counted"


def deepseek_v4(f: Fields) -> Body:
    """DeepseekV4ForCausalLM: layers with a window alone, with overlapping pools and an indexer, or with wide pools."""
    d, n = f.integer("hidden_size", default=4096), f.n_layers(43)
    kinds = _kinds(f, n)
    heads, width = f.integer("num_attention_heads", default=64), f.integer("head_dim", default=512)
    rank, groups = f.integer("q_lora_rank", default=1024), f.integer("o_groups", default=8)
    lowered = groups * f.integer("o_lora_rank", default=1024)
    if heads * width % groups:
        raise f.refuse(f"o_groups must divide the heads' width {heads * width}, got {groups}")
    matrices = d * (rank + width) + rank * heads * width + lowered * (heads * width // groups) + lowered * d
    attention = Block(
        part="attention",
        weights=matrices + rank + width + heads,
        # Every group multiplies its own part alone.
        matrices=matrices,
        kv_per_token=width,
        window=f.integer("sliding_window", default=128),
        score=2 * heads * width,
    )
    rates = _rates(f)
    pools = {
        _WINDOW: (),
        CSA: (
            *_overlapping(d, width, rates[CSA], score=2 * heads * width),
            *_indexer(f, d, rank, rates[CSA]),
        ),
        HCA: (_pool(d, width, rates[HCA], series=1, score=2 * heads * width),),
    }
    f.ignore(
        "num_key_value_heads", "index_topk", "mlp_layer_types", "num_hash_layers", "expert_dtype", "attention_bias",
        "compress_rope_theta", "qk_rope_head_dim",
    )  # fmt: skip
    streams = f.integer("hc_mult", default=4)
    gates = (2 + streams) * streams
    mixed = Block(part="norm", weights=gates * streams * d + gates + 3, matrices=gates * streams * d)
    feed = _experts(f, d)
    # Where a window is all there is, the common cache keeps the one tensor as keys and as values.
    attends = {
        kind: attention if kind != _WINDOW else replace(attention, kv_per_token=2 * width) for kind in pools
    }
    layers = tuple(
        Layer(kind=kind, blocks=(attends[kind], *pools[kind], *feed, mixed, mixed, norm(d, 2)))
        for kind in kinds
    )
    body = decoder(f, layers, d_model=d, vocab_size=129280)
    head = Block(part="norm", weights=streams**2 * d + streams + 1, matrices=streams**2 * d)
    return replace(body, outside=(*body.outside, head), notes=(SCORES, _TABLES))


def _kinds(f: Fields, n: int) -> tuple[str, ...]:
    ratios = f.get("compress_ratios")
    if ratios is not None and (
        not isinstance(ratios, list) or len(ratios) < n or set(map(str, ratios)) - {"0", "4", "128"}
    ):
        raise f.refuse(f"compress_ratios must give {n} layers 0, 4 or 128, got {shown(ratios)}")
    if f.get("layer_types") is None and isinstance(ratios, list):
        return tuple(_BY_RATIO[int(ratio)] for ratio in ratios[:n])
    kinds = f.layer_types(default_layers=n, default=lambda i: CSA if i > 1 and i % 2 else HCA)
    only(f, kinds, tuple(_BY_RATIO.values()))
    return kinds


def _rates(f: Fields) -> dict[str, int]:
    given = f.child("compress_rates")
    return {
        CSA: f.integer("compress_rate_csa", default=given.integer(CSA, default=4)),
        HCA: f.integer("compress_rate_hca", default=given.integer(HCA, default=128)),
    }


def _pool(d: int, width: int, rate: int, *, series: int, score: int) -> Block:
    """Projections of values and gates, the tokens that no entry holds yet, and the entries."""
    matrices = 2 * d * series * width
    return Block(
        part="attention",
        weights=matrices + rate * series * width + width,
        matrices=matrices,
        pool=rate,
        pool_entry=width,
        pool_left=2 * series * width,
        pool_overlap=rate * width if series > 1 else 0,
        pool_wide=rate * width if series > 1 else 0,
        score=score,
    )


def _overlapping(d: int, width: int, rate: int, *, score: int) -> tuple[Block, ...]:
    return (_pool(d, width, rate, series=2, score=score),)


def _indexer(f: Fields, d: int, rank: int, rate: int) -> tuple[Block, ...]:
    """A smaller compressor of its own, and the queries that score its entries."""
    heads, width = f.integer("index_n_heads", default=64), f.integer("index_head_dim", default=128)
    matrices = rank * heads * width + d * heads
    return (
        _pool(d, width, rate, series=2, score=heads * width),
        Block(part="attention", weights=matrices, matrices=matrices),
    )


def _experts(f: Fields, d: int) -> tuple[Block, Block]:
    units = f.integer("moe_intermediate_size", "intermediate_size", default=2048)
    routed = Experts(
        d_model=d,
        n_experts=f.renamed("num_local_experts", "n_routed_experts", default=256),
        per_token=f.integer("num_experts_per_tok", default=6),
        d_mlp=units,
    ).block
    f.accept("n_shared_experts", 1)
    bias = f.flag("mlp_bias", default=False)
    return routed, replace(mlp(d, units, bias=bias), part="shared experts")
