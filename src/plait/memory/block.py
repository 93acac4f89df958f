"""Parts of a layer as numbers: what each stores, multiplies with every token, and remembers."""

from dataclasses import dataclass, fields, replace
from typing import Protocol

from plait.memory.formats import OWN, VLLM, Number, Storage, bits_of, whole_bytes
from plait.memory.report import LayerMemory

PLAIT, TRANSFORMERS = "plait", "transformers"
"""Whose streaming state a figure describes."""

FLOAT32_BITS = 32
TOKEN_ID_BITS = 64

FIXED_MIXERS = ("ssm", "recurrent", "convolution")
"""Parts that mix tokens through a state of fixed size."""


@dataclass(frozen=True, kw_only=True)
class Cached:
    """How long a cache of keys and values is after `seq_len` tokens, and what it is kept in.

    Args:
        convention: whose cache it is.
        phase: "decode" (the last token came alone) or "prefill" (all came in one pass).
        storage: formats and pages, where they are not the convention's.
    """

    seq_len: int
    convention: str
    phase: str
    storage: Storage = OWN

    def tokens(self, window: int | None) -> int:
        """Tokens held: a window of W keeps W - 1 of them, since the query brings the last one itself.

        In `transformers` a window of 1 keeps all: the slice that drops old tokens is then `[-0:]`
        (`DynamicSlidingWindowLayer.update`, 5.23). A server holds whole pages, and those alone that still have one
        of the last W - 1 tokens.
        """
        if self.served:
            return self._paged(window)
        if window is None or self._never_drops(window):
            return self.seq_len
        return min(self.seq_len, window - 1)

    def stored(self, window: int | None) -> int:
        """Tokens in the storage behind it: in `transformers` a slice keeps what it was cut from until the
        next step, so all tokens after a pass, and the one that was just dropped after a step."""
        if window is None or self.served or self.convention == PLAIT or self._never_drops(window):
            return self.tokens(window)
        return self.seq_len if self.phase == "prefill" else min(self.seq_len, window)

    @property
    def served(self) -> bool:
        """A server's convention is counted in place of the model's."""
        return self.storage.serving == VLLM

    def _paged(self, window: int | None) -> int:
        page = self.storage.page
        left = 0 if window is None else max(0, self.seq_len - window + 1) // page
        return page * (-(-self.seq_len // page) - left)

    def _never_drops(self, window: int) -> bool:
        return window == 1 and self.convention == TRANSFORMERS


@dataclass(frozen=True, kw_only=True)
class Block:
    """One part of a layer.

    Args:
        part: what the parameters are listed under.
        weights: parameters that are stored here (0 where the weights are those of an earlier layer).
        matrices: matrix entries that multiply every token; an expert that a token does not visit has none.
        recurrence: floating-point operations of one token beside matrix products: state update and convolution.
        recurrent: scalars of recurrent state, of one sequence.
        recurrent_float32: the recurrent state is kept in float32 at least, whatever the dtype of the model.
        conv: scalars that convolutions keep of the last tokens, in the dtype of the model.
        conv_float32: those are kept in float32 at least.
        conv_columns: columns of those, where one more than the convolution needs is kept.
        conv_reach: tokens that its convolution sees before the present one; 0 where that is not told.
        conv_spare: scalars of storage beyond `conv` after a decode step, where `conv` is a view.
        token_ids: tokens whose numbers are kept, of 8 bytes each; they count as a convolution's tail.
        kv_per_token: scalars of keys and values for one cached token.
        kv_float32: those are kept in float32 at least.
        window: tokens that the attention of this block sees, itself included; None = all.
        pool: tokens that make one entry of a compressed cache; 0 = there is none.
        pool_entry: scalars of one entry.
        pool_left: scalars kept of a token that no entry holds yet.
        pool_overlap: scalars kept of the last full pool.
        pool_wide: further ones, in float32 at least.
        score: multiplications of one query with one visible token (or entry), scores and mixing together.
        lookup: scalars of the one row that a token reads, in a table.
        linear: stored entries of linear maps, which a format for weights may pack; None = those of `matrices`.
        visited: weights of the experts that one token visits.
        idle: weights of the experts that it does not visit.
        side: which of the layers that stand side by side in its layer it belongs to.
    """

    part: str
    weights: int
    matrices: int = 0
    recurrence: int = 0
    recurrent: int = 0
    recurrent_float32: bool = True
    conv: int = 0
    conv_float32: bool = False
    conv_columns: int = 0
    conv_reach: int = 0
    conv_spare: int = 0
    token_ids: int = 0
    kv_per_token: int = 0
    kv_float32: bool = False
    window: int | None = None
    pool: int = 0
    pool_entry: int = 0
    pool_left: int = 0
    pool_overlap: int = 0
    pool_wide: int = 0
    score: int = 0
    lookup: int = 0
    linear: int | None = None
    visited: int = 0
    idle: int = 0
    side: int = 0

    @property
    def packable(self) -> int:
        """Stored entries that a format for weights may pack: none of weights that an earlier layer stores."""
        if self.part == "norm" or (self.lookup and not self.matrices):
            return 0
        return min(self.weights, self.matrices if self.linear is None else self.linear)

    def pooled(self, n_tokens: int) -> int:
        """Scalars that a compressed cache holds after so many tokens."""
        if not self.pool:
            return 0
        entries, left = divmod(n_tokens, self.pool)
        last = self.pool_overlap + self.pool_wide
        return entries * self.pool_entry + left * self.pool_left + (last if entries else 0)

    def pool_spare(self, cached: "Cached") -> int:
        """Scalars of storage beyond: in `transformers` what is left is a view of all tokens that came with it."""
        if not self.pool or cached.convention == PLAIT or not cached.seq_len:
            return 0
        left = cached.seq_len % self.pool
        came = cached.seq_len if cached.phase == "prefill" else (cached.seq_len - 1) % self.pool + 1
        return (came - left) * self.pool_left

    def held(self, cached: "Cached", dtype: str) -> "HeldState":
        """Scalars and bytes that it keeps for one sequence."""
        plain = bits_of(dtype)
        wide = max(plain, FLOAT32_BITS)
        own_state = wide if self.recurrent_float32 and not cached.served else plain
        state = self.recurrent * (cached.storage.state_bits or own_state)
        conv = self.conv
        if cached.served and self.conv_columns:
            conv = conv // self.conv_columns * (self.conv_columns - 1)
        conv_bits = wide if self.conv_float32 and not cached.served else plain
        kv_bits = cached.storage.kv_bits or (wide if self.kv_float32 else plain)
        tokens = self.kv_per_token * cached.tokens(self.window) + self.pooled(cached.seq_len)
        full = self.pool > 0 and cached.seq_len >= self.pool and cached.storage.kv_bits is None
        kv = tokens * kv_bits + (self.pool_wide * (wide - kv_bits) if full else 0)
        spare = self.kv_per_token * (cached.stored(self.window) - cached.tokens(self.window)) * kv_bits
        spare += self.pool_spare(cached) * kv_bits
        spare += self.conv_spare * conv_bits if cached.phase == "decode" and not cached.served else 0
        return HeldState(
            conv=conv + self.token_ids,
            kv=tokens,
            bits=state + conv * conv_bits + self.token_ids * TOKEN_ID_BITS + kv,
            kv_bits=kv,
            spare_bits=spare,
        )

    def weights_read(self, n_tokens: int) -> int:
        """Scalars of weights read by a pass over `n_tokens` tokens: for experts at most, for all else exactly.

        Weights shared with an earlier layer are read again.
        """
        if self.lookup:
            return n_tokens * self.lookup
        if self.idle:
            return self.weights - max(0, self.idle - (n_tokens - 1) * self.visited)
        return max(self.weights, self.matrices)


@dataclass(frozen=True, kw_only=True)
class HeldState:
    """What a part keeps for one sequence: scalars of tails and of cache, bits of all, of the cache, and to spare."""

    conv: int
    kv: int
    bits: Number
    kv_bits: Number
    spare_bits: Number


class AnyLayer(Protocol):
    """What an architecture needs of a layer."""

    @property
    def kind(self) -> str:
        """Its name in pattern or config file."""
        ...

    @property
    def blocks(self) -> tuple[Block, ...]:
        """Its parts."""
        ...

    def memory(self, index: int, *, cached: Cached, dtype: str) -> LayerMemory:
        """What it holds as layer `index` of a model in `dtype`."""
        ...


@dataclass(frozen=True, kw_only=True)
class Layer:
    """A layer that is the sum of its parts.

    Args:
        kind: its name in pattern or config file.
        blocks: its parts.
        revisits: index of the layer whose weights it applies once more; None where it has its own.
    """

    kind: str
    blocks: tuple[Block, ...]
    revisits: int | None = None

    def memory(self, index: int, *, cached: Cached, dtype: str) -> LayerMemory:
        """The sums over the blocks."""
        held = [block.held(cached, dtype) for block in self.blocks]
        bits = sum(h.bits for h in held)
        return LayerMemory(
            index=index,
            kind=self.kind,
            parameters=sum(b.weights for b in self.blocks),
            ssm_state=sum(b.recurrent for b in self.blocks),
            conv_tail=sum(h.conv for h in held),
            kv_cache=sum(h.kv for h in held),
            state_bytes=whole_bytes(bits),
            kv_bytes=whole_bytes(sum(h.kv_bits for h in held)),
            stored_bytes=whole_bytes(bits + sum(h.spare_bits for h in held)),
        )


def norm(d: int, n: int = 1, *, bias: bool = False) -> Block:
    """`n` RMSNorms of width `d`, or LayerNorms if they have a bias."""
    return Block(part="norm", weights=n * d * (2 if bias else 1))


@dataclass(frozen=True, kw_only=True)
class SideBySide:
    """Attributes:
    kind: the layer's name in the pattern.
    sides: what stands side by side.
    """

    kind: str
    sides: tuple[AnyLayer, ...]

    @property
    def blocks(self) -> tuple[Block, ...]:
        return tuple(
            replace(block, side=place) for place, side in enumerate(self.sides) for block in side.blocks
        )

    def memory(self, index: int, *, cached: Cached, dtype: str) -> LayerMemory:
        """The sums over the sides."""
        held = [side.memory(index, cached=cached, dtype=dtype) for side in self.sides]
        counts = [field.name for field in fields(LayerMemory) if field.name not in ("index", "kind")]
        return LayerMemory(
            index=index, kind=self.kind, **{name: sum(getattr(one, name) for one in held) for name in counts}
        )
