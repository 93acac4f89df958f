"""The retrieval game of the repaired bound, played against a model's own streaming state.

    prefix of a random content -> read once -> state -> each suffix from that state -> answers -> decoded content

Between prefix and suffix nothing is kept but the state, so whatever comes back was in it. The decoder knows the family:
an answer is the most likely of the tokens that can be right. Source: docs/theory.md, Theorems 2.2 to 2.4.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import torch
from jaxtyping import Float, Int
from torch import Tensor

from plait.random import TEST, Stream
from plait.theory import Game

MOST_SCALARS = 1 << 24
"""Scalars of state held at once."""

_DRAW = 977
"""Keeps the contents apart from a task's own draws at the same seed."""


class Streaming(Protocol):
    """What the game asks of a model; `HybridLM` has it."""

    def init_state(self, batch: int) -> Any: ...

    def step(self, tokens: Int[Tensor, "batch"], state: Any) -> tuple[Float[Tensor, "batch vocab"], Any]:
        """Logits after one more token, and the state then; the state given is not changed."""
        ...


@dataclass(frozen=True, kw_only=True)
class Played:
    """What came back.

    Attributes:
        size: contents of the family, as its codec numbers them.
        drawn: contents that were drawn.
        fitting: of those, the ones whose right answers are all defined and decode to them.
        wrong: for each query, the wrong answers among the fitting contents.
        recovered: contents that the model's answers decode to, of those drawn.
        every: whether the drawn ones are all the contents, each once.
    """

    size: int
    drawn: int
    fitting: int
    wrong: tuple[int, ...]
    recovered: int
    every: bool


def play(
    model: Streaming,
    game: Game,
    *,
    answers: Sequence[int],
    samples: int = 1000,
    seed: int = 0,
    state_scalars: int = 1,
    device: torch.device | None = None,
) -> Played:
    """`samples` contents, uniform and independent; every content once where there are no more than that.

    Args:
        answers: the tokens that can be right.
        seed: of the contents.
        state_scalars: of one sequence; limits how many are read side by side.

    Raises:
        ValueError: fewer than one sample, or no answer.
    """
    if samples < 1 or not answers:
        raise ValueError(f"needed a sample and an answer, got {samples} and {len(answers)}")
    every = game.size <= samples
    indices = list(range(game.size)) if every else draw_contents(game.size, samples, seed)
    rows = max(1, min(1024, MOST_SCALARS // max(1, state_scalars)))
    fitting, recovered, wrong = 0, 0, [0] * len(game.queries)
    for some in _chunks(indices, rows):
        fit, prefixes, right = _fitting(game, some, frozenset(answers))
        if not fit:
            continue
        given = ask_model(model, game, prefixes, answers=answers, device=device)
        for index, row, wanted in zip(fit, given.tolist(), right, strict=True):
            errors = [answer != target for answer, target in zip(row, wanted, strict=True)]
            if all(target is not None for target in wanted):
                fitting += 1
                wrong = [count + error for count, error in zip(wrong, errors, strict=True)]
            recovered += game.decode(row) == index
    return Played(
        size=game.size,
        drawn=len(indices),
        fitting=fitting,
        wrong=tuple(wrong),
        recovered=recovered,
        every=every,
    )


def draw_contents(size: int, samples: int, seed: int) -> list[int]:
    """Integers below `size`, uniform up to 2^-64."""
    words = size.bit_length() // 32 + 3
    rows = Stream(seed, 0, TEST).bits((samples, words), draw=_DRAW).tolist()
    return [sum(word << 32 * place for place, word in enumerate(row)) * size >> 32 * words for row in rows]


@torch.no_grad()
def ask_model(
    model: Streaming,
    game: Game,
    prefixes: Sequence[Sequence[int]],
    *,
    answers: Sequence[int],
    device: torch.device | None = None,
) -> Int[Tensor, "contents queries"]:
    """The model's answer to each query about each prefix, which is read once."""
    allowed = torch.tensor(list(answers), device=device)
    state = model.init_state(len(prefixes))
    for column in torch.tensor(prefixes, device=device).T:
        _, state = model.step(column, state)
    given = torch.empty(len(prefixes), len(game.queries), dtype=torch.int64)
    asked: dict[int, list[tuple[int, int]]] = {}
    for query, (suffix, position) in enumerate(game.queries):
        asked.setdefault(suffix, []).append((query, position))
    for suffix, reads in asked.items():
        after = state
        last = max(position for _, position in reads)
        for position, token in enumerate(game.suffixes[suffix][: last + 1]):
            logits, after = model.step(torch.full((len(prefixes),), token, device=device), after)
            for query, wanted in reads:
                if wanted == position:
                    given[:, query] = allowed[logits[:, allowed].argmax(-1)].cpu()
    return given


def _fitting(
    game: Game, indices: Sequence[int], answers: frozenset[int]
) -> tuple[list[int], list[list[int]], list[list[int | None]]]:
    """The contents that can be written and whose right answers decode to them; an answer outside `answers` is None."""
    written = [(index, game.encode(index)) for index in indices]
    held = [(index, prefix) for index, prefix in written if prefix and len(prefix) == game.prefix_length]
    right = game.right_answers([prefix for _, prefix in held]) if held else []
    kept = [
        (index, prefix, [token if token in answers else None for token in row])
        for (index, prefix), row in zip(held, right, strict=True)
        if game.decode(row) == index
    ]
    return [k[0] for k in kept], [k[1] for k in kept], [k[2] for k in kept]


def _chunks(items: Sequence[int], size: int) -> Iterator[Sequence[int]]:
    for begin in range(0, len(items), size):
        yield items[begin : begin + size]
