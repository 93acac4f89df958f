"""Families of contents behind a common filler: what recurrent states alone must tell apart.

    prefix (content) | filler of g tokens | suffix (query)

Behind a filler as long as all windows and convolutions reach back together, only recurrent states know of the content.
Each task's filler leaves most of it to be told: a run of one word, or of one bit. Source: docs/theory.md, Theorems 11.1
and 11.3.
"""

from collections.abc import Callable, Iterator
from dataclasses import replace
from fractions import Fraction
from typing import Any

from plait.tasks import AssociativeRecall, DecodingRecall, MultiKeyRecall, Needle, SelectiveCopying, known_of
from plait.theory.families.decoding_recall import spelled_word
from plait.theory.families.family import MOST_KEYS, MOST_LENGTH, StateFamily, Suffixes
from plait.theory.families.followers import distinct_behind, paths_family, rooted_trees, trees_codec
from plait.theory.families.trees import (
    best_word_count,
    forest_count,
    path_factors,
    share_that_fits,
    share_with_few_leaves,
    typical_walk,
    worst_walk,
)
from plait.theory.hybrid.copying import copying_families


def filled_families(task: object, seq_len: int, reach: int) -> Iterator[StateFamily]:
    """The families behind `reach >= 1` tokens of filler that fit into `seq_len` tokens.

    Raises:
        ValueError: a task without a family.
    """
    known = known_of(task, FILLED_FAMILIES)
    if known is None:
        raise ValueError(f"{type(task).__name__} has no family of its own; frontier searches for one")
    if 1 <= reach <= MOST_LENGTH and seq_len <= MOST_LENGTH:
        yield from known(task, seq_len - reach, reach)


def _needle(task: Needle, room: int, reach: int) -> Iterator[StateFamily]:
    if room < 3 or task.n_words < 2:
        return
    asked = Suffixes()
    word = {"at": [1], "values": 0, "reads": [asked.ask([0])]}
    yield StateFamily(
        description="the word after marker A",
        size=task.n_words,
        prefix_length=2,
        suffixes=asked.suffixes,
        queries=asked.queries,
        codec={"kind": "slots", "base": [task.n_words, 0], "slots": [word]},
        tables=[range(task.n_words)],
        answers=range(task.n_words),
        filler=[0] * reach,
    )


def _associative_recall(task: AssociativeRecall, room: int, reach: int) -> Iterator[StateFamily]:
    """Trees whose root is the filler's word; or distinct words in a row, the filler's not among them."""
    words = min(task.n_words, MOST_KEYS)
    readers = [[word] for word in range(words)]
    yield from rooted_trees(words, readers, room - 1, [0] * reach)
    yield from distinct_behind(words, readers, room - 1, [0] * reach)


def _multi_key_recall(task: MultiKeyRecall, room: int, reach: int) -> Iterator[StateFamily]:
    """Spanning in-trees whose root is the constant key of the filler; or paths without the filler's letter."""
    k = task.key_length
    writable = max((n for n in range(1, min(task.n_words, MOST_KEYS) + 1) if n**k <= MOST_KEYS), default=1)
    typical = max((n for n in range(1, writable + 1) if 1 + typical_walk(n, k) <= room - k), default=1)
    most = 1
    for n in {max(2, typical - 1), typical, min(typical + 1, writable)} & set(range(2, writable + 1)):
        asked = Suffixes()
        reads = [[asked.ask(_way_to(key, n, k))] if key else [] for key in range(n**k)]
        length = min(room - k, 1 + worst_walk(n, k))
        share, confidence = share_that_fits(n, k, most=length - 1, root=0)
        if share and asked.queries:
            most = max(most, int(share * n ** (n**k - k - 1)))
            yield StateFamily(
                description=f"what followed each of the {n**k} keys on {n} words last, the filler's key being last: "
                "all such spanning in-trees",
                size=n ** (n**k - k - 1),
                prefix_length=length,
                suffixes=asked.suffixes,
                queries=asked.queries,
                codec=trees_codec(range(n), k, reads, lead=1, length=length, root=0),
                answers=range(n),
                share=share,
                confidence=confidence,
                filler=[0] * reach,
            )
    n = writable - 1
    steps = min(room - k - k - 1, n**k - 1)
    if n >= 2 and steps >= 1 and n**steps > most:  # else paths are fewer than the trees
        asked = Suffixes()
        reads = [[asked.ask([1 + letter for letter in _spelled(key, n, k)])] for key in range(n**k)]
        factors, share, confidence = path_factors(n, k, steps)
        if share:
            family = paths_family(
                f"{steps} words, no key of {k} twice", range(1, n + 1), k, reads, asked, 1, steps, factors
            )
            yield replace(family, share=share, confidence=confidence, filler=[0] * reach)


