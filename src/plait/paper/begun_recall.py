"""Recall with decoding behind one <bos>: how a model that was trained on packed rows with separators is tested."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import chain
from typing import ClassVar

from jaxtyping import Int
from torch import Tensor, nn

from plait.random import Stream
from plait.tasks import DecodingRecall
from plait.tasks.base import Composition, Targets


@dataclass(frozen=True, kw_only=True)
class BegunRecall(DecodingRecall):
    """Rows of `seq_len` tokens: <bos>, and `seq_len - 1` tokens of `DecodingRecall` with its targets.

    Raises:
        ValueError: as `DecodingRecall`, or another variant than interleaved.
    """

    composition: ClassVar[Composition | None] = None

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.variant != "interleaved":
            raise ValueError(f"rows behind <bos> have the variant interleaved alone, got {self.variant!r}")

    @property
    def row_tokens(self) -> int:
        return self.ordinary_tokens + 1

    def answers(self, row: Sequence[int]) -> Iterator[int | None]:
        return chain((None,), super().answers(row[1:]))

    def targets(self, tokens: Tensor) -> Targets:
        """Raises:
        ValueError: rows with <bos> elsewhere than at the beginning, or as in `DecodingRecall`.
        """
        tokens = self.check_tokens(tokens)
        begins = tokens == self.ordinary_tokens
        if not bool(begins[..., :1].all()) or bool(begins[..., 1:].any()):
            raise ValueError("rows must begin with <bos> and have no other")
        return super().targets(tokens)

    def _draw(self, stream: Stream, batch: int, seq_len: int) -> Int[Tensor, "*members batch time"]:
        tokens = super()._draw(stream, batch, seq_len)
        tokens[..., 0] = self.ordinary_tokens
        return tokens

    def _label(self, tokens: Int[Tensor, "*batch time"]) -> Targets:
        example = super()._label(tokens[..., 1:].contiguous())
        return Targets(nn.functional.pad(example.tokens, (1, 0)), nn.functional.pad(example.scored, (1, 0)))
