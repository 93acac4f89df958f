"""The model: embedding -> layers -> LayerNorm -> unembedding tied to the embedding (paper, section 5).

Layers that know no members axis are run once for each member, so that any layer can be in an ensemble.
"""

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, TypeAlias, cast

import torch
import torch.nn.functional as F
from jaxtyping import Float, Shaped
from torch import Tensor, nn
from torch.func import functional_call

from plait.layers import Layer, State, layer_class
from plait.layers.parts import LayerNorm, dropout, fill_with_nan, linear, unset_weights
from plait.layers.starts import fill_normal, std_of
from plait.model.config import HybridConfig
from plait.random import INIT, Stream


def forward_each(
    layer: nn.Module, hidden: Float[Tensor, "members batch time d_model"]
) -> Float[Tensor, "members batch time d_model"]:
    """`layer(hidden)` member by member, each with its own slice of every parameter."""
    stacked = dict(layer.named_parameters())
    return torch.stack(
        [functional_call(layer, _member(stacked, member), (hidden[member],)) for member in range(len(hidden))]
    )


def init_state_each(
    layer: Layer, members: int, batch: int, *, dtype: torch.dtype, device: torch.device
) -> State:
    """The state of `batch` sequences for each member, members axis first."""
    states = [layer.init_state(batch, dtype=dtype, device=device) for _ in range(members)]
    return _stacked(states)


def step_each(
    layer: nn.Module, hidden: Float[Tensor, "members batch d_model"], state: State
) -> tuple[Float[Tensor, "members batch d_model"], State]:
    """`layer.step` member by member."""
    stacked = dict(layer.named_parameters())
    stepping = _Step(layer)
    outputs: list[Tensor] = []
    states: list[State] = []
    for member in range(len(hidden)):
        weights = {f"layer.{name}": value for name, value in _member(stacked, member).items()}
        own = {name: value[member] for name, value in state.items()}
        output, after = functional_call(stepping, weights, (hidden[member], own))
        outputs.append(output)
        states.append(after)
    return torch.stack(outputs), _stacked(states)


class _Step(nn.Module):
    """A layer whose call is its step, because `functional_call` swaps weights around a call alone."""

    def __init__(self, layer: nn.Module) -> None:
        super().__init__()
        self.layer = layer

    def forward(self, hidden: Tensor, state: State) -> tuple[Tensor, State]:
        return cast(Layer, self.layer).step(hidden, state)


def _member(stacked: Mapping[str, Tensor], member: int) -> dict[str, Tensor]:
    return {name: value[member] for name, value in stacked.items()}


def _stacked(states: list[State]) -> State:
    return {name: torch.stack([state[name] for state in states]) for name in states[0]}


ModelState: TypeAlias = tuple[State, ...]
"""What streaming carries from token to token: one `State` a layer."""

_INTEGERS = (torch.int64, torch.int32, torch.int16, torch.uint8)


class _Embedding(nn.Module):
    def __init__(self, vocab_size: int, d_model: int) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.empty(vocab_size, d_model))


