"""What a pass costs: floating-point operations and bytes moved, by formula.

- A matrix entry that multiplies a token costs one product and one sum; so does each entry of a query, of a key
  and of a value, for every token that the query sees (Kaplan et al., arXiv 2001.08361, section 2.1; here with
  causal attention counted as it must be, t or `window` keys for the t-th query, where a masked dense product
  computes all of them).
- State updates and convolutions are elementwise, counted apart by the recurrences that each mixer names.
- Norms, activations, softmax and rotary turns are left out.
- Bytes, after Pope et al., arXiv 2211.05102, section 2.1: a pass reads every weight once for all its tokens, a
  decode step reads the state and the cache of its sequence, writes the state back and adds one token to the
  cache; activations stay in fast memory.
"""

from dataclasses import asdict, dataclass
from fractions import Fraction

from plait.memory.architecture import Architecture
from plait.memory.block import Block, Cached, Layer
from plait.memory.count import architecture_of
from plait.memory.report import check_count, dtype_bytes
from plait.model import HybridConfig


@dataclass(frozen=True, kw_only=True)
class Cost:
    """One pass: a decode step at the `seq_len`-th token, or a prefill of `seq_len` tokens.

    Args:
        tokens: of one sequence in this pass.
        matmul_flops: products with weights, of one sequence.
        attention_flops: scores and mixing of values, of one sequence.
        recurrence_flops: state updates and convolutions, of one sequence.
        weight_bytes: weights read, once for the whole batch.
        state_bytes: state and cache read and written, of one sequence.
    """

    model: str
    phase: str
    seq_len: int
    batch: int
    dtype: str
    tokens: int
    matmul_flops: int
    attention_flops: int
    recurrence_flops: int
    weight_bytes: int
    state_bytes: int

    @property
    def flops_per_token(self) -> Fraction:
        """All three kinds of operations, for one token."""
        return Fraction(self.matmul_flops + self.attention_flops + self.recurrence_flops, self.tokens)

    @property
    def bytes_per_token(self) -> Fraction:
        """Bytes moved for one token, its share of the weights included."""
        return Fraction(self.weight_bytes, self.batch * self.tokens) + Fraction(self.state_bytes, self.tokens)

    @property
    def flops_per_byte(self) -> Fraction:
        """Arithmetic intensity: below what the machine offers, memory is the limit."""
        return self.flops_per_token / self.bytes_per_token

    def to_json(self) -> dict[str, object]:
        """Every figure, as plain JSON; the figures for one token as floats."""
        names = ("flops_per_token", "bytes_per_token", "flops_per_byte")
        return {**asdict(self), **{name: float(getattr(self, name)) for name in names}}


def cost(
    model: HybridConfig | Architecture,
    seq_len: int,
    *,
    batch: int = 1,
    dtype: object = None,
    phase: str = "decode",
) -> Cost:
    """What one pass costs, in a model of `dtype` (its own by default).

    Raises:
        ValueError: a length or batch below 1, an unknown phase or dtype, a user's own layer (no formula).
    """
    architecture = model if isinstance(model, Architecture) else architecture_of(model)
    check_count("seq_len", seq_len)
    check_count("batch", batch)
    if phase not in ("decode", "prefill"):
        raise ValueError(f'phase must be "decode" or "prefill", got {phase!r}')
    for index, layer in enumerate(architecture.layers):
        if not isinstance(layer, Layer):
            raise ValueError(f"cost needs layers with a formula (SSM, TF), layer {index} is {layer.kind}")
    name = architecture.checked_dtype(dtype)
    tokens = seq_len if phase == "prefill" else 1
    blocks = architecture.blocks
    return Cost(
        model=architecture.title,
        phase=phase,
        seq_len=seq_len,
        batch=batch,
        dtype=name,
        tokens=tokens,
        matmul_flops=2 * tokens * architecture.matrices_per_token,
        attention_flops=sum(2 * b.score * _visible(seq_len, b, phase) for b in blocks if b.score),
        recurrence_flops=tokens * sum(b.recurrence for b in blocks),
        weight_bytes=dtype_bytes(name) * sum(b.weights_read(batch * tokens) for b in blocks),
        state_bytes=_moved(architecture, seq_len, dtype=name, phase=phase),
    )


def _visible(seq_len: int, block: Block, phase: str) -> int:
    """Pairs of a query and a token (an entry of a compressed cache) that it sees: of the last query, or of all."""
    if block.pool:
        entries, left = divmod(seq_len, block.pool)
        whole = block.pool * entries * (entries - 1) // 2 + entries * (left + 1)
        return entries if phase == "decode" else whole
    window = block.window
    seen = seq_len if window is None else min(seq_len, window)
    return seen if phase == "decode" else seen * (seen + 1) // 2 + (seq_len - seen) * seen


def _moved(architecture: Architecture, seq_len: int, *, dtype: str, phase: str) -> int:
    """Bytes of state and cache read and written for one sequence."""

    def held(n_tokens: int) -> list[tuple[int, int]]:
        cached = Cached(seq_len=n_tokens, convention=architecture.convention, phase="decode")
        layers = [x.memory(0, cached=cached, dtype=dtype) for x in architecture.layers]
        return [(layer.state_bytes, layer.kv_bytes) for layer in layers]

    after = sum(total for total, _ in held(seq_len))
    if phase == "prefill":
        return after
    before = held(seq_len - 1)
    new = dtype_bytes(dtype) * sum(b.kv_per_token + b.pool_left for b in architecture.blocks)
    return sum(total + (total - kv) for total, kv in before) + new
