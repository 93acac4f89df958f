"""The processes that train one model together: those that torchrun started, or this one alone."""

import os
import re
from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass

import torch
import torch.distributed as dist
from torch import Tensor
from torch.distributed.device_mesh import DeviceMesh, init_device_mesh

from plait.checks import one_line
from plait.training.machine import resolve_device

_LEFT_ALONE = re.compile(
    r"gloo|nccl|connection (?:closed|reset|was)|broken pipe|timed? ?out|heartbeat|remote process",
    re.IGNORECASE,
)
"""In what a collective operation says whose partner is gone; PyTorch has no class for it on the CPU."""


class LostProcessError(ConnectionError):
    """Another of the processes has ended, or answers no more.

    Args:
        message: one line.
        joined: whether they had found each other. PyTorch's threads of a connection that broke can then abort an
            interpreter that ends by itself: leave by `os._exit`.
    """

    def __init__(self, message: str, *, joined: bool = False) -> None:
        super().__init__(message)
        self.joined = joined


@dataclass(frozen=True, kw_only=True)
class Processes:
    """This process among `count`.

    Attributes:
        rank: its number; 0 writes and prints.
        device: its own.
        mesh: of all.
    """

    rank: int
    count: int
    device: torch.device
    mesh: DeviceMesh

    def summed(self, value: Tensor) -> Tensor:
        """Over all processes, on this one's device."""
        total = value.to(self.device, copy=True)
        dist.all_reduce(total)
        return total

    def anywhere(self, flag: bool) -> bool:
        """Whether it holds in any process; all wait for the last."""
        return bool(self.summed(torch.tensor(int(flag))).item())

    def wait(self) -> None:
        """For all."""
        self.anywhere(False)


def launched() -> bool:
    """Whether torchrun started this process."""
    return "RANK" in os.environ and "WORLD_SIZE" in os.environ


def is_first() -> bool:
    """Whether this process is the one that prints."""
    return not launched() or os.environ["RANK"] == "0"


@contextmanager
def processes(device: str = "auto") -> Generator[Processes, None, None]:
    """Joins the processes that torchrun started; without torchrun there is one.

    Args:
        device: as `plait.training.train` takes it; each process has a card of its own.

    Raises:
        ValueError: fewer cards than processes of this host, or a device that is not there.
        LostProcessError: the processes do not find each other, or another one ended before this one.
    """
    if not dist.is_available():
        raise ValueError("this PyTorch has no torch.distributed, which engine fsdp needs")
    kind = resolve_device(device).type
    own = torch.device(kind)
    if kind == "cuda":
        own = _card(int(os.environ.get("LOCAL_RANK", "0")))
        torch.cuda.set_device(own)
    backend = "nccl" if kind == "cuda" else "gloo"
    _join(backend)
    count, ended = dist.get_world_size(), False
    try:
        yield Processes(
            rank=dist.get_rank(),
            count=count,
            device=own,
            mesh=init_device_mesh(kind, (count,), mesh_dim_names=("parts",)),
        )
        ended = True
    except RuntimeError as error:
        if count == 1 or not _is_left_alone(error):
            raise
        raise LostProcessError(
            f"process {dist.get_rank()} of {count}: another one has ended, or answers no more; start all of them again "
            f"({one_line(error)})",
            joined=True,
        ) from None
    finally:
        if ended or count == 1:  # after an error torchrun ends the others: nobody is waited for
            dist.destroy_process_group()


def _join(backend: str) -> None:
    if not launched():
        dist.init_process_group(backend, store=dist.HashStore(), rank=0, world_size=1)  # pyright: ignore[reportPrivateImportUsage]
        return
    try:
        dist.init_process_group(backend)
    except RuntimeError as error:
        raise LostProcessError(
            f"the processes that torchrun started do not find each other: {one_line(error)}"
        ) from None


def _is_left_alone(error: RuntimeError) -> bool:
    kinds = (dist.DistBackendError, dist.DistNetworkError, dist.DistStoreError)  # pyright: ignore[reportPrivateImportUsage]
    return isinstance(error, kinds) or _LEFT_ALONE.search(str(error)) is not None


def _card(place: int) -> torch.device:
    cards, started = torch.cuda.device_count(), int(os.environ.get("LOCAL_WORLD_SIZE", "1"))
    if started > cards:
        raise ValueError(
            f"{started} processes were started on this host, and {cards} GPU{'s are' if cards > 1 else ' is'} there: "
            f"torchrun --nproc-per-node {cards}"
        )
    return torch.device("cuda", place)
