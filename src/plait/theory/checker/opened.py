"""A certificate's retrieval game, opened so that anything can play it: a model, a person, a test."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction

from plait.theory.checker import document
from plait.theory.checker.claim import StateClaim, read_claim
from plait.theory.checker.codecs.base import Codec, UndefinedAnswer
from plait.theory.checker.document import Refused


@dataclass(frozen=True, kw_only=True)
class Game:
    """Contents `0 .. size - 1`, each written as a prefix; queries about it; and its way back from the answers.

    Args:
        size: how many contents there are.
        prefix_length: tokens of each prefix.
        suffixes: what may follow.
        queries: (number of a suffix, position in it) of each question.
        error: the average error that the certificate's claim allows.
        claim: the claim as read.
    """

    size: int
    prefix_length: int
    suffixes: Sequence[Sequence[int]]
    queries: Sequence[tuple[int, int]]
    error: Fraction
    claim: StateClaim

    def encode(self, index: int) -> list[int] | None:
        """The prefix of a content; None where it does not fit."""
        assert isinstance(self.claim.codec, Codec)
        return self.claim.codec.encode(index)

    def right_answers(self, prefixes: Sequence[list[int]]) -> list[list[int | None]]:
        """The target of each query about each prefix, None where it is undefined."""
        return self.claim.board.tables(prefixes, range(len(self.queries)))

    def decode(self, answers: Sequence[int | None]) -> int | None:
        """The content that one answer to each query spells, or None."""
        assert isinstance(self.claim.codec, Codec)

        def ask(query: int) -> int:
            answer = answers[query]
            if answer is None:
                raise UndefinedAnswer
            return answer

        try:
            return self.claim.codec.decode(ask)
        except UndefinedAnswer:
            return None


def open_game(certificate: Mapping[str, object] | str | bytes, *, task: object = None) -> Game:
    """The game of a certificate of state bits.

    Raises:
        ValueError: a certificate that cannot be read, of another quantity, or whose prefixes are only random.
    """
    try:
        whole = document.read_text(certificate) if isinstance(certificate, str | bytes) else certificate
        claim = read_claim(document.plain(whole), task)
    except Refused as refused:
        raise ValueError(f"needed a certificate: {refused}") from refused
    if not isinstance(claim, StateClaim) or not isinstance(claim.codec, Codec) or claim.reach is not None:
        raise ValueError("needed a certificate of state bits with contents, got one without")
    return Game(
        size=claim.codec.size,
        prefix_length=claim.codec.length,
        suffixes=claim.board.suffixes,
        queries=claim.board.queries,
        error=claim.error,
        claim=claim,
    )
