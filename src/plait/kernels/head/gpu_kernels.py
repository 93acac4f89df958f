"""Embedding, and final LayerNorm, tied unembedding and cross-entropy, over tiles of tokens of one member.

The embedding's gradient is a product with one-hot rows; the head takes some words at a time.
"""
# pyright: standard, reportMissingImports=false, reportIndexIssue=false, reportArgumentType=false, reportOperatorIssue=false

import triton
import triton.language as tl

from plait.kernels.common.gpu_tiles import (
    load_lse,
    load_rows,
    load_transposed,
    load_vector,
    member_kernel,
    normalise,
    normalise_backward,
    product,
    store_lse,
    store_rows,
)  # fmt: skip


@member_kernel
def look_up(table, tokens, out, table_stride, rows, D: tl.constexpr, D_PAD: tl.constexpr, ROWS: tl.constexpr):
    member = tl.program_id(0).to(tl.int64)
    row = tl.program_id(1) * ROWS + tl.arange(0, ROWS)
    f = tl.arange(0, D_PAD)
    token = tl.load(tokens + member * rows + row, mask=row < rows, other=0)
    mask = (row < rows)[:, None] & (f < D)[None, :]
    value = tl.load(table + member * table_stride + token[:, None] * D + f[None, :], mask=mask, other=0.0)
    store_rows(out + member * rows * D, value, row, f, rows, D)


@triton.jit
def sum_by_word(
    tokens, dout, packed, rows,
    D: tl.constexpr, V: tl.constexpr, D_PAD: tl.constexpr, WORDS: tl.constexpr, ROWS: tl.constexpr,
    PRECISION: tl.constexpr,
):  # fmt: skip
    """`packed` `(members, parts, V, D)`."""
    member, part = tl.program_id(0).to(tl.int64), tl.program_id(1)
    parts = tl.num_programs(1)
    f = tl.arange(0, D_PAD)
    word = tl.program_id(2) * WORDS + tl.arange(0, WORDS)
    by_word = tl.zeros([WORDS, D_PAD], tl.float32)
    share = tl.cdiv(tl.cdiv(rows, ROWS), parts)
    for block in range(part * share, (part + 1) * share):
        row = block * ROWS + tl.arange(0, ROWS)
        token = tl.load(tokens + member * rows + row, mask=row < rows, other=-1).to(tl.int32)
        here = tl.where(word[:, None] == token[None, :], 1.0, 0.0)
        up = load_rows(dout + member * rows * D, row, f, rows, D)
        by_word += product(here, up, PRECISION)
    store_rows(packed + (member * parts + part) * V * D, by_word, word, f, V, D)


@triton.jit
def _normed(
    hidden, norm, norm_bias, member, row, f, rows, norm_stride, norm_bias_stride, eps, D: tl.constexpr
):
    normal, scale = normalise(load_rows(hidden + member * rows * D, row, f, rows, D), f < D, D, eps)
    weight = load_vector(norm + member * norm_stride, f, D)
    normed = normal * weight[None, :] + load_vector(norm_bias + member * norm_bias_stride, f, D)[None, :]
    return normed, normal, scale, weight


@member_kernel
def score(
    hidden, norm, norm_bias, embedding, targets, scored, lse, sums, norm_stride, norm_bias_stride,
    embedding_stride, rows, eps,
    D: tl.constexpr, V: tl.constexpr, D_PAD: tl.constexpr, WORDS: tl.constexpr, ROWS: tl.constexpr,
    PRECISION: tl.constexpr,
):  # fmt: skip
    """`sums` `(members, parts, 3)`, float64: cross-entropy in nats, right answers, scored tokens."""
    member, part = tl.program_id(0).to(tl.int64), tl.program_id(1)
    parts = tl.num_programs(1)
    f = tl.arange(0, D_PAD)
    embedding += member * embedding_stride
    nats = tl.zeros([ROWS], tl.float64)
    right = tl.zeros([ROWS], tl.float64)
    seen = tl.zeros([ROWS], tl.float64)
    share = tl.cdiv(tl.cdiv(rows, ROWS), parts)
    for block in range(part * share, (part + 1) * share):
        row = block * ROWS + tl.arange(0, ROWS)
        normed, _, _, _ = _normed(
            hidden, norm, norm_bias, member, row, f, rows, norm_stride, norm_bias_stride, eps, D
        )
        target = tl.load(targets + member * rows + row, mask=row < rows, other=0).to(tl.int32)
        counts = tl.load(scored + member * rows + row, mask=row < rows, other=0) != 0
        top = tl.full([ROWS], float("-inf"), tl.float32)
        best = tl.full([ROWS], V, tl.int32)
        total = tl.zeros([ROWS], tl.float32)
        picked = tl.zeros([ROWS], tl.float32)
        for first in range(0, V, WORDS):
            word = first + tl.arange(0, WORDS)
            logits = product(normed, load_transposed(embedding, word, f, V, D), PRECISION)
            picked += tl.sum(tl.where(word[None, :] == target[:, None], logits, 0.0), axis=1)
            logits = tl.where((word < V)[None, :], logits, float("-inf"))
            here = tl.max(logits, axis=1)
            where = tl.min(tl.where(logits == here[:, None], word[None, :], V), axis=1)
            best = tl.where(here > top, where, best)
            higher = tl.maximum(top, here)
            total = total * tl.exp(top - higher) + tl.sum(tl.exp(logits - higher[:, None]), axis=1)
            top = higher
        store_lse(lse, member * rows + row, top, total, row < rows)
        nats += tl.where(counts, top - picked + tl.log(total), 0.0).to(tl.float64)
        right += (counts & (best == target)).to(tl.float64)
        seen += counts.to(tl.float64)
    sums += (member * parts + part) * 3
    tl.store(sums, tl.sum(nats, axis=0))
    tl.store(sums + 1, tl.sum(right, axis=0))
    tl.store(sums + 2, tl.sum(seen, axis=0))


