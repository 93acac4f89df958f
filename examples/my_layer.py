"""A layer of your own: gated linear attention, in a pattern as `my_layer:GatedLinearAttention-TF`.

    state_t = gate_t * state_{t-1} + key_t value_t^T        hidden_t + out(query_t state_t)

Copy this file, put it where Python finds it, and change `step`; the parallel pass here is a loop over it.
"""

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from plait import Stream
from plait.layers import LayerSpec, State


class GatedLinearAttention(nn.Module):
    """Constant memory: one `d_model` by `d_model` matrix a sequence, each row forgotten at its own rate."""

    members_axis = False

    def __init__(self, spec: LayerSpec) -> None:
        super().__init__()
        self.norm = nn.RMSNorm(spec.d_model, eps=spec.norm_eps)
        self.projections = nn.Linear(spec.d_model, 4 * spec.d_model)
        self.out = nn.Linear(spec.d_model, spec.d_model, bias=False)
        self.d_model = spec.d_model

    def forward(self, hidden: Tensor) -> Tensor:
        state = self.init_state(hidden.shape[0], dtype=hidden.dtype, device=hidden.device)
        outputs: list[Tensor] = []
        for here in hidden.unbind(dim=1):
            output, state = self.step(here, state)
            outputs.append(output)
        return torch.stack(outputs, dim=1)

    def init_state(self, batch: int, *, dtype: torch.dtype, device: torch.device) -> State:
        return {"ssm_state": torch.zeros(batch, self.d_model, self.d_model, dtype=dtype, device=device)}

    def step(self, hidden: Tensor, state: State) -> tuple[Tensor, State]:
        query, key, value, gate = self.projections(self.norm(hidden)).chunk(4, dim=-1)
        kept = torch.sigmoid(gate).unsqueeze(-1) * state["ssm_state"]
        matrix = kept + F.silu(key).unsqueeze(-1) * value.unsqueeze(-2)
        read = (query.unsqueeze(-2) @ matrix).squeeze(-2)
        return hidden + self.out(read), {"ssm_state": matrix}

    def state_size(self, seq_len: int) -> dict[str, int]:
        return {"ssm_state": self.d_model * self.d_model}

    @torch.no_grad()
    def reset_parameters(self, stream: Stream) -> None:
        self.norm.weight.fill_(1.0)
        self.projections.bias.fill_(0.0)
        self.projections.weight.copy_(0.02 * stream.normal(self.projections.weight.shape, draw=0))
        self.out.weight.copy_(0.02 * stream.normal(self.out.weight.shape, draw=1))
