"""Families of followers for whatever keys a search can read: forests, spanning in-trees, and paths of last ones, any
function of first ones.
"""

from collections.abc import Iterator
from fractions import Fraction

import numpy as np

from plait.theory.exact_numbers import ALPHA, least_success_rate
from plait.theory.families.family import StateFamily, Suffixes
from plait.theory.families.trees import (
    best_word_count,
    forest_count,
    path_factors,
    share_that_fits,
    share_with_few_leaves,
    typical_walk,
    worst_walk,
)
from plait.theory.search.forms import find_formed
from plait.theory.search.oracle import UNDEFINED, Oracle
from plait.theory.search.readers import KeyReading, find_among_spoilers, find_readings, followed, keys_on
from plait.theory.search.spelled import spelled_values

_CHECKED = 200
"""Random texts that a family is measured on."""
_ROUNDS = 4
"""Sets of random texts that keys are looked for in."""

_MOST_KEYS = 2_000
"""Keys of a family that is written out."""


def follower_candidates(oracle: Oracle) -> Iterator[StateFamily | None]:
    """The families of every reading that is found, measured on random texts, as far as they fit into the length."""
    for number in range(_ROUNDS):
        readings = find_readings(oracle)
        for reading in find_among_spoilers(oracle) if not readings and not number else ():
            yield from _families(oracle, reading)  # and a form may read more
        readings = readings or find_formed(oracle, number=number)
        for reading in readings:
            yield from _families(oracle, reading)
        if readings:
            return
        yield None


def _families(oracle: Oracle, reading: KeyReading) -> Iterator[StateFamily | None]:
    if reading.first:
        yield _functions(oracle, reading)
        return
    inside = reading.without(int(oracle.filler[0])) if len(oracle.filler) else reading
    made = [_forests if reading.key_length == 1 else _trees, _paths]
    if reading.key_length > 1 and len(reading.letters) ** reading.key_length > oracle.seq_len:
        made.reverse()  # trees on all keys do not fit: paths are more
    for make in made:
        given = inside if make is _paths else reading
        yield make(oracle, given) if len(given.letters) else None


def _room(oracle: Oracle, reading: KeyReading) -> int:
    return oracle.seq_len - max(len(suffix) for suffixes in reading.readers for suffix in suffixes)


def _forests(oracle: Oracle, reading: KeyReading) -> StateFamily | None:
    """Forests on the keys, every other token being a sink; or a key waits for its follower.

    If a filler follows none waits, and the filler's token is a sink. With keys that are spelled also what is spelled at
    the cut, if that can be read."""
    room, waiting = _room(oracle, reading), not len(oracle.filler)
    if not waiting:
        reading = reading.without(int(oracle.filler[0]))
    words = reading.letters
    sinks = np.setdiff1d(oracle.tokens, words)
    sinks = sinks[~np.isin(sinks, [*reading.spoilers, *([] if reading.mark is None else [reading.mark])])]
    n_sinks = len(sinks)

    def value(m: int) -> tuple[int, Fraction]:
        settled = forest_count(m, n_sinks) if n_sinks else 0
        with_word = m * forest_count(m - 1, n_sinks + 1) if waiting else 0
        most = room - m
        few = with_word * share_with_few_leaves(m - 1, n_sinks + 1, most=most)
        few += settled * share_with_few_leaves(m, n_sinks, most=most) if n_sinks else 0
        return settled + with_word, Fraction(few, settled + with_word)

    if room < 2 or not len(words) or not (waiting or n_sinks):  # then nothing can follow the last word
        return None
    spelled = spelled_values(oracle, reading, room=room)
    room -= len(spelled[0].spell)
    m = best_word_count(len(words), room=room, roots=n_sinks, value=value)
    size, share = value(m)
    spelled = spelled if m == len(words) else spelled[:1]
    length = min(room, 2 * m + 1) + len(spelled[0].spell)
    text = np.concatenate([words[:m], sinks])
    right = _read_rightly(oracle, reading, text, range(m), length)
    asked = Suffixes()
    reads = [[asked.ask(suffix) for suffix in suffixes] for suffixes in reading.readers[:m]]
    codec = {
        "kind": "forests",
        "words": words[:m].tolist(),
        "sinks": sinks.tolist(),
        "length": length,
        "waiting": waiting,
        "reads": reads,
        "registers": [value.document(asked) for value in spelled],
    }
    if not n_sinks:
        codec = {
            "kind": "trees",
            "letters": words[:m].tolist(),
            "key_length": 1,
            "lead": 0,
            "length": length,
            "root": None,
            "reads": reads,
        }
    what = (
        "all forests" if len(spelled) == 1 else f"all forests, with {len(spelled)} values spelled at the cut"
    )
    return StateFamily(
        description=f"what followed each of {m} tokens last: {what}",
        size=size * len(spelled),
        share=share * right,
        prefix_length=length,
        suffixes=asked.suffixes,
        queries=asked.queries,
        codec=codec,
    )


