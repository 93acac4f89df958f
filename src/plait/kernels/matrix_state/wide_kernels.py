"""Matrix states that overwrite what stood under a key, chunk by chunk in products of tiles: the kernels.

Of a chunk that begins with S, with s the running sums of log a in it and decays D = exp(s_t - s_i) for i <= t,

    L = tril(e w^T D', -1),  D'_ti = D_ti / a_t         X = (I + L)^-1                        `invert`
    z = v - (e / a exp s) S^T,  u = X z
    y = (q exp s) S^T + tril(q w^T D) u,   S <- exp(s_last) S + u^T (w exp(s_last - s))       `walk`

and from the end, with G the gradient of the state behind the chunk,

    du = tril(q w^T D)^T dy + (w exp(s_last - s)) G^T,  dz = X^T du = dv
    G <- exp(s_last) G + dy^T (q exp s) - dz^T (e / a exp s)                                  `walk_back`

after which all else is of the chunk alone (`differentiate`), dL being -tril(dz u^T, -1). Products are of numbers in the
type of the inputs, summed in float32; the inverse, the decays and what goes from chunk to chunk stay in float32.

Source: Yang, Wang, Zhang, Shen and Kim, arXiv 2406.06484, section 3; with decays arXiv 2412.06464.
"""
# pyright: standard, reportMissingImports=false, reportIndexIssue=false, reportArgumentType=false, reportOperatorIssue=false, reportCallIssue=false

import triton
import triton.language as tl


@triton.jit
def _tile(x, t, n, live, width, row):
    """Tokens by numbers of a head, zero outside."""
    mask = live[:, None] & (n < width)[None, :]
    return tl.load(x + t[:, None] * row + n[None, :], mask=mask, other=0.0)


@triton.jit
def _keep(out, value, t, n, live, width, row):
    mask = live[:, None] & (n < width)[None, :]
    tl.store(out + t[:, None] * row + n[None, :], value.to(out.dtype.element_ty), mask=mask)


@triton.jit
def _times(a, b, PRECISION: tl.constexpr):
    return tl.dot(a, b, input_precision=PRECISION)


@triton.jit
def _decays(log_a, t, live, heads):
    """log a of each token, its sums up to each, and that of the whole chunk."""
    own = tl.load(log_a + t * heads, mask=live, other=0.0)
    return own, tl.cumsum(own, 0), tl.sum(own, 0)


@triton.jit
def _between(until, since, seen):
    """exp(until_t - since_i) for the pairs that are seen, else 0."""
    return tl.where(seen, tl.exp(tl.where(seen, until[:, None] - since[None, :], 0.0)), 0.0)


@triton.jit
def invert(
    e, w, log_a, out, time, heads, keys, e_row, w_row,
    CHUNK: tl.constexpr, LEVELS: tl.constexpr, K_PAD: tl.constexpr, PRECISION: tl.constexpr,
):  # fmt: skip
    """X of every chunk, `(sequences, heads, chunks, CHUNK, CHUNK)`, CHUNK being 2^LEVELS.

    Blocks on the diagonal double until one is all: that of [[A, 0], [C, B]] has -B^-1 C A^-1 in the place of C.
    Products keep at least 21 bits.
    """
    chunk, head, sequence = tl.program_id(0), tl.program_id(1), tl.program_id(2).to(tl.int64)
    i, k = tl.arange(0, CHUNK), tl.arange(0, K_PAD)
    t = chunk * CHUNK + i
    live = t < time
    e_t = _tile(e + sequence * time * e_row + head * keys, t, k, live, keys, e_row)
    w_t = _tile(w + sequence * time * w_row + head * keys, t, k, live, keys, w_row)
    own, sums, _ = _decays(log_a + sequence * time * heads + head, t, live, heads)
    below = i[:, None] > i[None, :]
    lower = _times(e_t, tl.trans(w_t), PRECISION) * _between(sums - own, sums, below)
    inverse = tl.where(i[:, None] == i[None, :], 1.0, 0.0)
    inverse -= tl.where((i[:, None] == i[None, :] + 1) & (i[None, :] % 2 == 0), lower, 0.0)
    for level in tl.static_range(1, LEVELS):
        block = i >> level
        under = (block[:, None] == block[None, :] + 1) & (block[None, :] % 2 == 0)
        product = _times(inverse, tl.where(under, lower, 0.0), "tf32x3")
        inverse -= _times(product, inverse, "tf32x3")
    out += ((sequence * heads + head) * tl.num_programs(0) + chunk) * CHUNK * CHUNK
    tl.store(out + i[:, None] * CHUNK + i[None, :], inverse.to(out.dtype.element_ty))


