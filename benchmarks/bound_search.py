"""How much of the exact state bits a search finds that sees a task's targets and nothing else.

Each task of plait is wrapped so that only `targets` and `vocab_size` are left, and searched on one core within the
budget; beside it stands the exact count over all rows of its tokens (for needle, where marker B may then follow
marker A too, that is one state more than on the sampler's rows). For tasks whose states are not counted, it is what
the written table of Theorem 2.12 has; a share above 1 is more than that. Tasks with a known answer follow. Every bound
found is checked by the independent checker before it is shown.

    python benchmarks/bound_search.py [--seconds 60] [--seq-len 100] [--only needle]
"""

import argparse
import json
import time
from collections.abc import Iterator
from dataclasses import dataclass

import torch

from plait.tasks import (
    TASKS,
    AssociativeRecall,
    DecodingRecall,
    MultiKeyRecall,
    Needle,
    SelectiveCopying,
    Targets,
)
from plait.theory import find_state_bits
from plait.theory.automata import Machine, minimise
from plait.theory.exact_numbers import log2_floor
from plait.theory.families import has_family
from plait.theory.families.field import field_families
from plait.theory.states import state_factors


@dataclass(frozen=True)
class Hidden:
    """Targets of a task, or of a function of the tokens so far, and nothing else."""

    targets: object
    vocab_size: int
    name: str


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--seconds", type=float, default=60)
    parser.add_argument("--seq-len", type=int, default=100)
    parser.add_argument("--only", default="", help="rows whose name holds this")
    options = parser.parse_args()
    torch.set_num_threads(1)
    print(f"{'task':<34}{'exact':>9}{'found':>9}{'share':>7}{'sec':>5}{'bytes':>8}  family")
    for task, exact in cases(options.seq_len):
        if options.only not in task.name:
            continue
        began = time.monotonic()
        bound = find_state_bits(task, seq_len=options.seq_len, seconds=options.seconds)
        seconds, size = time.monotonic() - began, len(json.dumps(bound.certificate))
        family = bound.statement.partition(": ")[2].partition(".")[0]
        print(
            f"{task.name:<34}{exact:>9.3f}{float(bound.value):>9.3f}{float(bound.value) / exact:>7.3f}"
            f"{seconds:>5.0f}{size:>8}  {family}",
            flush=True,
        )


def cases(seq_len: int) -> Iterator[tuple[Hidden, float]]:
    """Tasks with their exact bits."""
    copying = [(26, (5, 6, 7, 8, 9)), (10, (3,)), (4, (2, 6))]
    for words, numbers in copying:
        yield hidden(SelectiveCopying(n_words=words, numbers=numbers), f"copying {words} words, {numbers}")
    for words in (4, 8, 16, 32):
        yield hidden(AssociativeRecall(n_words=words), f"associative recall, {words} words")
    for n, k in ((3, 2), (2, 3), (4, 2), (3, 3), (8, 2)):
        yield hidden(MultiKeyRecall(n_words=n, key_length=k), f"multi-key recall, {n} words, keys of {k}")
    for bits in (1, 2, 3, 5):
        yield hidden(DecodingRecall(n_bits=bits), f"decoding recall, {bits} bits")
    for words in (5, 100):
        yield hidden(Needle(n_words=words), f"needle, {words} words", states=words + 2)
    for name, task in TASKS.items():
        if not has_family(task()):
            yield tabled(name, task(), seq_len)
    yield known("parity", 2, lambda x: x.cumsum(-1) % 2, 2)
    yield known("counter modulo 12", 3, lambda x: x.cumsum(-1) % 12, 12)
    for back in (4, 10):
        yield last_tokens(back, 7)
    for last in (5, 9, 15):
        yield majority(last)


def hidden(task, name: str, states: int | None = None) -> tuple[Hidden, float]:
    exact = [(states, 1)] if states else state_factors(task)
    return Hidden(task.targets, task.ordinary_tokens, name), float(log2_floor(exact, parts=1000))


def tabled(name: str, task, seq_len: int) -> tuple[Hidden, float]:
    contents = max(family.contents for family in field_families(task, seq_len))
    return Hidden(task.targets, task.ordinary_tokens, name), float(log2_floor([(contents, 1)], parts=1000))


def known(name: str, vocab_size: int, answer, states: int) -> tuple[Hidden, float]:
    def targets(tokens):
        return Targets(answer(tokens), torch.ones_like(tokens, dtype=torch.bool))

    return Hidden(targets, vocab_size, name), float(log2_floor([(states, 1)], parts=1000))


def last_tokens(back: int, vocab_size: int) -> tuple[Hidden, float]:
    def targets(tokens):
        scored = torch.arange(tokens.shape[-1]) >= back
        return Targets(tokens.roll(back, -1) * scored, scored.expand(tokens.shape))

    exact = float(log2_floor([(vocab_size, back)], parts=1000))
    return Hidden(targets, vocab_size, f"the token {back} back, of {vocab_size}"), exact


def majority(last: int) -> tuple[Hidden, float]:
    def counted(tokens):
        sums = torch.nn.functional.pad(tokens, (last, 0)).cumsum(-1)
        return (sums[..., last:] - sums[..., :-last] > last // 2).to(torch.int64)

    def step(state, bit):
        window = (state << 1 | bit) & ((1 << last) - 1)
        return window & ((1 << (last - 1)) - 1), int(window.bit_count() > last // 2)

    states = minimise(Machine(start=0, step=step, symbols=(0, 1))).n_states
    return known(f"majority of the last {last} bits", 2, counted, states)


if __name__ == "__main__":
    main()
