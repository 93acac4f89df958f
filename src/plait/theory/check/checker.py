"""`check`: accept or refuse a certificate, recomputing its claim from scratch.

Nothing here is shared with what makes certificates: reading, task definitions, codecs, arithmetic and randomness
are the checker's own. Source: docs/theory.md, section 4.
"""

import os
import random
import secrets
from collections.abc import Mapping
from fractions import Fraction

from plait.theory.check import arithmetic, distinct, document
from plait.theory.check.codecs.base import MOST_DIGITS, MOST_LENGTH, Codec, Reader
from plait.theory.check.codecs.followers import Paths, Trees
from plait.theory.check.codecs.forests import Forests
from plait.theory.check.codecs.slots import Slots, Union
from plait.theory.check.document import Refused
from plait.theory.check.game import MOST_EXHAUSTIVE, MOST_WORK, Board, play
from plait.theory.check.own_task import OwnTask
from plait.theory.check.rules import rule_of
from plait.theory.check.verdict import Verdict

FORMAT, VERSION = "plait certificate", 1
SURELY = Fraction(1, 2**40)
"""Least chance of a wrong claim that a certificate may state, short of none."""

MOST_TRIALS = 20_000
MOST_SUFFIXES = 20_000


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
        return _check(document.plain(whole), task, seed)
    except Refused as refused:
        return Verdict(accepted=False, reason=str(refused))


def check_file(path: str | os.PathLike[str], *, task: object = None, seed: int | None = None) -> Verdict:
    """`check` of a file, of which no more than the limit is read."""
    try:
        whole = document.read_file(path)
        return _check(document.plain(whole), task, seed)
    except Refused as refused:
        return Verdict(accepted=False, reason=str(refused))


def _check(fields: dict[str, object], task: object, seed: int | None) -> Verdict:
    if fields.pop("format", None) != FORMAT:
        raise Refused(f"not a {FORMAT}")
    version = fields.pop("version", None)
    if version is True or version != VERSION:
        raise Refused(f"version {version!r:.40} is unknown; this checker knows version {VERSION}")
    reader = Reader(fields, where="the certificate", n_tokens=0, n_queries=0, tables=[])
    quantity = reader.take("quantity")
    rule = _rule(reader.take("task"), reader.take("params"), task)
    reader.n_tokens = rule.n_tokens
    confidence = _number(reader, "confidence")
    if not 0 < confidence <= 1:
        raise Refused(f"confidence must be in (0, 1], got {confidence}")
    if quantity == "reach":
        return _check_reach(reader, rule)
    if quantity != "state bits":
        raise Refused(f"unknown quantity {quantity!r:.40}; known: state bits, reach")
    choose = secrets.SystemRandom() if seed is None else random.Random(seed)
    return _check_states(reader, rule, confidence, choose)


def _check_reach(reader: Reader, rule) -> Verdict:
    claimed = reader.integer("tokens", least=0, most=MOST_LENGTH)
    rows = [
        reader.checked(row, "inputs", below=rule.n_tokens, most=MOST_LENGTH)
        for row in reader.objects("inputs")
    ]
    reader.done()
    if len(rows) != 2 or len(rows[0]) != len(rows[1]) or not rows[0]:
        raise Refused("inputs must be two rows of one length")
    targets = [rule.open([])(row, len(row) - 1) for row in rows]
    if None in targets:
        raise Refused("the target at the last position is undefined in one of the inputs")
    if targets[0] == targets[1]:
        raise Refused("the targets at the last position are equal")
    agree = 0
    while agree < len(rows[0]) and rows[0][-1 - agree] == rows[1][-1 - agree]:
        agree += 1
    accepted = claimed <= agree
    reason = (
        f"two inputs of {len(rows[0])} tokens agree on the last {agree} and have different targets at the end"
        + ("" if accepted else f"; {claimed} tokens were claimed")
    )
    return Verdict(accepted=accepted, reason=reason, reach=agree, confidence=Fraction(1))


def _check_states(reader: Reader, rule, confidence: Fraction, choose: random.Random) -> Verdict:
    claimed, error = _number(reader, "bits"), _number(reader, "error")
    if not 0 <= error < 1:
        raise Refused(f"error must be in [0, 1), got {error}")
    if claimed < 0:
        raise Refused(f"bits must be at least 0, got {claimed}")
    trials = reader.integer("trials", least=1, most=MOST_TRIALS)
    tables = [
        reader.checked(table, "tables", below=rule.n_tokens, most=1_000_000)
        for table in reader.objects("tables")
    ]
    suffixes = [
        reader.checked(suffix, "suffixes", below=rule.n_tokens, most=MOST_LENGTH)
        for suffix in reader.objects("suffixes")
    ]
    queries = _queries(reader, suffixes)
    answers = reader.take("answers")
    codec = reader.take("codec")
    reader.done()
    inner = Reader(codec, where="the codec", n_tokens=rule.n_tokens, n_queries=len(queries), tables=tables)
    if answers is not None:
        inner.fields["answers of the game"] = answers
        answers = frozenset(inner.tokens("answers of the game", most=1_000_000))
    board = Board(rule=rule, suffixes=suffixes, queries=queries)
    kind = inner.take("kind")
    alpha = 1 - confidence
    if kind in ("list", "random"):
        if error:
            raise Refused("a list or random prefixes give no bound at an error above 0")
        states, exact = _distinct_states(kind, inner, board, alpha, choose)
    else:
        states, exact = _codec_states(
            _codec(kind, inner, board), board, trials, alpha, choose, error, answers
        )
    bits = arithmetic.floor_log2_thousandths(states)
    reached = Fraction(1) if exact else confidence
    accepted = claimed <= bits
    shown = f"{float(bits):.3f} bits certified at confidence {_shown(reached)}"
    reason = shown if accepted else f"{float(claimed):.3f} bits claimed, {shown}"
    return Verdict(accepted=accepted, reason=reason, bits=bits, confidence=reached)