@triton.jit
def walk(
    q, w, e, v, log_a, inverses, y, u, states, time, heads, keys, values, q_row, w_row, e_row, v_row,
    CHUNK: tl.constexpr, K_PAD: tl.constexpr, V_BLOCK: tl.constexpr, PRECISION: tl.constexpr,
):  # fmt: skip
    """`y` and `u`, rows of `heads * values`; states before chunks, `(sequences, heads, chunks, values, keys)`."""
    block, head, sequence = tl.program_id(0), tl.program_id(1), tl.program_id(2).to(tl.int64)
    i, k, d = tl.arange(0, CHUNK), tl.arange(0, K_PAD), block * V_BLOCK + tl.arange(0, V_BLOCK)
    DTYPE: tl.constexpr = v.dtype.element_ty
    q += sequence * time * q_row + head * keys
    w += sequence * time * w_row + head * keys
    e += sequence * time * e_row + head * keys
    v += sequence * time * v_row + head * values
    log_a += sequence * time * heads + head
    out_row = heads * values
    y += sequence * time * out_row + head * values
    u += sequence * time * out_row + head * values
    chunks = tl.cdiv(time, CHUNK)
    states += (sequence * heads + head) * chunks * values * keys
    inverses += (sequence * heads + head) * chunks * CHUNK * CHUNK
    inside = (d < values)[:, None] & (k < keys)[None, :]
    state = tl.zeros([V_BLOCK, K_PAD], tl.float32)
    for chunk in range(chunks):
        t = chunk * CHUNK + i
        live = t < time
        rounded = state.to(DTYPE)
        at = states + chunk * values * keys + d[:, None] * keys + k[None, :]
        tl.store(at, rounded, mask=inside)
        own, sums, last = _decays(log_a, t, live, heads)
        e_t = _tile(e, t, k, live, keys, e_row)
        e_t = (e_t * tl.exp(sums - own)[:, None]).to(DTYPE)
        v_t = _tile(v, t, d, live, values, v_row)
        z = v_t - _times(e_t, tl.trans(rounded), PRECISION)
        inverse = tl.load(inverses + chunk * CHUNK * CHUNK + i[:, None] * CHUNK + i[None, :])
        fresh = _times(inverse, z.to(DTYPE), PRECISION).to(DTYPE)
        _keep(u, fresh, t, d, live, values, out_row)
        q_t = _tile(q, t, k, live, keys, q_row)
        w_t = _tile(w, t, k, live, keys, w_row)
        pairs = _times(q_t, tl.trans(w_t), PRECISION) * _between(sums, sums, i[:, None] >= i[None, :])
        read = (q_t * tl.exp(sums)[:, None]).to(DTYPE)
        found = _times(read, tl.trans(rounded), PRECISION) + _times(pairs.to(DTYPE), fresh, PRECISION)
        _keep(y, found, t, d, live, values, out_row)
        left = (w_t * tl.exp(last - sums)[:, None]).to(DTYPE)
        state = state * tl.exp(last) + _times(tl.trans(fresh), left, PRECISION)


