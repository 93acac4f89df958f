"""Sliding-window attention from turned projections in memory, in tiles of queries by keys.

Forward keeps each query's log-sum-exp; backward computes weights again from it, once by queries and once by keys,
so that nothing is added atomically. Source: Dao, "FlashAttention-2", arXiv 2307.08691, algorithms 1 and 2.

Otherwise than there, a query's mean of what comes down to its weights is summed over these values themselves, not taken
from output and its gradient: where one weight is 1, as in a construction, the two must cancel to the last bit, because
what is left is multiplied by keys and queries of any size. For the same reason every kernel computes these products
as queries by keys.
"""
# pyright: standard, reportPossiblyUnboundVariable=false, reportMissingImports=false, reportIndexIssue=false, reportArgumentType=false, reportOperatorIssue=false

import triton
import triton.language as tl

from plait.kernels.common.gpu_tiles import HOST_NUMBERS, load_lse, product, store_lse
from plait.kernels.dropout.gpu import factors


@triton.jit
def _rows(matrix, row, f, first, time, WIDTH: tl.constexpr, STRIDE: tl.constexpr):
    mask = (row < time)[:, None] & (f < WIDTH)[None, :]
    return tl.load(matrix + row[:, None] * STRIDE + (first + f)[None, :], mask=mask, other=0.0)


@triton.jit
def _visible(query, key, time, window):
    distance = query[:, None] - key[None, :]
    return (distance >= 0) & (distance < window) & (query < time)[:, None] & (key < time)[None, :]


