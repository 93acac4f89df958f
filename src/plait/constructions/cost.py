"""What a construction costs, in closed form: equal to what is counted in the built model (a test says so).

Plans without a closed form are counted by their config.
"""

from functools import singledispatch

import torch

from plait.constructions.copying import CopyingPlan
from plait.constructions.line import LinePlan
from plait.constructions.plan import Plan
from plait.constructions.recall_long import LongRecallPlan
from plait.constructions.recall_short import ShortRecallPlan
from plait.kernels.common.plain import wide
from plait.memory import count
from plait.memory.report import BuiltCost


def cost(plan: Plan, seq_len: int | None = None) -> BuiltCost:
    """The closed forms; `seq_len` None for any length beyond the windows."""
    return _closed_form(plan, seq_len)


@singledispatch
def _closed_form(plan: Plan, seq_len: int | None) -> BuiltCost:
    config = plan.config()
    layers = list(zip(config.layers, config.layer_specs(), strict=True))
    held = count(config, seq_len or plan.seq_len, plan.dtype)
    return BuiltCost(
        width=config.d_model,
        states_in_use=held.ssm_state,
        mlp_units=sum(spec.d_mlp for name, spec in layers if name == "TF"),
        parameters=held.parameters,
        ssm_state=held.ssm_state,
        conv_tail=held.conv_tail,
        kv_cache=held.kv_cache,
        state_bits=8 * held.state_bytes,  # of a byte
    )


@_closed_form.register
def _(plan: CopyingPlan, seq_len: int | None) -> BuiltCost:
    """d = 2 + b + 2F and 4F + 2 channels: a pair a control coordinate, the flag and the constant."""
    n_frequencies = plan.layout.n_frequencies
    return _cost(
        plan,
        d=2 + plan.code.width + 2 * n_frequencies,
        channels=4 * n_frequencies + 2,
        in_use=4 * n_frequencies,
        taps=1,
        mlps=(0,),
        held=(max(plan.task.numbers),),
        seq_len=seq_len,
    )


@_closed_form.register
def _(plan: LinePlan, seq_len: int | None) -> BuiltCost:
    held = (max(plan.task.numbers),)
    # 6.8: two channels of the code, the control and the constant; one channel of an SSM.
    return _cost(plan, d=4, channels=1, in_use=1, taps=1, mlps=(0,), held=held, seq_len=seq_len)


@_closed_form.register
def _(plan: ShortRecallPlan, seq_len: int | None) -> BuiltCost:
    """d = 3n + 3; two channels a signal of the previous token, one a decay, the flag and the constant."""
    n, decays = plan.register.width, len(plan.register.decays)
    return _cost(
        plan,
        d=3 * n + 3,
        channels=2 * (n + 1) + decays + 2,
        in_use=decays,
        taps=2,
        mlps=(0,),
        held=(plan.window - 1,),
        seq_len=seq_len,
    )


@_closed_form.register
def _(plan: LongRecallPlan, seq_len: int | None) -> BuiltCost:
    """d = 3b + 4; a channel a decay, the flag and the constant; 2 (W - 1) units."""
    decays = len(plan.register.decays)
    return _cost(
        plan,
        d=3 * plan.code.width + 4,
        channels=decays + 2,
        in_use=decays,
        taps=1,
        mlps=(2 * (plan.task.n_words - 1), 0),
        held=(1, plan.window - 1),
        seq_len=seq_len,
    )


def _cost(
    plan: Plan,
    *,
    d: int,
    channels: int,
    in_use: int,
    taps: int,
    mlps: tuple[int, ...],
    held: tuple[int, ...],
    seq_len: int | None,
) -> BuiltCost:
    vocab_size = plan.config().vocab_size
    assert vocab_size is not None
    # A norm; of a channel in_proj 2d, out_proj d, taps and their bias, x_proj 3, dt_proj 2, A_log and D.
    mamba = d + channels * (3 * d + taps + 8)
    # Two norms 4d, query_key_value 3d^2 + 3d, dense d^2 + d, the MLP 2d + 1 a unit and its bias d.
    blocks = sum(4 * d * d + 9 * d + units * (2 * d + 1) for units in mlps)
    kv_cache = 2 * d * sum(positions if seq_len is None else min(positions, seq_len) for positions in held)
    tail = channels * (taps - 1)
    stored, scanned = (torch.finfo(dtype).bits for dtype in (plan.dtype, wide(plan.dtype)))
    return BuiltCost(
        width=d,
        states_in_use=in_use,
        mlp_units=sum(mlps),
        parameters=vocab_size * d + mamba + blocks + 2 * d,
        ssm_state=channels,
        conv_tail=tail,
        kv_cache=kv_cache,
        state_bits=scanned * channels + stored * (tail + kv_cache),
    )