@triton.jit
def walk_back(
    q, w, e, log_a, inverses, dy, dv, by_states, time, heads, keys, values, q_row, w_row, e_row, dy_row,
    CHUNK: tl.constexpr, K_PAD: tl.constexpr, V_BLOCK: tl.constexpr, PRECISION: tl.constexpr,
):  # fmt: skip
    """`dv`, rows of `heads * values`, and G of every chunk, shaped as the states."""
    block, head, sequence = tl.program_id(0), tl.program_id(1), tl.program_id(2).to(tl.int64)
    i, k, d = tl.arange(0, CHUNK), tl.arange(0, K_PAD), block * V_BLOCK + tl.arange(0, V_BLOCK)
    DTYPE: tl.constexpr = dv.dtype.element_ty
    q += sequence * time * q_row + head * keys
    w += sequence * time * w_row + head * keys
    e += sequence * time * e_row + head * keys
    dy += sequence * time * dy_row + head * values
    log_a += sequence * time * heads + head
    out_row = heads * values
    dv += sequence * time * out_row + head * values
    chunks = tl.cdiv(time, CHUNK)
    by_states += (sequence * heads + head) * chunks * values * keys
    inverses += (sequence * heads + head) * chunks * CHUNK * CHUNK
    inside = (d < values)[:, None] & (k < keys)[None, :]
    by_state = tl.zeros([V_BLOCK, K_PAD], tl.float32)
    for back in range(chunks):
        chunk = chunks - 1 - back
        t = chunk * CHUNK + i
        live = t < time
        rounded = by_state.to(DTYPE)
        at = by_states + chunk * values * keys + d[:, None] * keys + k[None, :]
        tl.store(at, rounded, mask=inside)
        own, sums, last = _decays(log_a, t, live, heads)
        dy_t = _tile(dy, t, d, live, values, dy_row)
        q_t = _tile(q, t, k, live, keys, q_row)
        w_t = _tile(w, t, k, live, keys, w_row)
        pairs = _times(q_t, tl.trans(w_t), PRECISION) * _between(sums, sums, i[:, None] >= i[None, :])
        left = (w_t * tl.exp(last - sums)[:, None]).to(DTYPE)
        du = _times(tl.trans(pairs.to(DTYPE)), dy_t, PRECISION) + _times(left, tl.trans(rounded), PRECISION)
        inverse = tl.load(inverses + chunk * CHUNK * CHUNK + i[:, None] * CHUNK + i[None, :])
        dz = _times(tl.trans(inverse), du.to(DTYPE), PRECISION).to(DTYPE)
        _keep(dv, dz, t, d, live, values, out_row)
        read = (q_t * tl.exp(sums)[:, None]).to(DTYPE)
        e_t = _tile(e, t, k, live, keys, e_row)
        e_t = (e_t * tl.exp(sums - own)[:, None]).to(DTYPE)
        by_state = by_state * tl.exp(last) + _times(tl.trans(dy_t), read, PRECISION)
        by_state -= _times(tl.trans(dz), e_t, PRECISION)


