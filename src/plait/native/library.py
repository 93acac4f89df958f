"""Load the C++ of this package, built on first use (`plait.native.build`), and whether Triton's kernels can be used.

Nothing happens at import. Without a compiler `load_library()` returns None, says so once in one line, and callers take
their plain PyTorch path. `PLAIT_NATIVE=0` in the environment turns the compiled part off. Triton, which compiles the
GPU kernels, is imported by those kernels alone.
"""

from __future__ import annotations

import ctypes
import functools
import os
from collections.abc import Callable
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

from plait.deferred import deferred

if TYPE_CHECKING:
    import torch
    from torch import Tensor
else:
    torch = deferred("torch")


POINTER, INTEGER, REAL = ctypes.c_void_p, ctypes.c_int64, ctypes.c_double


@dataclass(frozen=True)
class CompiledFunction:
    """A function that the library exports, by its name and the types of its arguments; it returns nothing."""

    name: str
    arguments: tuple[type, ...]

    def find(self) -> Callable[..., None] | None:
        """It, ready to be called; None where there is no library."""
        library = load_library()
        if library is None:
            return None
        function = getattr(library, self.name)
        if function.argtypes is None:
            function.argtypes, function.restype = self.arguments, None
        return function


@functools.cache
def load_library() -> ctypes.CDLL | None:
    """The library, built if need be; None where it cannot be built or is turned off."""
    if turned_off():
        return None
    import logging  # these here: what only names functions compiles nothing

    from plait.native.build import INSTALL, BuildError

    try:
        return open_library()
    except BuildError as error:
        logging.getLogger("plait").warning(
            "plait runs without its compiled kernels, many times slower: %s; %s", error, INSTALL
        )
        return None


def open_library(*, again: bool = False) -> ctypes.CDLL:
    """The library, whatever the environment says; `again` compiles even where that failed within a day.

    One that cannot be opened, or lacks a function, is compiled once more.

    Raises:
        BuildError: it cannot be built or opened, in one line.
    """
    from plait.native.build import BuildError, built

    path = built(again=again)
    try:
        return _opened(path)
    except BuildError:
        path.unlink(missing_ok=True)
    return _opened(built(again=again))


def _opened(path: Path) -> ctypes.CDLL:
    from plait.native.build import BuildError, exported

    try:
        library = ctypes.CDLL(str(path))
        for name in exported():
            getattr(library, name)
    except (OSError, AttributeError) as error:
        raise BuildError(f"{path} cannot be opened: {error}") from None
    return library


def turned_off() -> bool:
    """Whether the environment asks for the plain path."""
    return os.environ.get("PLAIT_NATIVE", "1") == "0"


def available() -> bool:
    """Whether the compiled kernels can be used here (builds them if they are not built yet)."""
    return load_library() is not None


@functools.cache
def has_triton() -> bool:
    """Whether Triton is installed (PyTorch's CUDA builds bring it)."""
    return find_spec("triton") is not None


def triton_takes(*tensors: Tensor, dtypes: tuple[torch.dtype, ...] | None = None) -> bool:
    """Whether the Triton kernels can take these tensors: of one of these types (None: float32), all on
    the current CUDA device."""
    first = tensors[0]
    if not (first.is_cuda and first.dtype in (dtypes or (torch.float32,)) and has_triton()):
        return False
    here = first.device.index in (None, torch.cuda.current_device())
    return here and all(t.dtype == first.dtype and t.device == first.device for t in tensors)
