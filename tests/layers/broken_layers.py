"""A layer that keeps the promises of the protocol, and others that break one each and are right otherwise."""

import random

import torch
import torch.nn.functional as F
from torch import nn


class Right(nn.Module):
    """A moving sum, `state_t = gate state_{t-1} + in(hidden_t)`, with a memory of the last token and a counter."""

    members_axis = False

    def __init__(self, spec):
        super().__init__()
        self.gate = nn.Parameter(torch.empty(spec.d_model))
        self.into = nn.Linear(spec.d_model, spec.d_model)
        self.d_model = spec.d_model

    def forward(self, hidden):
        state, outputs = self.init_state(len(hidden), dtype=hidden.dtype, device=hidden.device), []
        for here in hidden.unbind(1):
            output, state = self._step(here, state)
            outputs.append(output)
        return torch.stack(outputs, 1)

    def init_state(self, batch, *, dtype, device):
        zeros = torch.zeros(batch, self.d_model, dtype=dtype, device=device)
        counter = torch.zeros(batch, 1, dtype=torch.int64, device=device)
        return {"ssm_state": zeros, "last": zeros.clone(), "position": counter}

    def step(self, hidden, state):
        return self._step(hidden, state)

    def _step(self, hidden, state):
        total = torch.sigmoid(self.gate) * state["ssm_state"] + self.into(hidden)
        after = {"ssm_state": total, "last": hidden, "position": state["position"] + 1}
        return hidden + total + 0.1 * state["last"], after

    def state_size(self, seq_len):
        return {"ssm_state": self.d_model, "conv_tail": self.d_model}

    @torch.no_grad()
    def reset_parameters(self, stream):
        self.gate.fill_(1.0)
        self.into.bias.zero_()
        self.into.weight.copy_(0.2 * stream.normal(self.into.weight.shape))


class Peeks(Right):
    def forward(self, hidden):
        return super().forward(hidden) + F.pad(hidden, (0, 0, 0, 1))[:, 1:] * 0.01


class PeeksLater(Right):
    """In chunks of 64, whose mean each position sees."""

    def forward(self, hidden):
        means = hidden[:, : hidden.shape[1] // 64 * 64].unflatten(1, (-1, 64)).mean(2, keepdim=True)
        return super().forward(hidden) + F.pad(
            means.expand(-1, -1, 64, -1).flatten(1, 2), (0, 0, 0, hidden.shape[1] % 64)
        )


class PeeksWhenOpened(Right):
    """Through a gate that is shut at first."""

    def __init__(self, spec):
        super().__init__(spec)
        self.shut = nn.Parameter(torch.empty(1))

    def forward(self, hidden):
        return super().forward(hidden) + self.shut * hidden.flip(1).cumsum(1).flip(1)

    def step(self, hidden, state):
        output, state = self._step(hidden, state)
        return output + self.shut * hidden, state

    @torch.no_grad()
    def reset_parameters(self, stream):
        super().reset_parameters(stream)
        self.shut.zero_()


class MixesTheBatch(Right):
    def forward(self, hidden):
        return super().forward(hidden) - hidden.mean(0)


class StepForgets(Right):
    def step(self, hidden, state):
        output, after = self._step(hidden, state)
        return output - 0.1 * state["last"], after


class StepWritesInPlace(Right):
    def step(self, hidden, state):
        output, after = self._step(hidden, state)
        state["last"].copy_(hidden)
        return output, after


class TooLarge(Right):
    def state_size(self, seq_len):
        return {"ssm_state": self.d_model**3}


class TooSmall(Right):
    def state_size(self, seq_len):
        return {"ssm_state": self.d_model}


class OtherNames(Right):
    def state_size(self, seq_len):
        return {"memory": 3}


class Half(Right):
    def state_size(self, seq_len):
        return {"ssm_state": self.d_model * 2.0}


class Unset(Right):
    """Its constructor gives the values that `reset_parameters` should give."""

    def __init__(self, spec):
        super().__init__(spec)
        with torch.no_grad():
            self.gate.fill_(1.0)

    @torch.no_grad()
    def reset_parameters(self, stream):
        self.into.bias.zero_()
        self.into.weight.copy_(0.2 * stream.normal(self.into.weight.shape))


class OwnDice(Right):
    @torch.no_grad()
    def reset_parameters(self, stream):
        super().reset_parameters(stream)
        self.gate.normal_()


class DrawsAConstant(Right):
    def __init__(self, spec):
        super().__init__(spec)
        self.register_buffer("features", torch.randn(spec.d_model))

    def _step(self, hidden, state):
        output, state = super()._step(hidden, state)
        return output + self.features, state


class DrawsANumberBehindAGate(Right):
    """Python's own dice, in no buffer, and seen only once the gate has moved."""

    def __init__(self, spec):
        super().__init__(spec)
        self.shut, self.number = nn.Parameter(torch.empty(1)), random.random()

    def _step(self, hidden, state):
        output, state = super()._step(hidden, state)
        return output + self.shut * self.number, state

    @torch.no_grad()
    def reset_parameters(self, stream):
        super().reset_parameters(stream)
        self.shut.zero_()


class OtherEachTime(Right):
    def forward(self, hidden):
        return super().forward(hidden) + torch.randn(1)


class Shorter(Right):
    def forward(self, hidden):
        return super().forward(hidden)[..., :-1]


class Doubled(Right):
    """Gives float64 whatever it is given, which only shows in float32."""

    def forward(self, hidden):
        return super().forward(hidden).double()


class Halved(Right):
    def forward(self, hidden):
        return super().forward(hidden).bfloat16()


class Detached(Right):
    def forward(self, hidden):
        return super().forward(hidden.detach())


class Idle(Right):
    """A weight that nothing reads."""

    def __init__(self, spec):
        super().__init__(spec)
        self.idle = nn.Parameter(torch.empty(2))

    @torch.no_grad()
    def reset_parameters(self, stream):
        super().reset_parameters(stream)
        self.idle.zero_()


class FalseMembers(Right):
    members_axis = True

    def forward(self, hidden):
        if hidden.ndim == 3:
            return super().forward(hidden)
        return hidden  # of members it takes no weights at all


class LeavesTheProgram(Right):
    def forward(self, hidden):
        raise SystemExit(3)


class Single(Right):
    """Has float32 written into it."""

    def _step(self, hidden, state):
        if hidden.dtype != torch.float32:
            raise TypeError("float32 is needed")
        return super()._step(hidden, state)


class Long(Right):
    """A state that grows, as a cache does."""

    def init_state(self, batch, *, dtype, device):
        return {"kv_cache": torch.zeros(batch, 0, self.d_model, dtype=dtype, device=device)}

    def _step(self, hidden, state):
        seen = torch.cat((state["kv_cache"], self.into(hidden).unsqueeze(1)), 1)
        return hidden + torch.sigmoid(self.gate) * seen.mean(1), {"kv_cache": seen}

    def state_size(self, seq_len):
        return {"kv_cache": self.d_model * seq_len}


class StopsGrowing(Long):
    def state_size(self, seq_len):
        return {"kv_cache": self.d_model * min(seq_len, 20)}
