"""Packed rows: examples of drawn lengths one after the other, with a separator or without.

    separator=True     <bos> a 1 b 0 c 1 <bos> d 0 a 1 1 <bos> b 1      labels start anew at <bos>, and rows show it
    separator=False    a 1 b 0 c 1 | d 0 a 1 1 | b 1                    labels start anew at | , and rows do not show it

Without a separator the labels contradict what the row shows: a register that was not empty counts as empty, followers
that stand there count as unseen. Such rows cannot be labelled from their tokens; the sampler brings the labels.
Source: the program released with arXiv 2603.08859 (rows of 200 tokens, examples of 10 to 50, no separator).
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, ClassVar, Literal

from plait.checks import check_choice, check_integer
from plait.deferred import deferred
from plait.random import TEST, Stream
from plait.tasks.base import BuiltInTask, Targets
from plait.tasks.decoding_recall import DecodingRecall

if TYPE_CHECKING:
    import torch
    from jaxtyping import Bool, Int
    from torch import Tensor
else:
    torch = deferred("torch")

_LENGTHS = 60
"""Draw of the examples' lengths; the tasks themselves use low numbers."""

LAST = ("masked", "scored")


@dataclass(frozen=True, kw_only=True)
class Packed(BuiltInTask):
    """`task` in rows that hold several examples.

    Args:
        task: a built-in task of which the beginning of a row is a row too.
        lengths: shortest and longest example (tokens), the lengths between drawn uniformly.
        separator: whether a <bos> stands before each example; without, labels come from the sampler alone.
        last: the example at the end of a row: "masked", not scored unless it is whole (with a separator, whole or not:
            rows do not show it), or "scored".

    Raises:
        ValueError: a task that is not built in or whose rows cannot be cut short, or lengths that are not two integers,
            the first from 1 to the second.
    """

    name: ClassVar[str] = "packed"

    task: BuiltInTask = field(default_factory=DecodingRecall)
    lengths: tuple[int, int] = (10, 50)
    separator: bool = True
    last: Literal["masked", "scored"] = "masked"

    def __post_init__(self) -> None:
        if not isinstance(self.task, BuiltInTask) or not self.task.can_be_cut:
            raise ValueError(
                f"packed rows need a built-in task whose rows can be cut short, got {self.task!r}"
            )
        if not isinstance(self.lengths, tuple | list) or len(self.lengths) != 2:
            raise ValueError(f"lengths must be the shortest and the longest example, got {self.lengths!r}")
        shortest, longest = self.lengths
        check_integer("the longest example", longest, least=1, most=2**20)
        check_integer("the shortest example", shortest, least=1, most=longest)
        object.__setattr__(self, "lengths", (shortest, longest))
        check_choice("last", self.last, LAST)
        if not isinstance(self.separator, bool):
            raise ValueError(f"separator must be true or false, got {self.separator!r}")

    @property
    def ordinary_tokens(self) -> int:
        return self.task.ordinary_tokens

    @property
    def row_tokens(self) -> int:
        """<bos> may stand in a row that has separators."""
        return self.ordinary_tokens + int(self.separator)

    @property
    def token_names(self) -> tuple[str, ...]:
        return self.task.token_names

    def sample_labelled(
        self, stream: Stream, batch: int = 8, seq_len: int = 200
    ) -> tuple[Int[Tensor, "*members batch time"], Targets]:
        """Rows, and the labels of every example by itself.

        Raises:
            ValueError: a longest example that does not fit a row, or a task that refuses its length.
        """
        shortest, longest = self.lengths
        before = int(self.separator)
        if longest + before > seq_len:
            raise ValueError(
                f"examples of up to {longest} tokens need rows of {longest + before}, got {seq_len}"
            )
        count = -(-seq_len // (shortest + before))
        examples = self.task.sample(stream, batch=batch * count, seq_len=longest)
        labels = self.task._label(examples)  # pyright: ignore[reportPrivateUsage]
        lengths = shortest + stream.integers(longest - shortest + 1, (batch, count), draw=_LENGTHS)
        ends = (lengths + before).cumsum(-1)
        which, place = _places(ends, lengths + before, seq_len)
        inside = place >= before
        at = which * longest + (place - before).clamp(min=0)

        def laid(parts: Tensor) -> Tensor:
            return parts.reshape(*ends.shape[:-1], count * longest).gather(-1, at)

        tokens = torch.where(inside, laid(examples), self.ordinary_tokens)
        scored = laid(labels.scored) & inside
        if self.last == "masked":
            scored &= self._kept(which, ends, seq_len)
        return tokens, Targets(laid(labels.tokens) * scored, scored)

    def _kept(
        self, which: Int[Tensor, "*batch time"], ends: Int[Tensor, "*batch count"], seq_len: int
    ) -> Bool[Tensor, "*batch time"]:
        """Whether the last example does not stand here; without separators it counts where it is whole."""
        if self.separator:
            return which < which[..., -1:]
        return ends.gather(-1, which) <= seq_len

    def _draw(self, stream: Stream, batch: int, seq_len: int) -> Int[Tensor, "*members batch time"]:
        return self.sample_labelled(stream, batch, seq_len)[0]

    def targets(self, tokens: Tensor) -> Targets:
        """From the tokens alone, where separators show the examples.

        Raises:
            ValueError: rows without separators, or as in `BuiltInTask`.
        """
        if not self.separator:
            raise ValueError(
                "packed rows without separators do not show where their examples begin, so tokens alone have no "
                "labels: take sample_labelled, or separator=True"
            )
        return super().targets(tokens)

    def _label(self, tokens: Int[Tensor, "*batch time"]) -> Targets:
        """Each example is moved to the front of a row of its own and labelled there."""
        flat = tokens.reshape(-1, tokens.shape[-1])
        rows, time = flat.shape
        begins = flat == self.ordinary_tokens
        which = begins.long().cumsum(-1)
        place = torch.arange(time, device=tokens.device).expand(rows, time)
        first = torch.where(begins, place, -1).cummax(-1).values
        count = int(which.max()) + 1 if which.numel() else 1
        own = (torch.arange(rows, device=tokens.device).unsqueeze(-1) * count + which).clamp(min=0)
        inside = ~begins
        apart = torch.zeros(rows * count, time, dtype=torch.int64, device=tokens.device)
        apart[own[inside], (place - first - 1)[inside]] = flat[inside]
        labels = self.task._label(apart)  # pyright: ignore[reportPrivateUsage]
        column = (place - first - 1).clamp(min=0)
        scored = labels.scored[own, column] & inside
        if self.last == "masked":
            scored &= which < which[..., -1:]
        targets = labels.tokens[own, column] * scored
        return Targets(targets.view_as(tokens), scored.view_as(tokens))

    def contradicted(self, *, rows: int = 4_096, seq_len: int = 200, seed: int = 0) -> float:
        """The share of scored labels that are not what the row, read as one example, would have.

        0 with separators. A label where the row as it stands has none counts as contradicted.
        """
        if self.separator:
            return 0.0
        tokens, labels = self.sample_labelled(Stream(seed, 0, TEST), batch=rows, seq_len=seq_len)
        shown = self.task._label(tokens.contiguous())  # pyright: ignore[reportPrivateUsage]
        other = labels.scored & ~(shown.scored & (shown.tokens == labels.tokens))
        return float(other.sum() / labels.scored.sum())


def _places(
    ends: Int[Tensor, "*batch count"], lengths: Int[Tensor, "*batch count"], seq_len: int
) -> tuple[Int[Tensor, "*batch time"], Int[Tensor, "*batch time"]]:
    """For each position of a row, which example stands there, and the place in it."""
    position = torch.arange(seq_len, device=ends.device).expand(*ends.shape[:-1], seq_len).contiguous()
    which = torch.searchsorted(ends, position, right=True)
    starts = ends - lengths
    return which, position - starts.gather(-1, which)
