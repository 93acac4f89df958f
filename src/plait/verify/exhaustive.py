"""Every input of a domain, at every position.

A causal model's answer at a position depends on the tokens up to it, so inputs that share a prefix share it: the
inputs form a tree, and each of its nodes is computed once, from the state of the node above. The compiled stream
gives the same bits either way. Where it cannot be used every input is read whole.
"""

import time
from collections.abc import Callable, Iterator

import torch
from torch import Tensor

from plait.model.compiled import CompiledState
from plait.tasks import BuiltInTask, DecodingRecall, Task
from plait.verify.inputs import Domain, Labels, count_of_inputs, duration, labels, occurring_tokens
from plait.verify.reading import CompiledReader, Reader, Reading
from plait.verify.tally import Positions, Tally

NODES = 4096
"""Prefixes that go on together."""

LARGEST_NUMBER = 1e300

Progress = Callable[[int, int], None]
"""Told the inputs done and all of them, a few times a second at most."""


def read_all(
    reader: Reader,
    task: Task,
    domain: Domain,
    *,
    window: int | None,
    most_inputs: int,
    progress: Progress | None = None,
) -> Tally:
    """Raises:
    ValueError: more inputs than `most_inputs`; the message says how many, and how long they would take.
    """
    if domain.inputs > most_inputs:
        seconds = float(min(domain.inputs, LARGEST_NUMBER)) * _seconds_an_input(reader, task, domain)
        raise ValueError(
            f"every input of {domain.seq_len} tokens out of {domain.n_tokens} is {count_of_inputs(domain)}, about "
            f"{duration(seconds)} here; at most {most_inputs:,} are read unless more are asked for"
        )
    shared = isinstance(reader, CompiledReader) and _labels_are_causal(task)
    parts = (
        _by_prefix(reader, task, domain, window)
        if shared and isinstance(reader, CompiledReader)
        else _one_by_one(reader, task, domain, window)
    )
    total, told = Tally(last_defined=0), time.monotonic()
    for part in parts:
        total += part
        if progress is not None and time.monotonic() - told > 0.2:
            told = time.monotonic()
            progress(total.inputs, domain.inputs)
    return total


def domain_of(task: Task, seq_len: int) -> Domain:
    return Domain(n_tokens=occurring_tokens(task), seq_len=seq_len)


def _labels_are_causal(task: Task) -> bool:
    """Whether a position's target is the same however long its sequence is: known of the built-in tasks."""
    return isinstance(task, BuiltInTask) and not (isinstance(task, DecodingRecall) and task.variant == "last")


def _one_by_one(reader: Reader, task: Task, domain: Domain, window: int | None) -> Iterator[Tally]:
    for tokens in domain.blocks(max(1, 16 * NODES // domain.seq_len)):
        known = labels(task, tokens, window=window)
        reading = reader.read(tokens, known.targets, known.sources)
        yield Positions.of(tokens, known, reading).tally(inputs=len(tokens), whole=True)


def _by_prefix(reader: CompiledReader, task: Task, domain: Domain, window: int | None) -> Iterator[Tally]:
    """Short prefixes level by level; from the longest of them on depth first, a block of them together."""
    depth = 1
    while depth < domain.seq_len and domain.n_tokens ** (depth + 1) <= NODES:
        depth += 1

    def counted(tokens: Tensor, known: Labels, reading: Reading) -> Tally:
        whole, shared = (
            tokens.shape[1] == domain.seq_len,
            domain.n_tokens ** (domain.seq_len - tokens.shape[1]),
        )
        found = Positions.of(tokens, known.last(1), reading.last(1))
        return found.tally(inputs=len(tokens) if whole else 0, weight=shared, whole=whole)

    def below(tokens: Tensor, state: CompiledState) -> Iterator[Tally]:
        if tokens.shape[1] == domain.seq_len:
            return
        for token in range(domain.n_tokens):
            longer = torch.cat((tokens, torch.full_like(tokens[:, :1], token)), dim=1)
            known = labels(task, longer, window=window).last(1)
            reading, after = reader.go_on(longer[:, -1:], state, known.targets, known.sources)
            yield counted(longer, known, reading)
            yield from below(longer, after)

    for length in range(1, depth + 1):
        for block in Domain(n_tokens=domain.n_tokens, seq_len=length).blocks(NODES):
            known = labels(task, block, window=window)
            start = reader.compiled.start(len(block))
            reading, state = reader.go_on(block, start, known.targets, known.sources)
            yield counted(block, known, reading)
            if length == depth:
                yield from below(block, state)


def _seconds_an_input(reader: Reader, task: Task, domain: Domain) -> float:
    """Measured on a few positions."""
    length = min(domain.seq_len, 32)
    sample = torch.randint(0, domain.n_tokens, (256, length), generator=torch.Generator().manual_seed(0))
    known = labels(task, sample, window=None)
    began = time.perf_counter()
    reader.read(sample, known.targets, known.sources)
    a_position = (time.perf_counter() - began) / sample.numel()
    share = isinstance(reader, CompiledReader) and _labels_are_causal(task)
    return a_position * (domain.n_tokens / max(domain.n_tokens - 1, 1) if share else domain.seq_len)