@triton.jit(do_not_specialize=("batch", *HOST_NUMBERS))
def attend(
    qkv, out, lse, time, window, scale, batch, seeds, clock, draw, step, purpose, limit, inverse,
    D: tl.constexpr, HEADS: tl.constexpr, WIDTH: tl.constexpr, WIDTH_PAD: tl.constexpr,
    QUERIES: tl.constexpr, KEYS: tl.constexpr, PRECISION: tl.constexpr, DROP: tl.constexpr, HELD: tl.constexpr,
    FOURS: tl.constexpr,
):  # fmt: skip
    sequence, head = tl.program_id(0).to(tl.int64), tl.program_id(1)
    query = tl.program_id(2) * QUERIES + tl.arange(0, QUERIES)
    if DROP:
        seed = tl.load(seeds + sequence // batch)
        entry = (sequence % batch * HEADS + head) * time * time + query.to(tl.int64) * time
        if HELD:
            step = tl.load(clock)
    f = tl.arange(0, WIDTH_PAD)
    qkv += sequence * time * 3 * D
    at = 3 * head * WIDTH
    q = _rows(qkv, query, f, at, time, WIDTH, 3 * D) * scale
    top = tl.full([QUERIES], float("-inf"), tl.float32)
    total = tl.zeros([QUERIES], tl.float32)
    mixed = tl.zeros([QUERIES, WIDTH_PAD], tl.float32)
    first = tl.maximum(tl.program_id(2) * QUERIES - window + 1, 0) // KEYS * KEYS
    for start in range(first, tl.minimum(tl.program_id(2) * QUERIES + QUERIES, time), KEYS):
        key = start + tl.arange(0, KEYS)
        k = _rows(qkv, key, f, at + WIDTH, time, WIDTH, 3 * D)
        v = _rows(qkv, key, f, at + 2 * WIDTH, time, WIDTH, 3 * D)
        score = product(q, tl.trans(k), PRECISION)
        score = tl.where(_visible(query, key, time, window), score, float("-inf"))
        higher = tl.maximum(top, tl.max(score, axis=1))
        # A row without a visible key yet has -inf for its top; 0 stands in to keep the differences defined.
        safe = tl.where(higher == float("-inf"), 0.0, higher)
        weight = tl.exp(score - safe[:, None])
        shrink = tl.exp(top - safe)
        total = total * shrink + tl.sum(weight, axis=1)
        if DROP:
            weight *= factors(seed, entry, start, draw, step, purpose, limit, inverse, KEYS, FOURS)
        mixed = mixed * shrink[:, None] + product(weight, v, PRECISION)
        top = higher
    inside = query < time
    total = tl.where(inside, total, 1.0)
    top = tl.where(inside, top, 0.0)
    store_lse(lse, (sequence * HEADS + head) * time + query, top, total, inside)
    mask = inside[:, None] & (f < WIDTH)[None, :]
    value = mixed / total[:, None]
    tl.store(out + sequence * time * D + query[:, None] * D + (head * WIDTH + f)[None, :], value, mask=mask)


@triton.jit(do_not_specialize=("batch", *HOST_NUMBERS))
def attend_backward_queries(
    qkv, lse, dout, dqkv, mean_out, time, window, scale, batch, seeds, clock, draw, step, purpose, limit, inverse,
    D: tl.constexpr, HEADS: tl.constexpr, WIDTH: tl.constexpr, WIDTH_PAD: tl.constexpr,
    QUERIES: tl.constexpr, KEYS: tl.constexpr, PRECISION: tl.constexpr, DROP: tl.constexpr, HELD: tl.constexpr,
    FOURS: tl.constexpr,
):  # fmt: skip
    """The gradients of turned queries, and in `mean_out` each query's mean of `dout` times values, one a head."""
    sequence, head = tl.program_id(0).to(tl.int64), tl.program_id(1)
    query = tl.program_id(2) * QUERIES + tl.arange(0, QUERIES)
    if DROP:
        seed = tl.load(seeds + sequence // batch)
        entry = (sequence % batch * HEADS + head) * time * time + query.to(tl.int64) * time
        if HELD:
            step = tl.load(clock)
    f = tl.arange(0, WIDTH_PAD)
    qkv += sequence * time * 3 * D
    at = 3 * head * WIDTH
    q = _rows(qkv, query, f, at, time, WIDTH, 3 * D) * scale
    up = _rows(dout + sequence * time * D, query, f, head * WIDTH, time, WIDTH, D)
    of_query = (sequence * HEADS + head) * time + query
    top, log_total = load_lse(lse, of_query, query < time)
    first = tl.maximum(tl.program_id(2) * QUERIES - window + 1, 0) // KEYS * KEYS
    last = tl.minimum(tl.program_id(2) * QUERIES + QUERIES, time)
    sums = tl.zeros([QUERIES], tl.float32)
    total = tl.zeros([QUERIES], tl.float32)
    for start in range(first, last, KEYS):
        key = start + tl.arange(0, KEYS)
        k = _rows(qkv, key, f, at + WIDTH, time, WIDTH, 3 * D)
        v = _rows(qkv, key, f, at + 2 * WIDTH, time, WIDTH, 3 * D)
        weight, by_weight = _weights(q, k, v, up, top, log_total, query, key, time, window, PRECISION)
        if DROP:
            by_weight *= factors(seed, entry, start, draw, step, purpose, limit, inverse, KEYS, FOURS)
        sums += tl.sum(weight * by_weight, axis=1)
        total += tl.sum(weight, axis=1)
    mean = sums / tl.where(total > 0.0, total, 1.0)
    tl.store(mean_out + of_query, mean, mask=query < time)
    dq = tl.zeros([QUERIES, WIDTH_PAD], tl.float32)
    for start in range(first, last, KEYS):
        key = start + tl.arange(0, KEYS)
        k = _rows(qkv, key, f, at + WIDTH, time, WIDTH, 3 * D)
        v = _rows(qkv, key, f, at + 2 * WIDTH, time, WIDTH, 3 * D)
        weight, by_weight = _weights(q, k, v, up, top, log_total, query, key, time, window, PRECISION)
        if DROP:
            by_weight *= factors(seed, entry, start, draw, step, purpose, limit, inverse, KEYS, FOURS)
        dq += product(weight * (by_weight - mean[:, None]), k, PRECISION)
    mask = (query < time)[:, None] & (f < WIDTH)[None, :]
    tl.store(
        dqkv + sequence * time * 3 * D + query[:, None] * (3 * D) + (at + f)[None, :], dq * scale, mask=mask
    )


@triton.jit
def _weights(q, k, v, up, top, log_total, query, key, time, window, PRECISION: tl.constexpr):
    """Attention weights, none above 1 whatever was rounded, and the gradients that come down to them."""
    score = product(q, tl.trans(k), PRECISION) - top[:, None] - log_total[:, None]
    visible = _visible(query, key, time, window)
    weight = tl.exp(tl.where(visible, tl.minimum(score, 0.0), float("-inf")))
    return weight, product(up, tl.trans(v), PRECISION)


@triton.jit(do_not_specialize=("batch", *HOST_NUMBERS))
def attend_backward_keys(
    qkv, lse, dout, dqkv, mean_of, time, window, scale, batch, seeds, clock, draw, step, purpose, limit, inverse,
    D: tl.constexpr, HEADS: tl.constexpr, WIDTH: tl.constexpr, WIDTH_PAD: tl.constexpr,
    QUERIES: tl.constexpr, KEYS: tl.constexpr, PRECISION: tl.constexpr, DROP: tl.constexpr, HELD: tl.constexpr,
    FOURS: tl.constexpr,
):  # fmt: skip
    """The gradients of turned keys and of values."""
    sequence, head = tl.program_id(0).to(tl.int64), tl.program_id(1)
    if DROP:
        seed, matrix = tl.load(seeds + sequence // batch), (sequence % batch * HEADS + head) * time * time
        if HELD:
            step = tl.load(clock)
    start = tl.program_id(2) * KEYS
    key = start + tl.arange(0, KEYS)
    f = tl.arange(0, WIDTH_PAD)
    qkv += sequence * time * 3 * D
    at = 3 * head * WIDTH
    k = _rows(qkv, key, f, at + WIDTH, time, WIDTH, 3 * D)
    v = _rows(qkv, key, f, at + 2 * WIDTH, time, WIDTH, 3 * D)
    dk = tl.zeros([KEYS, WIDTH_PAD], tl.float32)
    dv = tl.zeros([KEYS, WIDTH_PAD], tl.float32)
    last = tl.minimum(window + start + KEYS - 1, time)
    for begin in range(start // QUERIES * QUERIES, last, QUERIES):
        query = begin + tl.arange(0, QUERIES)
        q = _rows(qkv, query, f, at, time, WIDTH, 3 * D) * scale
        up = _rows(dout + sequence * time * D, query, f, head * WIDTH, time, WIDTH, D)
        of_query = (sequence * HEADS + head) * time + query
        top, log_total = load_lse(lse, of_query, query < time)
        mean = tl.load(mean_of + of_query, mask=query < time, other=0.0)
        weight, by_weight = _weights(q, k, v, up, top, log_total, query, key, time, window, PRECISION)
        if DROP:
            entry = matrix + query.to(tl.int64) * time
            factor = factors(seed, entry, start, draw, step, purpose, limit, inverse, KEYS, FOURS)
            by_weight *= factor
            dv += product(tl.trans(weight * factor), up, PRECISION)
        else:
            dv += product(tl.trans(weight), up, PRECISION)
        dscore = weight * (by_weight - mean[:, None])
        dk += product(tl.trans(dscore), q, PRECISION)
    mask = (key < time)[:, None] & (f < WIDTH)[None, :]
    into = dqkv + sequence * time * 3 * D + key[:, None] * (3 * D) + (at + WIDTH + f)[None, :]
    tl.store(into, dk, mask=mask)
    tl.store(into + WIDTH, dv, mask=mask)
