"""Independent pieces of work side by side, one thread each: what they run lets go of the interpreter's lock."""

from collections import deque
from collections.abc import Callable, Generator, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from typing import TypeVar

import torch

T = TypeVar("T")


@contextmanager
def single_threads() -> Generator[int, None, None]:
    """PyTorch's and the kernels' own threads turned off inside; gives how many there were."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield threads
    finally:
        torch.set_num_threads(threads)


def in_order(jobs: Iterable[Callable[[], T]], *, threads: int) -> Iterator[T]:
    """The results of the jobs in their order, `threads` of them at work; taken from the iterable as needed.

    Operations on small tensors are slower on several threads than on one, and stall on a busy machine: so each
    job has one thread for itself (see `single_threads`).
    """
    if threads == 1:
        for job in jobs:
            yield job()
        return
    with ThreadPoolExecutor(threads) as pool:
        waiting: deque[Future[T]] = deque()
        try:
            for job in jobs:
                waiting.append(pool.submit(job))
                if len(waiting) > threads:
                    yield waiting.popleft().result()
            while waiting:
                yield waiting.popleft().result()
        finally:
            for future in waiting:
                future.cancel()
