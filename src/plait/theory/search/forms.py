"""Suffixes that ask by a key in a longer form: behind a mark, or by a chain of pointers that leads to the key.

    z z ? x y   a mark ends what is remembered; behind it the key x y        the answer is what followed x y last
    z x z       the last z leads to x, and from there the answer follows     (two hops; three: z x y z y)

A form is found by planting keys in random texts and asking: its last answer is what followed the key, whatever the
other tokens of the suffix are. Source: docs/theory.md, 4.8.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import permutations, product

import numpy as np

from plait.theory.search.oracle import UNDEFINED, Oracle
from plait.theory.search.readers import MOST_KEY_LENGTH, MOST_KEYS_READ, KeyReading, followers

_KEY, _MARK = -1, -2
_LONGEST_CHAIN, _MOST_HELPERS = 5, 2
_MOST_MARKS, _MOST_BEFORE_MARK = 64, 4
_LONGEST_TEXT = 48
_KEYS, _TEXTS, _LAST = 4, 12, 4
_TRIED_PER_LETTER = 40
_SURE = 0.95
"""Chains, marks, texts and tries, and the share of texts where a form answers as planted (effort)."""


@dataclass(frozen=True, kw_only=True)
class Form:
    """A suffix to be filled in.

    Args:
        items: `_KEY` stands for the tokens of the key, `_MARK` for the mark, and numbers from 0 on for other tokens:
            different ones for different numbers, and none of the key's, unless a mark keeps them apart from it.
        mark: the mark, if the form has one.
    """

    items: tuple[int, ...]
    mark: int | None = None

    def suffix(self, key: list[int], helpers: tuple[int, ...]) -> list[int]:
        tokens: list[int] = []
        for item in self.items:
            tokens += key if item == _KEY else [self.mark if item == _MARK else helpers[item]]  # pyright: ignore
        return tokens

    def suffixes(self, key: list[int], letters: list[int], most: int) -> list[list[int]]:
        """Up to `most` ways to fill it in that begin with different tokens."""
        others = [letter for letter in letters if letter not in key]
        others += [] if self.mark is None else list(dict.fromkeys(key))
        n_helpers, found = max(self.items) + 1, {}
        for helpers in permutations(others[: most + n_helpers], n_helpers):
            suffix = self.suffix(key, helpers)
            found.setdefault(suffix[0], suffix)
        return list(found.values())[:most]


def find_formed(oracle: Oracle, *, number: int = 0) -> list[KeyReading]:
    """The reading of the first form that is answered rightly, or none.

    Args:
        number: which part of the forms is tried: chains are in part 0, and each part has other marks.
    """
    for key_length in range(1, MOST_KEY_LENGTH + 1):
        for form in _forms(oracle, key_length, number):
            if oracle.left() <= 0:
                return []
            letters = oracle.tokens[oracle.tokens != (UNDEFINED if form.mark is None else form.mark)]
            if _answered(oracle, form, letters, key_length):
                reading = _reading(oracle, form, letters, key_length)
                if reading is not None:
                    return [reading]
    return []


def _forms(oracle: Oracle, key_length: int, number: int) -> Iterator[Form]:
    """Chains for keys of one token, short ones first; then a token as a mark, with some tokens before it."""
    if key_length == 1 and number == 0:
        for length in range(3, _LONGEST_CHAIN + 1):
            for items in product(range(-1, _MOST_HELPERS), repeat=length):
                helpers = [item for item in items if item >= 0]
                in_order = list(dict.fromkeys(helpers)) == list(range(len(set(helpers))))
                if items[0] == 0 and _KEY in items and in_order:
                    yield Form(items=items)
    for mark in oracle.tokens[number * _MOST_MARKS : (number + 1) * _MOST_MARKS].tolist():
        for before in range(1, _MOST_BEFORE_MARK + 1):
            yield Form(items=(*[0] * before, _MARK, _KEY), mark=mark)


def _answered(oracle: Oracle, form: Form, letters: np.ndarray, key_length: int) -> bool:
    """Whether random keys are read in random texts."""
    for _ in range(_KEYS):
        key = letters[oracle.integers(len(letters), (key_length,))].tolist()
        suffixes = form.suffixes(key, letters.tolist(), 2)
        if len(suffixes) < 2 or not _reads(
            oracle, letters, key, suffixes[oracle.integers(2, (1,))[0]], _TEXTS
        ):
            return False
    return True


def _reads(oracle: Oracle, letters: np.ndarray, key: list[int], suffix: list[int], n_texts: int) -> bool:
    """Whether the suffix's last answer is what followed the key last, and its first token where the key was last."""
    k = len(key)
    length = min(_LONGEST_TEXT, oracle.seq_len - len(suffix))
    if length < 3 * k + 1:
        return False
    texts = letters[oracle.integers(len(letters), (n_texts + _LAST, length))]
    # K tokens before the key at least, and k behind it.
    starts = k + oracle.integers(length - 3 * k, (n_texts, 1))
    np.put_along_axis(texts[:n_texts], starts + np.arange(k), np.array(key), axis=1)
    texts[n_texts:, -k:] = key
    want = followers(texts, key)
    want[n_texts:] = UNDEFINED if len(oracle.filler) else suffix[0]
    known = want != UNDEFINED
    got = oracle.answers(texts[known], np.array([suffix]))[:, 0, -1]
    return 2 * known.sum() >= n_texts and bool((got == want[known]).mean() >= _SURE)


def _reading(oracle: Oracle, form: Form, letters: np.ndarray, key_length: int) -> KeyReading | None:
    """The form's suffixes for all keys; of keys of one token, of those that are read."""
    if len(letters) ** key_length > MOST_KEYS_READ:
        return None
    readers = [
        form.suffixes(list(key), letters.tolist(), 2) for key in product(letters.tolist(), repeat=key_length)
    ]
    if any(len(suffixes) < 2 for suffixes in readers):
        return None
    kept = np.arange(len(letters))
    if key_length == 1:
        read = [
            all(_reads(oracle, letters, [letter], suffix, _TRIED_PER_LETTER) for suffix in suffixes)
            for letter, suffixes in zip(letters.tolist(), readers, strict=True)
        ]
        kept = np.flatnonzero(read)
        readers = [readers[place] for place in kept]
    if not len(kept):
        return None
    return KeyReading(letters=letters[kept], key_length=key_length, readers=readers, mark=form.mark)
