"""The TF layer: a GPT-NeoX block with parallel residual; parameters named as in GPTNeoXLayer.

    hidden = hidden + attention(input_layernorm(hidden)) + mlp(post_attention_layernorm(hidden))

What it computes: `plait.kernels.neox.reference`. Source: Black et al., "GPT-NeoX-20B", arXiv 2204.06745;
`transformers.models.gpt_neox`.
"""

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn

from plait.kernels.common.call import Batch, steps_usable, with_members
from plait.kernels.dropout import Drops
from plait.kernels.dropout import usable as droppable
from plait.kernels.neox import Heads, NeoXWeights, neox_advance, neox_layer, reference, usable
from plait.kernels.neox.reference import masked_scores
from plait.layers import rope
from plait.layers.parts import LayerNorm, Linear, Perceptron, drops_of
from plait.layers.protocol import State
from plait.layers.spec import LayerSpec
from plait.layers.starts import fill_linear
from plait.random import Stream


class TransformerLayer(nn.Module):
    """Holds keys and values of the last `window - 1` tokens of a sequence; of all, where `window` is None.

    Where scores depend on more than distances (`spec.relative`), also how many tokens it has read.
    """

    members_axis = True
    uses_dropout = True

    def __init__(self, spec: LayerSpec) -> None:
        super().__init__()
        self.spec = spec
        self.input_layernorm = LayerNorm(spec.d_model, eps=spec.norm_eps)
        self.post_attention_layernorm = LayerNorm(spec.d_model, eps=spec.norm_eps)
        self.attention = WindowAttention(spec)
        self.mlp = Perceptron(spec.d_model, spec.d_mlp)

    def forward(
        self,
        hidden: Float[Tensor, "*members batch time d_model"],
        dropout_stream: Stream | None = None,
    ) -> Float[Tensor, "*members batch time d_model"]:
        single, drops = self.input_layernorm.weight.ndim == 1, self._drops(dropout_stream)
        if drops is not None and (single or not droppable(hidden, drops)):
            return self.reference_forward(hidden, dropout_stream)
        if not self.compiled(hidden):
            return self.reference_forward(hidden, dropout_stream)
        heads, eps = self.heads(0, hidden.shape[-2], hidden.device), self.spec.norm_eps
        return with_members(
            lambda h, w: neox_layer(h, w, heads, eps=eps, drops=drops), hidden, self.weights(), single
        )

    def heads(self, start: int, stop: int, device: torch.device) -> Heads:
        """The attention heads as kernels are told of them, for the positions from `start` to `stop`."""
        turn = self.attention.turn(start, stop, device).T
        spec = self.spec
        return Heads(spec.n_heads, spec.window, spec.d_turning, turn.cos(), turn.sin(), spec.positions)

    def _drops(self, stream: Stream | None) -> Drops | None:
        """The first of three draws that are this layer's; draw 0 is the embedding's."""
        return drops_of(self.spec.dropout, stream, 1 + 3 * self.spec.index)

    def compiled(self, hidden: Float[Tensor, "*members batch time d_model"]) -> bool:
        """Whether `forward` runs such hidden states in a compiled kernel."""
        return not self.spec.biased and usable(hidden, self.weights())

    def weights(self) -> NeoXWeights:
        attention, mlp = self.attention, self.mlp
        linears = (attention.query_key_value, attention.dense, mlp.dense_h_to_4h, mlp.dense_4h_to_h)
        norms = (self.input_layernorm, self.post_attention_layernorm)
        pairs = [(module.weight, module.bias) for module in (*norms, *linears)]
        return NeoXWeights(*(tensor for pair in pairs for tensor in pair if tensor is not None))

    def reference_forward(
        self,
        hidden: Float[Tensor, "*members batch time d_model"],
        dropout_stream: Stream | None = None,
    ) -> Float[Tensor, "*members batch time d_model"]:
        """The layer in plain PyTorch operations.

        With a stream, `spec.dropout` acts on attention weights and on what attention and MLP give: draws
        `1 + 3 * index` and the two after it.
        """
        heads = self.heads(0, hidden.shape[-2], hidden.device)
        drops = self._drops(dropout_stream)
        return reference.neox_layer(hidden, self.weights(), heads, eps=self.spec.norm_eps, drops=drops)

    def init_state(self, batch: int | tuple[int, ...], *, dtype: torch.dtype, device: torch.device) -> State:
        """An empty cache; `batch` may be `(members, batch)`."""
        axes = (batch,) if isinstance(batch, int) else batch
        state = {"kv_cache": torch.zeros(*axes, 0, 2 * self.spec.d_model, dtype=dtype, device=device)}
        if not self.spec.relative:
            state["position"] = torch.zeros(*axes, dtype=torch.int64, device=device)
        return state

    def step(
        self, hidden: Float[Tensor, "*members batch d_model"], state: State
    ) -> tuple[Float[Tensor, "*members batch d_model"], State]:
        weights, spec, cache = self.weights(), self.spec, state["kv_cache"]
        if not spec.relative or spec.biased or not steps_usable(hidden, weights):
            return self.reference_step(hidden, state)
        held = cache.shape[-2]
        turn = rope.distances(held + 1, d_rotary=spec.d_rotary, base=spec.rotary_base, dtype=hidden.dtype)
        heads = Heads(spec.n_heads, spec.window, spec.d_turning, *turn)
        batch = Batch(len(hidden), 1, tiled=False)
        found = neox_advance(hidden, (cache, held), weights, heads, batch=batch, eps=spec.norm_eps)
        return found.hidden, {"kv_cache": found.cache}

    def reference_step(
        self, hidden: Float[Tensor, "*members batch d_model"], state: State
    ) -> tuple[Float[Tensor, "*members batch d_model"], State]:
        """The step in plain PyTorch operations."""
        cache, first, after = state["kv_cache"], 0, {}
        if not self.spec.relative:
            after["position"] = state["position"] + 1
            first = int(state["position"].flatten()[0]) - cache.shape[-2]
        heads = self.heads(first, first + cache.shape[-2] + 1, hidden.device)
        out, cache = reference.neox_step(hidden, cache, self.weights(), heads, eps=self.spec.norm_eps)
        return out, {"kv_cache": cache, **after}

    def state_size(self, seq_len: int) -> dict[str, int]:
        """A key and a value of each head for every token held."""
        window = self.spec.window
        held = seq_len if window is None else min(seq_len, window - 1)
        return {"kv_cache": 2 * self.spec.d_model * held}

    @torch.no_grad()
    def reset_parameters(self, stream: Stream) -> None:
        """Linear weights normal(0, 0.02), biases zero, for every `spec.init`."""
        self.input_layernorm.reset()
        self.post_attention_layernorm.reset()
        fill_linear(self.attention.query_key_value, stream, draw=0)
        fill_linear(self.attention.dense, stream, draw=1)
        fill_linear(self.mlp.dense_h_to_4h, stream, draw=2)
        fill_linear(self.mlp.dense_4h_to_h, stream, draw=3)


