"""Values that stand spelled at the cut, and the queries that read them (Theorem 4.6): the register of decoding recall.

    text .. 1 0 | x y     the register names the word x  ->  the answer at y is y, which has just followed x
                          it names another word          ->  the answer does not depend on y

So two suffixes `x y` and `x y'` that are answered `y` and `y'` prove the value.
"""

from dataclasses import dataclass

import numpy as np

from plait.theory.families.family import Suffixes
from plait.theory.search.oracle import Oracle
from plait.theory.search.readers import KeyReading

_TEXTS = 12
_MOST_VALUES = 64
_LENGTH = 24
"""Texts that a value is tried in, values of a register, tokens of a text: effort alone (`plait.theory.search`)."""


@dataclass(frozen=True, kw_only=True)
class SpelledValue:
    """What is written before the cut, and the suffixes whose last answer is then their last token, and only then."""

    spell: list[int]
    suffixes: list[list[int]]

    def document(self, asked: Suffixes) -> dict[str, object]:
        """As the codec of forests has it."""
        reads = [asked.ask(suffix) for suffix in self.suffixes]
        return {"spell": self.spell, "reads": reads, "answers": [suffix[-1] for suffix in self.suffixes]}


_NOTHING = (SpelledValue(spell=[], suffixes=[]),)
"""The one value where nothing is spelled."""


def spelled_values(oracle: Oracle, reading: KeyReading, *, room: int) -> tuple[SpelledValue, ...]:
    """The values that the reading's codes can leave at the cut, if each is read by what follows its key.

    Args:
        room: tokens that a prefix may have.
    """
    codes, keys = reading.codes, reading.letters.tolist()
    if codes is None or not 2 <= len(codes) <= _MOST_VALUES or room < 4 * len(codes[0]) + 2:
        return _NOTHING
    if any(token in keys for code in codes for token in code):
        return _NOTHING
    texts = oracle.rows(_TEXTS, min(_LENGTH, room - len(codes[0])))
    spelled = np.concatenate([np.concatenate([texts, np.tile(code, (_TEXTS, 1))], axis=1) for code in codes])
    suffixes = [[key, value] for key in keys for value in keys[:2]]
    answers = oracle.answers(spelled, np.array(suffixes))[:, :, -1]
    told = (answers == np.array(suffixes)[:, 1]).reshape(len(codes), _TEXTS, len(keys), 2).all(3)
    if not (told == np.eye(len(keys), dtype=bool)[:, None]).all():
        return _NOTHING
    return tuple(
        SpelledValue(spell=code, suffixes=[[key, value] for value in keys[:2]])
        for key, code in zip(keys, codes, strict=True)
    )
