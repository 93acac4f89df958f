"""`check`: accept or refuse a certificate, recomputing its claim from scratch.

Nothing here is shared with what makes certificates: reading, task definitions, codecs, arithmetic and randomness
are the checker's own. Source: docs/theory.md, section 4.

Also: a certificate's retrieval game, opened so that anything can play it: a model, a person, a test.
"""

import os
import random
import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction

from plait.theory.checker import arithmetic, document
from plait.theory.checker.claim import ERROR_OVER, ReachClaim, StateClaim, read_claim
from plait.theory.checker.codecs.base import Codec, UndefinedAnswer
from plait.theory.checker.codecs.prefixes import Listed, Random, first_alike
from plait.theory.checker.document import Refused
from plait.theory.checker.game import (
    CONTENTS_TOGETHER,
    MOST_EXHAUSTIVE,
    MOST_WORK,
    Board,
    check_work,
    contents_right,
)


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


@dataclass(frozen=True, kw_only=True)
class Verdict:
    """Whether a certificate's claim holds, and what the checker could certify by itself.

    Args:
        accepted: the claim is no more than what was certified.
        reason: one line.
        readable: False where no JSON object could be read: then there was no certificate to accept or refuse.
        bits: state bits certified, rounded down to thousandths; None where the check did not get that far.
        reach: tokens of reach certified, for a certificate of that kind; of recurrent state bits, the reach at which
            they are needed.
        confidence: 1 where every case was tried; else the chance of noticing a wrong claim is at least this.
    """

    accepted: bool
    reason: str
    readable: bool = True
    bits: Fraction | None = None
    reach: int | None = None
    confidence: Fraction = Fraction(0)


SURELY = Fraction(1, 2**40)
"""Least chance of a wrong claim that a sampled certificate may state."""


def check(
    certificate: Mapping[str, object] | str | bytes,
    *,
    task: object = None,
    seed: int | None = None,
) -> Verdict:
    """Whether the certificate's claim holds.

    Args:
        certificate: the JSON document, as an object or as text.
        task: a user's own task, where the certificate is about one; the certificate's word for it is only
            compared with this, never imported.
        seed: for tests; by default the contents are drawn from the operating system's randomness.
    """
    try:
        whole = document.read_text(certificate) if isinstance(certificate, str | bytes) else certificate
        return _verdict(read_claim(document.plain(whole), task), seed)
    except Refused as refused:
        return _refusal(refused)


def check_file(path: str | os.PathLike[str], *, task: object = None, seed: int | None = None) -> Verdict:
    """`check` of a file, of which no more than the limit is read."""
    try:
        return _verdict(read_claim(document.plain(document.read_file(path)), task), seed)
    except Refused as refused:
        return _refusal(refused)


def _refusal(refused: Refused) -> Verdict:
    return Verdict(
        accepted=False, reason=str(refused), readable=not isinstance(refused, document.NotACertificate)
    )


def _verdict(claim: ReachClaim | StateClaim, seed: int | None) -> Verdict:
    if isinstance(claim, ReachClaim):
        return _reach(claim)
    choose = secrets.SystemRandom() if seed is None else random.Random(seed)
    codec = claim.codec
    if isinstance(codec, Random):
        states, exact = _random_states(claim, codec, choose)
    elif isinstance(codec, Listed):
        states, exact = _listed_states(claim, codec), True
    else:
        states, exact = _codec_states(claim, codec, choose)
    bits = arithmetic.floor_log2_thousandths(states)
    reached = Fraction(1) if exact else claim.confidence
    shown = f"{float(bits):.3f} bits certified at confidence " + (
        "1" if exact else f"1 - {float(1 - reached):.2g}"
    )
    if claim.error:
        shown += f", for an average error of at most {float(claim.error):.6g} over {ERROR_OVER}"
    if claim.reach is not None:
        shown += (
            f", in recurrent states where windows and convolutions reach back {claim.reach} tokens at most"
        )
    accepted = claim.bits <= bits
    reason = shown if accepted else f"{float(claim.bits):.3f} bits claimed, {shown}"
    return Verdict(accepted=accepted, reason=reason, bits=bits, reach=claim.reach, confidence=reached)


