"""A model on disk: `config.json` and `model.safetensors` in one folder.

`config.json` is the last file to appear and the first to go, so a folder that has one holds a whole model.
"""

import json
from collections.abc import Mapping
from pathlib import Path

import torch
from safetensors import SafetensorError
from safetensors.torch import load as parse_tensors
from safetensors.torch import save as serialise
from torch import Tensor

from plait.files import write_whole
from plait.model.config import HybridConfig
from plait.model.hybrid import HybridLM

CONFIG, WEIGHTS = "config.json", "model.safetensors"

_FLOATS = (torch.float64, torch.float32, torch.bfloat16, torch.float16)


def save(model: HybridLM, folder: str | Path) -> None:
    """Write `model` into `folder`, which is made if need be; a model that was there is replaced.

    Raises:
        OSError: the folder cannot be made or written, or the disk is full.
    """
    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    tensors = {name: tensor.detach().cpu().contiguous() for name, tensor in model.state_dict().items()}
    weights = serialise(tensors)
    (folder / CONFIG).unlink(missing_ok=True)
    write_whole(folder / WEIGHTS, weights)
    write_whole(folder / CONFIG, (json.dumps(model.config.to_json(), indent=2) + "\n").encode())


def load(folder: str | Path) -> HybridLM:
    """The model that `save` wrote, on the CPU, in evaluation mode, each weight of the type it was saved in.

    A config that names a class `module:Class` in its pattern imports that module.

    Raises:
        ValueError: a file that is missing or cannot be read, a config that is refused, tensors that are
            missing, too many, of another shape or type, or not finite.
    """
    folder = Path(folder)
    try:
        config = HybridConfig.parse(_read(folder / CONFIG).decode())
        with torch.device("meta"):
            model = HybridLM(config, seed=None)
    except ValueError as error:
        raise ValueError(f"{folder / CONFIG}: {error}") from error
    try:
        tensors = _parse(_read(folder / WEIGHTS))
        _check_tensors(model.state_dict(), tensors)
    except ValueError as error:
        raise ValueError(f"{folder / WEIGHTS}: {error}") from error
    # Copied, because products may depend on where in memory a tensor begins: like the saved model's to the last bit.
    model.load_state_dict({name: tensor.clone() for name, tensor in tensors.items()}, assign=True)
    return model.eval()


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise ValueError(f"cannot be read: {error.strerror or error}") from error


def _parse(data: bytes) -> dict[str, Tensor]:
    """The tensors of a safetensors file; its parser has several errors for data that it cannot follow."""
    try:
        return parse_tensors(data)
    except (SafetensorError, KeyError, TypeError, RuntimeError) as error:
        reason = " ".join(str(error).split())
        raise ValueError(f"no whole safetensors file: {reason}") from error


def _check_tensors(wanted: Mapping[str, Tensor], got: Mapping[str, Tensor]) -> None:
    if missing := sorted(wanted.keys() - got.keys()):
        raise ValueError(f"tensors missing for this config: {_listed(missing)}")
    if extra := sorted(got.keys() - wanted.keys()):
        raise ValueError(f"tensors that this config does not have: {_listed(extra)}")
    for name, tensor in got.items():
        if tensor.shape != wanted[name].shape:
            raise ValueError(
                f"tensor {name} must have shape {tuple(wanted[name].shape)}, got {tuple(tensor.shape)}"
            )
        if tensor.dtype not in _FLOATS:
            raise ValueError(f"tensor {name} must hold floating-point numbers, got {tensor.dtype}")
        if not bool(torch.isfinite(tensor).all()):
            raise ValueError(f"tensor {name} holds a number that is not finite")


def _listed(names: list[str]) -> str:
    return ", ".join(names[:4]) + (f" and {len(names) - 4} more" if len(names) > 4 else "")