_QUERIES = 256
"""Queries treated at once, at least: bounds the scores held to this many rows, or to the window."""


class WindowAttention(nn.Module):
    """Projections for all heads, each head's query, key and value side by side as GPT-NeoX stores them."""

    def __init__(self, spec: LayerSpec) -> None:
        super().__init__()
        self.spec = spec
        self.query_key_value = Linear(spec.d_model, 3 * spec.d_model, bias=True)
        self.dense = Linear(spec.d_model, spec.d_model, bias=True)

    def margins(
        self, hidden: Float[Tensor, "*batch time d_model"], sources: Int[Tensor, "*batch time"]
    ) -> Float[Tensor, "*batch time"]:
        """How far the score `sources` places back is ahead of all others in the window (nats).

        Of several heads, that of the one that leads most; minus infinity where that place is not seen.
        """
        query, key, _ = self.heads(hidden).chunk(3, dim=-1)
        turn = self.turn(0, hidden.shape[-2], hidden.device)
        query, key = (rope.rotate(part, turn, self.spec.d_turning) for part in (query, key))
        block = max(_QUERIES, self.spec.window or 0)
        found: list[Tensor] = []
        for start in range(0, hidden.shape[-2], block):
            stop = min(start + block, hidden.shape[-2])
            first = 0 if self.spec.window is None else max(0, start - self.spec.window + 1)
            scores = masked_scores(
                query[..., start:stop, :],
                key[..., first:stop, :],
                window=self.spec.window,
                positions=self.spec.positions,
            )
            place = torch.arange(start - first, stop - first, device=hidden.device) - sources[..., start:stop]
            seen = (place >= 0) & (place < stop - first)
            place = (place * seen).unsqueeze(-2).unsqueeze(-1).expand(*scores.shape[:-1], 1)
            own = scores.gather(-1, place).squeeze(-1).masked_fill(~seen.unsqueeze(-2), -torch.inf)
            others = scores.scatter(-1, place, -torch.inf).max(-1).values
            found.append((own - others).max(-2).values)
        return torch.cat(found, dim=-1)

    def heads(self, hidden: Float[Tensor, "*batch time d_model"]) -> Float[Tensor, "*batch n_heads time qkv"]:
        """Query, key and value of each head, side by side."""
        return (
            self.query_key_value(hidden)
            .unflatten(-1, (self.spec.n_heads, 3 * self.spec.d_head))
            .transpose(-3, -2)
        )

    def turn(self, start: int, stop: int, device: torch.device) -> Tensor:
        """Rotary angles of the positions from `start` to `stop`."""
        positions = torch.arange(start, stop, dtype=torch.float64, device=device)
        return rope.angles(positions, d_rotary=self.spec.d_rotary, base=self.spec.rotary_base)
