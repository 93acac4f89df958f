"""Multi-query associative recall: which value was this key given?

    tokens    k1 v3 k0 v1 k1 v2 f0 k1 k0      keep = latest
    targets   -  -  -  -  v3 -  -  v2 v1      - = not scored: no key, or one without a value so far

A key is given the value that stands right behind it. With `keep = first` what it was given first stays: the last two
targets are v3 v1. Source: S. Arora et al., "Zoology: Measuring and improving recall in efficient language models",
arXiv 2312.04927 (MQAR: distinct keys, each asked for again later).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar, Literal

from plait.checks import check_choice, check_integer, check_probability
from plait.deferred import deferred
from plait.random import Stream
from plait.tasks.base import MOST_WORDS, SPECIALS, BuiltInTask, Composition, Targets
from plait.tasks.lookup import follow_latest

if TYPE_CHECKING:
    import torch
    from jaxtyping import Bool, Int
    from torch import Tensor
else:
    torch = deferred("torch")

KEEPS = ("latest", "first")
_VARIANTS = ("distinct", "repeated")

_MOST_KEYS = 2**16
"""Distinct keys are the first of all keys in a drawn order, so that every row orders them all."""


@dataclass(frozen=True, kw_only=True)
class MQAR(BuiltInTask):
    """`n_keys` keys, then `n_values` values, then `n_fillers` fillers.

    The target at a key is the value that it was given, the latest time or the first (`keep`), before the position;
    nothing else is scored. Rows may be any of these tokens: where a key or a filler follows a key, nothing is given.

    Sampled rows begin with `n_pairs` pairs of a key and a uniform value. Each token behind them is, with probability
    `p_query`, a uniform one of the pairs' keys, else a uniform filler, independently.

    Variants:
        distinct: the keys of the pairs are all different, every choice and order alike.
        repeated: they are independent and uniform, so that what is kept of a repeated one decides.

    Raises:
        ValueError: n_keys outside [1, 2^16]; n_values, n_fillers or n_pairs below 1; more pairs than distinct keys;
            p_query outside [0, 1]; an unknown keep or variant.
    """

    name: ClassVar[str] = "mqar"
    composition: ClassVar[Composition | None] = Composition(
        control="the key at the position",
        content="for each key, the value that stood behind it the latest (or first) time before the position",
        lookup="the content at the control",
    )

    n_keys: int = 16
    n_values: int = 16
    n_fillers: int = 1
    n_pairs: int = 8
    p_query: float = 0.5
    keep: Literal["latest", "first"] = "latest"
    variant: Literal["distinct", "repeated"] = "distinct"

    def __post_init__(self) -> None:
        check_integer("n_keys", self.n_keys, least=1, most=_MOST_KEYS)
        check_integer("n_values", self.n_values, least=1, most=MOST_WORDS)
        check_integer("n_fillers", self.n_fillers, least=1, most=MOST_WORDS)
        check_integer("n_pairs", self.n_pairs, least=1, most=2**30)
        object.__setattr__(self, "p_query", check_probability("p_query", self.p_query))
        check_choice("keep", self.keep, KEEPS)
        check_choice("variant", self.variant, _VARIANTS)
        if self.variant == "distinct" and self.n_pairs > self.n_keys:
            raise ValueError(f"n_pairs must be at most n_keys = {self.n_keys}, got {self.n_pairs}")

    @property
    def ordinary_tokens(self) -> int:
        return self.n_keys + self.n_values + self.n_fillers

    @property
    def token_names(self) -> tuple[str, ...]:
        kinds = (("k", self.n_keys), ("v", self.n_values), ("f", self.n_fillers))
        return (*(f"{letter}{index}" for letter, n in kinds for index in range(n)), *SPECIALS)

    def answers(self, row: Sequence[int]) -> Iterator[int | None]:
        given: dict[int, int] = {}
        before = self.n_keys  # which is no key
        for token in row:
            is_given = before < self.n_keys <= token < self.n_keys + self.n_values
            if is_given and (self.keep == "latest" or before not in given):
                given[before] = token
            yield given.get(token)
            before = token

    def _label(self, tokens: Int[Tensor, "*batch time"]) -> Targets:
        value = (tokens >= self.n_keys) & (tokens < self.n_keys + self.n_values)
        followed = value.roll(-1, -1)
        followed[..., -1] = False
        asked = torch.where(tokens < self.n_keys, tokens, -1)
        given = torch.where(followed, asked, -1)
        if self.keep == "first":  # a key that was given a value before records no other
            given = torch.where(follow_latest(tokens, given, given).scored, -1, given)
        return follow_latest(tokens, given, asked)

    def control(
        self, tokens: Int[Tensor, "*batch time"]
    ) -> tuple[Int[Tensor, "*batch time"], Bool[Tensor, "*batch time"]]:
        """The key at each position; undefined (0) at values and fillers.

        Raises:
            ValueError: as `targets`.
        """
        tokens = self.check_tokens(tokens)
        defined = tokens < self.n_keys
        return tokens * defined, defined

    def _draw(self, stream: Stream, batch: int, seq_len: int) -> Int[Tensor, "*members batch time"]:
        n_pairs = self.n_pairs
        if seq_len < 2 * n_pairs + 1:
            raise ValueError(
                f"seq_len must be at least {2 * n_pairs + 1} (n_pairs = {n_pairs} pairs and a token), got {seq_len}"
            )
        if self.variant == "distinct":
            order = stream.bits((batch, self.n_keys), draw=0).argsort(dim=-1, stable=True)
            keys = order[..., :n_pairs]
        else:
            keys = stream.integers(self.n_keys, (batch, n_pairs), draw=0)
        values = stream.integers(self.n_values, (batch, n_pairs), draw=1) + self.n_keys
        pairs = torch.stack((keys, values), dim=-1).flatten(-2)
        behind = (batch, seq_len - 2 * n_pairs)
        asked = keys.gather(-1, stream.integers(n_pairs, behind, draw=2))
        fillers = stream.integers(self.n_fillers, behind, draw=3) + self.n_keys + self.n_values
        query = stream.bernoulli(self.p_query, behind, draw=4)
        return torch.cat((pairs, torch.where(query, asked, fillers)), dim=-1)
