"""What a layer of the user's own promises by its protocol, tried on a few random inputs before it is used.

Tried with its initial weights and with disturbed ones: at the start many a gate is shut, and what is behind it shows
only when it has moved. Numbers are compared in float64 where the layer runs in it.
"""

import time
from collections.abc import Generator, Mapping
from contextlib import contextmanager
from typing import Any, TypeAlias, cast

import torch
from torch import Tensor
from torch.func import functional_call

from plait.checks import one_line, shortened
from plait.layers.parts import fill_with_nan, unset_weights
from plait.layers.protocol import State
from plait.layers.registry import layer_class
from plait.layers.spec import LayerSpec
from plait.random import INIT, Stream

_STATE_KINDS = ("ssm_state", "conv_tail", "kv_cache")
"""What `state_size` may name."""

COUNTER_BYTES = 64
"""What integers in a state may take up beside the scalars that `state_size` says: a position, say."""

_TOLERANCE = 1e-4
"""Of the largest answer: how far two ways to one number may lie apart, for layers that compute in float32 inside."""

_LENGTHS = (5, 67)
_SLOW = 0.03
"""Seconds for the short length from which the long one is left out: all of it stays near a second."""

_Layer: TypeAlias = Any
"""A `torch.nn.Module` with the members of `plait.layers.Layer`."""

_HIDDEN, _NOISE = 900, 1000
"""Draws of inputs and disturbances, apart from those of weights."""


def check_layer(name: str, spec: LayerSpec, *, seq_len: int) -> None:
    """Refuse a layer that breaks a promise of `plait.layers.Layer`.

    Tried are: every weight is set, from the stream alone, and makes all of the answer; position t reads positions up to
    t of its own sequence; `step` says what `forward` says and leaves its state alone; `state_size` counts what the
    state holds; gradients reach the input and every weight; members side by side are each what they are alone.

    Raises:
        ValueError: in one line, which promise and by how much.
    """
    said = f"layer {name}"
    with _fails(said, "be built and given its weights"):
        layer = _built(name, spec, torch.float64)
        _check_weights(said, layer)
        dtype = _dtype_that_runs(layer, spec)
        layer, twin, trained = (_built(name, spec, own) for own in (dtype, dtype, torch.float32))
        for one in (layer, twin, trained):
            one.reset_parameters(Stream(0, 0, INIT))
    single = _inputs(spec, min(_LENGTHS[0], seq_len), torch.float32)
    with _fails(said, f"run on {single.shape[1]} tokens"), torch.no_grad():
        _forward(trained, single)
    for disturbed in (False, True):
        if disturbed:
            _disturb(layer)
            _disturb(twin)
        for length in _LENGTHS:
            began = time.process_time()
            hidden = _inputs(spec, min(length, seq_len), dtype)
            with _fails(said, f"run on {hidden.shape[1]} tokens"), torch.no_grad():
                whole = _forward(layer, hidden)
            if disturbed and not bool(whole.isfinite().all()):
                break
            with _fails(said, f"run on {hidden.shape[1]} tokens"):
                _check_answers(said, layer, hidden, whole)
                _check_twin(said, layer, twin, hidden)
            if time.process_time() - began > _SLOW or length >= seq_len:
                break
    with _fails(said, "be differentiated"):
        _check_gradients(said, layer, _inputs(spec, min(_LENGTHS[0], seq_len), dtype))
    if layer.members_axis:
        with _fails(said, "run with a members axis"), torch.no_grad():
            _check_members(said, layer, _inputs(spec, min(_LENGTHS[0], seq_len), dtype))


def _built(name: str, spec: LayerSpec, dtype: torch.dtype) -> _Layer:
    layer = layer_class(name)(spec).to(dtype).eval()
    fill_with_nan(layer)
    return layer


def _check_weights(said: str, layer: _Layer) -> None:
    layer.reset_parameters(Stream(0, 0, INIT))
    if unset := unset_weights(layer):
        raise ValueError(
            f"{said}: reset_parameters leaves {', '.join(unset[:4])} unset: every weight gets its value there"
        )
    first = {name: p.detach().clone() for name, p in layer.named_parameters()}
    layer.reset_parameters(Stream(0, 0, INIT))
    if changed := [name for name, p in layer.named_parameters() if not torch.equal(p, first[name])]:
        raise ValueError(
            f"{said}: reset_parameters gives {', '.join(changed[:4])} other values when it is called again: all "
            "randomness must come from its stream"
        )


