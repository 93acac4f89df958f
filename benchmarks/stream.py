"""One million tokens through `step` for both constructions: every scored answer, memory, time a token.

One sequence, one token at a time, float32. Selective copying: one number, then words alone, so the number is held to
the end; decoding recall: one register, then words alone, the register's word among them at least every 128 tokens, so
that its key is always in the window. Targets come from a plain loop that remembers what it must, not from the task's
own code. Memory is the process's resident set, read ten times on the way; `StreamReader`, which `plait stream` uses,
reads the same tokens for comparison.

    python benchmarks/stream.py [--tokens 1000000] [--through step read-all]
"""

import argparse
import os
import random
import time
from collections import deque
from collections.abc import Callable, Iterator
from pathlib import Path

import torch

from plait.constructions import decoding_recall, selective_copying
from plait.model import HybridLM
from plait.model.compiled import StreamReader
from plait.tasks import DecodingRecall, SelectiveCopying

COPYING, RECALL = SelectiveCopying(), DecodingRecall()
NUMBER, REGISTER, EVERY = 7, 21, 128
CHUNK = 1000

Labelled = Iterator[tuple[int, int | None]]
"""Tokens, each with its target, or None."""


def copying_stream(tokens: int) -> Labelled:
    draw, last = random.Random(0), deque[int](maxlen=NUMBER + 1)
    for place in range(tokens):
        number = COPYING.n_words + COPYING.numbers.index(NUMBER)
        last.append(number if place == 0 else draw.randrange(COPYING.n_words))
        yield last[-1], last[0] if place >= NUMBER else None


def recall_stream(tokens: int) -> Labelled:
    draw, follower, before = random.Random(0), None, -1
    bits = [RECALL.n_words + (REGISTER >> place & 1) for place in reversed(range(RECALL.n_bits))]
    for place in range(tokens):
        if place < len(bits):
            yield bits[place], None
            continue
        token = REGISTER if place % EVERY == 0 else draw.randrange(RECALL.n_words)
        if before == REGISTER:
            follower = token
        before = token
        yield token, follower


def by_step(model: HybridLM) -> Callable[[list[int]], list[int]]:
    state = model.init_state(1)

    def read(tokens: list[int]) -> list[int]:
        nonlocal state
        answers: list[int] = []
        for token in tokens:
            logits, state = model.step(torch.tensor([token]), state)
            answers.append(int(logits.argmax()))
        return answers

    return read


def together(model: HybridLM) -> Callable[[list[int]], list[int]]:
    reader = StreamReader(model)
    return lambda tokens: [answer.token for answer in reader.read_all(tokens)]


def resident_mb() -> float:
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") / 2**20


def run(name: str, through: str, model: HybridLM, stream: Labelled, tokens: int) -> None:
    read = (by_step if through == "step" else together)(model)
    scored = wrong = done = 0
    spent, memory = 0.0, [resident_mb()]
    while done < tokens:
        part = [next(stream) for _ in range(min(CHUNK, tokens - done))]
        began = time.perf_counter()
        answers = read([token for token, _ in part])
        spent += time.perf_counter() - began
        for answer, (_, target) in zip(answers, part, strict=True):
            if target is not None:
                scored += 1
                wrong += answer != target
        done += len(part)
        if done * 10 // tokens >= len(memory):
            memory.append(resident_mb())
    print(
        f"{name:17} {through:9} {done:,} tokens, {scored:,} scored, {wrong:,} wrong, "
        f"{1e6 * spent / done:.1f} us a token"
    )
    print(f"{'':27} resident MB at every tenth: {' '.join(f'{mb:.0f}' for mb in memory)}", flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--tokens", type=int, default=1_000_000)
    parser.add_argument("--through", nargs="+", choices=("step", "read-all"), default=["step", "read-all"])
    parser.add_argument(
        "--tasks", nargs="+", choices=(COPYING.name, RECALL.name), default=[COPYING.name, RECALL.name]
    )
    options = parser.parse_args()
    torch.set_num_threads(1)
    made = {
        COPYING.name: (selective_copying(COPYING, options.tokens), copying_stream),
        RECALL.name: (decoding_recall(RECALL, options.tokens), recall_stream),
    }
    for through in options.through:
        for name in options.tasks:
            model, stream = made[name]
            run(name, through, model, stream(options.tokens), options.tokens)


if __name__ == "__main__":
    main()
