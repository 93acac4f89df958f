"""Load the C++ of this package, built on first use (`plait.native.build`).

Nothing happens at import. Without a compiler `load()` returns None, says so once in one line, and callers take their
plain PyTorch path. `PLAIT_NATIVE=0` in the environment turns the compiled part off.
"""

import ctypes
import functools
import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

POINTER, INTEGER, REAL = ctypes.c_void_p, ctypes.c_int64, ctypes.c_double


@dataclass(frozen=True)
class Function:
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
