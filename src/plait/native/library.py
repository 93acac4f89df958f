"""Load the C++ of this package, built on first use (`plait.native.build`).

Nothing happens at import. Without a compiler `load()` returns None, says so once in one line, and callers take their
plain PyTorch path. `PLAIT_NATIVE=0` in the environment turns the compiled part off.
"""

import ctypes
import functools
import logging
import os
from pathlib import Path

from plait.native.build import INSTALL, BuildError, built

_P, _I, _D = ctypes.c_void_p, ctypes.c_int64, ctypes.c_double
_SIGNATURES: dict[str, tuple[type, ...]] = {
    "plait_philox": (_P, _P, _I, _I, _I, _I, _I),
    "plait_copy_back": (_P, _P, _P, _P, _I, _I),
    "plait_follow_latest": (*(_P,) * 7, *(_I,) * 4),
    "plait_bit_register": (_P, _P, _I, _I, _I, _I),
}
_TYPED_SIGNATURES: dict[str, tuple[type, ...]] = {
    "plait_scan_forward": (_P, _P, _P, _P, _P, _P, _P, _P, _I),
    "plait_scan_backward": (*(_P,) * 12, _I),
    "plait_mamba_forward": (_P, _D, _P, _P, _P, _P, _I),
    "plait_mamba_backward": (_P, _D, _P, _P, _P, _P, _P, _P, _I, _I),
    "plait_transformer_forward": (_P, _D, *(_P,) * 6, _D, _P, _P, _I),
    "plait_transformer_backward": (_P, _D, *(_P,) * 6, _D, _P, _P, _P, _P, _I, _I),
    "plait_head_loss": (_P, _D, *(_P,) * 11, _I),
    "plait_dropout": (_I, _I, _P, _P, _P, _D, _P, _I),
    "plait_embed": (_P, _P, _I, _P, _P, _I),
    "plait_embed_backward": (_P, _P, _P, _P, _I),
    "plait_stream_mamba": (_P, _D, *(_P,) * 7, _I),
    "plait_stream_transformer": (_P, _D, *(_P,) * 9, _I),
    "plait_stream_embed": (_P, _P, _P, _P, _I),
    "plait_stream_head": (_P, _D, *(_P,) * 7, _I),
    "plait_adamw": (_I, _I, _P, _P, _P, _P, _P, _P, _P, _I),
}
"""Arguments of each exported function: pointers, integers, floats; all return nothing. Those of the second table
exist as `NAME_float` and `NAME_double`."""


@functools.cache
def load() -> ctypes.CDLL | None:
    """The library, built if need be; None where it cannot be built or is turned off."""
    if turned_off():
        return None
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
    path = built(again=again)
    try:
        return _opened(path)
    except BuildError:
        path.unlink(missing_ok=True)
    return _opened(built(again=again))


def _opened(path: Path) -> ctypes.CDLL:
    typed = {f"{name}_{kind}": a for name, a in _TYPED_SIGNATURES.items() for kind in ("float", "double")}
    try:
        library = ctypes.CDLL(str(path))
        for name, arguments in {**_SIGNATURES, **typed}.items():
            function = getattr(library, name)
            function.argtypes, function.restype = arguments, None
    except (OSError, AttributeError) as error:
        raise BuildError(f"{path} cannot be opened: {error}") from None
    return library


def turned_off() -> bool:
    """Whether the environment asks for the plain path."""
    return os.environ.get("PLAIT_NATIVE", "1") == "0"


def available() -> bool:
    """Whether the compiled kernels can be used here (builds them if they are not built yet)."""
    return load() is not None
