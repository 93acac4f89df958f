"""Functions of PyTorch's operations whose element-wise parts are fused by torch.compile."""

import functools
import warnings
from collections.abc import Callable
from typing import Any

import torch

from plait.checks import one_line

BACKEND = "inductor"
_SHAPES = 64
"""Kinds of arguments for which a function is compiled anew; past these it runs as it is written."""


def fused(function: Callable[..., Any]) -> Callable[..., Any]:
    """`function` compiled for its arguments' shapes; as it is written, with a word of why, where that fails."""
    return _Fused.of(function, BACKEND)


class _Fused:
    """Compiles at the first call."""

    def __init__(self, function: Callable[..., Any], backend: str) -> None:
        self._plain = function
        self._compiled: Callable[..., Any] | None = torch.compile(function, dynamic=False, backend=backend)

    @staticmethod
    @functools.cache
    def of(function: Callable[..., Any], backend: str) -> "_Fused":
        return _Fused(function, backend)

    def __call__(self, *args: Any) -> Any:
        if self._compiled is not None:
            try:
                with torch._dynamo.config.patch(recompile_limit=_SHAPES):  # pyright: ignore
                    return self._compiled(*args)
            except torch.OutOfMemoryError:
                raise
            except Exception as error:
                name = getattr(self._plain, "__name__", "a function")
                warnings.warn(f"{name} runs as it is written: {one_line(error)[:200]}", stacklevel=2)
                self._compiled = None
        return self._plain(*args)
