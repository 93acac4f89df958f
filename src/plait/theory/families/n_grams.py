"""n-gram retrieval: words behind written keys, and what followed every n words last.

    keys      k0 k1 c d  k0 k2 a b | ? k0 k1 .      keys of some letters, contents of the others
    paths     a b d c c a ..       | z ? b d        no two words twice: each pair is asked for what followed it
    trees                          | z z ? b d      two fillers z give away which pair was last

Source: docs/theory.md, Theorems 2.12, 4.4 and 4.5.
"""

from collections.abc import Iterator, Sequence
from itertools import product
from math import log2

from plait.tasks import NGramRetrieval
from plait.theory.families.family import MOST_KEYS, StateFamily, Suffixes
from plait.theory.families.followers import (
    distinct_behind,
    key_paths,
    last_followers,
    letters_that_fit,
    rooted_trees,
    spanning_trees,
)

_LONGEST_KEY = 12
"""Of keys that are numbered (the checker's own limit)."""


def gram_families(task: NGramRetrieval, seq_len: int, *, behind: int = 0) -> Iterator[StateFamily]:
    """The families behind so many times the filler's word (`gram_filler`), or none; `seq_len` is what prefix and suffix
    may take."""
    n, words = task.n, task.n_words
    if n == 1:
        yield from _single_words(task, seq_len, behind=behind)
    if n > 1 or not behind:
        yield from _written_keys(task, seq_len, behind=behind)
    if n == 1 or n > _LONGEST_KEY or words == 1:
        return
    letters = [words - 1, *range(words - 1)] if behind else [*range(words)]
    most = max(m for m in range(1, words + 1) if m**n <= MOST_KEYS)
    few = max(0, n - 1 - behind)
    room = seq_len - few - 1 - n
    inside = letters[1:][:most] if behind else letters[:most]
    if len(inside) > 1:
        yield from key_paths(inside, n, _reading(task, inside, few), room=room, lead=0)
    for m in letters_that_fit(most, n, room=room):
        reading = _reading(task, letters[:m], few, unread=0)
        yield from spanning_trees(letters[:m], n, reading, room=room, lead=0, root=0, n_words=words)
        if not behind:
            reading = _reading(task, letters[:m], n, several=True)
            room_of_any = seq_len - 2 * n - 1
            yield from spanning_trees(
                letters[:m], n, reading, room=room_of_any, lead=0, root=None, n_words=words
            )


def _reading(
    task: NGramRetrieval,
    letters: Sequence[int],
    few: int,
    *,
    several: bool = False,
    unread: int | None = None,
) -> tuple[Suffixes, list[list[int]]]:
    """What asks for each key: behind `few` words that let the last keys be followed, by two different words if
    `several`, the question mark and the key."""
    asked, reads = Suffixes(), list[list[int]]()
    for number, key in enumerate(product(letters, repeat=task.n)):
        fillers = () if number == unread else letters[:2] if several else letters[:1]
        reads.append([asked.ask([*[filler] * few, task.n_words, *key]) for filler in fillers])
    return asked, reads


def gram_filler(task: NGramRetrieval) -> int:
    """A word that is in no key that is asked for, or makes the one that is last."""
    return 0 if task.n == 1 else task.n_words - 1


def _single_words(task: NGramRetrieval, seq_len: int, *, behind: int) -> Iterator[StateFamily]:
    """Keys of one word: all that is known of associative recall."""
    words, mark = min(task.n_words, MOST_KEYS), task.n_words
    if words < 2 or seq_len < 4:
        return
    if behind:
        readers = [[mark, word] for word in range(words)]
        yield from rooted_trees(words, readers, seq_len - 2, [0] * behind)
        yield from distinct_behind(words, readers, seq_len - 2, [0] * behind)
    else:
        yield from last_followers(
            [[[filler, mark, word] for filler in (0, 1)] for word in range(words)], room=seq_len - 3
        )


def _written_keys(task: NGramRetrieval, seq_len: int, *, behind: int) -> Iterator[StateFamily]:
    """Keys of `n` letters out of some, each followed by `n` of the others; what is best is chosen."""
    n, most = task.n, max(0, seq_len - 2 * task.n) // (2 * task.n)

    def bits(letters: int) -> float:
        return min(most, letters**n) * n * log2(task.n_words - letters)

    letters = max(range(1, min(task.n_words, most + 1)), key=bits, default=0)  # more write no more keys
    if not letters or not bits(letters):
        return
    keys = [
        [number // letters**place % letters for place in range(n)] for number in range(min(most, letters**n))
    ]
    alone = len(keys) == 1 and not behind  # then no other key can come in between
    answers = range(0 if alone else letters, task.n_words)
    yield StateFamily(
        description=f"the {n} words behind each of {len(keys)} keys",
        size=len(answers) ** (n * len(keys)),
        prefix_length=2 * n * len(keys),
        suffixes=[[task.n_words, *key, *[letters] * (n - 1)] for key in keys],
        queries=[(number, n + place) for number in range(len(keys)) for place in range(n)],
        codec={
            "kind": "slots",
            "base": [token for key in keys for token in (*key, *[letters] * n)],
            "slots": [
                {"at": [2 * n * number + n + place], "values": 0, "reads": [n * number + place]}
                for number in range(len(keys))
                for place in range(n)
            ],
        },
        tables=[answers],
        answers=answers,
    )
