"""The selective scan on a GPU: a program walks along one sequence with the states of some channels in registers.

Forward keeps the state before every `chunk`-th position; backward computes the states of a chunk again from there,
then walks the chunk from its end. The plain version is `reference.py`.
"""
# pyright: standard, reportMissingImports=false, reportIndexIssue=false, reportArgumentType=false, reportOperatorIssue=false, reportCallIssue=false

import triton
import triton.language as tl

from plait.kernels.common.gpu_tiles import member_kernel


@member_kernel
def scan_forward(
    x, dt, A, BC, y, kept, A_stride, batch, time,
    INNER: tl.constexpr, N: tl.constexpr, CHANNELS: tl.constexpr, STATES: tl.constexpr, CHUNK: tl.constexpr,
    LOG: tl.constexpr,
):  # fmt: skip
    """`y` without the skip; `BC` holds each position's B, then its C; `kept` `(sequences, chunks, N, INNER)`.

    With LOG, `A` holds the logarithms of `-A`.
    """
    sequence = tl.program_id(0).to(tl.int64)
    c = tl.program_id(1) * CHANNELS + tl.arange(0, CHANNELS)
    n = tl.arange(0, STATES)
    inside = (n < N)[:, None] & (c < INNER)[None, :]
    rate = _rates(A + (sequence // batch) * A_stride, c, n, inside, N, LOG)
    x, dt, y = x + sequence * time * INNER, dt + sequence * time * INNER, y + sequence * time * INNER
    BC += sequence * time * 2 * N
    kept += sequence * tl.cdiv(time, CHUNK) * N * INNER
    state = tl.zeros([STATES, CHANNELS], A.dtype.element_ty)
    for first in range(0, time, CHUNK):
        tl.store(kept + (first // CHUNK) * N * INNER + n[:, None] * INNER + c[None, :], state, mask=inside)
        xs, dts, Bs, Cs = (), (), (), ()
        for i in tl.static_range(CHUNK):
            xs += (tl.load(x + (first + i) * INNER + c, mask=(first + i < time) & (c < INNER), other=0.0),)
            dts += (tl.load(dt + (first + i) * INNER + c, mask=(first + i < time) & (c < INNER), other=0.0),)
            Bs += (tl.load(BC + (first + i) * 2 * N + n, mask=(first + i < time) & (n < N), other=0.0),)
            Cs += (tl.load(BC + (first + i) * 2 * N + N + n, mask=(first + i < time) & (n < N), other=0.0),)
        ys = ()
        for i in tl.static_range(CHUNK):
            state = tl.exp(dts[i][None, :] * rate) * state + (dts[i] * xs[i])[None, :] * Bs[i][:, None]
            ys += (tl.sum(state * Cs[i][:, None], axis=0),)
        for i in tl.static_range(CHUNK):
            tl.store(y + (first + i) * INNER + c, ys[i], mask=(first + i < time) & (c < INNER))


@member_kernel
def scan_backward(
    x, dt, A, BC, kept, dy, dx, ddt, dA, dBC, A_stride, batch, time,
    INNER: tl.constexpr, N: tl.constexpr, CHANNELS: tl.constexpr, STATES: tl.constexpr, CHUNK: tl.constexpr,
    LOG: tl.constexpr,
):  # fmt: skip
    """Gradients of `scan_forward`; `dA` for each sequence, `dBC` `(rows, blocks of channels, 2 N)`."""
    sequence = tl.program_id(0).to(tl.int64)
    block, n_blocks = tl.program_id(1), tl.num_programs(1)
    c = block * CHANNELS + tl.arange(0, CHANNELS)
    n = tl.arange(0, STATES)
    inside = (n < N)[:, None] & (c < INNER)[None, :]
    rate = _rates(A + (sequence // batch) * A_stride, c, n, inside, N, LOG)
    x, dt, dy = x + sequence * time * INNER, dt + sequence * time * INNER, dy + sequence * time * INNER
    dx, ddt = dx + sequence * time * INNER, ddt + sequence * time * INNER
    BC += sequence * time * 2 * N
    dBC += (sequence * time * n_blocks + block) * 2 * N
    n_chunks = tl.cdiv(time, CHUNK)
    kept += sequence * n_chunks * N * INNER
    by_state = tl.zeros([STATES, CHANNELS], A.dtype.element_ty)
    by_rate = tl.zeros([STATES, CHANNELS], A.dtype.element_ty)
    for back in range(n_chunks):
        chunk = n_chunks - 1 - back
        first = chunk * CHUNK
        at = kept + chunk * N * INNER + n[:, None] * INNER + c[None, :]
        states = (tl.load(at, mask=inside, other=0.0),)
        xs, dts, Bs, Cs, dys = (), (), (), (), ()
        for i in tl.static_range(CHUNK):
            xs += (tl.load(x + (first + i) * INNER + c, mask=(first + i < time) & (c < INNER), other=0.0),)
            dts += (tl.load(dt + (first + i) * INNER + c, mask=(first + i < time) & (c < INNER), other=0.0),)
            dys += (tl.load(dy + (first + i) * INNER + c, mask=(first + i < time) & (c < INNER), other=0.0),)
            Bs += (tl.load(BC + (first + i) * 2 * N + n, mask=(first + i < time) & (n < N), other=0.0),)
            Cs += (tl.load(BC + (first + i) * 2 * N + N + n, mask=(first + i < time) & (n < N), other=0.0),)
        for i in tl.static_range(CHUNK):
            new = tl.exp(dts[i][None, :] * rate) * states[i] + (dts[i] * xs[i])[None, :] * Bs[i][:, None]
            states += (new,)
        dxs, ddts, dBs, dCs = (), (), (), ()
        for i in tl.static_range(CHUNK - 1, -1, -1):
            by_state += Cs[i][:, None] * dys[i][None, :]
            dCs += (tl.sum(states[i + 1] * dys[i][None, :], axis=1),)
            dBs += (tl.sum(by_state * (dts[i] * xs[i])[None, :], axis=1),)
            by_input = tl.sum(by_state * Bs[i][:, None], axis=0)
            by_state = by_state * tl.exp(dts[i][None, :] * rate)
            carried = by_state * states[i]
            by_rate += carried * dts[i][None, :]
            ddts += (tl.sum(carried * rate, axis=0) + by_input * xs[i],)
            dxs += (by_input * dts[i],)
        for i in tl.static_range(CHUNK):
            tl.store(dx + (first + i) * INNER + c, dxs[CHUNK - 1 - i], mask=(first + i < time) & (c < INNER))
            tl.store(
                ddt + (first + i) * INNER + c, ddts[CHUNK - 1 - i], mask=(first + i < time) & (c < INNER)
            )
            tl.store(
                dBC + (first + i) * n_blocks * 2 * N + n,
                dBs[CHUNK - 1 - i],
                mask=(first + i < time) & (n < N),
            )
            tl.store(
                dBC + (first + i) * n_blocks * 2 * N + N + n,
                dCs[CHUNK - 1 - i],
                mask=(first + i < time) & (n < N),
            )
    if LOG:
        by_rate = by_rate * rate
    tl.store(dA + sequence * INNER * N + c[None, :] * N + n[:, None], by_rate, mask=inside)


@triton.jit
def _rates(A, c, n, inside, N: tl.constexpr, LOG: tl.constexpr):
    rate = tl.load(A + c[None, :] * N + n[:, None], mask=inside, other=0.0)
    if LOG:
        rate = tl.where(inside, -tl.exp(rate), 0.0)
    return rate
