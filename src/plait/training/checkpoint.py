"""The state of an ensemble in training, as one safetensors file written whole or not at all."""

import json
from dataclasses import dataclass
from pathlib import Path

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save as serialise
from torch import Tensor

from plait.files import write_whole


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


def save(path: Path, progress: Progress, identity: str) -> None:
    """Write `progress` of the ensemble called `identity` to `path`.

    Raises:
        OSError: the folder cannot be written, or the disk is full.
    """
    tensors = {name: value.detach().cpu().contiguous() for name, value in progress.tensors().items()}
    metadata = {"plait": json.dumps({"step": progress.step, "identity": identity})}
    write_whole(path, serialise(tensors, metadata=metadata))


def restore(path: Path, like: Progress, identity: str) -> Progress | None:
    """The progress saved at `path`, on the device of `like`; None where there is no file.

    Raises:
        ValueError: the file is of another ensemble, damaged, or its tensors do not fit.
    """
    if not path.exists():
        return None
    try:
        with safe_open(path, framework="pt") as file:
            found = json.loads((file.metadata() or {})["plait"])
            step, name = int(found["step"]), found["identity"]
            tensors = {key: file.get_tensor(key) for key in file.keys()}  # noqa: SIM118
    except (SafetensorError, KeyError, TypeError, ValueError, OSError) as error:
        raise ValueError(f"{path}: no whole checkpoint ({error}); delete it to start again") from error
    if name != identity:
        raise ValueError(f"{path}: checkpoint of another run; delete it or name another file")
    wanted = like.tensors()
    if tensors.keys() != wanted.keys():
        raise ValueError(f"{path}: needs the tensors {sorted(wanted)}, got {sorted(tensors)}")
    for key, tensor in tensors.items():
        if tensor.dtype != wanted[key].dtype or tensor.shape[-1:] != wanted[key].shape[-1:]:
            raise ValueError(f"{path}: tensor {key} does not fit this run")
    device = like.parameters.device
    on_device = {
        key: tensor.to(device if wanted[key].device == device else torch.device("cpu"))
        for key, tensor in tensors.items()
    }
    return Progress(step=step, **on_device)
