"""Every input of a domain, at every position, in independent pieces of work side by side, one thread each.

A causal model's answer at a position depends on the tokens up to it, so inputs that share a prefix share it: the
inputs form a tree, and each of its nodes is computed once, from the state of the node above. The compiled stream
gives the same bits either way. Where it cannot be used every input is read whole. What the threads run lets go of the
interpreter's lock.
"""

import time
from collections import deque
from collections.abc import Callable, Generator, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from functools import partial
from typing import TypeVar

import torch
from torch import Tensor

from plait.compiler import Program
from plait.model.compiled import CompiledState
from plait.tasks import DecodingRecall, Task, is_built_in
from plait.verify.inputs import Domain, Labels, count_of_inputs, duration_text, labels, occurring_tokens
from plait.verify.reading import CompiledReader, InputReader, ModelReading
from plait.verify.tally import Positions, Tally

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


NODES = 4096
"""Prefixes that go on together."""

JOB_LEVELS = 3
"""Levels below a block that one job reads."""

_LARGEST_NUMBER = 1e300
"""Inputs beyond which the estimate of the time is no longer a float64."""

_Job = Callable[[], Tally]

_Progress = Callable[[int, int], None]
"""Told the inputs done and all of them, a few times a second at most."""


def read_all(
    reader: InputReader,
    task: Task,
    domain: Domain,
    *,
    window: int | None,
    most_inputs: int,
    threads: int = 1,
    progress: _Progress | None = None,
) -> Tally:
    """Raises:
    ValueError: more inputs than `most_inputs`; the message says how many, and how long they would take.
    """
    if domain.inputs > most_inputs:
        seconds = float(min(domain.inputs, _LARGEST_NUMBER)) * _seconds_an_input(reader, task, domain)
        raise ValueError(
            f"every input of {domain.seq_len} tokens out of {domain.n_tokens} is {count_of_inputs(domain)}, about "
            f"{duration_text(seconds)} here; at most {most_inputs:,} are read unless more are asked for"
        )
    if isinstance(reader, CompiledReader) and _labels_are_causal(task):
        jobs = _Tree(reader, task, domain, window).jobs()
    else:
        jobs = _one_by_one(reader, task, domain, window)
    total, told = Tally(last_defined=0), time.monotonic()
    for part in in_order(jobs, threads=threads):
        total += part
        if progress is not None and time.monotonic() - told > 0.2:
            told = time.monotonic()
            progress(total.inputs, domain.inputs)
    return total


def token_domain(task: Task, seq_len: int) -> Domain:
    """All rows of `seq_len` of the tokens that occur in rows of the task."""
    return Domain(n_tokens=occurring_tokens(task), seq_len=seq_len)


def _labels_are_causal(task: Task) -> bool:
    """Whether a position's target is the same however long its sequence is: known of built-in tasks and programs."""
    if type(task) is Program:
        return True
    return is_built_in(task) and not (type(task) is DecodingRecall and task.variant == "last")


def _one_by_one(reader: InputReader, task: Task, domain: Domain, window: int | None) -> Iterator[_Job]:
    def read(tokens: Tensor) -> Tally:
        known = labels(task, tokens, window=window)
        reading = reader.read(tokens, known.targets, known.sources)
        return Positions.of(tokens, known, reading).tally(inputs=len(tokens), whole=True)

    for tokens in domain.blocks(max(1, 16 * NODES // domain.seq_len)):
        yield partial(read, tokens)


class _Tree:
    """The prefixes of a domain; children of a block of prefixes are the same block with one more token each."""

    def __init__(self, reader: CompiledReader, task: Task, domain: Domain, window: int | None) -> None:
        self.reader, self.task, self.domain, self.window = reader, task, domain, window

    def jobs(self) -> Iterator[_Job]:
        """Short prefixes level by level; from the longest of them on depth first."""
        n_tokens, seq_len = self.domain.n_tokens, self.domain.seq_len
        depth = 1
        while depth < seq_len and n_tokens ** (depth + 1) <= NODES:
            depth += 1
        for length in range(1, depth + 1):
            for block in Domain(n_tokens=n_tokens, seq_len=length).blocks(NODES):
                tally, state = self._from_start(block)
                yield partial(_same, tally)
                if length == depth < seq_len:
                    yield from self._jobs_below(block, state)

    def _jobs_below(self, tokens: Tensor, state: CompiledState) -> Iterator[_Job]:
        for token in range(self.domain.n_tokens):
            if self.domain.seq_len - tokens.shape[1] <= JOB_LEVELS:
                yield partial(self._below, tokens, state, token)
            else:
                tally, longer, after = self._with(tokens, state, token)
                yield partial(_same, tally)
                yield from self._jobs_below(longer, after)

    def _below(self, tokens: Tensor, state: CompiledState, token: int) -> Tally:
        total, longer, after = self._with(tokens, state, token)
        if longer.shape[1] < self.domain.seq_len:
            for further in range(self.domain.n_tokens):
                total += self._below(longer, after, further)
        return total

    def _from_start(self, tokens: Tensor) -> tuple[Tally, CompiledState]:
        known = labels(self.task, tokens, window=self.window)
        start = self.reader.compiled.start(len(tokens))
        reading, state = self.reader.go_on(tokens, start, known.targets, known.sources)
        return self._counted(tokens, known.last(1), reading.last(1)), state

    def _with(self, tokens: Tensor, state: CompiledState, token: int) -> tuple[Tally, Tensor, CompiledState]:
        longer = torch.cat((tokens, torch.full_like(tokens[:, :1], token)), dim=1)
        known = labels(self.task, longer, window=self.window).last(1)
        reading, after = self.reader.go_on(longer[:, -1:], state, known.targets, known.sources)
        return self._counted(longer, known, reading), longer, after

    def _counted(self, tokens: Tensor, known: Labels, reading: ModelReading) -> Tally:
        """The last position of these prefixes, which stands for all inputs that go on from it."""
        length, seq_len = tokens.shape[1], self.domain.seq_len
        return Positions.of(tokens, known, reading).tally(
            inputs=len(tokens) if length == seq_len else 0,
            weight=self.domain.n_tokens ** (seq_len - length),
            whole=length == seq_len,
        )


def _same(tally: Tally) -> Tally:
    return tally


def _seconds_an_input(reader: InputReader, task: Task, domain: Domain) -> float:
    """Measured on a few positions."""
    length = min(domain.seq_len, 32)
    sample = torch.randint(0, domain.n_tokens, (256, length), generator=torch.Generator().manual_seed(0))
    known = labels(task, sample, window=None)
    began = time.perf_counter()
    reader.read(sample, known.targets, known.sources)
    a_position = (time.perf_counter() - began) / sample.numel()
    share = isinstance(reader, CompiledReader) and _labels_are_causal(task)
    return a_position * (domain.n_tokens / max(domain.n_tokens - 1, 1) if share else domain.seq_len)