@torch.no_grad()
def _check_twin(said: str, layer: _Layer, twin: _Layer, hidden: Tensor) -> None:
    """Another layer of one spec and stream; what a constructor draws has no seed, so every process has its own."""
    if (gap := _gap(_forward(twin, hidden), _forward(layer, hidden))) > _TOLERANCE:
        others = dict(twin.named_buffers())
        drawn = [name for name, value in layer.named_buffers() if not torch.equal(value, others[name])]
        why = f" in {', '.join(drawn[:4])}" if drawn else ""
        raise ValueError(
            f"{said}: two layers with the same weights answer otherwise (by {gap:.1e} of the largest answer): the "
            f"constructor draws{why}, and all randomness must come from the stream of reset_parameters"
        )


def _dtype_that_runs(layer: _Layer, spec: LayerSpec) -> torch.dtype:
    """float64, or float32 for a layer that has it written into it."""
    try:
        with torch.no_grad():
            found = layer(_inputs(spec, 1, torch.float64))
    except (Exception, SystemExit):  # what it is comes up again, and is said, with float32
        return torch.float32
    return torch.float32 if getattr(found, "dtype", None) == torch.float32 else torch.float64


@torch.no_grad()
def _disturb(layer: _Layer) -> None:
    for draw, parameter in enumerate(layer.parameters()):
        noise = Stream(1, 0, INIT).normal(tuple(parameter.shape), draw=_NOISE + draw)
        parameter.add_(0.2 * noise.to(parameter.dtype))


def _inputs(spec: LayerSpec, length: int, dtype: torch.dtype) -> Tensor:
    """Two sequences, `(batch, time, d_model)`."""
    return Stream(2, 0, INIT).normal((2, length, spec.d_model), draw=_HIDDEN).to(dtype)


def _forward(layer: _Layer, hidden: Tensor) -> Tensor:
    found = layer(hidden)
    if not isinstance(found, Tensor) or found.shape != hidden.shape:
        got = tuple(found.shape) if isinstance(found, Tensor) else type(found).__name__
        raise _BrokenError(
            f"forward must keep the shape of what it is given, {tuple(hidden.shape)}, got {got}"
        )
    if found.dtype != hidden.dtype:
        raise _BrokenError(
            f"forward must keep the type of what it is given, {hidden.dtype}, got {found.dtype}"
        )
    return found


@torch.no_grad()
def _check_answers(said: str, layer: _Layer, hidden: Tensor, whole: Tensor) -> None:
    """`whole` is what `forward` says to `hidden`."""
    if (gap := _gap(_forward(layer, hidden), whole)) > _TOLERANCE:
        raise ValueError(
            f"{said}: forward answers otherwise when it is asked again (by {gap:.1e} of its largest answer)"
        )
    if (gap := _gap(_forward(layer, hidden[:1]), whole[:1])) > _TOLERANCE:
        raise ValueError(
            f"{said}: what it says of a sequence depends on the others of the batch (by {gap:.1e})"
        )
    _check_causality(said, layer, hidden, whole)
    _check_step(said, layer, hidden, whole)


