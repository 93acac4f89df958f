"""Sliding-window attention from turned projections in memory, in tiles of queries by keys.

Forward keeps each query's log-sum-exp; backward computes weights again from it, once by queries and once by keys,
so that nothing is added atomically. Source: Dao, "FlashAttention-2", arXiv 2307.08691, algorithms 1 and 2.
"""
# pyright: standard, reportMissingImports=false, reportIndexIssue=false, reportArgumentType=false, reportOperatorIssue=false

import triton
import triton.language as tl


@triton.jit
def _rows(matrix, row, f, first, time, WIDTH: tl.constexpr, STRIDE: tl.constexpr):
    mask = (row < time)[:, None] & (f < WIDTH)[None, :]
    return tl.load(matrix + row[:, None] * STRIDE + (first + f)[None, :], mask=mask, other=0.0)


@triton.jit
def _visible(query, key, time, window):
    distance = query[:, None] - key[None, :]
    return (distance >= 0) & (distance < window) & (query < time)[:, None] & (key < time)[None, :]


@triton.jit
def attend(
    qkv, out, lse, time, window, scale,
    D: tl.constexpr, HEADS: tl.constexpr, WIDTH: tl.constexpr, WIDTH_PAD: tl.constexpr,
    QUERIES: tl.constexpr, KEYS: tl.constexpr, PRECISION: tl.constexpr,
):  # fmt: skip
    sequence, head = tl.program_id(0).to(tl.int64), tl.program_id(1)
    query = tl.program_id(2) * QUERIES + tl.arange(0, QUERIES)
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
        score = tl.dot(q, tl.trans(k), input_precision=PRECISION)
        score = tl.where(_visible(query, key, time, window), score, float("-inf"))
        higher = tl.maximum(top, tl.max(score, axis=1))
        # A row without a visible key yet has -inf for its top; 0 stands in to keep the differences defined.
        safe = tl.where(higher == float("-inf"), 0.0, higher)
        weight = tl.exp(score - safe[:, None])
        shrink = tl.exp(top - safe)
        total = total * shrink + tl.sum(weight, axis=1)
        mixed = mixed * shrink[:, None] + tl.dot(weight, v, input_precision=PRECISION)
        top = higher
    inside = query < time
    total = tl.where(inside, total, 1.0)
    top = tl.where(inside, top, 0.0)
    tl.store(lse + (sequence * HEADS + head) * time + query, top + tl.log(total), mask=inside)
    mask = inside[:, None] & (f < WIDTH)[None, :]
    value = mixed / total[:, None]
    tl.store(out + sequence * time * D + query[:, None] * D + (head * WIDTH + f)[None, :], value, mask=mask)


@triton.jit
def attend_backward_queries(
    qkv, out, lse, dout, dqkv, time, window, scale,
    D: tl.constexpr, HEADS: tl.constexpr, WIDTH: tl.constexpr, WIDTH_PAD: tl.constexpr,
    QUERIES: tl.constexpr, KEYS: tl.constexpr, PRECISION: tl.constexpr,
):  # fmt: skip
    """The gradients of turned queries."""
    sequence, head = tl.program_id(0).to(tl.int64), tl.program_id(1)
    query = tl.program_id(2) * QUERIES + tl.arange(0, QUERIES)
    f = tl.arange(0, WIDTH_PAD)
    qkv += sequence * time * 3 * D
    at = 3 * head * WIDTH
    q = _rows(qkv, query, f, at, time, WIDTH, 3 * D) * scale
    up = _rows(dout + sequence * time * D, query, f, head * WIDTH, time, WIDTH, D)
    down = tl.sum(up * _rows(out + sequence * time * D, query, f, head * WIDTH, time, WIDTH, D), axis=1)
    norm = tl.load(lse + (sequence * HEADS + head) * time + query, mask=query < time, other=0.0)
    dq = tl.zeros([QUERIES, WIDTH_PAD], tl.float32)
    first = tl.maximum(tl.program_id(2) * QUERIES - window + 1, 0) // KEYS * KEYS
    for start in range(first, tl.minimum(tl.program_id(2) * QUERIES + QUERIES, time), KEYS):
        key = start + tl.arange(0, KEYS)
        k = _rows(qkv, key, f, at + WIDTH, time, WIDTH, 3 * D)
        v = _rows(qkv, key, f, at + 2 * WIDTH, time, WIDTH, 3 * D)
        score = tl.dot(q, tl.trans(k), input_precision=PRECISION) - norm[:, None]
        weight = tl.exp(tl.where(_visible(query, key, time, window), score, float("-inf")))
        by_weight = tl.dot(up, tl.trans(v), input_precision=PRECISION)
        dq += tl.dot(weight * (by_weight - down[:, None]), k, input_precision=PRECISION)
    mask = (query < time)[:, None] & (f < WIDTH)[None, :]
    tl.store(
        dqkv + sequence * time * 3 * D + query[:, None] * (3 * D) + (at + f)[None, :], dq * scale, mask=mask
    )


@triton.jit
def attend_backward_keys(
    qkv, out, lse, dout, dqkv, time, window, scale,
    D: tl.constexpr, HEADS: tl.constexpr, WIDTH: tl.constexpr, WIDTH_PAD: tl.constexpr,
    QUERIES: tl.constexpr, KEYS: tl.constexpr, PRECISION: tl.constexpr,
):  # fmt: skip
    """The gradients of turned keys and of values."""
    sequence, head = tl.program_id(0).to(tl.int64), tl.program_id(1)
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
        down = tl.sum(up * _rows(out + sequence * time * D, query, f, head * WIDTH, time, WIDTH, D), axis=1)
        norm = tl.load(lse + (sequence * HEADS + head) * time + query, mask=query < time, other=0.0)
        score = tl.dot(k, tl.trans(q), input_precision=PRECISION) - norm[None, :]
        visible = tl.trans(_visible(query, key, time, window))
        weight = tl.exp(tl.where(visible, score, float("-inf")))
        dv += tl.dot(weight, up, input_precision=PRECISION)
        by_weight = tl.dot(v, tl.trans(up), input_precision=PRECISION)
        dk += tl.dot(weight * (by_weight - down[None, :]), q, input_precision=PRECISION)
    mask = (key < time)[:, None] & (f < WIDTH)[None, :]
    into = dqkv + sequence * time * 3 * D + key[:, None] * (3 * D) + (at + WIDTH + f)[None, :]
    tl.store(into, dk, mask=mask)
    tl.store(into + WIDTH, dv, mask=mask)
