"""What a task is: sequences of tokens, and targets that are a function of the tokens alone.

All tasks are sequence to sequence: the target at position `i` is read from tokens `0..i`, and positions
without a defined target are not scored. Source: arXiv 2603.08859, Definition 3.1 (function composition).
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar, NamedTuple, Protocol, runtime_checkable

from plait.checks import check_integer
from plait.deferred import deferred
from plait.random import Stream

if TYPE_CHECKING:
    import torch
    from jaxtyping import Bool, Int
    from torch import Tensor
else:
    torch = deferred("torch")

MOST_WORDS = 2**24
"""Largest vocabulary that a task accepts."""

SPECIALS = ("<bos>", "<eos>", "<null>")
"""The last three tokens of every vocabulary. No built-in task puts them into its rows."""


class Targets(NamedTuple):
    """The answer at each position: `tokens` (int64, 0 where not scored) and whether it is `scored`."""

    tokens: Int[Tensor, "*batch time"]
    scored: Bool[Tensor, "*batch time"]


@dataclass(frozen=True, kw_only=True)
class Composition:
    """How a target is `F(u, v)`, in words: the control v, the content u, the lookup F (Definition 3.1)."""

    control: str
    content: str
    lookup: str


@runtime_checkable
class Task(Protocol):
    """What everything else asks of a task; a user's own class needs these four members and no base class."""

    @property
    def vocab_size(self) -> int:
        """Tokens are integers in [0, vocab_size)."""
        ...

    @property
    def token_names(self) -> tuple[str, ...]:
        """One name a token, in the order of their ids."""
        ...

    def sample(self, stream: Stream, batch: int = 8, seq_len: int = 100) -> Tensor:
        """Tokens of shape `(*stream.members, batch, seq_len)`, all their randomness from `stream`."""
        ...

    def targets(self, tokens: Tensor) -> Targets:
        """The targets of tokens of any leading axes."""
        ...


class BuiltInTask(ABC):
    """What the tasks of this package share: specials at the end of the vocabulary, and checked arguments."""

    name: ClassVar[str]
    """The task on the command line."""
    composition: ClassVar[Composition | None] = None
    """None where nothing steers the lookup. A task that states one has `control(tokens)` too."""

    @property
    @abstractmethod
    def ordinary_tokens(self) -> int:
        """How many tokens may occur in a row: all but the specials."""

    @property
    def can_be_cut(self) -> bool:
        """Whether the beginning of a row is a row of the task too, of its own distribution."""
        return False

    @property
    def row_tokens(self) -> int:
        """The tokens that `targets` takes: [0, row_tokens)."""
        return self.ordinary_tokens

    @property
    @abstractmethod
    def token_names(self) -> tuple[str, ...]:
        """One name a token: words, then numbers, bits or markers, then the specials."""

    @property
    def vocab_size(self) -> int:
        return self.ordinary_tokens + len(SPECIALS)

    def sample(
        self, stream: Stream, batch: int = 8, seq_len: int = 100
    ) -> Int[Tensor, "*members batch time"]:
        """Sequences of the task's distribution, `batch` of them for each member, `seq_len` tokens each.

        Raises:
            ValueError: a batch or seq_len outside [1, 2^31), or a seq_len too short for the task's parameters.
        """
        for name, value in (("batch", batch), ("seq_len", seq_len)):
            check_integer(name, value, least=1, most=2**31 - 1)
        return self._draw(stream, batch, seq_len)

    def targets(self, tokens: Tensor) -> Targets:
        """The targets of integer `tokens` of shape `(*any, time)`, on their device.

        Raises:
            ValueError: not an integer tensor, no time axis or an empty one, or a token that rows cannot hold.
        """
        return self._label(self.check_tokens(tokens))

    def answers(self, row: Sequence[int]) -> Iterator[int | None]:
        """The target of each position of a row of the task's own tokens, None where nothing is scored.

        The definition in plain Python, one position after the other; `targets` gives the same, many rows at once.
        """
        raise NotImplementedError(f"{type(self).__name__} is defined by its targets alone")

    @abstractmethod
    def _label(self, tokens: Int[Tensor, "*batch time"]) -> Targets:
        """`targets` without the checks: int64 tokens of the task's own, on which compiled code relies."""

    def check_tokens(self, tokens: Tensor) -> Int[Tensor, "*batch time"]:
        """The tokens as a contiguous int64 tensor.

        Raises:
            ValueError: as `targets`.
        """
        if not isinstance(tokens, torch.Tensor):
            raise ValueError(f"tokens must be an integer tensor, got {type(tokens).__name__}")
        if tokens.is_floating_point() or tokens.is_complex() or tokens.dtype == torch.bool:
            raise ValueError(f"tokens must be an integer tensor, got dtype {tokens.dtype}")
        if tokens.ndim == 0 or tokens.shape[-1] == 0:
            raise ValueError(
                f"tokens must have a time axis of at least 1 position, got shape {tuple(tokens.shape)}"
            )
        tokens = tokens.to(torch.int64).contiguous()
        if tokens.numel() > 0:
            self.check_range(*(int(end) for end in tokens.aminmax()))
        return tokens

    def check_range(self, least: int, most: int) -> None:
        """Refuse tokens that rows cannot hold, given the ends of their range.

        Raises:
            ValueError: one of them is outside.
        """
        if least < 0 or most >= self.row_tokens:
            raise ValueError(
                f"tokens in a row of {self.name} must be in [0, {self.row_tokens}), "
                f"got {least if least < 0 else most}"
            )

    @abstractmethod
    def _draw(self, stream: Stream, batch: int, seq_len: int) -> Int[Tensor, "*members batch time"]: ...


