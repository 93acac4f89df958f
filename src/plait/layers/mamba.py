"""The SSM layer: a pre-RMSNorm Mamba-1 block with its residual; parameters named as in MambaBlock.

What it computes: `plait.kernels.mamba.reference`. Source: arXiv 2312.00752, figure 3 and algorithm 2;
`transformers.models.mamba`. The scan runs in float32 or better, and so is its state held.
"""

import math

import torch
from jaxtyping import Float
from torch import Tensor, nn

from plait.kernels.common.call import Batch, steps_usable, with_members
from plait.kernels.common.plain import wide
from plait.kernels.mamba import MambaWeights, mamba_advance, mamba_layer, reference, usable
from plait.layers.parts import CausalConvolution, Linear, RMSNorm
from plait.layers.protocol import State
from plait.layers.spec import LayerSpec
from plait.layers.starts import fill_linear, fill_uniform
from plait.random import Stream

_DT_MIN, _DT_MAX, _DT_FLOOR = 1e-3, 1e-1, 1e-4
"""Steps at the start, as released Mamba draws them: between the first two, none below the third."""


class MambaMixer(nn.Module):
    """The weights between norm and residual."""

    def __init__(self, spec: LayerSpec) -> None:
        super().__init__()
        self.in_proj = Linear(spec.d_model, 2 * spec.d_inner, bias=False)
        self.conv1d = CausalConvolution(spec.d_inner, spec.d_conv)
        self.x_proj = Linear(spec.d_inner, spec.dt_rank + 2 * spec.d_state, bias=False)
        self.dt_proj = Linear(spec.dt_rank, spec.d_inner, bias=True)
        self.A_log = nn.Parameter(torch.empty(spec.d_inner, spec.d_state))
        self.D = nn.Parameter(torch.empty(spec.d_inner))
        self.out_proj = Linear(spec.d_inner, spec.d_model, bias=False)


class MambaLayer(nn.Module):
    """Constant memory a sequence: `d_inner * d_state` scalars of state and the last `d_conv - 1` inputs."""

    members_axis = True

    def __init__(self, spec: LayerSpec) -> None:
        super().__init__()
        self.spec = spec
        self.norm = RMSNorm(spec.d_model, eps=spec.norm_eps)
        self.mixer = MambaMixer(spec)

    def forward(
        self, hidden: Float[Tensor, "*members batch time d_model"]
    ) -> Float[Tensor, "*members batch time d_model"]:
        if self.compiled(hidden):
            single = self.mixer.D.ndim == 1
            return with_members(
                lambda h, w: mamba_layer(h, w, eps=self.spec.norm_eps), hidden, self.weights(), single
            )
        return self.reference_forward(hidden)

    def compiled(self, hidden: Float[Tensor, "*members batch time d_model"]) -> bool:
        """Whether `forward` runs such hidden states in a compiled kernel."""
        return usable(hidden, self.weights())

    def weights(self) -> MambaWeights:
        mixer = self.mixer
        assert mixer.dt_proj.bias is not None
        return MambaWeights(
            norm=self.norm.weight,
            in_proj=mixer.in_proj.weight,
            conv=mixer.conv1d.weight,
            conv_bias=mixer.conv1d.bias,
            x_proj=mixer.x_proj.weight,
            dt_proj=mixer.dt_proj.weight,
            dt_bias=mixer.dt_proj.bias,
            A_log=mixer.A_log,
            D=mixer.D,
            out_proj=mixer.out_proj.weight,
        )

    def reference_forward(
        self, hidden: Float[Tensor, "*members batch time d_model"]
    ) -> Float[Tensor, "*members batch time d_model"]:
        """The layer in plain PyTorch operations."""
        return reference.mamba_layer(hidden, self.weights(), eps=self.spec.norm_eps)

    def init_state(self, batch: int | tuple[int, ...], *, dtype: torch.dtype, device: torch.device) -> State:
        """Zeros; `batch` may be `(members, batch)`."""
        axes = (batch,) if isinstance(batch, int) else batch
        spec = self.spec
        return {
            "ssm_state": torch.zeros(*axes, spec.d_inner, spec.d_state, dtype=wide(dtype), device=device),
            "conv_tail": torch.zeros(*axes, spec.d_conv - 1, spec.d_inner, dtype=dtype, device=device),
        }

    def step(
        self, hidden: Float[Tensor, "*members batch d_model"], state: State
    ) -> tuple[Float[Tensor, "*members batch d_model"], State]:
        weights = self.weights()
        if not steps_usable(hidden, weights):
            return self.reference_step(hidden, state)
        before = state["ssm_state"], state["conv_tail"]
        batch = Batch(len(hidden), 1, tiled=False)
        hidden, after = mamba_advance(hidden, before, weights, batch=batch, eps=self.spec.norm_eps)
        return hidden, {"ssm_state": after[0], "conv_tail": after[1]}

    def reference_step(
        self, hidden: Float[Tensor, "*members batch d_model"], state: State
    ) -> tuple[Float[Tensor, "*members batch d_model"], State]:
        """The step in plain PyTorch operations."""
        before = state["ssm_state"], state["conv_tail"]
        hidden, after = reference.mamba_step(hidden, before, self.weights(), eps=self.spec.norm_eps)
        return hidden, {"ssm_state": after[0], "conv_tail": after[1]}

    def state_size(self, seq_len: int) -> dict[str, int]:
        """The same at every length."""
        spec = self.spec
        return {"ssm_state": spec.d_inner * spec.d_state, "conv_tail": spec.d_inner * (spec.d_conv - 1)}

    @torch.no_grad()
    def reset_parameters(self, stream: Stream) -> None:
        """By `spec.init` (see `plait.layers.starts`)."""
        mixer, init = self.mixer, self.spec.init
        self.norm.reset()
        fill_linear(mixer.in_proj, stream, draw=0, init=init)
        fill_linear(mixer.x_proj, stream, draw=1, init=init)
        fill_linear(mixer.out_proj, stream, draw=2, init="mamba" if init == "transformers" else init)
        fill_uniform(mixer.conv1d.weight, stream, draw=3, bound=self.spec.d_conv**-0.5)
        mixer.conv1d.bias.fill_(0.0)
        if init not in ("paper", "transformers"):
            fill_uniform(mixer.conv1d.bias, stream, draw=4, bound=self.spec.d_conv**-0.5)
        mixer.A_log.copy_(torch.arange(1, self.spec.d_state + 1, dtype=torch.float64).log())
        mixer.D.fill_(1.0)
        self._reset_steps(stream)

    def _reset_steps(self, stream: Stream) -> None:
        mixer, bias = self.mixer, self.mixer.dt_proj.bias
        assert bias is not None
        if self.spec.init == "released":
            fill_linear(mixer.dt_proj, stream, draw=5)
        else:
            self._draw_steps(stream, bias)
        if self.spec.step_bias is not None:
            bias.fill_(self.spec.step_bias)

    def _draw_steps(self, stream: Stream, bias: Tensor) -> None:
        """Mamba's own: between 0.001 and 0.1, uniform in the logarithm."""
        fill_uniform(self.mixer.dt_proj.weight, stream, draw=5, bound=self.spec.dt_rank**-0.5)
        exponent = stream.uniform((self.spec.d_inner,), draw=6) * math.log(_DT_MAX / _DT_MIN)
        dt = (_DT_MIN * torch.exp(exponent)).clamp(min=_DT_FLOOR)
        bias.copy_(dt + torch.log(-torch.expm1(-dt)))
