"""Needle: the word after marker A, or marker A just read.

    contents   A w   (w any word)      or   a A           reading   a, and b
    answers    w w                          a b

Source: docs/theory.md, Theorem 2.9.
"""

from collections.abc import Iterator

from plait.tasks import Needle
from plait.theory.families.family import Family, Suffixes


def needle_families(task: Needle, seq_len: int | None) -> Iterator[Family]:
    """The families that fit into `seq_len` tokens (None: any length)."""
    if seq_len is not None and seq_len < 4:
        return
    words, marker = task.n_words, task.n_words
    asked = Suffixes()
    first = asked.ask([0])
    word = {"at": [1], "values": 0, "reads": [first]}
    yield Family(
        description="the word after marker A",
        size=words,
        prefix_length=2,
        suffixes=asked.suffixes[:],
        queries=asked.queries[:],
        codec={"kind": "slots", "base": [marker, 0], "slots": [word]},
        tables=[range(words)],
        answers=range(words),
    )
    if words == 1:
        return
    second = asked.ask([1])
    pending = {"at": [0, 1], "values": [[0, marker]], "reads": [first, second], "answers": [[0, 1]]}
    yield Family(
        description="the word after marker A, or marker A just read",
        size=words + 1,
        prefix_length=2,
        suffixes=asked.suffixes,
        queries=asked.queries,
        codec={
            "kind": "union",
            "parts": [{"base": [0, marker], "slots": [pending]}, {"base": [marker, 0], "slots": [word]}],
        },
        tables=[range(words)],
        answers=range(words),
    )
