"""Embedding: rows of each member's table, and the sums of their gradients, a product with one-hot rows."""
# pyright: standard, reportMissingImports=false, reportIndexIssue=false, reportArgumentType=false, reportOperatorIssue=false

import triton
import triton.language as tl

from plait.kernels.common.gpu_tiles import load_rows, member_kernel, product, store_rows


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
