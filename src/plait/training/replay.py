"""Training steps on a GPU without a launch for each of their kernels: one step captured as a CUDA graph, replayed.

A graph repeats the same work on the same addresses, so the step's number lies on the device, and the step advances
it itself. The first steps run uncaptured: kernels compile, tables are made, memory settles.
"""

import gc
import warnings
from collections.abc import Callable, Generator
from contextlib import contextmanager

import torch
from jaxtyping import Int
from torch import Tensor

_UNCAPTURED = 3
"""Steps before one is captured: what a first step compiles and allocates is there by then."""


class Replay:
    """`advance(clock)` must do step number `clock` and write nothing but what it finds in place.

    Args:
        advance: a step as device work alone: no value read by the host, no memory shared with another step's inputs.
    """

    def __init__(self, advance: Callable[[Int[Tensor, ""]], None], device: torch.device) -> None:
        self._advance = advance
        self._clock = torch.zeros((), dtype=torch.int64, device=device)
        self._next = 0
        self._count = 0
        self._side = torch.cuda.Stream(device)
        self._graph: torch.cuda.CUDAGraph | None = None

    def step(self, number: int) -> None:
        """Do step `number`; steps mostly come one after the other."""
        if number != self._next:
            self._clock.fill_(number)
        self._next = number + 1
        if self._graph is None and self._count == _UNCAPTURED:
            self._graph = self._captured()  # an exception on the way: the next step captures anew
        self._count += 1
        if self._graph is not None:
            self._graph.replay()
            return
        self._side.wait_stream(torch.cuda.current_stream())
        with torch.cuda.stream(self._side):
            self._work()
        torch.cuda.current_stream().wait_stream(self._side)

    def _captured(self) -> torch.cuda.CUDAGraph | None:
        """A step as a graph; None, with a word of why, where the device refuses: steps go on without."""
        graph = torch.cuda.CUDAGraph()
        try:
            with _collection_paused(), torch.cuda.graph(graph):
                self._work()
        except torch.OutOfMemoryError:
            raise
        except RuntimeError as error:
            reason = str(error).splitlines()[0]
            warnings.warn(f"a step could not be captured and goes kernel by kernel: {reason}", stacklevel=2)
            torch.cuda.synchronize()
            return None
        return graph

    def _work(self) -> None:
        self._advance(self._clock)
        self._clock += 1


@contextmanager
def _collection_paused() -> Generator[None]:
    """Garbage is collected before, not meanwhile: an earlier ensemble's graph, freed during a capture, would end it."""
    gc.collect()
    enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if enabled:
            gc.enable()
