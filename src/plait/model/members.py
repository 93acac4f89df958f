"""Layers that know no members axis, run once for each member, so that any layer can be in an ensemble."""

from collections.abc import Mapping
from typing import cast

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.func import functional_call

from plait.layers import Layer, State


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
