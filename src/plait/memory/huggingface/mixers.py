"""Token mixers with a state of fixed size, as numbers.

`recurrence` counts the products, quotients, sums and exponentials of one token's state update, read-out and
convolution (a product and a sum for each tap), by the recurrence that the docstring writes out. Capital letters
are state.
"""

from dataclasses import dataclass

from plait.memory.block import Block


@dataclass(frozen=True, kw_only=True)
class Mamba1:
    """Mamba-1 (arXiv 2312.00752, section 3.4): `H = exp(dt A) H + dt x B`, `y = H C + D x`.

    Args:
        inner_norms: norms of dt, B and C (Jamba).
        float32: the state is kept in float32 at least.
    """

    d_model: int
    d_inner: int
    d_state: int
    d_conv: int
    dt_rank: int
    conv_bias: bool = True
    bias: bool = False
    inner_norms: bool = False
    float32: bool = True

    @property
    def block(self) -> Block:
        """The sums."""
        d, inner, read = self.d_model, self.d_inner, self.dt_rank + 2 * self.d_state
        matrices = 3 * d * inner + read * inner + self.dt_rank * inner
        small = inner * (self.d_conv + self.conv_bias + self.d_state + 2)
        small += self.bias * (2 * inner + d) + self.inner_norms * read
        return Block(
            part="recurrent",
            weights=matrices + small,
            matrices=matrices,
            recurrence=inner * (7 * self.d_state + 3 + 2 * self.d_conv),
            recurrent=inner * self.d_state,
            recurrent_float32=self.float32,
            conv=inner * self.d_conv,
            conv_columns=self.d_conv,
        )


@dataclass(frozen=True, kw_only=True)
class Mamba2:
    """Mamba-2 (arXiv 2405.21060, section 7): `H = exp(dt a) H + dt x B`, `y = H C + D x`, a and dt one a head.

    One convolution runs over x, B and C together.

    Args:
        bias: of the input projection.
        out_bias: of the output projection.
        gated_norm: a norm before the output projection.
        float32: the state is kept in float32 at least.
    """

    d_model: int
    n_heads: int
    d_head: int
    d_state: int
    n_groups: int
    d_conv: int
    conv_bias: bool = True
    bias: bool = False
    out_bias: bool = False
    gated_norm: bool = True
    float32: bool = True

    @property
    def block(self) -> Block:
        """The sums."""
        inner = self.n_heads * self.d_head
        mixed = inner + 2 * self.n_groups * self.d_state
        projected = inner + mixed + self.n_heads
        matrices = self.d_model * (projected + inner)
        small = mixed * (self.d_conv + self.conv_bias) + 3 * self.n_heads + self.gated_norm * inner
        return Block(
            part="recurrent",
            weights=matrices + small + self.bias * projected + self.out_bias * self.d_model,
            matrices=matrices,
            recurrence=inner * (5 * self.d_state + 3) + 2 * self.n_heads + 2 * mixed * self.d_conv,
            recurrent=inner * self.d_state,
            recurrent_float32=self.float32,
            conv=mixed * self.d_conv,
            conv_columns=self.d_conv,
        )


def gated_delta(d_model: int, *, n_keys: int, n_values: int, d_key: int, d_value: int, d_conv: int) -> Block:
    """Gated delta rule (arXiv 2412.06464, section 3.1): a matrix of keys by values for each value head.

    `S = g S`, `S = S + k (b (v - S^T k))^T`, `y = S^T q`.
    """
    d_mixed = 2 * n_keys * d_key + n_values * d_value
    matrices = d_model * (d_mixed + n_values * d_value + 2 * n_values) + n_values * d_value * d_model
    return Block(
        part="recurrent",
        weights=matrices + d_mixed * d_conv + 2 * n_values + d_value,
        matrices=matrices,
        recurrence=n_values * (7 * d_key * d_value + 2 * d_value) + 2 * d_mixed * d_conv,
        recurrent=n_values * d_key * d_value,
        conv=d_mixed * d_conv,
        conv_columns=d_conv,
    )


def kimi_delta(
    d_model: int, *, n_heads: int, d_head: int, d_conv: int, low_rank: bool, full_output_gate: bool = False
) -> Block:
    """Kimi delta attention (arXiv 2510.26692, section 3): the gated delta rule with a gate g for each key channel.

    Args:
        low_rank: the two gates' matrices have rank `d_head`; else full.
        full_output_gate: that of the output is full all the same.
    """
    inner = n_heads * d_head
    gate = d_head * (d_model + inner) if low_rank else d_model * inner
    output_gate = d_model * inner if full_output_gate else gate
    matrices = 3 * d_model * inner + gate + output_gate + d_model * n_heads + inner * d_model
    return Block(
        part="recurrent",
        weights=matrices + 3 * inner * d_conv + inner + n_heads + d_head,
        matrices=matrices,
        recurrence=inner * (7 * d_head + 2) + 6 * inner * d_conv,
        recurrent=inner * d_head,
        conv=3 * inner * d_conv,
        conv_columns=d_conv,
    )