def sample_labelled(
    task: Task, stream: Stream, *, batch: int, seq_len: int
) -> tuple[Int[Tensor, "*members batch time"], Targets]:
    """Fresh tokens and their targets; what a built-in task's own sampler made is not checked again.

    A task whose tokens do not say their targets brings `sample_labelled(stream, batch=, seq_len=)`, which gives both.

    A class derived from a built-in task is checked as any other: it may have other targets.

    Raises:
        ValueError: as `sample`, or a user's task that returned another shape, another type, or tokens outside
            its vocabulary.
    """
    from plait.tasks.registry import is_ours

    own = getattr(task, "sample_labelled", None)
    if is_ours(task):
        if own is not None:
            return own(stream, batch=batch, seq_len=seq_len)
        tokens = task.sample(stream, batch=batch, seq_len=seq_len)
        assert isinstance(task, BuiltInTask)
        return tokens, task._label(tokens)  # pyright: ignore[reportPrivateUsage]
    shape = (*stream.members, batch, seq_len)
    if own is not None:
        tokens, found = _pair(own(stream, batch=batch, seq_len=seq_len), task)
        _check_own("sample_labelled", tokens, shape, torch.int64, task)
    else:
        tokens = task.sample(stream, batch=batch, seq_len=seq_len)
        _check_own("sample", tokens, shape, torch.int64, task)
        found = task.targets(tokens)
    if not isinstance(found, tuple) or len(found) != 2:
        raise ValueError(f"{type(task).__name__}: targets must be Targets(tokens, scored), got {type(found)}")
    _check_own("targets.tokens", found[0], shape, torch.int64, task)
    _check_own("targets.scored", found[1], shape, torch.bool, task)
    return tokens, Targets(*found)


def _pair(found: object, task: Task) -> tuple[Tensor, Targets]:
    if not isinstance(found, tuple) or len(found) != 2:
        raise ValueError(
            f"{type(task).__name__}: sample_labelled must give (tokens, Targets), got {type(found).__name__}"
        )
    return found


def _check_own(what: str, tensor: object, shape: tuple[int, ...], dtype: torch.dtype, task: Task) -> None:
    name = f"{type(task).__name__}: {what}"
    if not isinstance(tensor, torch.Tensor) or tuple(tensor.shape) != shape or tensor.dtype != dtype:
        got = (
            f"{tensor.dtype} of {tuple(tensor.shape)}"
            if isinstance(tensor, torch.Tensor)
            else type(tensor).__name__
        )
        raise ValueError(f"{name} must be {dtype} of shape {shape} (members, batch, time), got {got}")
    if dtype == torch.int64:
        least, most = (int(end) for end in tensor.aminmax())
        if least < 0 or most >= task.vocab_size:
            got = least if least < 0 else most
            raise ValueError(f"{name} must be in [0, {task.vocab_size}), got {got}")


def words_and_marks(
    stream: Stream, mark: Bool[Tensor, "*members batch time"], *, n_words: int, n_marks: int, draw: int
) -> Int[Tensor, "*members batch time"]:
    """Independent and uniform: one of the `n_marks` after the words where `mark`, else one of the words."""
    bits = stream.bits(mark.shape[len(stream.members) :], draw=draw)
    return bits.mul_(torch.where(mark, n_marks, n_words)).bitwise_right_shift_(32).add_(mark, alpha=n_words)


def letters_or_numbers(n_words: int) -> tuple[str, ...]:
    """Names of words: a, b, .. up to 26 of them, else w0, w1, .."""
    if n_words <= 26:
        return tuple(chr(ord("a") + word) for word in range(n_words))
    return tuple(f"w{word}" for word in range(n_words))
