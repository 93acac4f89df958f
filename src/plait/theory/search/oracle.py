"""A task of which only the targets are known: asked in batches, within a budget of time."""

from collections.abc import Sequence
from functools import cached_property
from time import monotonic

import numpy as np
import torch

from plait.checks import check_integer, check_seconds
from plait.random import Stream
from plait.theory.families.family import LONGEST

UNDEFINED = -1
_TOKENS_PER_CALL = 4_000_000
_PURPOSE = 0x5EA7C4
_ROWS_ASKED_TWICE = 8
_ROLE_ROWS, _ROLE_LENGTH, _OF_ONE_ROLE, _MOST_ROLES = 24, 12, 0.8, 4
"""Tokens that one call of a task is given, the purpose of its stream, rows that show whether it is a function, and
rows that show a token's role, their length, the share in which it is that of another, and roles (effort)."""


class Oracle:
    """Answers of a task's `targets`, and random numbers for asking.

    Args:
        task: anything with `vocab_size` and `targets`.
        seq_len: tokens that prefix and suffix may take together.
        seconds: the budget.
        seed: of all random choices.
        filler: tokens that stand between every prefix and every suffix; they take their part of `seq_len`.

    Raises:
        ValueError: a seq_len below 2 beside the filler, a budget that is not positive, a task that accepts no token,
            or one whose targets differ when asked twice.
    """

    def __init__(
        self, task: object, *, seq_len: int, seconds: float, seed: int, filler: Sequence[int] = ()
    ) -> None:
        check_integer("seq_len", seq_len, least=2, most=LONGEST)
        check_seconds(seconds)
        if not hasattr(task, "targets") or not hasattr(task, "vocab_size"):
            raise ValueError(f"a search needs a task with targets and vocab_size, got {type(task).__name__}")
        self.task, self.seq_len = task, seq_len
        self.filler = np.array(filler, dtype=np.int64)
        self._end = monotonic() + seconds
        self._stream, self._for_roles = Stream(seed, 0, _PURPOSE), Stream(seed, 1, _PURPOSE)
        self._draws = 0
        self.tokens = self._usable_tokens()
        rows = np.resize(self.tokens, (_ROWS_ASKED_TWICE, seq_len))
        if not np.array_equal(self.targets(rows), self.targets(rows)):
            raise ValueError("targets must be a function of the tokens; this task's differ when asked twice")
        self.seq_len -= len(self.filler)
        if self.seq_len < 2:
            raise ValueError(f"seq_len must leave 2 tokens beside a filler of {len(filler)}, got {seq_len}")

    def left(self) -> float:
        """Seconds of the budget that are left; negative when it is spent."""
        return self._end - monotonic()

    def integers(self, n: int, shape: tuple[int, ...]) -> np.ndarray:
        """Fresh uniform integers below n."""
        self._draws += 1
        return self._stream.integers(n, shape, draw=self._draws).numpy()

    def rows(self, count: int, length: int) -> np.ndarray:
        """Fresh rows of uniform usable tokens."""
        return self.tokens[self.integers(len(self.tokens), (count, length))]

    def uneven_rows(self, count: int, length: int) -> np.ndarray:
        """Fresh rows, every other one uniform, the others of two tokens in any proportion."""
        rows, two = self.rows(count, length), self.rows(count, 2)
        share = self.integers(65_537, (count, 1))  # of 65,536: from none to all
        second = (self.integers(65_536, (count, length)) < share).astype(np.int64)
        rows[::2] = np.take_along_axis(two, second, axis=1)[::2]
        return rows

    def some_tokens(self) -> np.ndarray:
        """A fresh choice of two or more usable tokens, small ones as likely as large ones, each sixth time all."""
        n = len(self.tokens)
        draws = self.integers(2**20, (n + 2,))
        if n <= 2 or draws[-1] % 6 == 0:
            return self.tokens
        size = round(2 * (n / 2) ** (draws[-2] / 2**20))
        return np.sort(self.tokens[np.argsort(draws[:n], kind="stable")[:size]])

    @cached_property
    def roles(self) -> list[np.ndarray]:
        """Two or more tokens, but not all, that leave what is scored as it is where one stands for another: words
        beside numbers, opening brackets beside closing ones. The largest come first."""
        n, length = len(self.tokens), min(self.seq_len, _ROLE_LENGTH)
        if n * _ROLE_ROWS * length > _TOKENS_PER_CALL:
            return []
        shape, stream = (_ROLE_ROWS, length), self._for_roles
        rows = stream.integers(n, shape, draw=0).numpy()
        two = np.take_along_axis(rows[:, :2], stream.integers(2, shape, draw=1).numpy(), axis=1)
        rows[::2] = two[::2]
        every = np.tile(self.tokens[rows], (n, 1, 1))
        every[:, np.arange(_ROLE_ROWS), stream.integers(length, shape[:1], draw=2).numpy()] = self.tokens[
            :, None
        ]
        scored = (self.targets(every.reshape(-1, length)) != UNDEFINED).reshape(every.shape)
        roles, left = list[np.ndarray](), np.arange(n)
        while len(left):
            alike = (scored[left] == scored[left[0]]).all(2).mean(1) >= _OF_ONE_ROLE
            roles.append(self.tokens[left[alike]])
            left = left[~alike]
        return sorted((role for role in roles if 1 < len(role) < n), key=len, reverse=True)[:_MOST_ROLES]

    def targets(self, rows: np.ndarray) -> np.ndarray:
        """The target at every position, UNDEFINED where it is not scored."""
        step = max(1, _TOKENS_PER_CALL // max(1, rows.shape[1]))
        parts = [self._targets(rows[begin : begin + step]) for begin in range(0, len(rows), step)]
        return np.concatenate(parts) if parts else np.empty_like(rows)

    def answers(self, prefixes: np.ndarray, suffixes: np.ndarray) -> np.ndarray:
        """The targets at the suffixes' positions, `(prefix, suffix, position)`, the filler being between both."""
        if len(self.filler):
            prefixes = np.concatenate([prefixes, np.tile(self.filler, (len(prefixes), 1))], axis=1)
        n, s, length = len(prefixes), len(suffixes), suffixes.shape[1]
        result = np.empty((n, s, length), dtype=np.int64)
        step = max(1, _TOKENS_PER_CALL // (s * (prefixes.shape[1] + length)))
        for begin in range(0, n, step):
            some = prefixes[begin : begin + step]
            rows = np.concatenate([np.repeat(some, s, axis=0), np.tile(suffixes, (len(some), 1))], axis=1)
            targets = self._targets(rows)[:, -length:]
            result[begin : begin + step] = targets.reshape(len(some), s, length)
        return result

    def _targets(self, rows: np.ndarray) -> np.ndarray:
        """As `targets`; rows that the task refuses have none."""
        try:
            return self._asked(rows)
        except Exception:  # a user's code may refuse in any way
            return np.full_like(rows, UNDEFINED)

    def _asked(self, rows: np.ndarray) -> np.ndarray:
        tokens, scored = self.task.targets(torch.from_numpy(np.ascontiguousarray(rows)))  # pyright: ignore
        return torch.where(scored, tokens, UNDEFINED).numpy()

    def _usable_tokens(self) -> np.ndarray:
        """The tokens that the task lets stand in a row."""
        size = int(self.task.vocab_size)  # pyright: ignore[reportAttributeAccessIssue]
        usable = []
        error: Exception | None = None
        for token in range(size):
            try:
                self._asked(np.full((1, self.seq_len), token))
            except Exception as refusal:  # a user's code may refuse in any way
                error = error or refusal
            else:
                usable.append(token)
        if not usable:
            raise ValueError(f"the task's targets accept none of its {size} tokens: {error}") from error
        return np.array(usable)


def asking_suffixes(oracle: Oracle, count: int, width: int) -> np.ndarray:
    """Up to `count` suffixes of `width` tokens: one token and a run of another, as many pairs as fit, and random rows.

    All pairs of tokens where a third of the suffixes is enough for them, else pairs at random; each first token is
    there as long as there is room.
    """
    tokens, most = oracle.tokens, max(1, 2 * count // 3)
    n = len(tokens)
    if n * n <= most:
        first, second = np.repeat(tokens, n), np.tile(tokens, n)
    else:
        order = np.argsort(oracle.integers(2**20, (n,)), kind="stable")  # a random order
        first = np.resize(tokens[order], most)
        second = tokens[oracle.integers(n, (most,))]
    runs = np.repeat(second[:, None], width, axis=1)
    runs[:, 0] = first
    return np.concatenate([runs, oracle.uneven_rows(max(8, min(count - len(runs), len(runs))), width)])