def lightning(d_model: int, *, n_heads: int, d_head: int, float32: bool = False) -> Block:
    """Lightning attention (arXiv 2501.08313, section 2.2): `S = g S + k v^T`, `y = S^T q`, g fixed for each head.

    Args:
        float32: its state is kept in float32 at least, else in the model's dtype.
    """
    inner = n_heads * d_head
    return Block(
        part="recurrent",
        weights=5 * d_model * inner + inner,
        matrices=5 * d_model * inner,
        recurrence=5 * inner * d_head,
        recurrent=inner * d_head,
        recurrent_float32=float32,
    )


def short_conv(d_model: int, *, d_conv: int, bias: bool) -> Block:
    """A gated short convolution, `c * conv(b * x)`; nothing else is remembered."""
    return Block(
        part="convolution",
        weights=4 * d_model**2 + d_model * d_conv + bias * 5 * d_model,
        matrices=4 * d_model**2,
        recurrence=2 * d_model * (d_conv + 1),
        conv=d_model * d_conv,
        conv_columns=d_conv,
        conv_reach=d_conv - 1,
    )


def rg_lru(d_model: int, *, d_lru: int, n_heads: int, d_conv: int) -> Block:
    """Real-gated linear recurrence (arXiv 2402.19427, section 2.4): `H = a H + x`, a channel at a time.

    Its convolution keeps `d_conv - 1` columns, in a view of `d_conv` after a decode step.
    """
    gates = 2 * n_heads * (d_lru // n_heads) ** 2
    matrices = 3 * d_model * d_lru + gates
    small = 2 * d_lru + d_model + d_lru * (d_conv + 1) + d_lru + 2 * n_heads * (d_lru // n_heads)
    return Block(
        part="recurrent",
        weights=matrices + small,
        matrices=matrices,
        recurrence=2 * d_lru * (1 + d_conv),
        recurrent=d_lru,
        conv=d_lru * (d_conv - 1),
        conv_spare=d_lru,
    )


def rwkv4(d_model: int, *, d_inner: int) -> Block:
    """RWKV-4 time mixing (arXiv 2305.13048, section 3 and appendix D).

    Each channel keeps numerator, denominator and running maximum in float32 (21 operations), and the last
    token's input, which counts as a convolution tail and is mixed into three inputs (3 operations each).
    """
    matrices = 3 * d_model * d_inner + d_inner * d_model
    return Block(
        part="recurrent",
        weights=matrices + 2 * d_inner + 3 * d_model,
        matrices=matrices,
        recurrence=21 * d_inner + 9 * d_model,
        recurrent=3 * d_model,
        conv=d_model,
    )


def rwkv4_channel_mix(d_model: int, d_mlp: int) -> Block:
    """RWKV-4 channel mixing: a feed-forward part that also remembers the last token's input."""
    matrices = 2 * d_model * d_mlp + d_model**2
    return Block(
        part="mlp", weights=matrices + 2 * d_model, matrices=matrices, recurrence=6 * d_model, conv=d_model
    )


def mlstm(d_model: int, *, n_heads: int, d_keys: int, d_values: int, bias: bool) -> Block:
    """mLSTM (arXiv 2405.04517, section 2.3): a matrix, a normaliser and a running maximum for each head.

    `f = exp(log f + M - m)`, `i = exp(i - m)`, m the new maximum; `C = f C + (i k) v^T`, `N = f N + i k`,
    `y = C^T q / N^T q`. All are kept in the model's dtype.

    Args:
        d_keys: width of the queries of all heads together, as of the keys.
        d_values: width of the values of all heads together.
    """
    matrices = d_model * (2 * d_keys + 3 * d_values + 2 * n_heads)
    d_value = d_values // n_heads
    return Block(
        part="recurrent",
        weights=matrices + 2 * n_heads + d_values + bias * (2 * d_keys + 3 * d_values + d_model),
        matrices=matrices,
        recurrence=5 * d_keys * d_value + 5 * d_keys + d_values + 5 * n_heads,
        recurrent=d_keys * d_value + d_keys + n_heads,
        recurrent_float32=False,
    )