def _codec(kind: object, inner: Reader, board: Board) -> Codec:
    if kind == "slots":
        return Slots(inner, board.tables)
    if kind == "union":
        parts = inner.objects("parts")
        inner.done()
        return Union([Slots(inner.inner(part, "a part"), board.tables) for part in parts])
    codecs = {"trees": Trees, "paths": Paths, "forests": Forests}
    if not isinstance(kind, str) or kind not in codecs:
        raise Refused(f"unknown codec {kind!r:.40}; known: slots, union, trees, paths, forests, list, random")
    return codecs[kind](inner)


def _codec_states(
    codec: Codec,
    board: Board,
    trials: int,
    alpha: Fraction,
    choose: random.Random,
    error: Fraction,
    answers: frozenset[int] | None,
) -> tuple[int, bool]:
    """States certified, and whether every content was tried."""
    if codec.size.bit_length() > MOST_DIGITS:
        raise Refused(f"contents of at most {MOST_DIGITS} bits, got {codec.size.bit_length()}")
    exact = codec.size <= MOST_EXHAUSTIVE and codec.size * board.cost(codec.work) <= MOST_WORK
    if error and answers is None:
        raise Refused("an error above 0 needs the list of answers that can be right")
    if not exact and not SURELY <= alpha < 1:
        raise Refused(f"{codec.size.bit_length()} bits of contents are sampled: confidence 1 - 2^-40 at most")
    indices = range(codec.size) if exact else [choose.randrange(codec.size) for _ in range(trials)]
    right = play(board, codec, indices, answers=answers if error else None)
    if exact:
        contents = max(1, right)
    else:
        share = arithmetic.certain_share(right, trials, alpha)
        contents = max(1, -(-share.numerator * codec.size // share.denominator))
    return arithmetic.states_at_error(contents, len(board.queries), len(answers or ()), error), exact


def _distinct_states(
    kind: str, inner: Reader, board: Board, alpha: Fraction, choose: random.Random
) -> tuple[int, bool]:
    if kind == "list":
        prefixes, draw = distinct.listed(inner), None
    else:
        draw = distinct.Random(inner)
        if not SURELY <= alpha < 1:
            raise Refused("prefixes are drawn at random: confidence 1 - 2^-40 at most")
        prefixes = [draw.draw(choose.randrange) for _ in range(draw.draws)]
    if len(prefixes) * board.cost(len(prefixes[0])) > MOST_WORK:
        raise Refused(f"telling {len(prefixes)} prefixes apart is more work than the limit")
    rows = board.tables(prefixes, range(len(board.queries)))
    alike = distinct.first_alike(rows)
    if alike:
        raise Refused(f"no query tells prefixes {alike[0]} and {alike[1]} apart")
    return (len(prefixes), True) if draw is None else (arithmetic.birthday_states(draw.draws, alpha), False)


def _rule(name: object, params: object, task: object):
    if not isinstance(name, str) or not isinstance(params, dict):
        raise Refused("task must be a name, and params an object")
    if task is not None:
        own = type(task)
        known = getattr(own, "name", None) if ":" not in name else f"{own.__module__}:{own.__qualname__}"
        if known != name:
            raise Refused(
                f"the certificate is about {name!r:.80}, the task given is {known or own.__qualname__}"
            )
        for key, value in params.items():
            if not hasattr(task, key) or _listed(getattr(task, key)) != value:
                raise Refused(f"the certificate has {key} = {value!r:.60}, the task given has another")
    if ":" not in name:
        return rule_of(name, params)
    if task is None:
        raise Refused(f"the certificate is about a task of your own; name it: {name:.80}")
    return OwnTask(task)


def _queries(reader: Reader, suffixes: list[list[int]]) -> list[tuple[int, int]]:
    pairs = reader.objects("queries")
    if not suffixes or not pairs or len(suffixes) > MOST_SUFFIXES or len(pairs) > MOST_SUFFIXES:
        raise Refused(f"suffixes and queries must be lists of 1 to {MOST_SUFFIXES}")
    queries = []
    for pair in pairs:
        s, p = reader.checked(pair, "queries", below=MOST_LENGTH, most=2) if _is_pair(pair) else (-1, -1)
        if not 0 <= s < len(suffixes) or p >= len(suffixes[s]):
            raise Refused("a query must be the number of a suffix and a position in it")
        queries.append((s, p))
    if len(set(queries)) < len(queries):
        raise Refused("a query occurs twice")
    return queries


def _is_pair(value: object) -> bool:
    return isinstance(value, list) and len(value) == 2


def _number(reader: Reader, name: str) -> Fraction:
    value = reader.take(name)
    if isinstance(value, bool) or not isinstance(value, int | Fraction):
        raise Refused(f"{name} must be a number, got {value!r:.60}")
    return Fraction(value)


def _listed(value: object) -> object:
    """A task's parameter as JSON would hold it."""
    if isinstance(value, list | tuple):
        return [_listed(item) for item in value]
    return Fraction(repr(value)) if isinstance(value, float) else value


def _shown(confidence: Fraction) -> str:
    return "1" if confidence == 1 else f"1 - {float(1 - confidence):.2g}"
