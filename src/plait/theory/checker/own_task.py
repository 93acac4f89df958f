"""A user's own task as a rule: its `targets` is called on whole batches of prefix + suffix.

The task object comes from the caller, who named it; a certificate alone never leads here.
"""

import sys
from collections.abc import Sequence

from plait.theory.checker.document import Refused
from plait.theory.checker.row_rule import Tokens, Walk
from plait.theory.checker.rules import RULES

_TOKENS_PER_CALL = 200_000
_CALL = 3_000
"""Steps that one call of a task takes, however little it is given."""

_Query = tuple[int, int]
"""Index of a suffix, position in it."""


def name_of(task: object) -> str:
    """What certificates about this task call it.

    A built-in name belongs to the one class that stands at its place; a class derived from it, or one that calls
    itself so, is a user's own, known by its module and qualified name, or by the name `module:NAME` that it says.
    """
    own = type(task)
    said = getattr(task, "naming", None)
    if isinstance(said, tuple) and isinstance(said[0], str) and ":" in said[0]:
        return said[0]
    for name, rule in RULES.items():
        module, _, class_name = rule.task.partition(":")
        if getattr(sys.modules.get(module), class_name, None) is own:
            return name
    return f"{own.__module__}:{own.__qualname__}"


class OwnTask:
    """A task given as an object with `vocab_size` and `targets`."""

    def __init__(self, task: object) -> None:
        self.task = task
        self.n_tokens = int(task.vocab_size)  # pyright: ignore[reportAttributeAccessIssue]

    def open(self, prefix: Tokens) -> Walk:
        def walk(suffix: Tokens) -> list[int | None]:
            places = list(range(len(prefix), len(prefix) + len(suffix)))
            return self._targets([[*prefix, *suffix]], places)[0]

        return walk

    def work(self, prefixes: int, length: int, suffixes: Sequence[int]) -> int:
        """Steps that so many prefixes of a length take with suffixes of these lengths."""
        tokens = [prefixes * (length + suffix) for suffix in suffixes]
        return sum(2 * some + _CALL * -(-some // _TOKENS_PER_CALL) for some in tokens)

    def tables(
        self, prefixes: Sequence[Tokens], suffixes: Sequence[Tokens], queries: Sequence[_Query]
    ) -> list[list[int | None]]:
        """The answer to each query about each prefix (all of one length)."""
        answers: list[list[int | None]] = [[None] * len(queries) for _ in prefixes]
        if not prefixes:
            return answers
        by_suffix: dict[int, list[int]] = {}
        for query, (suffix, _) in enumerate(queries):
            by_suffix.setdefault(suffix, []).append(query)
        for suffix, asked in by_suffix.items():
            length = len(prefixes[0])
            places = [length + queries[query][1] for query in asked]
            step = max(1, _TOKENS_PER_CALL // (length + len(suffixes[suffix])))
            for begin in range(0, len(prefixes), step):
                rows = [[*prefix, *suffixes[suffix]] for prefix in prefixes[begin : begin + step]]
                for row, found in zip(
                    answers[begin : begin + step], self._targets(rows, places), strict=True
                ):
                    for query, answer in zip(asked, found, strict=True):
                        row[query] = answer
        return answers

    def _targets(self, rows: list[list[int]], places: list[int]) -> list[list[int | None]]:
        """The targets at some places of each row, None where they are undefined."""
        import torch

        try:
            tokens, scored = self.task.targets(torch.tensor(rows, dtype=torch.int64))  # pyright: ignore
        except Exception as error:  # a user's code may fail in any way
            raise Refused(
                f"the task refused the certificate's rows: {' '.join(str(error).split())}"
            ) from error
        shape = (len(rows), len(rows[0]))
        if tuple(tokens.shape) != shape or tuple(scored.shape) != shape:
            raise Refused(f"the task's targets must have the shape of its tokens, {shape}")
        chosen = torch.where(scored, tokens, -1)[:, places].tolist()
        return [[token if token >= 0 else None for token in row] for row in chosen]
