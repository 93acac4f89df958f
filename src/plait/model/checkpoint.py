"""A model on disk: `config.json` and `model.safetensors` in one folder.

`config.json` is the last file to appear and the first to go, so a folder that has one holds a whole model. The weights
carry a checksum, and that of the config that they were saved with.
"""

import hashlib
import json
import warnings
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load as parse_tensors
from torch import Tensor

from plait.checks import cut, one_line
from plait.checks.own_names import refuse_foreign
from plait.files import (
    broken,
    opened,
    parse_json,
    read_bounded,
    sweep_parts,
    write_together,
)
from plait.model.config import HybridConfig
from plait.model.hybrid import HybridLM
from plait.tensor_files import tensor_file

CONFIG, _WEIGHTS = "config.json", "model.safetensors"

MOST_CONFIG_BYTES = 2**20
"""Of config.json: another file of that name is refused before it fills the memory."""

_DTYPES = {"F64": torch.float64, "F32": torch.float32, "BF16": torch.bfloat16, "F16": torch.float16}
"""As safetensors names them."""
_CONFIG_OF = "config"
_MOST_HEADER = 2**20
"""Bytes of the header of a file of weights, beside 1,024 for each of them."""


def save(model: HybridLM, folder: str | Path, *, beside: Mapping[str, bytes] | None = None) -> None:
    """Write `model` into `folder`, which is made if need be; a model that was there is replaced.

    If anything cannot be written, a model that was there stays as it was.

    Args:
        beside: further files of the folder, which appear with the model.

    Raises:
        OSError: the folder cannot be made or written, or the disk is full.
    """
    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    sweep_parts(folder)
    config = (json.dumps(model.config.to_json(), indent=2) + "\n").encode()
    tensors = {name: tensor.detach().cpu().contiguous() for name, tensor in model.state_dict().items()}
    weights = tensor_file(tensors, {"format": "pt", _CONFIG_OF: _digest(config)})
    files = {folder / name: data for name, data in (beside or {}).items()}
    write_together({**files, folder / _WEIGHTS: weights, folder / CONFIG: config}, without=folder / CONFIG)


def load(folder: str | Path, *, trust_code: bool = False) -> HybridLM:
    """The model that `save` wrote, on the CPU, in evaluation mode, each weight of the type it was saved in.

    A warning says if the config was edited since.

    Args:
        trust_code: whether a config may name classes `module:Class` of other packages, which importing runs.

    Raises:
        ValueError: a file that is missing or cannot be read, a config that is refused or names code that is not
            trusted, weights of which a bit has changed, tensors that are missing, too many, of another shape or type,
            or not finite.
    """
    folder = Path(folder)
    try:
        text = _read(folder / CONFIG, most=MOST_CONFIG_BYTES)
        config = HybridConfig.parse(text.decode())
        refuse_foreign(config.parts, trust_code=trust_code)
        with torch.device("meta"):
            model = HybridLM(config, seed=None)
    except ValueError as error:
        raise ValueError(f"{folder / CONFIG}: {error}") from error
    try:
        tensors, saved_with = _read_weights(folder / _WEIGHTS, model.state_dict())
    except ValueError as error:
        raise ValueError(f"{folder / _WEIGHTS}: {error}") from error
    if saved_with not in (None, _digest(text)):
        warnings.warn(f"{folder / CONFIG} was edited since its weights were saved", stacklevel=2)
    # Copied, because products may depend on where in memory a tensor begins: like the saved model's to the last bit.
    model.load_state_dict({name: tensor.clone() for name, tensor in tensors.items()}, assign=True)
    return model.eval()


def load_config(folder: str | Path) -> HybridConfig:
    """The config that `save` wrote; no code that it names is looked for.

    Raises:
        ValueError: it is missing, cannot be read, or is refused.
    """
    path = Path(folder) / CONFIG
    try:
        return HybridConfig.parse(_read(path, most=MOST_CONFIG_BYTES).decode())
    except ValueError as error:
        raise ValueError(f"{path}: {error}") from error


def _read(path: Path, *, most: int) -> bytes:
    try:
        return read_bounded(path, most=most)
    except OSError as error:
        raise ValueError(f"cannot be read: {error.strerror or error}") from error


def _read_weights(path: Path, wanted: Mapping[str, Tensor]) -> tuple[dict[str, Tensor], str | None]:
    """The tensors of a file, and the digest of the config that they were saved with.

    The header is read and held against what is wanted first, so that no more than these tensors is ever read.
    """
    try:
        with opened(path) as file:
            size = file.read(8)
            length = int.from_bytes(size, "little")
            if len(size) < 8 or length > _MOST_HEADER + 2**10 * len(wanted):
                raise ValueError(f"no whole safetensors file: a header of {length:,} bytes")
            text = file.read(length)
            said, saved_with = _header(text)
            _check_tensors(wanted, said)
            most = sum(tensor.numel() * tensor.itemsize for tensor in said.values())
            body = file.read(most + 1)
    except OSError as error:
        raise ValueError(f"cannot be read: {error.strerror or error}") from error
    if len(body) != most:
        more = "more are there" if len(body) > most else f"{len(body):,} are there"
        raise ValueError(f"no whole safetensors file: its tensors have {most:,} bytes, {more}")
    data = size + text + body
    if broken(data) or (
        broken(data) is None and saved_with is not None
    ):  # what names its config was sealed too
        raise ValueError("its checksum is not that of its bytes: it was damaged or edited since it was saved")
    tensors = _parse(data)
    for name, tensor in tensors.items():
        if not bool(torch.isfinite(tensor).all()):
            raise ValueError(f"tensor {name} holds a number that is not finite")
    return tensors, saved_with


def _header(text: bytes) -> tuple[dict[str, Tensor], str | None]:
    """The tensors that a header names, without their numbers, and the digest of the config that it was saved with."""
    found: dict[str, Tensor] = {}
    try:
        header: Any = parse_json(text, "its header")
        metadata = header.pop("__metadata__", {})
        for name, entry in header.items():
            shape, dtype = tuple(entry["shape"]), entry["dtype"]
            found[name] = torch.empty(shape, dtype=_DTYPES.get(dtype, torch.int64), device="meta")
        saved_with = metadata.get(_CONFIG_OF)
    except (ValueError, TypeError, KeyError, AttributeError, RuntimeError) as error:
        raise ValueError(f"no whole safetensors file: {one_line(error)}") from error
    return found, saved_with


def _digest(config: bytes) -> str:
    return hashlib.sha256(config).hexdigest()[:20]


def _parse(data: bytes) -> dict[str, Tensor]:
    """The tensors of a safetensors file; its parser has several errors for data that it cannot follow."""
    try:
        return parse_tensors(data)
    except (SafetensorError, KeyError, TypeError, RuntimeError) as error:
        raise ValueError(f"no whole safetensors file: {one_line(error)}") from error


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
        if tensor.dtype not in _DTYPES.values():
            raise ValueError(f"tensor {name} must hold floating-point numbers of 16 to 64 bits")
    kinds: dict[str, torch.dtype] = {}
    for name, tensor in got.items():
        part = ".".join(name.split(".")[:2]) if name.startswith("layers.") else name.split(".")[0]
        if kinds.setdefault(part, tensor.dtype) != tensor.dtype:
            raise ValueError(f"tensors of {part} must be of one type, got {kinds[part]} and {tensor.dtype}")


def _listed(names: list[str]) -> str:
    return ", ".join(map(cut, names[:4])) + (f" and {len(names) - 4} more" if len(names) > 4 else "")
