"""n-gram retrieval: say the n words that followed the n words asked for.

    tokens    a  b  c  d  e  a  ?  b  c  d  e  ?  a  b      n = 2
    targets   -  -  -  -  -  -  -  -  d  e  -  -  -  c      - = not scored: the haystack, the query's beginning

The haystack is what stands before the first question mark; behind each of them stand a query of n words and the n words
of its answer. Source: G. Pantazopoulos et al., "Retrievit: In-context retrieval capabilities of transformers, state
space models, and hybrid architectures", arXiv 2603.02874 (n-gram retrieval).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from plait.checks import check_integer
from plait.deferred import deferred
from plait.random import Stream
from plait.tasks.base import SPECIALS, BuiltInTask, Targets, letters_or_numbers
from plait.tasks.lookup import last_place, latest, shifted

if TYPE_CHECKING:
    import torch
    from jaxtyping import Int
    from torch import Tensor
else:
    torch = deferred("torch")


MOST_N_GRAMS = 2**32
"""Of n words at most, so that each has a number."""


@dataclass(frozen=True, kw_only=True)
class NGramRetrieval(BuiltInTask):
    """`n_words` words, then the question mark.

    At the last word of a query and the n - 1 positions behind it, the target is the next of the n words that followed
    the query's latest occurrence in the haystack, of those that n words of the haystack follow. A query is the n words
    right behind a question mark. Nothing else is scored.

    Sampled rows have a haystack of uniform words in their first half, and behind it queries from uniform places of it,
    each with its answer.

    Raises:
        ValueError: n_words or n below 1, or more than 2^32 n-grams.
    """

    name: ClassVar[str] = "n-gram-retrieval"

    n_words: int = 16
    n: int = 2

    def __post_init__(self) -> None:
        check_integer("n_words", self.n_words, least=1, most=2**24)
        check_integer("n", self.n, least=1, most=32)
        if self.n_words**self.n > MOST_N_GRAMS:
            raise ValueError(f"n must be such that n_words^n is at most 2^32, got {self.n_words}^{self.n}")

    @property
    def ordinary_tokens(self) -> int:
        return self.n_words + 1

    @property
    def token_names(self) -> tuple[str, ...]:
        return (*letters_or_numbers(self.n_words), "?", *SPECIALS)

    def answers(self, row: Sequence[int]) -> Iterator[int | None]:
        n, mark = self.n, self.n_words
        follow: dict[tuple[int, ...], int] = {}
        end = since = None
        answer = None
        for place, token in enumerate(row):
            if token == mark:
                if end is None:
                    end = place
                    follow = {tuple(row[at : at + n]): at + n for at in range(end - 2 * n + 1)}
                since, answer = place, None
            elif since is not None and place == since + n:
                answer = follow.get(tuple(row[since + 1 : place + 1]))
            behind = -1 if since is None else place - since - n
            yield row[answer + behind] if answer is not None and 0 <= behind < n else None

    def _label(self, tokens: Int[Tensor, "*batch time"]) -> Targets:
        places = torch.arange(tokens.shape[-1], device=tokens.device).expand(tokens.shape).contiguous()
        mark = tokens == self.n_words
        in_haystack = mark.long().cumsum(-1) == 0
        followed = in_haystack.roll(-self.n, -1) & in_haystack & (places < tokens.shape[-1] - self.n)
        gram, word = torch.zeros_like(tokens), tokens
        for letter in range(self.n):
            gram = gram + word.clamp(min=0) * self.n_words**letter
            word = shifted(word, fill=-1)
        since = last_place(mark)
        keys = torch.where(followed & (places >= self.n - 1), gram, -1)
        asked = torch.where((since >= 0) & (places == since + self.n), gram, -1)
        found = latest(places, keys, asked)  # where the occurrence ends
        behind = places - since - self.n
        query = (since + self.n).clamp(max=tokens.shape[-1] - 1)
        scored = (since >= 0) & (behind >= 0) & (behind < self.n) & found.scored.gather(-1, query)
        place = (found.tokens.gather(-1, query) + 1 + behind) * scored
        return Targets(tokens.gather(-1, place) * scored, scored)

    def _draw(self, stream: Stream, batch: int, seq_len: int) -> Int[Tensor, "*members batch time"]:
        n, half = self.n, seq_len // 2
        if half < 2 * n:
            raise ValueError(
                f"seq_len must be at least {4 * n} (half of it n = {n} words and what follows), got {seq_len}"
            )
        haystack = stream.integers(self.n_words, (batch, half), draw=0)
        n_queries = -(-(seq_len - half) // (2 * n + 1))
        start = stream.integers(half - 2 * n + 1, (batch, n_queries), draw=1)
        place = start[..., None] + torch.arange(2 * n, device=start.device)
        words = haystack.gather(-1, place.flatten(-2)).reshape(place.shape)
        marks = torch.full_like(words[..., :1], self.n_words)
        behind = torch.cat((marks, words), dim=-1).flatten(-2)[..., : seq_len - half]
        tokens = torch.cat((haystack, behind), dim=-1)
        targets, scored = self._label(
            tokens
        )  # what followed the latest occurrence, which need not be the drawn one
        tokens[..., 1:] = torch.where(scored[..., :-1], targets[..., :-1], tokens[..., 1:])
        return tokens
