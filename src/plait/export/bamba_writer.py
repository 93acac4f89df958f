"""Weights of a Bamba model of `transformers`, said in the proofs' words; its blocks differ from plait's in this:

    norms       RMSNorm everywhere, one more after the gate inside the mixer
    mixer       Mamba-2: step sizes, decays and skips belong to heads, here of one channel each; step sizes are read
                from the stream itself, B and C go through the convolution
    attention   no window; keys, queries and values with biases; rotary on half of a head
    MLP         behind every layer, gated: its weights are zero here

The stream is quiet: its amplitude is so small that every norm divides by its epsilon alone, so each is linear and
undone by its weights (docs/theory-constructions.md, Lemma 6.1).
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import torch
from jaxtyping import Float
from torch import Tensor

from plait.constructions.mamba_writer import HOLD, SILU_ONE

if TYPE_CHECKING:
    from transformers import BambaForCausalLM

_QUIET = 2.0**-30
"""What a signal of 1 measures in the stream."""

GATED_QUIET = 2.0**-32
"""What an output of 1 measures before the mixer's own norm."""

EPS = 1e-5
"""`rms_norm_eps` of the exported model."""

_CHUNK = 16
"""Positions that Mamba-2's parallel pass treats at once: sequences are padded to a multiple of it."""

ONE = "one"
"""The subspace that every token holds 1 in."""


@dataclass(frozen=True, kw_only=True)
class BambaChannel:
    """One head of one channel: its value, how it is taken up, and where it goes.

    Attributes:
        reads: the row that it reads, before SiLU.
        lag: tokens ago that it reads.
        steps: the row whose value, through softplus, is its step size; None never steps.
        rate: a step of size s leaves exp(-rate s) of its state.
        skip: how much of its present value it gives, beside its state.
        writes: where its output goes.
    """

    reads: Tensor
    lag: int = 0
    steps: Tensor | None = None
    rate: float = 1.0
    skip: float = 0.0
    writes: Tensor


@dataclass
class BambaWriter:
    """A layout of the stream in plain coordinates, and the tensors of two layers, Mamba-2 and attention.

    Args:
        subspaces: name and width; `one` is added.
        seq_len: positions that the model is made for.
        rotary_base: base of the rotary frequencies.
    """

    subspaces: tuple[tuple[str, int], ...]
    seq_len: int
    rotary_base: float
    tensors: dict[str, Tensor] = field(default_factory=dict)

    @property
    def d_model(self) -> int:
        """A multiple of 4: half of the head turns, in pairs."""
        return 4 * math.ceil((1 + sum(width for _, width in self.subspaces)) / 4)

    @property
    def n_pairs(self) -> int:
        return self.d_model // 4

    def rows(self, name: str) -> Float[Tensor, "width d_model"]:
        """The coordinates of a subspace."""
        start = 0
        for other, width in ((ONE, 1), *self.subspaces):
            if other == name:
                return torch.eye(self.d_model, dtype=torch.float64)[start : start + width]
            start += width
        raise ValueError(f"no subspace {name!r}")

    @property
    def one(self) -> Float[Tensor, " d_model"]:
        return self.rows(ONE)[0]

    def embed(self, signals: Mapping[str, Float[Tensor, "tokens width"]], *, vocab_size: int) -> None:
        """Embedding and tied unembedding: signals and the constant, zeros for the specials."""
        n_tokens = len(next(iter(signals.values())))
        table = torch.zeros(vocab_size, self.d_model, dtype=torch.float64)
        table[:n_tokens] = self.one
        for name, values in signals.items():
            table[:n_tokens] += values.double() @ self.rows(name)
        self.tensors["model.embed_tokens.weight"] = self.tensors["lm_head.weight"] = _QUIET * table
        self.tensors["model.final_layernorm.weight"] = self._undone(1.0 / _QUIET)

    def mamba(self, layer: int, channels: Sequence[BambaChannel]) -> int:
        """The tensors of a mixer; gives its expansion, the channels over `d_model`, rounded up."""
        d, expand = self.d_model, math.ceil(len(channels) / self.d_model)
        width, taps = expand * d, 1 + max(channel.lag for channel in channels)
        zero = torch.zeros(d, dtype=torch.float64)
        padded = [*channels, *[BambaChannel(reads=zero, writes=zero)] * (width - len(channels))]
        steps = [HOLD * self.one if c.steps is None else c.steps for c in padded]
        quiet = silu_inverse(GATED_QUIET)
        convolution = torch.zeros(width + 2, 1, taps, dtype=torch.float64)
        for place, channel in enumerate(padded):
            convolution[place, 0, taps - 1 - channel.lag] = 1.0
        convolution[width:, 0, taps - 1] = 1.0
        name = f"model.layers.{layer}."
        self.tensors |= {
            f"{name}input_layernorm.weight": self._undone(1.0),
            f"{name}mamba.in_proj.weight": torch.stack(
                [
                    *[SILU_ONE * self.one] * width,
                    *(channel.reads for channel in padded),
                    SILU_ONE * self.one,
                    quiet * self.one,
                    *steps,
                ]
            ),
            f"{name}mamba.conv1d.weight": convolution,
            f"{name}mamba.A_log": torch.tensor([math.log(c.rate) for c in padded], dtype=torch.float64),
            f"{name}mamba.D": torch.tensor([GATED_QUIET * c.skip for c in padded], dtype=torch.float64),
            f"{name}mamba.norm.weight": torch.full(
                (width,), math.sqrt(EPS) / GATED_QUIET, dtype=torch.float64
            ),
            f"{name}mamba.out_proj.weight": _QUIET * torch.stack([c.writes for c in padded], dim=1),
        }
        return expand

    def attention(
        self,
        layer: int,
        *,
        turning: Sequence[tuple[int, Tensor, Tensor]],
        matching: Sequence[tuple[Tensor, Tensor]],
        copies: Tensor,
        gain: float,
        adds: Tensor | None = None,
    ) -> None:
        """The tensors of an attention layer.

        Args:
            turning: for a rotary pair, rows (c, s) of the query: adds `c cos(w t) + s sin(w t)` to the score at
                distance t, w being the pair's frequency.
            matching: pairs of rows, of query and key, whose product is added to the score.
            copies: rows that are copied into themselves, times `gain`.
            adds: added to the stream at every position.
        """
        d, scale, half = self.d_model, math.sqrt(self.d_model), self.n_pairs
        query, key, value, out = (torch.zeros(d, d, dtype=torch.float64) for _ in range(4))
        key_bias = torch.zeros(d, dtype=torch.float64)
        for pair, cosine, sine in turning:
            query[pair], query[pair + half] = scale * cosine, -scale * sine
            key_bias[pair] = 1.0
        for place, (wanted, offered) in enumerate(matching, start=2 * half):
            query[place], key[place] = scale * wanted, offered
        for place, row in enumerate(copies):
            value[place] = row
            out[:, place] = _QUIET * gain * row
        zero, name = torch.zeros(d, dtype=torch.float64), f"model.layers.{layer}."
        self.tensors |= {
            f"{name}input_layernorm.weight": self._undone(1.0),
            f"{name}self_attn.q_proj.weight": query,
            f"{name}self_attn.q_proj.bias": zero,
            f"{name}self_attn.k_proj.weight": key,
            f"{name}self_attn.k_proj.bias": key_bias,
            f"{name}self_attn.v_proj.weight": value,
            f"{name}self_attn.v_proj.bias": zero.clone(),
            f"{name}self_attn.o_proj.weight": out,
            f"{name}self_attn.o_proj.bias": zero.clone() if adds is None else _QUIET * adds,
        }

    def _undone(self, signal: float) -> Float[Tensor, " d_model"]:
        """Norm weights after which a signal of 1 measures `signal`."""
        return torch.full((self.d_model,), signal * math.sqrt(EPS) / _QUIET, dtype=torch.float64)


