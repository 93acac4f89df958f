"""The layer that runs a mixer's graph: norm, mixer and residual, in C++ on the CPU, Triton on a GPU, or PyTorch."""

import functools
import math
from typing import ClassVar

import torch
from jaxtyping import Float
from torch import Tensor, nn

from plait.kernels.common.plain import wide
from plait.kernels.graph import dispatch, reference
from plait.kernels.graph.signals import Slot
from plait.layers.mixer import Mixer, graph_with
from plait.layers.protocol import State
from plait.layers.spec import LayerSpec
from plait.random import Stream


class DrawnLayer(nn.Module):
    """The layer of one class of mixers (see `drawn`); what nodes carry of one kind lies in one tensor."""

    members_axis = True
    mixer_class: ClassVar[type[Mixer]]

    def __init__(self, spec: LayerSpec) -> None:
        super().__init__()
        self.spec = spec
        self.graph = graph_with(self.mixer_class, type(self).__name__, spec)
        self._places: list[tuple[nn.Module, str]] = []
        for weight in self.graph.weights:
            owner, name = _owner(self, weight.name)
            owner.register_parameter(name, nn.Parameter(torch.empty(weight.shape)))
            self._places.append((owner, name))

    def forward(
        self, hidden: Float[Tensor, "*members batch time d_model"]
    ) -> Float[Tensor, "*members batch time d_model"]:
        weights = self.weights()
        single = weights[0].ndim == len(self.graph.weights[0].shape)
        return dispatch.run(self.graph, weights, hidden, single=single)

    def compiled(self, hidden: Float[Tensor, "*members batch time d_model"]) -> bool:
        """Whether `forward` runs such hidden states in a compiled kernel."""
        return dispatch.usable(self.graph, self.weights(), hidden)

    def reference_forward(
        self, hidden: Float[Tensor, "*members batch time d_model"]
    ) -> Float[Tensor, "*members batch time d_model"]:
        """The layer in plain PyTorch operations."""
        return reference.forward(self.graph, self.weights(), hidden)

    def weights(self) -> list[Tensor]:
        """In the order of the graph."""
        return [getattr(owner, name) for owner, name in self._places]

    def init_state(self, batch: int | tuple[int, ...], *, dtype: torch.dtype, device: torch.device) -> State:
        """Zeros; `batch` may be `(members, batch)`."""
        axes = (batch,) if isinstance(batch, int) else batch
        state: State = {}
        for kind, slots in self._kinds().items():
            held = wide(dtype) if kind == "ssm_state" else dtype
            tokens = (0,) if slots[0].per_token else ()
            state[kind] = torch.zeros(*axes, *tokens, sum(map(_size, slots)), dtype=held, device=device)
        return state

    def step(
        self, hidden: Float[Tensor, "*members batch d_model"], state: State
    ) -> tuple[Float[Tensor, "*members batch d_model"], State]:
        carried = self._unpacked(state, wide(hidden.dtype))
        found, after = reference.advance(self.graph, self.weights(), hidden.unsqueeze(-2), carried)
        return found.squeeze(-2), self._packed(after, state)

    def _kinds(self) -> dict[str, list[Slot]]:
        kinds: dict[str, list[Slot]] = {}
        for slot in self.graph.slots:
            kinds.setdefault(slot.kind, []).append(slot)
        return kinds

    def _unpacked(self, state: State, dtype: torch.dtype) -> list[Tensor]:
        first = dict.fromkeys(state, 0)
        carried: list[Tensor] = []
        for slot in self.graph.slots:
            at = first[slot.kind]
            part = state[slot.kind][..., at : at + _size(slot)].to(dtype)
            carried.append(part.reshape(*part.shape[:-1], *slot.shape))
            first[slot.kind] = at + _size(slot)
        return carried

    def _packed(self, carried: list[Tensor], before: State) -> State:
        parts: dict[str, list[Tensor]] = {}
        for part, slot in zip(carried, self.graph.slots, strict=True):
            parts.setdefault(slot.kind, []).append(part.flatten(part.ndim - len(slot.shape)))
        return {kind: torch.cat(own, dim=-1).to(before[kind].dtype) for kind, own in parts.items()}

    def state_size(self, seq_len: int) -> dict[str, int]:
        """Scalars of one sequence after `seq_len` tokens."""
        return {kind: self.graph.state_size(kind, seq_len) for kind in self._kinds()}

    @torch.no_grad()
    def reset_parameters(self, stream: Stream) -> None:
        """As the mixer's paper begins, whatever `spec.init` says of SSM and TF layers."""
        for draw, (weight, held) in enumerate(zip(self.graph.weights, self.weights(), strict=True)):
            held.copy_(weight.initial(stream, weight.shape, draw))


@functools.cache
def drawn(mixer: type[Mixer]) -> type[DrawnLayer]:
    """The class of layers with this mixer, under the mixer's name."""
    return type(mixer.__name__, (DrawnLayer,), {"mixer_class": mixer, "__doc__": mixer.__doc__})


def _size(slot: Slot) -> int:
    return math.prod(slot.shape)


def _owner(module: nn.Module, name: str) -> tuple[nn.Module, str]:
    """The part of `module` that a dotted name's last part belongs to, made if need be."""
    *path, last = name.split(".")
    for part in path:
        if part not in dict(module.named_children()):
            module.add_module(part, nn.Module())
        module = module.get_submodule(part)
    return module, last