def _trees(oracle: Oracle, reading: KeyReading) -> StateFamily | None:
    """Spanning in-trees of the de Bruijn graph on as many letters as fit."""
    k, room = reading.key_length, _room(oracle, reading)
    lead, root = k, None
    if len(oracle.filler) and oracle.filler[0] in reading.letters:
        reading, root = reading.beginning_with(int(oracle.filler[0])), 0
    n = max(
        (
            n
            for n in range(2, len(reading.letters) + 1)
            if lead + typical_walk(n, k) <= room and n**k <= _MOST_KEYS
        ),
        default=0,
    )
    if not n:
        return None
    length = min(room, lead + worst_walk(n, k))
    share, _ = share_that_fits(n, k, most=length - lead, root=root)
    keys = keys_on(range(n), len(reading.letters), k)
    right = _read_rightly(oracle, reading, reading.letters[:n], keys, length)
    reads, suffixes = _numbered([reading.readers[key] for key in keys])
    return StateFamily(
        description=f"what followed each of the {n**k} keys on {n} tokens last: all spanning in-trees",
        size=n ** (n**k - 1 - k * (root is not None)),
        share=share * right,
        prefix_length=length,
        suffixes=suffixes,
        queries=[(number, len(suffix) - 1) for number, suffix in enumerate(suffixes)],
        codec={
            "kind": "trees",
            "letters": reading.letters[:n].tolist(),
            "key_length": k,
            "lead": lead,
            "length": length,
            "root": root,
            "reads": reads,
        },
    )


def _paths(oracle: Oracle, reading: KeyReading) -> StateFamily | None:
    """Texts that repeat no key, read from their first key on."""
    k, n = reading.key_length, len(reading.letters)
    lead = k - 1 + (k > 1)
    steps = min(_room(oracle, reading) - lead - k, n**k - 1)
    if steps < 1 or n < 2 or n**k > _MOST_KEYS:
        return None
    factors, share, _ = path_factors(n, k, steps)
    size = 1
    for factor in factors:
        size *= factor
    readers = [suffixes[:1] for suffixes in reading.readers]
    right = _read_rightly(oracle, reading, reading.letters, [], lead + k + steps)
    reads, suffixes = _numbered(readers)
    return StateFamily(
        description=f"{steps} tokens, no key of {k} twice",
        size=size,
        share=share * right,
        prefix_length=lead + k + steps,
        suffixes=suffixes,
        queries=[(number, len(suffix) - 1) for number, suffix in enumerate(suffixes)],
        codec={
            "kind": "paths",
            "letters": reading.letters.tolist(),
            "key_length": k,
            "lead": lead,
            "reads": reads,
            "steps": steps,
            "start": 1 % n**k,
            "factors": factors,
        },
    )


def _functions(oracle: Oracle, reading: KeyReading) -> StateFamily | None:
    """Any word behind any word the first time, on as many words as fit; all are followed before the cut."""
    n = min(len(reading.letters), _room(oracle, reading) // 2)
    if n < 2:
        return None
    right = _read_rightly(oracle, reading, reading.letters[:n], range(n), 2 * n)
    asked = Suffixes()
    reads = [asked.ask(suffixes[0]) for suffixes in reading.readers[:n]]
    words = reading.letters[:n].tolist()
    return StateFamily(
        description=f"what followed each of {n} tokens first: all functions",
        size=n**n,
        share=right,
        prefix_length=2 * n,
        suffixes=asked.suffixes,
        queries=asked.queries,
        codec={"kind": "functions", "words": words, "reads": reads, "length": 2 * n},
    )


def _numbered(readers: list[list[list[int]]]) -> tuple[list[list[int]], list[list[int]]]:
    """The suffixes without repetition, and for each key their numbers."""
    number: dict[tuple[int, ...], int] = {}
    reads = [[number.setdefault(tuple(suffix), len(number)) for suffix in suffixes] for suffixes in readers]
    return reads, [list(suffix) for suffix in number]


def _read_rightly(
    oracle: Oracle, reading: KeyReading, letters: np.ndarray, keys: list[int] | range, length: int
) -> Fraction:
    """At least this share of random texts on these letters has every given key that occurs read rightly: its follower
    by all its suffixes, or for the key that was last the first token of each suffix, if no filler comes between."""
    length = max(length, min(_room(oracle, reading), 64))
    texts = letters[oracle.integers(len(letters), (_CHECKED, length))]
    own = np.intersect1d(letters, reading.letters)  # half of the tokens, so that each key occurs
    texts = np.where(oracle.integers(2, texts.shape) == 0, texts, own[oracle.integers(len(own), texts.shape)])
    good, seen = np.ones(_CHECKED, dtype=bool), np.zeros(_CHECKED)
    n, k = len(reading.letters), reading.key_length
    for key in keys:
        tokens = [int(reading.letters[key // n**place % n]) for place in reversed(range(k))]
        want = followed(texts, tokens, first=reading.first)
        last = (texts[:, -k:] == tokens).all(1) & (not len(oracle.filler)) & (not reading.first)
        seen += want != UNDEFINED
        for suffix in reading.readers[key]:
            got = oracle.answers(texts, np.array([suffix]))[:, 0, -1]
            good &= np.where(last, got == suffix[0], (got == want) | (want == UNDEFINED))
    if 4 * seen.mean() < len(keys):  # a text must hold a quarter of the keys, else it shows too little
        return Fraction(0)
    return least_success_rate(int(good.sum()), _CHECKED, ALPHA)
