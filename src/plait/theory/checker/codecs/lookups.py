"""Contents that are tables of their own: a function from words to words, or which words stand at which places.

Functions. What followed each word first is any function f, for a word that was followed before may be followed by any:

    f: a -> b, b -> a, c -> c      text  a b a | c c         each path runs until it meets a word that is done

Placings. Each place holds a word that stands at no other, or a blank where there is one; a word's query names its
place, and another answer says that it has none. Source: docs/theory.md, Theorem 2.12.
"""

from plait.theory.checker.codecs.base import MOST_LENGTH, AskQuery, Codec, Reader, checked_size, long_steps
from plait.theory.checker.document import Refused

_MOST_WORDS, _MOST_PLACES = 5_000, 200
"""Of a codec here. Steps (`work`) count what loops of Python do, to the larger side
(tests/theory/test_checker_work.py)."""


class _OfWords(Codec):
    """Distinct words, and a query for each."""

    def __init__(self, reader: Reader) -> None:
        self.words = reader.distinct("words", most=_MOST_WORDS)
        self.number = {token: word for word, token in enumerate(self.words)}
        self.n = len(self.words)
        self.reads = reader.queries("reads")
        if len(self.reads) != self.n:
            raise Refused(f"reads must be a query for each of the {self.n} words")


class Functions(_OfWords):
    """Every function from the words to the words, as a text of at most `length` tokens and the first word behind it."""

    def __init__(self, reader: Reader) -> None:
        super().__init__(reader)
        self.length = reader.integer("length", least=1, most=MOST_LENGTH)
        reader.done()
        self.size = checked_size(self.n**self.n)

    @property
    def work(self) -> int:
        # A word: its digit written and read, its place in the text, its answer.
        return self.length + self.n * (60 + 2 * long_steps(self.size))

    def encode(self, index: int) -> list[int] | None:
        follower: list[int] = []
        for _ in range(self.n):
            index, digit = divmod(index, self.n)
            follower.append(digit)
        text, done = [], [False] * self.n
        for start in range(self.n):
            if done[start]:
                continue
            word = start
            while not done[word]:
                text.append(word)
                done[word] = True
                word = follower[word]
            text.append(word)  # done before: whatever comes behind it is not its first follower
        padding = self.length - len(text)
        return None if padding < 0 else [self.words[word] for word in text + [0] * padding]

    def decode(self, ask: AskQuery) -> int | None:
        index = 0
        for query in reversed(self.reads):
            word = self.number.get(ask(query))
            if word is None:
                return None
            index = index * self.n + word
        return index


class Placings(_OfWords):
    """Every way to fill the places with distinct words, or also with blanks."""

    def __init__(self, reader: Reader) -> None:
        super().__init__(reader)
        blank = reader.take("blank")
        self.blank = None if blank is None else reader.listed([blank], "blank", below=reader.n_tokens)[0]
        if self.blank in self.number:
            raise Refused("a blank is none of the words")
        answers = reader.tokens("answers", most=_MOST_PLACES)
        reader.done()
        self.place = {token: place for place, token in enumerate(answers)}
        self.length = len(answers)
        if not self.length or len(self.place) < self.length:
            raise Refused("answers must name one or more places, each by a token of its own")
        self._counts = _placing_counts(self.length, self.n, blank=self.blank is not None)
        self.size = checked_size(self._counts[self.length][0])
        if not self.size:
            raise Refused(f"{self.n} words do not fill {self.length} places")

    @property
    def work(self) -> int:
        # A place: a word taken out of the others, long divisions; and each word asked.
        return 12 * self.n + 2 * self.length * (40 + self.n // 8 + 3 * long_steps(self.size))

    def encode(self, index: int) -> list[int]:
        words, prefix = list(self.words), []
        for left in range(self.length - 1, -1, -1):
            used = self.n - len(words)
            blanks = self._counts[left][used] if self.blank is not None else 0
            if self.blank is not None and index < blanks:
                prefix.append(self.blank)
                continue
            choice, index = divmod(index - blanks, self._counts[left][used + 1])
            prefix.append(words.pop(choice))
        return prefix

    def decode(self, ask: AskQuery) -> int | None:
        held: list[int | None] = [None] * self.length
        for token, query in zip(self.words, self.reads, strict=True):
            place = self.place.get(ask(query))
            if place is not None:
                if held[place] is not None:
                    return None
                held[place] = token
        words, index = list(self.words), 0
        for place, token in enumerate(held):
            left, used = self.length - 1 - place, self.n - len(words)
            if token is None:
                if self.blank is None:
                    return None
                continue
            choice = words.index(token)
            words.pop(choice)
            blanks = self._counts[left][used] if self.blank is not None else 0
            index += blanks + choice * self._counts[left][used + 1]
        return index


def _placing_counts(places: int, words: int, *, blank: bool) -> list[list[int]]:
    """`[left][used]`: the ways to fill so many places that are left where so many of the words are used."""
    counts = [[1] * (places + 2)]
    for _ in range(places):
        before = counts[-1]
        counts.append(
            [
                (before[used] if blank else 0) + max(0, words - used) * before[used + 1]
                for used in range(places + 1)
            ]
            + [0]
        )
    return counts
