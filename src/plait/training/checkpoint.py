"""The state of an ensemble in training, as one safetensors file written whole or not at all, with its checksum."""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load as parse_tensors
from torch import Tensor

from plait.checks import check_integer, counted, one_line
from plait.files import broken, read_bounded, write_whole
from plait.tensor_files import tensor_file

_MOST_BESIDE = 2**20
"""Bytes of a checkpoint beside its tensors."""


@dataclass(frozen=True, kw_only=True)
class Origin:
    """What must be the same where a checkpoint is gone on with.

    Args:
        identity: of the run and its members.
        engine, threads: what computed it (see `plait.training.Result`): another one rounds otherwise.
    """

    identity: str
    engine: str
    threads: int | None

    def path(self) -> str:
        return self.engine if self.threads is None else f"{self.engine} on {counted(self.threads, 'thread')}"


@dataclass(kw_only=True)
class Progress:
    """Everything that the next step depends on.

    Attributes:
        step: steps done.
        parameters, first, second: weights and AdamW's moments, `(members, size)`.
        active: members that have not diverged.
        diverged_at: the step at which a member diverged, -1 for none.
        losses: mean training loss of each finished interval, `(intervals, members)`.
        loss_sum: sum of the losses of the interval under way.
    """

    step: int
    parameters: Tensor
    first: Tensor
    second: Tensor
    active: Tensor
    diverged_at: Tensor
    losses: Tensor
    loss_sum: Tensor

    def tensors(self) -> dict[str, Tensor]:
        return {name: value for name, value in vars(self).items() if isinstance(value, Tensor)}


def save_checkpoint(path: Path, progress: Progress, origin: Origin) -> None:
    """Write `progress` of the ensemble of `origin` to `path`.

    Raises:
        OSError: the folder cannot be written, or the disk is full.
    """
    tensors = {name: value.detach().cpu().contiguous() for name, value in progress.tensors().items()}
    write_whole(path, tensor_file(tensors, {"plait": json.dumps({"step": progress.step, **vars(origin)})}))


def restore(path: Path, like: Progress, origin: Origin, *, steps: int) -> Progress | None:
    """The progress saved at `path`, on the device of `like`; None where there is no file.

    Args:
        like: what training starts from, whose tensors say what must be there.
        steps: of the whole training.

    Raises:
        ValueError: the file is of another ensemble, was computed otherwise (compiled or not, other threads), is
            damaged, or its tensors do not fit.
    """
    try:
        step, found, tensors = _read(path, like, steps)
    except FileNotFoundError:
        return None
    except (SafetensorError, KeyError, TypeError, ValueError, OSError, RuntimeError) as error:
        raise ValueError(
            f"{path}: no whole checkpoint ({one_line(error)}); delete it to start again"
        ) from error
    if found.identity != origin.identity:
        raise ValueError(f"{path}: checkpoint of another run; delete it or name another file")
    if found != origin:
        raise ValueError(
            f"{path}: checkpoint of a run computed as {found.path()}, and this one would go on as {origin.path()}, "
            "with other last bits: go on as it began, or delete it to start again"
        )
    wanted = like.tensors()
    device = like.parameters.device
    on_device = {
        key: tensor.to(device if wanted[key].device == device else torch.device("cpu"))
        for key, tensor in tensors.items()
    }
    return Progress(step=step, **on_device)


def _read(path: Path, like: Progress, steps: int) -> tuple[int, Origin, dict[str, Tensor]]:
    """The step, the origin and the tensors of a file; all kinds of errors."""
    wanted = like.tensors()
    most = sum(tensor.numel() * tensor.itemsize for tensor in wanted.values())
    data = read_bounded(path, most=most + 8 * steps * len(like.active) + _MOST_BESIDE)
    if broken(data) is not False:
        raise ValueError("its checksum is not that of its bytes")
    header: Any = json.loads(data[8 : 8 + int.from_bytes(data[:8], "little")])
    said: dict[str, Any] = json.loads(header["__metadata__"]["plait"])
    step = check_integer("step", said.pop("step"), least=0, most=steps)
    tensors = parse_tensors(data)
    if tensors.keys() != wanted.keys():
        raise ValueError(f"needs the tensors {sorted(wanted)}, got {sorted(tensors)}")
    for key, tensor in tensors.items():
        shape = tensor.shape[1:] if key == "losses" else tensor.shape
        fits = wanted[key].shape[1:] if key == "losses" else wanted[key].shape
        if tensor.dtype != wanted[key].dtype or shape != fits or (key == "losses" and len(tensor) > steps):
            raise ValueError(f"tensor {key} does not fit this run")
    return step, Origin(**said), tensors