@member_kernel
def hidden_backward(
    hidden, norm, norm_bias, embedding, targets, scored, lse, share_of, dhidden, packed, norm_stride,
    norm_bias_stride, embedding_stride, rows, eps,
    D: tl.constexpr, V: tl.constexpr, D_PAD: tl.constexpr, WORDS: tl.constexpr, ROWS: tl.constexpr,
    PRECISION: tl.constexpr,
):  # fmt: skip
    """`share_of`: the weight of a member's scored token; `packed` `(members, parts, 2 D)` gets the norm's gradients."""
    member, part = tl.program_id(0).to(tl.int64), tl.program_id(1)
    parts = tl.num_programs(1)
    f = tl.arange(0, D_PAD)
    embedding += member * embedding_stride
    weight_of_token = tl.load(share_of + member)
    by_norm = tl.zeros([D_PAD], tl.float32)
    by_norm_bias = tl.zeros([D_PAD], tl.float32)
    share = tl.cdiv(tl.cdiv(rows, ROWS), parts)
    for block in range(part * share, (part + 1) * share):
        row = block * ROWS + tl.arange(0, ROWS)
        normed, normal, scale, weight = _normed(
            hidden, norm, norm_bias, member, row, f, rows, norm_stride, norm_bias_stride, eps, D
        )
        dnormed = tl.zeros([ROWS, D_PAD], tl.float32)
        for first in range(0, V, WORDS):
            word = first + tl.arange(0, WORDS)
            dlogits = _dlogits(
                normed,
                embedding,
                targets,
                scored,
                lse,
                weight_of_token,
                member,
                row,
                word,
                f,
                rows,
                D,
                V,
                PRECISION,
            )
            dnormed += product(dlogits, load_rows(embedding, word, f, V, D), PRECISION)
        by_norm += tl.sum(dnormed * normal, axis=0)
        by_norm_bias += tl.sum(dnormed, axis=0)
        dx = normalise_backward(dnormed * weight[None, :], normal, scale, D)
        store_rows(dhidden + member * rows * D, dx, row, f, rows, D)
    packed += (member * parts + part) * 2 * D
    tl.store(packed + f, by_norm, mask=f < D)
    tl.store(packed + D + f, by_norm_bias, mask=f < D)


@member_kernel
def embedding_backward(
    hidden, norm, norm_bias, embedding, targets, scored, lse, share_of, packed, norm_stride, norm_bias_stride,
    embedding_stride, rows, eps,
    D: tl.constexpr, V: tl.constexpr, D_PAD: tl.constexpr, WORDS: tl.constexpr, ROWS: tl.constexpr,
    PRECISION: tl.constexpr,
):  # fmt: skip
    """The unembedding's gradient, `packed` `(members, parts, V, D)`, a block of words a program."""
    member, part = tl.program_id(0).to(tl.int64), tl.program_id(1)
    parts = tl.num_programs(1)
    f = tl.arange(0, D_PAD)
    word = tl.program_id(2) * WORDS + tl.arange(0, WORDS)
    embedding += member * embedding_stride
    weight_of_token = tl.load(share_of + member)
    by_word = tl.zeros([WORDS, D_PAD], tl.float32)
    share = tl.cdiv(tl.cdiv(rows, ROWS), parts)
    for block in range(part * share, (part + 1) * share):
        row = block * ROWS + tl.arange(0, ROWS)
        normed, _, _, _ = _normed(
            hidden, norm, norm_bias, member, row, f, rows, norm_stride, norm_bias_stride, eps, D
        )
        dlogits = _dlogits(
            normed,
            embedding,
            targets,
            scored,
            lse,
            weight_of_token,
            member,
            row,
            word,
            f,
            rows,
            D,
            V,
            PRECISION,
        )
        by_word += product(tl.trans(dlogits), normed, PRECISION)
    store_rows(packed + (member * parts + part) * V * D, by_word, word, f, V, D)


@triton.jit
def _dlogits(
    normed, embedding, targets, scored, lse, share, member, row, word, f, rows, D: tl.constexpr, V: tl.constexpr,
    PRECISION: tl.constexpr,
):  # fmt: skip
    """(probability - target) * share at scored tokens, else 0."""
    target = tl.load(targets + member * rows + row, mask=row < rows, other=0).to(tl.int32)
    counts = tl.load(scored + member * rows + row, mask=row < rows, other=0) != 0
    top, log_total = load_lse(lse, member * rows + row, row < rows)
    logits = product(normed, load_transposed(embedding, word, f, V, D), PRECISION)
    chance = tl.where((word < V)[None, :], tl.exp(logits - top[:, None] - log_total[:, None]), 0.0)
    chance -= tl.where(word[None, :] == target[:, None], 1.0, 0.0)
    return tl.where(counts[:, None], chance * share, 0.0)