def _check_causality(said: str, layer: _Layer, hidden: Tensor, whole: Tensor) -> None:
    """Everything from some place on is changed, in all such places at once, and what comes before is compared."""
    time_axis = hidden.shape[1]
    cuts = sorted({1, 2, time_axis // 2, time_axis - 1} & set(range(1, time_axis)))
    if not cuts:
        return
    rows = hidden[:1].repeat(len(cuts), 1, 1)
    for row, cut in enumerate(cuts):
        rows[row, cut:] = hidden[1, cut:]
    changed = _forward(layer, rows)
    for row, cut in enumerate(cuts):
        if (gap := _gap(changed[row, :cut], whole[0, :cut], largest=whole)) > _TOLERANCE:
            raise ValueError(
                f"{said}: forward reads the future: the answer at a position before {cut} changes (by {gap:.1e} of the "
                f"largest) with what comes from position {cut} on"
            )


def _check_step(said: str, layer: _Layer, hidden: Tensor, whole: Tensor) -> None:
    state = layer.init_state(len(hidden), dtype=hidden.dtype, device=hidden.device)
    time_axis = hidden.shape[1]
    for position in range(time_axis):
        before = {name: value.clone() for name, value in _tensors(state).items()}
        output, after = layer.step(hidden[:, position], state)
        if output.shape != hidden[:, position].shape:
            raise ValueError(
                f"{said}: step must keep the shape of what it is given, got {tuple(output.shape)}"
            )
        if position < 3 and any(not torch.equal(state[name], value) for name, value in before.items()):
            raise ValueError(f"{said}: step changes the state that it is given; it must give a new one")
        if (gap := _gap(output, whole[:, position], largest=whole)) > _TOLERANCE:
            raise ValueError(
                f"{said}: step answers otherwise than forward at position {position} (by {gap:.1e} of the "
                "largest answer)"
            )
        state = after
    _check_size(said, layer, state, time_axis, batch=len(hidden))


def _check_size(said: str, layer: _Layer, state: State, seq_len: int, *, batch: int) -> None:
    sizes: Any = layer.state_size(seq_len)
    counts = _named(sizes)
    whole = all(isinstance(n, int) and n >= 0 for n in counts.values())
    if not whole or not set(counts) <= set(_STATE_KINDS):
        raise ValueError(
            f"{said}: state_size must give counts under {', '.join(_STATE_KINDS)}, got {shortened(sizes)}"
        )
    for name, value in _tensors(state).items():
        if value.ndim == 0 or value.shape[0] != batch:
            raise ValueError(
                f"{said}: tensors of the state must begin with the batch axis ({batch}), {name} is {tuple(value.shape)}"
            )
    counters = [value for value in state.values() if not value.is_floating_point()]
    free = sum(value.numel() * value.itemsize for value in counters) // batch <= COUNTER_BYTES
    held = sum(value.numel() for value in state.values()) // batch
    least = held - (sum(value.numel() for value in counters) // batch if free else 0)
    declared = sum(counts.values())
    if not least <= declared <= held:
        raise ValueError(
            f"{said}: state_size says {declared:,} scalars after {seq_len} tokens, and its state holds {held:,}"
        )


def _check_gradients(said: str, layer: _Layer, hidden: Tensor) -> None:
    hidden = hidden.requires_grad_()
    weights = {name: p.requires_grad_() for name, p in layer.named_parameters()}
    answers = layer(hidden)
    if not answers.requires_grad:
        raise ValueError(f"{said}: no gradient passes through forward")
    wanted = {"its input": hidden, **weights}
    noise = Stream(3, 0, INIT).normal(tuple(answers.shape)).to(answers.dtype)
    found: Any = torch.autograd.grad((answers * noise).sum(), list(wanted.values()), allow_unused=True)
    if missing := [name for name, gradient in zip(wanted, found, strict=True) if gradient is None]:
        raise ValueError(f"{said}: no gradient reaches {', '.join(missing[:4])}")


def _check_members(said: str, layer: _Layer, hidden: Tensor) -> None:
    """Two members with weights of their own, side by side and each alone."""
    members: list[dict[str, Tensor]] = []
    for seed in (4, 5):
        layer.reset_parameters(Stream(seed, 0, INIT))
        members.append({name: p.detach().clone() for name, p in layer.named_parameters()})
    rows = torch.stack((hidden, hidden.flip(1)))
    stacked = {name: torch.stack([member[name] for member in members]) for name in members[0]}
    together: Any = functional_call(layer, stacked, (rows,))
    for index, member in enumerate(members):
        alone: Any = functional_call(layer, member, (rows[index],))
        if together.shape != rows.shape or _gap(together[index], alone) > _TOLERANCE:
            raise ValueError(
                f"{said}: with weights of two members it says otherwise than for each alone: members_axis = False runs "
                "them in turn"
            )


def _tensors(state: Any) -> State:
    held = _named(state)
    if not all(isinstance(value, Tensor) for value in held.values()):
        raise ValueError(f"a state must be a dict of tensors, got {type(state).__name__}")
    return held


def _named(value: Any) -> dict[str, Any]:
    """The mapping, or one that nothing accepts in the place of what is none."""
    return dict(cast(Any, value)) if isinstance(value, Mapping) else {"": None}


def _gap(one: Tensor, other: Tensor, *, largest: Tensor | None = None) -> float:
    """The largest difference, over the largest number of `other` (or `largest`)."""
    if one.numel() == 0:
        return 0.0
    scale = (other if largest is None else largest).abs().max().clamp(min=1e-30)
    gap = float((one - other).abs().max() / scale)
    return gap if gap == gap else float("inf")


class _BrokenError(ValueError):
    """A promise that is not kept, said without the layer's name."""


@contextmanager
def _fails(said: str, what: str) -> Generator[None, None, None]:
    """Code of the user's own may fail in any way."""
    try:
        yield
    except (Exception, SystemExit) as error:
        if isinstance(error, ValueError) and str(error).startswith(said):
            raise
        fault = f": {error}" if isinstance(error, _BrokenError) else f" cannot {what}: {one_line(error)}"
        raise ValueError(said + fault) from error
