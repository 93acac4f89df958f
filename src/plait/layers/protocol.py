"""What a pattern can name: any `torch.nn.Module` with these members is a layer."""

from typing import ClassVar, Protocol, TypeAlias, runtime_checkable

import torch
from jaxtyping import Float
from torch import Tensor

from plait.layers.spec import LayerSpec
from plait.random import Stream

State: TypeAlias = dict[str, Tensor]
"""What one layer carries from token to token; every tensor starts with the batch axis (after members)."""


@runtime_checkable
class Layer(Protocol):
    """A layer of a hybrid: norm, mixer and residual together.

    Attributes:
        members_axis: True if every parameter may carry a leading members axis, hidden states and streaming
            state then too. A layer that says False is run once for each member.
        uses_dropout (optional, False if absent): True if `forward` takes `dropout_stream`.
    """

    members_axis: ClassVar[bool]

    def __init__(self, spec: LayerSpec) -> None: ...

    def forward(
        self, hidden: Float[Tensor, "*members batch time d_model"]
    ) -> Float[Tensor, "*members batch time d_model"]:
        """All positions at once; position t reads positions up to t alone."""
        ...

    def init_state(self, batch: int, *, dtype: torch.dtype, device: torch.device) -> State:
        """What `step` needs before the first token."""
        ...

    def step(
        self, hidden: Float[Tensor, "batch d_model"], state: State
    ) -> tuple[Float[Tensor, "batch d_model"], State]:
        """One position: what `forward` gives there, and the state after it. `state` itself is not changed."""
        ...

    def state_size(self, seq_len: int) -> dict[str, int]:
        """Scalars of one sequence after `seq_len` tokens, under `ssm_state`, `conv_tail`, `kv_cache`."""
        ...

    def reset_parameters(self, stream: Stream) -> None:
        """Give every parameter its initial value, all randomness from `stream` (draw = 0, 1, ..)."""
        ...