def _spelled(key: int, n: int, k: int) -> list[int]:
    return [key // n**place % n for place in reversed(range(k))]


def _way_to(key: int, n: int, k: int) -> list[int]:
    """The letters that lead from the key of zeros to this one, which they reach at their end and not before: the key
    without the zeros that it begins with."""
    letters = _spelled(key, n, k)
    return letters[next(place for place, letter in enumerate(letters) if letter) :]


def _decoding_recall(task: DecodingRecall, room: int, reach: int) -> Iterator[StateFamily]:
    words = min(task.n_words, MOST_KEYS)
    spelled = [spelled_word(task, word) for word in range(words)]
    if task.variant == "last":
        yield from rooted_trees(words, spelled, room - task.n_bits, [0] * reach, exact_length=True)
        return
    yield from distinct_behind(words, spelled, room - task.n_bits, [0] * reach)
    for filler in ([0] * reach, [task.n_words] * reach):
        for registers in (True, False):
            yield from _forests(task, room, filler, registers=registers)


def _forests(task: DecodingRecall, room: int, filler: list[int], *, registers: bool) -> Iterator[StateFamily]:
    """All forests behind which a filler of word 0 (then a root) or of bit 0 stands, with the register or without."""
    bits, sinks = task.n_bits, [task.n_words, task.n_words + 1]
    of_words = filler[0] == 0
    known = 0 if of_words else min(bits, len(filler))
    spelled = bits - known if registers else 0
    room -= max(2, bits) if registers else bits
    roots = sinks + [0] * of_words
    offset = int(of_words)

    def value(m: int) -> tuple[int, Fraction]:
        share = share_with_few_leaves(m, len(roots), most=room - spelled - m)
        return forest_count(m, len(roots)) * (2 ** (bits - known) if registers else 1), share

    if room - spelled < 2 or (registers and known == bits):
        return
    most = min(task.n_words, MOST_KEYS) - offset
    m = best_word_count(most, room=room - spelled, roots=len(roots), value=value)
    if registers and m < task.n_words - offset:
        return
    size, share = value(m)
    length = min(room, 2 * m + spelled)
    asked = Suffixes()
    keys = range(offset, offset + m)
    reads = [[asked.ask(spelled_word(task, word))] for word in keys]
    values: list[dict[str, object]] = [{"spell": sinks[:1] * spelled, "reads": [], "answers": []}]
    if registers:
        values = [
            {
                "spell": list(spelled_word(task, word))[:spelled],
                "reads": [asked.ask([word, y]) for y in (0, 1)],
                "answers": [0, 1],
            }
            for word in range(0, task.n_words, 2**known)
        ]
    what = "a word's, then also a root" if of_words else "of bits"
    yield StateFamily(
        description=f"which of {m + len(roots)} tokens followed each of {m} words last, behind a filler {what}: all "
        f"forests{', with the register' if registers else ''}",
        size=size,
        prefix_length=length,
        suffixes=asked.suffixes,
        queries=asked.queries,
        codec={
            "kind": "forests",
            "words": list(keys),
            "sinks": roots,
            "length": length,
            "waiting": False,
            "reads": reads,
            "registers": values,
        },
        answers=[*range(offset + m), *sinks],
        share=share,
        filler=filler,
    )


FILLED_FAMILIES: dict[type, Callable[[Any, int, int], Iterator[StateFamily]]] = {
    SelectiveCopying: copying_families,
    AssociativeRecall: _associative_recall,
    MultiKeyRecall: _multi_key_recall,
    DecodingRecall: _decoding_recall,
    Needle: _needle,
}
