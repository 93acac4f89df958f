"""Checkpoints of a model over processes: a safetensors file a process, and one JSON file that says they are whole.

FOLDER/step-00000500/
  part-0-of-2.safetensors     rows of every weight and its moments, and which rows they are
  part-1-of-2.safetensors
  complete.json               written last: identity, step, losses

Nothing of it is pickled, each file carries its checksum, and any number of processes can go on from it.
"""

import json
import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load as parse_tensors
from torch import Tensor

from plait.checks import check_integer, one_line
from plait.files import UNSEALED, broken, read_bounded, sealed_bytes, write_whole
from plait.tensor_files import tensor_file
from plait.training.fsdp.processes import Processes

_FORMAT = 1
_COMPLETE, _STEP = "complete.json", "step-"
_MOST_BESIDE = 2**20
"""Bytes of a file beside its tensors."""


@dataclass(frozen=True, kw_only=True)
class Told:
    """What every process knows of a training.

    Args:
        identity: of the run.
        step: steps done.
        losses: mean training loss of each finished interval.
        loss_sum: of the interval under way.
        diverged_at: the step whose loss was not finite; -1 for none.
    """

    identity: str
    step: int
    losses: tuple[float, ...]
    loss_sum: float
    diverged_at: int


SavedRows = Mapping[str, tuple[int, Tensor]]
"""By name, the first row that a part holds, and the part."""


def save_parts(folder: Path, parts: SavedRows, told: Told, processes: Processes) -> None:
    """Write one checkpoint, and remove older ones once it is whole. All processes call it.

    Raises:
        OSError: the folder cannot be written, or the disk is full.
    """
    here = folder / f"{_STEP}{told.step:08d}"
    if processes.rank == 0:
        here.mkdir(parents=True, exist_ok=True)
        (here / _COMPLETE).unlink(missing_ok=True)
    processes.wait()
    own = {name: part.detach().cpu().contiguous() for name, (_, part) in parts.items() if len(part)}
    said = {
        "identity": told.identity,
        "step": told.step,
        "first_rows": {name: parts[name][0] for name in own},
    }
    data = tensor_file(own, {"plait": json.dumps(said)})
    write_whole(here / _part(processes.rank, processes.count), data)
    processes.wait()
    if processes.rank == 0:
        document = {"format": _FORMAT, "processes": processes.count, **vars(told), "seal": UNSEALED}
        write_whole(here / _COMPLETE, sealed_bytes(json.dumps(document).encode()))
        for old in _steps(folder):
            if old != here:
                shutil.rmtree(old, ignore_errors=True)
    processes.wait()


def restore_parts(folder: Path, parts: SavedRows, *, identity: str, steps: int, most: int) -> Told | None:
    """Fill `parts` from the latest whole checkpoint, of whatever number of processes; None where there is none.

    Args:
        steps: of the whole training.
        most: bytes of all weights and moments.

    Raises:
        ValueError: the checkpoint is of another run, is damaged, or does not hold every row.
    """
    whole = whole_steps(folder)
    if not whole:
        return None
    here = max(whole)
    try:
        told, count = _read_told(here / _COMPLETE, steps)
        if told.identity == identity:
            _fill(here, parts, told, count=count, most=most)
    except (SafetensorError, KeyError, TypeError, ValueError, OSError, RuntimeError) as error:
        raise ValueError(
            f"{here}: no whole checkpoint ({one_line(error)}); delete it to start again"
        ) from error
    if told.identity != identity:
        raise ValueError(f"{here}: checkpoint of another run; delete it or name another folder")
    return told


def whole_steps(folder: Path) -> list[Path]:
    """The checkpoints of which all parts are there."""
    return [step for step in _steps(folder) if (step / _COMPLETE).exists()]


def _part(rank: int, count: int) -> str:
    return f"part-{rank}-of-{count}.safetensors"


def _steps(folder: Path) -> list[Path]:
    return sorted(path for path in folder.glob(f"{_STEP}*") if path.is_dir()) if folder.is_dir() else []


def _read_told(path: Path, steps: int) -> tuple[Told, int]:
    """What is told, and how many parts there are."""
    data = read_bounded(path, most=64 * steps + _MOST_BESIDE)
    if broken(data) is not False:
        raise ValueError("its checksum is not that of its bytes")
    document: dict[str, Any] = json.loads(data)
    del document["seal"]
    check_integer("format", document.pop("format"), least=_FORMAT, most=_FORMAT)
    count = check_integer("processes", document.pop("processes"), least=1, most=2**16)
    check_integer("step", document["step"], least=0, most=steps)
    return Told(**{**document, "losses": tuple(map(float, document["losses"]))}), count


@torch.no_grad()
def _fill(here: Path, parts: SavedRows, told: Told, *, count: int, most: int) -> None:
    """Every row of `parts` from whichever file has it.

    Raises:
        ValueError: a damaged file, one of another step, or a row that none has.
    """
    missing = {name: len(part) for name, (_, part) in parts.items()}
    for rank in range(count):
        data = read_bounded(here / _part(rank, count), most=most + _MOST_BESIDE)
        if broken(data) is not False:
            raise ValueError(f"{_part(rank, count)}: its checksum is not that of its bytes")
        header: Any = json.loads(data[8 : 8 + int.from_bytes(data[:8], "little")])
        said = json.loads(header["__metadata__"]["plait"])
        if (said["identity"], said["step"]) != (told.identity, told.step):
            raise ValueError(f"{_part(rank, count)} is of another run or step")
        for name, rows in parse_tensors(data).items():
            first, part = parts[name]
            if rows.dtype != part.dtype or rows.shape[1:] != part.shape[1:]:
                raise ValueError(f"tensor {name} does not fit this run")
            begin = check_integer("first row", said["first_rows"][name], least=0, most=2**48)
            low, high = max(first, begin), min(first + len(part), begin + len(rows))
            if low < high:
                part[low - first : high - first].copy_(rows[low - begin : high - begin])
                missing[name] -= high - low
    lacking = sorted(name for name, number in missing.items() if number)
    if lacking:
        raise ValueError(f"rows of {lacking[0]} are missing or doubled")
