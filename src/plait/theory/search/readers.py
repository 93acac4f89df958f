"""Queries that read what followed a key: found by asking random texts, and comparing with their last followers.

Two ways in which a suffix can name a key: it ends in the key itself (direct), or it is a code for it (spelled in
tokens that steer, such as the bits of decoding recall). For the second, runs of one token show which tokens steer:
their answer follows one and the same key in every text. Strings of steering tokens are then tried against every key.

Where tokens are passed over (noise), no text that holds them has last followers. Texts on a few tokens each show which
tokens these are: those in whose texts fewest answers are right are left out.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import product

import numpy as np

from plait.theory.families.multi_key_recall import fillers_of
from plait.theory.search.oracle import UNDEFINED, Oracle

MOST_KEY_LENGTH = 4
MOST_KEYS_READ = 4_000
_TEXTS = 400
_RUN = 8
_MOST_STRINGS = 600
_SURE = 0.98
_LONGEST_AMONG_SPOILERS, _FEW_TOKENS, _UNEVEN_TEXTS, _SOME = 2, 4, 2_000, 0.1
"""Letters, keys, texts, runs, strings, and the share of texts where a reader is right (effort)."""


@dataclass(frozen=True, kw_only=True)
class KeyReading:
    """Keys of `key_length` tokens of `letters`, and for each key the suffixes whose last answer is its follower.

    `readers[i]` are suffixes with different first tokens for key number i (in base `len(letters)`, first letter
    highest). `codes[i]`, where keys are spelled, is what spells key i and nothing more.
    `mark`, where the suffixes hold one, is a token that no prefix may hold; `spoilers` are others that none may.
    With `first`, what is read is what followed the key the first time, not the last.
    """

    letters: np.ndarray
    key_length: int
    readers: list[list[list[int]]]
    codes: list[list[int]] | None = None
    mark: int | None = None
    spoilers: frozenset[int] = frozenset()
    first: bool = False

    def without(self, token: int) -> "KeyReading":
        """The reading of the keys that do not hold this token."""
        kept = [i for i, letter in enumerate(self.letters.tolist()) if letter != token]
        keys = keys_on(kept, len(self.letters), self.key_length)
        codes = None if self.codes is None else [self.codes[i] for i in kept]
        return replace(
            self, letters=self.letters[kept], readers=[self.readers[key] for key in keys], codes=codes
        )

    def beginning_with(self, token: int) -> "KeyReading":
        """The same, with this letter first."""
        order = sorted(range(len(self.letters)), key=lambda i: (int(self.letters[i]) != token, i))
        keys = keys_on(order, len(self.letters), self.key_length)
        return replace(self, letters=self.letters[order], readers=[self.readers[key] for key in keys])


def keys_on(letters: Sequence[int], n: int, key_length: int) -> list[int]:
    """The numbers, in base `n`, of the keys on some letters, in their own order."""
    keys = [0]
    for _ in range(key_length):
        keys = [key * n + letter for key in keys for letter in letters]
    return keys


def find_readings(oracle: Oracle) -> list[KeyReading]:
    """What can be read: spelled keys first, for they are rarer, then direct ones by key length."""
    length = max(1, min(64, oracle.seq_len - _RUN - 2))
    texts = oracle.rows(_TEXTS, length)
    found = []
    spelled = _spelled(oracle, texts)
    if spelled is not None:
        found.append(spelled)
    for key_length in range(1, MOST_KEY_LENGTH + 1):
        if oracle.left() > 0 and key_length + 2 < oracle.seq_len:
            direct = _direct(oracle, texts, key_length, oracle.tokens)
            if direct is not None:
                found.append(direct)
                break
    return found


def find_among_spoilers(oracle: Oracle) -> list[KeyReading]:
    """What can be read directly in texts without some tokens, if it cannot be with them."""
    length = max(1, min(64, oracle.seq_len - _RUN - 2))
    for key_length, first in [*((k, False) for k in range(1, _LONGEST_AMONG_SPOILERS + 1)), (1, True)]:
        if key_length + 2 >= oracle.seq_len:
            continue
        tokens = _harmless(oracle, key_length, length, first) if oracle.left() > 0 else oracle.tokens
        if 2 <= len(tokens) < len(oracle.tokens) + first:
            texts = tokens[oracle.integers(len(tokens), (_TEXTS, length))]
            direct = _direct(oracle, texts, key_length, tokens, first=first)
            if direct is not None:
                spoilers = frozenset(np.setdiff1d(oracle.tokens, tokens).tolist())
                return [replace(direct, spoilers=spoilers)]
    return []


def _harmless(oracle: Oracle, key_length: int, length: int, first: bool) -> np.ndarray:
    """As many tokens as have what followed a key last, or first, as the answer to it, in texts on them alone."""
    tokens, length = oracle.tokens, min(length, _FEW_TOKENS * 2 ** (key_length + 2))
    order = np.argsort(oracle.integers(2**20, (_UNEVEN_TEXTS, len(tokens))), axis=1)[:, :_FEW_TOKENS]
    right = _answered_rightly(oracle, tokens[order], key_length, length, first)
    known = right >= 0
    held = [known & (order == place).any(1) for place in range(len(tokens))]
    scores = np.array([(right[some] == 1).sum() / max(1, some.sum()) for some in held])
    if scores.max() <= _SOME:
        return tokens[:0]
    best = tokens[np.argsort(-scores, kind="stable")]
    few, many = 1, len(tokens)
    while many - few > 1:
        middle = (few + many) // 2
        right = _answered_rightly(oracle, np.tile(best[:middle], (_TEXTS, 1)), key_length, length, first)
        surely = (right >= 0).sum() >= 20 and (right[right >= 0] == 1).mean() >= _SURE
        few, many = (middle, many) if surely else (few, middle)
    return np.sort(best[:few])


def _answered_rightly(
    oracle: Oracle, alphabets: np.ndarray, key_length: int, length: int, first: bool
) -> np.ndarray:
    """For a text on each alphabet whether the answer to a key is what followed it last, or first: 1, 0, or -1 where it
    does not occur. Another token stands before the key."""
    n = len(alphabets)
    texts = np.take_along_axis(alphabets, oracle.integers(alphabets.shape[1], (n, length)), axis=1)
    keys = np.take_along_axis(alphabets, oracle.integers(alphabets.shape[1], (n, key_length)), axis=1)
    others = np.array(
        [next((t for t in row if t not in key), row[0]) for row, key in zip(alphabets, keys, strict=True)]
    )
    filler = np.tile(oracle.filler, (n, 1))
    got = oracle.targets(np.concatenate([texts, filler, others[:, None], keys], axis=1))[:, -1]
    want = np.concatenate(
        [followed(texts[i : i + 1], key.tolist(), first=first) for i, key in enumerate(keys)]
    )
    return np.where(want == UNDEFINED, -1, (got == want).astype(np.int64))


def followers(texts: np.ndarray, key: Sequence[int]) -> np.ndarray:
    """For each text, what followed the key last; UNDEFINED where it does not occur, or only at the start or the end."""
    n, length = texts.shape
    k = len(key)
    starts = length - 2 * k + 1  # of occurrences that neither touch the first k tokens nor lack a follower
    if starts <= 1:
        return np.full(n, UNDEFINED)
    match = np.ones((n, starts), dtype=bool)
    for place, token in enumerate(key):
        match &= texts[:, k + place : k + place + starts] == token
    last = k + starts - 2 - match[:, -2::-1].argmax(1)
    result = texts[np.arange(n), np.minimum(last + k, length - 1)]
    return np.where(match[:, :-1].any(1) & ~match[:, -1], result, UNDEFINED)


def followed(texts: np.ndarray, key: Sequence[int], *, first: bool) -> np.ndarray:
    """As `followers`; or for each text what followed the key first, which is of one token then."""
    if not first:
        return followers(texts, key)
    if texts.shape[1] < 2:
        return np.full(len(texts), UNDEFINED)
    match = texts[:, :-1] == key[0]
    return np.where(match.any(1), texts[np.arange(len(texts)), match.argmax(1) + 1], UNDEFINED)


def _direct(
    oracle: Oracle, texts: np.ndarray, key_length: int, tokens: np.ndarray, *, first: bool = False
) -> KeyReading | None:
    """Suffixes that end in the key, behind one or two different tokens, all of them among the given ones."""
    n = len(tokens)
    keys = tokens[oracle.integers(n, (24, key_length))]  # a sample shows whether keys are read at all
    if _agreement(oracle, texts, [(key, [*_other(tokens, key), *key]) for key in keys.tolist()], first) < 0.7:
        return None
    letters = tokens
    if key_length == 1:
        rates = [
            _agreement(oracle, texts, [([token], [*_other(tokens, [token]), token])], first)
            for token in letters.tolist()
        ]
        letters = letters[np.array(rates) >= _SURE]
    if not len(letters) or len(letters) ** key_length > MOST_KEYS_READ:
        return None
    readers = []
    for key in product(range(len(letters)), repeat=key_length):
        fillers = fillers_of(key, len(letters), most=2)
        if len(fillers) < 2:
            return None
        readers.append([letters[[*filler, *key]].tolist() for filler in fillers])
    return KeyReading(letters=letters, key_length=key_length, readers=readers, first=first)


def _other(tokens: np.ndarray, key: Sequence[int]) -> list[int]:
    """A token that the key does not hold, if there is one."""
    return [token for token in tokens.tolist() if token not in key][:1]


def _agreement(
    oracle: Oracle, texts: np.ndarray, cases: list[tuple[list[int], list[int]]], first: bool
) -> float:
    """How often the last answer to a suffix is what followed its key, over the texts in which the key occurs."""
    right = seen = 0
    for key, suffix in cases:
        want = followed(texts, key, first=first)
        some = np.flatnonzero(want != UNDEFINED)[:60]
        if len(some):
            got = oracle.answers(texts[some], np.array([suffix]))[:, 0, -1]
            right, seen = right + int((got == want[some]).sum()), seen + len(some)
    return right / seen if seen >= 20 else 0.0  # of fewer a rate says nothing


def _spelled(oracle: Oracle, texts: np.ndarray) -> KeyReading | None:
    """Strings of steering tokens, each of which reads one key of a single token."""
    run = min(_RUN, oracle.seq_len - texts.shape[1])
    runs = np.repeat(oracle.tokens[:, None], run, axis=1)
    table = _Followed(oracle, texts)
    steering = [
        suffix[0] for suffix, key in zip(runs.tolist(), table.keys_read(runs), strict=True) if key is not None
    ]
    direct = sum(key == suffix[0] for suffix, key in zip(runs.tolist(), table.keys_read(runs), strict=True))
    if not steering or 2 * direct > len(steering):
        return None
    strings = _strings(oracle, np.array(steering), run)
    keys = table.keys_read(strings)
    readers: dict[int, dict[int, list[int]]] = {}
    for suffix, key in zip(strings.tolist(), keys, strict=True):
        if key is not None:
            readers.setdefault(key, {}).setdefault(suffix[0], suffix)
    usable = sorted(key for key, found in readers.items() if len(found) > 1)
    if not usable:
        return None
    found = [list(readers[key].values())[:2] for key in usable]
    codes = _codes(table, usable, [suffixes[0] for suffixes in found]) if len(steering) > 1 else None
    if codes is not None:
        found = [[code, [next(s for s in steering if s != code[0]), *code]] for code in codes]
    return KeyReading(letters=np.array(usable), key_length=1, readers=found, codes=codes)


def _codes(table: "_Followed", keys: list[int], strings: list[list[int]]) -> list[list[int]] | None:
    """The shortest ends of the strings, all of one length, that still read the keys; None if only whole ones do."""
    for length in range(1, len(strings[0])):
        ends = np.array([string[-length:] for string in strings])
        if table.keys_read(ends) == keys:
            return ends.tolist()
    return None


def _strings(oracle: Oracle, steering: np.ndarray, length: int) -> np.ndarray:
    if len(steering) == 1:
        runs = np.repeat(steering[:, None], length, axis=1)
        other = np.repeat(runs, len(oracle.tokens), axis=0)
        other[:, 0] = oracle.tokens
        return other
    if len(steering) ** length <= _MOST_STRINGS:
        return np.array(list(product(steering.tolist(), repeat=length)))
    return steering[oracle.integers(len(steering), (_MOST_STRINGS, length))]


class _Followed:
    """The last follower of every token in every text, to compare answers with."""

    def __init__(self, oracle: Oracle, texts: np.ndarray) -> None:
        self.oracle, self.texts = oracle, texts
        self.table = np.stack([followers(texts, [token]) for token in oracle.tokens.tolist()], axis=1)

    def keys_read(self, suffixes: np.ndarray) -> list[int | None]:
        """For each suffix, the one token whose follower its last answer is in (nearly) every text, or None."""
        answers = self.oracle.answers(self.texts, suffixes)[:, :, -1]
        read: list[int | None] = []
        for column in answers.T:
            known = (self.table != UNDEFINED) & (column != UNDEFINED)[:, None]
            seen = known.sum(0)
            rate = ((self.table == column[:, None]) & known).sum(0) / np.maximum(seen, 1)
            rate[seen < 20] = 0  # as above
            best = int(rate.argmax())
            read.append(int(self.oracle.tokens[best]) if rate[best] >= _SURE else None)
        return read
