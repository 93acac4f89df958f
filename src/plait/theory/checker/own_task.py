"""A user's own task as a rule: its `targets` is called on whole batches of prefix + suffix.

The task object comes from the caller, who named it; a certificate alone never leads here.
"""

from collections.abc import Sequence

from plait.theory.checker.document import Refused
from plait.theory.checker.rules import Ask, Tokens

_TOKENS_PER_CALL = 2_000_000

Query = tuple[int, int]
"""Index of a suffix, position in it."""


class OwnTask:
    """A task given as an object with `vocab_size` and `targets`."""

    def __init__(self, task: object) -> None:
        self.task = task
        self.n_tokens = int(task.vocab_size)  # pyright: ignore[reportAttributeAccessIssue]

    def open(self, prefix: Tokens) -> Ask:
        def ask(suffix: Tokens, position: int) -> int | None:
            return self._targets([[*prefix, *suffix]])[0][len(prefix) + position]

        return ask

    def tables(
        self, prefixes: Sequence[Tokens], suffixes: Sequence[Tokens], queries: Sequence[Query]
    ) -> list[list[int | None]]:
        """The answer to each query about each prefix (all of one length)."""
        answers: list[list[int | None]] = [[None] * len(queries) for _ in prefixes]
        for length in sorted({len(suffix) for suffix in suffixes}):
            group = [s for s, suffix in enumerate(suffixes) if len(suffix) == length]
            asked = [(i, s, p) for i, (s, p) in enumerate(queries) if len(suffixes[s]) == length]
            width = len(prefixes[0]) + length
            step = max(1, _TOKENS_PER_CALL // (width * len(group)))
            for begin in range(0, len(prefixes), step):
                some = prefixes[begin : begin + step]
                rows = self._targets([[*prefix, *suffixes[s]] for prefix in some for s in group])
                for j in range(len(some)):
                    for i, s, p in asked:
                        row = rows[j * len(group) + group.index(s)]
                        answers[begin + j][i] = row[width - length + p]
        return answers

    def _targets(self, rows: list[list[int]]) -> list[list[int | None]]:
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
        pairs = zip(tokens.tolist(), scored.tolist(), strict=True)
        return [[t if s else None for t, s in zip(*pair, strict=True)] for pair in pairs]