@triton.jit
def differentiate(
    q, w, e, log_a, u, states, by_states, dy, dv, dq, dw, de, d_log_a, time, heads, keys, values,
    q_row, w_row, e_row, dy_row,
    CHUNK: tl.constexpr, K_PAD: tl.constexpr, K_BLOCK: tl.constexpr, V_BLOCK: tl.constexpr,
    PRECISION: tl.constexpr,
):  # fmt: skip
    """`dq`, `dw` and `de`, rows of `heads * keys`, and `d_log_a`, rows of `heads`."""
    chunk, head, sequence = tl.program_id(0), tl.program_id(1), tl.program_id(2).to(tl.int64)
    i, k = tl.arange(0, CHUNK), tl.arange(0, K_PAD)
    DTYPE: tl.constexpr = dq.dtype.element_ty
    t = chunk * CHUNK + i
    live = t < time
    q += sequence * time * q_row + head * keys
    w += sequence * time * w_row + head * keys
    e += sequence * time * e_row + head * keys
    dy += sequence * time * dy_row + head * values
    u += (sequence * time * heads + head) * values
    dv += (sequence * time * heads + head) * values
    places = ((sequence * heads + head) * tl.num_programs(0) + chunk) * values * keys
    states += places
    by_states += places
    own, sums, last = _decays(log_a + sequence * time * heads + head, t, live, heads)
    seen, below = i[:, None] >= i[None, :], i[:, None] > i[None, :]

    by_pairs = tl.zeros([CHUNK, CHUNK], tl.float32)
    by_lower = tl.zeros([CHUNK, CHUNK], tl.float32)
    for first in range(0, values, V_BLOCK):
        d = first + tl.arange(0, V_BLOCK)
        u_t = tl.trans(_tile(u, t, d, live, values, heads * values))
        by_pairs += _times(_tile(dy, t, d, live, values, dy_row), u_t, PRECISION)
        by_lower -= _times(_tile(dv, t, d, live, values, heads * values), u_t, PRECISION)
    by_pairs *= _between(sums, sums, seen)
    by_lower *= _between(sums - own, sums, below)
    w_t = tl.trans(_tile(w, t, k, live, keys, w_row))
    moved = by_pairs * _times(_tile(q, t, k, live, keys, q_row), w_t, PRECISION)
    fixed = by_lower * _times(_tile(e, t, k, live, keys, e_row), w_t, PRECISION)
    by_sums = tl.sum(moved, 1) - tl.sum(moved, 0) + tl.sum(fixed, 1) - tl.sum(fixed, 0)
    by_own, by_last, by_factor = -tl.sum(fixed, 1), 0.0, 0.0
    read, before, left = tl.exp(sums), tl.exp(sums - own), tl.exp(last - sums)
    by_pairs = by_pairs.to(DTYPE)
    by_lower = by_lower.to(DTYPE)

    out_row = heads * keys
    out = sequence * time * out_row + head * keys
    for first_key in range(0, keys, K_BLOCK):
        n = first_key + tl.arange(0, K_BLOCK)
        by_read = tl.zeros([CHUNK, K_BLOCK], tl.float32)
        by_before = tl.zeros([CHUNK, K_BLOCK], tl.float32)
        by_left = tl.zeros([CHUNK, K_BLOCK], tl.float32)
        for first in range(0, values, V_BLOCK):
            d = first + tl.arange(0, V_BLOCK)
            inside = (d < values)[:, None] & (n < keys)[None, :]
            at = d[:, None] * keys + n[None, :]
            state = tl.load(states + at, mask=inside, other=0.0)
            by_state = tl.load(by_states + at, mask=inside, other=0.0)
            by_factor += tl.sum(state.to(tl.float32) * by_state.to(tl.float32))
            by_read += _times(_tile(dy, t, d, live, values, dy_row), state, PRECISION)
            by_before -= _times(_tile(dv, t, d, live, values, heads * values), state, PRECISION)
            by_left += _times(_tile(u, t, d, live, values, heads * values), by_state, PRECISION)
        q_t = _tile(q, t, n, live, keys, q_row)
        w_n = _tile(w, t, n, live, keys, w_row)
        e_t = _tile(e, t, n, live, keys, e_row)
        by_read *= read[:, None]
        by_before *= before[:, None]
        by_left *= left[:, None]
        by_e = tl.sum(by_before * e_t, 1)
        by_w = tl.sum(by_left * w_n, 1)
        by_sums += tl.sum(by_read * q_t, 1) + by_e - by_w
        by_own -= by_e
        by_last += tl.sum(by_w, 0)
        _keep(dq + out, by_read + _times(by_pairs, w_n, PRECISION), t, n, live, keys, out_row)
        _keep(de + out, by_before + _times(by_lower, w_n, PRECISION), t, n, live, keys, out_row)
        by_left += _times(tl.trans(by_pairs), q_t, PRECISION) + _times(tl.trans(by_lower), e_t, PRECISION)
        _keep(dw + out, by_left, t, n, live, keys, out_row)
    by_last += tl.exp(last) * by_factor
    by_log_a = by_own + by_last + tl.sum(by_sums, 0) - tl.cumsum(by_sums, 0) + by_sums
    tl.store(d_log_a + (sequence * time + t) * heads + head, by_log_a, mask=live)
