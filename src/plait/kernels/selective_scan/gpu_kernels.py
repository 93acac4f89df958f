"""The selective scan on a GPU: a program walks along one sequence with the states of some channels in registers.

Forward keeps the state before every `chunk`-th position; backward computes the states of a chunk again from there,
then walks the chunk from its end. The plain version is `reference.py`. `scan_*` are stages of the fused Mamba layer.
`tiled_*` are the scan alone (`gpu.py`): a program's tile `(STATES, CHANNELS)` has its lanes over both axes, so that
sums over states and over channels take few shuffles each; all that is loaded and stored as such a tile lies with its
channels next to each other, so one layout serves all. `rate` is A log2(e), since `exp2` is one instruction where `exp`
is five.
"""
# pyright: standard, reportMissingImports=false, reportIndexIssue=false, reportArgumentType=false, reportOperatorIssue=false, reportCallIssue=false

import triton
import triton.language as tl

from plait.kernels.common.gpu_tiles import member_kernel, sized_kernel


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


_LN2 = tl.constexpr(0.6931471805599453)  # log 2


@sized_kernel("batch", "time", "B_row", "C_row")
def tiled_forward(
    x, dt, rate, B, C, y, kept, batch, time, B_row, C_row,
    INNER: tl.constexpr, N: tl.constexpr, CHANNELS: tl.constexpr, STATES: tl.constexpr, CHUNK: tl.constexpr,
):  # fmt: skip
    """`y` without the skip and `kept` `(sequences, chunks, N, INNER)`; `rate` `(members, N, INNER)`.

    Rows of `B` and `C` lie apart by what is named so.
    """
    sequence = tl.program_id(0).to(tl.int64)
    c = tl.program_id(1) * CHANNELS + tl.arange(0, CHANNELS)
    n = tl.arange(0, STATES)
    channel, known = _is_inside(c, INNER, CHANNELS), _is_inside(n, N, STATES)
    tile = n[:, None] * INNER + c[None, :]
    inside = known[:, None] & channel[None, :]
    kind = rate.dtype.element_ty
    rates = tl.load(rate + (sequence // batch) * N * INNER + tile, mask=inside, other=0.0)
    kept += sequence * tl.cdiv(time, CHUNK) * N * INNER
    x, dt, y = x + sequence * time * INNER, dt + sequence * time * INNER, y + sequence * time * INNER
    B, C = B + sequence * time * B_row, C + sequence * time * C_row
    state = tl.zeros([STATES, CHANNELS], kind)
    for first in range(0, time, CHUNK):
        tl.store(kept + tile, state, mask=inside)
        kept += N * INNER
        xs, dts, Bs, Cs = (), (), (), ()
        for i in tl.static_range(CHUNK):
            here = first + i < time
            mask = here & channel
            xs += (tl.load(x + (first + i) * INNER + c, mask=mask, other=0.0).to(kind),)
            dts += (tl.load(dt + (first + i) * INNER + c, mask=mask, other=0.0),)
            Bs += (tl.load(B + (first + i) * B_row + n, mask=here & known, other=0.0).to(kind),)
            Cs += (tl.load(C + (first + i) * C_row + n, mask=here & known, other=0.0).to(kind),)
        ys = ()
        for i in tl.static_range(CHUNK):
            state = tl.exp2(dts[i][None, :] * rates) * state + (dts[i] * xs[i])[None, :] * Bs[i][:, None]
            ys += (tl.sum(state * Cs[i][:, None], axis=0),)
        for i in tl.static_range(CHUNK):
            tl.store(y + (first + i) * INNER + c, ys[i], mask=(first + i < time) & channel)


@sized_kernel("batch", "time", "B_row", "C_row")
def tiled_backward(
    x, dt, rate, B, C, kept, dy, dx, ddt, drate, dBC, batch, time, B_row, C_row,
    INNER: tl.constexpr, N: tl.constexpr, CHANNELS: tl.constexpr, STATES: tl.constexpr, CHUNK: tl.constexpr,
):  # fmt: skip
    """Gradients of `tiled_forward`.

    `drate` `(sequences, N, INNER)` is the one by A, `dBC` `(rows, blocks of channels, 2 N)`.
    """
    sequence = tl.program_id(0).to(tl.int64)
    block, n_blocks = tl.program_id(1), tl.num_programs(1)
    c = block * CHANNELS + tl.arange(0, CHANNELS)
    n = tl.arange(0, STATES)
    channel, known = _is_inside(c, INNER, CHANNELS), _is_inside(n, N, STATES)
    tile = n[:, None] * INNER + c[None, :]
    inside = known[:, None] & channel[None, :]
    kind = rate.dtype.element_ty
    rates = tl.load(rate + (sequence // batch) * N * INNER + tile, mask=inside, other=0.0)
    n_chunks = tl.cdiv(time, CHUNK)
    kept += (sequence + 1) * n_chunks * N * INNER
    x, dt, dy = x + sequence * time * INNER, dt + sequence * time * INNER, dy + sequence * time * INNER
    dx, ddt = dx + sequence * time * INNER, ddt + sequence * time * INNER
    B, C = B + sequence * time * B_row, C + sequence * time * C_row
    dBC += (sequence * time * n_blocks + block) * 2 * N
    by_state = tl.zeros([STATES, CHANNELS], kind)
    by_rate = tl.zeros([STATES, CHANNELS], kind)
    for back in range(n_chunks):
        first = (n_chunks - 1 - back) * CHUNK
        kept -= N * INNER
        states, decays = (tl.load(kept + tile, mask=inside, other=0.0),), ()
        xs, dts, us, dys, Bs, Cs = (), (), (), (), (), ()
        for i in tl.static_range(CHUNK):
            here = first + i < time
            mask = here & channel
            xs += (tl.load(x + (first + i) * INNER + c, mask=mask, other=0.0).to(kind),)
            dts += (tl.load(dt + (first + i) * INNER + c, mask=mask, other=0.0),)
            dys += (tl.load(dy + (first + i) * INNER + c, mask=mask, other=0.0),)
            us += (dts[i] * xs[i],)
            Bs += (tl.load(B + (first + i) * B_row + n, mask=here & known, other=0.0).to(kind),)
            Cs += (tl.load(C + (first + i) * C_row + n, mask=here & known, other=0.0).to(kind),)
        for i in tl.static_range(CHUNK):
            decays += (tl.exp2(dts[i][None, :] * rates),)
            states += (decays[i] * states[i] + us[i][None, :] * Bs[i][:, None],)
        for i in tl.static_range(CHUNK - 1, -1, -1):
            by_state += Cs[i][:, None] * dys[i][None, :]
            dC = tl.sum(states[i + 1] * dys[i][None, :], axis=1)
            dB = tl.sum(by_state * us[i][None, :], axis=1)
            by_input = tl.sum(by_state * Bs[i][:, None], axis=0)
            by_state = by_state * decays[i]
            carried = by_state * states[i]
            by_rate += carried * dts[i][None, :]
            by_step = tl.sum(carried * rates, axis=0) * _LN2 + by_input * xs[i]
            here = first + i < time
            mask, at = here & channel, (first + i) * INNER + c
            tl.store(dx + at, (by_input * dts[i]).to(dx.dtype.element_ty), mask=mask)
            tl.store(ddt + at, by_step, mask=mask)
            tl.store(dBC + (first + i) * n_blocks * 2 * N + n, dB, mask=here & known)
            tl.store(dBC + (first + i) * n_blocks * 2 * N + N + n, dC, mask=here & known)
    tl.store(drate + sequence * N * INNER + tile, by_rate, mask=inside)


@triton.jit
def _is_inside(index, SIZE: tl.constexpr, BLOCK: tl.constexpr):
    """Whether each is below SIZE, which blocks that divide it need not ask."""
    if SIZE % BLOCK == 0:
        return tl.full([BLOCK], True, tl.int1)
    return index < SIZE