def silu_inverse(value: float) -> float:
    """Where silu takes a small positive value: by bisection."""
    low, high = 0.0, 4.0
    for _ in range(200):
        middle = (low + high) / 2
        low, high = (middle, high) if middle / (1.0 + math.exp(-middle)) < value else (low, middle)
    return (low + high) / 2


def rotary_margin(frequencies: Sequence[float], *, before: int, after: int) -> float:
    """1 less the largest mean cosine at an offset that is not 0, from `-before` to `after`."""
    offsets = torch.arange(-before, after + 1, dtype=torch.float64)
    cosines = torch.stack([torch.cos(w * offsets[offsets != 0]) for w in frequencies]).mean(0)
    return 1.0 - float(cosines.max())


@dataclass(frozen=True, kw_only=True)
class BambaShape:
    """The sizes of a model: one head of attention, and as many heads of Mamba-2, of one channel each, as are needed.

    Args:
        attention: the layers that attend; Mamba-2 is in the others.
        expand: heads of Mamba-2 for each channel of the stream.
        taps: of the convolutions.
        n_units: of the gated MLPs.
    """

    vocab_size: int
    d_model: int
    n_layers: int = 2
    attention: Sequence[int] = (1,)
    expand: int
    taps: int
    n_units: int = 1
    seq_len: int
    rotary_base: float


def bamba_model(shape: BambaShape, tensors: Mapping[str, Tensor]) -> "BambaForCausalLM":
    """The model in float32 with these weights, all others being zero."""
    from transformers import BambaConfig, BambaForCausalLM

    config = BambaConfig(
        vocab_size=shape.vocab_size,
        tie_word_embeddings=True,
        hidden_size=shape.d_model,
        intermediate_size=shape.n_units,
        num_hidden_layers=shape.n_layers,
        attn_layer_indices=list(shape.attention),
        num_attention_heads=1,
        num_key_value_heads=1,
        attention_bias=True,
        rms_norm_eps=EPS,
        max_position_embeddings=shape.seq_len,
        rope_parameters={
            "rope_type": "default", "rope_theta": shape.rotary_base, "partial_rotary_factor": 0.5,
        },
        mamba_n_heads=shape.expand * shape.d_model,
        mamba_d_head=1,
        mamba_n_groups=1,
        mamba_d_state=1,
        mamba_d_conv=shape.taps,
        mamba_expand=shape.expand,
        mamba_chunk_size=_CHUNK,
        bos_token_id=shape.vocab_size - 3,
        eos_token_id=shape.vocab_size - 2,
        pad_token_id=shape.vocab_size - 1,
    )  # fmt: skip
    model = BambaForCausalLM(config)
    zeros: dict[str, Tensor] = {name: torch.zeros_like(value) for name, value in model.state_dict().items()}
    model.load_state_dict(zeros | {name: value.float() for name, value in tensors.items()})
    return model.eval()