def _reach(claim: ReachClaim) -> Verdict:
    rows = claim.inputs
    if len(rows) != 2 or len(rows[0]) != len(rows[1]) or not rows[0]:
        raise Refused("inputs must be two rows of one length")
    check_work(Board(rule=claim.rule, suffixes=[rows[0]], queries=[(0, 0)]).cost(2, 0), "reading the inputs")
    targets = [claim.rule.open([])(row)[-1] for row in rows]
    if None in targets:
        raise Refused("the target at the last position is undefined in one of the inputs")
    if targets[0] == targets[1]:
        raise Refused("the targets at the last position are equal")
    agree = 0
    while agree < len(rows[0]) and rows[0][-1 - agree] == rows[1][-1 - agree]:
        agree += 1
    accepted = claim.tokens <= agree
    reason = (
        f"two inputs of {len(rows[0])} tokens agree on the last {agree} and have different targets at the end"
        + ("" if accepted else f"; {claim.tokens} tokens were claimed")
    )
    return Verdict(accepted=accepted, reason=reason, reach=agree, confidence=Fraction(1))


def _codec_states(claim: StateClaim, codec: Codec, choose: random.Random) -> tuple[int, bool]:
    """States certified, and whether every content was tried."""
    cost, answers = claim.board.cost_of(codec), claim.answers if claim.error else None
    if codec.size <= MOST_EXHAUSTIVE and codec.size * cost <= MOST_WORK:
        right = contents_right(claim.board, codec, range(codec.size), answers=answers)
        return _at_error(claim, codec.size, Fraction(right, codec.size)), True
    _check_sampled(claim)
    check_work(claim.trials * cost, f"checking {claim.trials} contents")
    drawn = (choose.randrange(codec.size) for _ in range(claim.trials))
    right = contents_right(claim.board, codec, drawn, answers=answers)
    share = arithmetic.certain_share(right, claim.trials, 1 - claim.confidence)
    return _at_error(claim, codec.size, share), False


def _listed_states(claim: StateClaim, codec: Listed) -> int:
    """All prefixes of the list, if every two of them are told apart."""
    check_work(claim.board.cost(codec.size, codec.length), f"telling {codec.size} prefixes apart")
    _check_distinct(codec.rows)
    if claim.error and any(answer not in (claim.answers or ()) for row in codec.rows for answer in row):
        raise Refused("at an error above 0 every query needs a defined answer out of the list of answers")
    return _at_error(claim, codec.size, Fraction(1))


def _random_states(claim: StateClaim, codec: Random, choose: random.Random) -> tuple[int, bool]:
    _check_sampled(claim)
    if claim.error:
        raise Refused("random prefixes give no bound at an error above 0")
    steps = codec.work + claim.board.cost(codec.draws, codec.length)
    check_work(steps, f"telling {codec.draws} prefixes apart")
    rows: list[list[int | None]] = []
    for begin in range(0, codec.draws, CONTENTS_TOGETHER):
        prefixes = [codec.draw(choose) for _ in range(begin, min(begin + CONTENTS_TOGETHER, codec.draws))]
        rows += claim.board.tables(prefixes, range(len(claim.board.queries)))
    _check_distinct(rows)
    return arithmetic.birthday_states(codec.draws, 1 - claim.confidence), False


def _check_sampled(claim: StateClaim) -> None:
    if 1 - claim.confidence < SURELY:
        raise Refused("contents are sampled: confidence 1 - 2^-40 at most")


def _check_distinct(rows: list[list[int | None]]) -> None:
    alike = first_alike(rows)
    if alike:
        raise Refused(f"no query tells prefixes {alike[0]} and {alike[1]} apart")


def _at_error(claim: StateClaim, size: int, share: Fraction) -> int:
    """States that the share of the contents which surely comes back needs.

    The error is an average over all contents; on that share alone it may be larger by as much as the share is
    smaller.
    """
    contents = max(1, -(-share.numerator * size // share.denominator))
    if not claim.error:
        return contents
    if claim.error >= share:
        return 1
    queries, answers = len(claim.board.queries), len(claim.answers or ())
    return arithmetic.states_at_error(contents, queries, answers, claim.error / share)