class HybridLM(nn.Module):
    """A sequence model over tokens in [0, vocab_size).

    Args:
        config: its dimensions.
        seed: of the initial weights; None leaves every weight NaN, for weights that are about to be set.
        dtype: of all weights; activations follow it, norms, softmax and scans take float32 at least.

    Every parameter may carry a leading members axis (through `torch.func.functional_call`); tokens, hidden
    states, logits and streaming state then start with that axis too.

    Raises:
        ValueError: no vocab_size, a layer that cannot be imported, or more weights than memory.
    """

    def __init__(
        self, config: HybridConfig, seed: int | None = 0, *, dtype: torch.dtype = torch.float32
    ) -> None:
        super().__init__()
        if config.vocab_size is None:
            raise ValueError("a model needs vocab_size, and its config leaves it open (a task fills it in)")
        self.config = config
        try:
            self.embedding = _Embedding(config.vocab_size, config.d_model)
            self.layers = nn.ModuleList(
                layer_class(name)(spec)
                for name, spec in zip(config.layers, config.layer_specs(), strict=True)
            )
            self.final_norm = LayerNorm(config.d_model, eps=config.norm_eps)
            self.to(dtype)
        except RuntimeError as error:
            reason = str(error).splitlines()[0]
            raise ValueError(
                f"a model of d_model {config.d_model} and pattern {config.pattern} cannot be made: {reason}"
            ) from error
        if seed is None:
            with torch.no_grad():
                for parameter in self.parameters():
                    parameter.fill_(float("nan"))
        else:
            self.reset_parameters(seed)

    def reset_parameters(self, seed: int) -> None:
        """The weights of `seed`, by `config.init` (see `plait.layers.starts`). Alike on all devices."""
        self.draw_parameters([Stream(seed, step, INIT) for step in range(len(self.layers) + 1)])

    def draw_parameters(self, streams: Sequence[Stream]) -> None:
        """The weights that the streams of one seed give: the embedding's, then each layer's.

        Raises:
            ValueError: a user's layer leaves a weight unset.
        """
        fill_normal(self.embedding.weight, streams[0], draw=0, std=std_of(self.config.init))
        for name, layer, stream in zip(self.config.layers, self.each_layer(), streams[1:], strict=True):
            if ":" in name:
                _reset_own(name, layer, stream)
            else:
                layer.reset_parameters(stream)
        self.final_norm.reset()

    def each_layer(self) -> Iterator[Layer]:
        for layer in self.layers:
            yield cast(Layer, layer)

    def forward(
        self, tokens: Shaped[Tensor, "*batch time"], dropout_stream: Stream | None = None
    ) -> Float[Tensor, "*batch time vocab"]:
        """Logits at every position, each from the tokens up to it.

        Args:
            tokens: `(batch, time)`, or `(members, batch, time)` when the weights have a members axis.
            dropout_stream: randomness of dropout, needed in training mode when the config's rate is not 0.

        Raises:
            ValueError: tokens that are no integers or out of range (not looked for on a GPU), or no stream.
        """
        return self._unembed(self.through_layers(self._embed(tokens), dropout_stream))

    def through_layers(
        self, hidden: Float[Tensor, "*batch time d_model"], dropout_stream: Stream | None = None
    ) -> Float[Tensor, "*batch time d_model"]:
        """What the head reads, from the tokens' embeddings."""
        stream = self._active_dropout(dropout_stream)
        hidden = dropout(hidden, rate=self.config.dropout, stream=stream, draw=0)
        for layer in self.layers:
            if self._one_by_one(layer):
                hidden = forward_each(layer, hidden)
            elif stream is not None and getattr(layer, "uses_dropout", False):
                hidden = layer(hidden, stream)
            else:
                hidden = layer(hidden)
        return hidden

    def init_state(self, batch: int | tuple[int, int]) -> ModelState:
        """The state before the first token of `batch` sequences, or of `(members, batch)`."""
        return tuple(self._layer_state(layer, batch) for layer in self.each_layer())

    def _layer_state(self, layer: Layer, batch: int | tuple[int, int]) -> State:
        weight = next(cast(nn.Module, layer).parameters(), self.embedding.weight)
        dtype, device = weight.dtype, weight.device
        if isinstance(batch, tuple) and not layer.members_axis:
            return init_state_each(layer, *batch, dtype=dtype, device=device)
        return layer.init_state(cast(int, batch), dtype=dtype, device=device)

    @torch.no_grad()
    def step(
        self, tokens: Shaped[Tensor, "*batch"], state: ModelState
    ) -> tuple[Float[Tensor, "*batch vocab"], ModelState]:
        """Logits after one more token of each sequence, and the state then; without gradients or dropout.

        Memory and time a token stop growing once the windows are full; with `window=None` they never do.

        Raises:
            ValueError: as in `forward`, or a state of another number of layers.
        """
        if len(state) != len(self.layers):
            raise ValueError(f"a state of {len(self.layers)} layers is needed, got one of {len(state)}")
        hidden = self._embed(tokens.unsqueeze(-1)).squeeze(-2)
        after: list[State] = []
        for layer, layer_state in zip(self.layers, state, strict=True):
            step = step_each if self._one_by_one(layer) else _step
            hidden, layer_state = step(layer, hidden, layer_state)
            after.append(layer_state)
        return self._unembed(hidden.unsqueeze(-2)).squeeze(-2), tuple(after)

    def save(self, folder: str | Path) -> None:
        """Write `config.json` and `model.safetensors` into `folder` (see `plait.model.checkpoint`)."""
        from plait.model.checkpoint import save

        save(self, folder)

    def _one_by_one(self, layer: nn.Module) -> bool:
        return self.embedding.weight.ndim == 3 and not cast(Layer, layer).members_axis

    def _embed(self, tokens: Tensor) -> Tensor:
        if tokens.dtype not in _INTEGERS:
            raise ValueError(f"tokens must be integers, got {tokens.dtype}")
        weight = self.embedding.weight
        if weight.ndim == 2:
            try:
                return F.embedding(tokens.long(), weight)
            except IndexError:
                raise ValueError(_out_of_range(tokens, weight.shape[0])) from None
        n_members, vocab_size, d_model = weight.shape
        if tokens.shape[0] != n_members:
            raise ValueError(
                f"weights of {n_members} members need tokens that start with that axis, got shape "
                f"{tuple(tokens.shape)}"
            )
        if tokens.device.type == "cpu" and tokens.numel():
            low, high = (int(bound) for bound in torch.aminmax(tokens))
            if low < 0 or high >= vocab_size:
                raise ValueError(_out_of_range(tokens, vocab_size))
        offset = torch.arange(n_members, device=tokens.device).mul(vocab_size)
        rows = tokens.long() + offset.view(-1, *(1,) * (tokens.ndim - 1))
        return F.embedding(rows, weight.reshape(-1, d_model))

    def _unembed(self, hidden: Tensor) -> Tensor:
        hidden = self.final_norm(hidden)
        return linear(hidden.to(self.embedding.weight.dtype), self.embedding.weight)

    def _active_dropout(self, stream: Stream | None) -> Stream | None:
        if not self.training or self.config.dropout == 0.0:
            return None
        if stream is None:
            raise ValueError(
                f"dropout {self.config.dropout} in training mode needs a dropout_stream, "
                "Stream(seed, step, DROPOUT); eval() runs without"
            )
        return stream


def _reset_own(name: str, layer: Layer, stream: Stream) -> None:
    """The initial weights of a user's layer, whatever its constructor put there: as an ensemble starts."""
    module = cast(nn.Module, layer)
    fill_with_nan(module)
    layer.reset_parameters(stream)
    if unset := unset_weights(module):
        raise ValueError(
            f"layer {name}: reset_parameters leaves {', '.join(unset[:4])} unset: every weight gets its value there"
        )


def _step(layer: nn.Module, hidden: Tensor, state: State) -> tuple[Tensor, State]:
    return cast(Layer, layer).step(hidden, state)


def _out_of_range(tokens: Tensor, vocab_size: int) -> str:
    wrong: Any = tokens[(tokens < 0) | (tokens >= vocab_size)].flatten()[0].item()
    return f"tokens must be in [0, {vocab_size}), got {wrong}"
