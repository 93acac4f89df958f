"""What a certificate claims, read field by field.

    quantity "state bits": bits, error, confidence, trials, suffixes, queries, tables, answers, codec;
                           at an error above 0 also error_over, which says what the error is an average of
    quantity "recurrent state bits": the same, a filler between prefixes and suffixes, and the reach it is good for
    quantity "reach":      tokens, inputs, confidence

Whatever is not exactly as it should be is refused with the reason.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields, is_dataclass, replace
from fractions import Fraction

from plait.theory.checker.codecs.base import MOST_LENGTH, Choices, Codec, Reader
from plait.theory.checker.codecs.followers import Paths, Trees
from plait.theory.checker.codecs.forests import Forests
from plait.theory.checker.codecs.lookups import Functions, Placings
from plait.theory.checker.codecs.prefixes import Listed, Random, Slots, Union
from plait.theory.checker.document import Refused, plain
from plait.theory.checker.game import Board
from plait.theory.checker.own_task import OwnTask, name_of
from plait.theory.checker.row_rule import Rule
from plait.theory.checker.rules import rule_of

FORMAT, VERSION = "plait certificate", 1
LEAST_CONFIDENCE = Fraction(999, 1000)
_MOST_TRIALS = 4_000
MOST_SUFFIXES = 20_000
ERROR_OVER = "all contents that can be written and all queries"
"""What an error is an average of: every pair counts alike, whether the content comes back or not."""


@dataclass(frozen=True, kw_only=True)
class ReachClaim:
    """Two inputs that agree on their last `tokens` tokens and have different targets at the end."""

    rule: Rule | OwnTask
    tokens: int
    inputs: list[list[int]]


@dataclass(frozen=True, kw_only=True)
class StateClaim:
    """`bits` of state are needed at an average error of `error`, by the contents of `codec` on `board`.

    The average runs over all contents that the codec can write and all queries, each pair alike. With a `reach` the
    bits are needed in recurrent states, where windows and convolutions reach back no more tokens than that in all.
    """

    board: Board
    codec: Codec | Random
    bits: Fraction
    error: Fraction
    confidence: Fraction
    trials: int
    answers: frozenset[int] | None
    reach: int | None = None


def read_claim(document: dict[str, object], task: object) -> ReachClaim | StateClaim:
    """The claim in a certificate's fields.

    Args:
        document: without its digest.
        task: a user's own task, or None.

    Raises:
        Refused: anything missing, unknown, of another type or out of range.
    """
    reader = Reader(document, where="the certificate", n_tokens=0, n_queries=0, tables=[])
    if reader.fields.pop("format", None) != FORMAT:
        raise Refused(f"not a {FORMAT}")
    version = reader.fields.pop("version", None)
    if version is True or version != VERSION:
        raise Refused(f"version {version!r:.40} is unknown; this checker knows version {VERSION}")
    quantity = reader.take("quantity")
    rule = _rule(reader.take("task"), reader.take("params"), task)
    reader.n_tokens = rule.n_tokens
    confidence = _number(reader, "confidence")
    if not LEAST_CONFIDENCE <= confidence <= 1:
        raise Refused(f"confidence must be in [{float(LEAST_CONFIDENCE)}, 1], got {float(confidence)}")
    if quantity == "reach":
        tokens = reader.integer("tokens", least=0, most=MOST_LENGTH)
        inputs = _rows(reader, "inputs")
        reader.done()
        return ReachClaim(rule=rule, tokens=tokens, inputs=inputs)
    if quantity == "state bits":
        return _state_claim(reader, rule, confidence)
    if quantity != "recurrent state bits":
        raise Refused(f"unknown quantity {quantity!r:.40}; known: state bits, recurrent state bits, reach")
    filler, reach = reader.tokens("filler"), reader.integer("reach", least=0, most=MOST_LENGTH)
    if reach > len(filler):
        raise Refused(f"a reach of {reach} tokens needs as long a filler, this one has {len(filler)}")
    return replace(_state_claim(reader, rule, confidence, filler=filler), reach=reach)


def _state_claim(
    reader: Reader, rule: Rule | OwnTask, confidence: Fraction, *, filler: Sequence[int] = ()
) -> StateClaim:
    bits, error = _number(reader, "bits"), _number(reader, "error")
    if bits < 0 or not 0 <= error < 1:
        raise Refused(f"bits must be at least 0 and error in [0, 1), got {float(bits)} and {float(error)}")
    if error and reader.take("error_over") != ERROR_OVER:
        raise Refused(f"error_over must read {ERROR_OVER!r}")
    trials = reader.integer("trials", least=1, most=_MOST_TRIALS)
    tables, suffixes = _rows(reader, "tables"), _rows(reader, "suffixes")
    queries = _queries(reader, suffixes)
    answers, codec = reader.take("answers"), reader.take("codec")
    reader.done()
    inner = Reader(codec, where="the codec", n_tokens=rule.n_tokens, n_queries=len(queries), tables=tables)
    if answers is not None:
        answers = frozenset(inner.listed(answers, "answers", below=rule.n_tokens))
    elif error:
        raise Refused("an error above 0 needs the list of answers that can be right")
    board = Board(rule=rule, suffixes=suffixes, queries=queries, filler=filler)
    return StateClaim(
        board=board,
        codec=_codec(inner, board),
        bits=bits,
        error=error,
        confidence=confidence,
        trials=trials,
        answers=answers,
    )


def _codec(inner: Reader, board: Board) -> Codec | Random:
    kind = inner.take("kind")
    if kind == "slots":
        return Slots(inner, board, Choices())
    if kind == "union":
        parts, choices = inner.objects("parts"), Choices()
        inner.done()
        return Union([Slots(inner.inner(part, "a part"), board, choices) for part in parts])
    if kind == "list":
        return Listed(inner, board)
    codecs = {
        "trees": Trees,
        "paths": Paths,
        "forests": Forests,
        "functions": Functions,
        "placings": Placings,
        "random": Random,
    }
    if not isinstance(kind, str) or kind not in codecs:
        raise Refused(f"unknown codec {kind!r:.40}; known: slots, union, list, {', '.join(codecs)}")
    return codecs[kind](inner)


def _rule(name: object, params: object, task: object) -> Rule | OwnTask:
    if not isinstance(name, str) or not isinstance(params, dict):
        raise Refused("task must be a name, and params an object")
    if task is not None:
        known = name_of(task)
        if known != name:
            raise Refused(f"the certificate is about {name:.80}, the task given is {known:.80}")
        for key, value in params.items():
            if not hasattr(task, key) or _as_json(getattr(task, key)) != value:
                raise Refused(f"the certificate has {key} = {value!r:.60}, the task given has another")
    if ":" not in name:
        return rule_of(name, params)
    if task is None:
        raise Refused(f"the certificate is about a task of your own; name it: {name:.80}")
    return OwnTask(task)


def _as_json(value: object) -> object:
    """A task's parameter as a certificate holds it."""
    if isinstance(value, list | tuple):
        return [_as_json(item) for item in value]
    if is_dataclass(value):
        held: dict[str, object] = {
            field.name: _as_json(getattr(value, field.name)) for field in fields(value)
        }
        is_task = hasattr(value, "targets") and hasattr(value, "vocab_size")
        return {"task": name_of(value), "params": held} if is_task else held
    return Fraction(repr(value)) if isinstance(value, float) else value


def _rows(reader: Reader, name: str) -> list[list[int]]:
    return [
        reader.listed(row, name, below=reader.n_tokens, most=10**6 if name == "tables" else MOST_LENGTH)
        for row in reader.objects(name)
    ]


def _queries(reader: Reader, suffixes: list[list[int]]) -> list[tuple[int, int]]:
    pairs = reader.objects("queries")
    if not suffixes or not pairs or max(len(suffixes), len(pairs)) > MOST_SUFFIXES:
        raise Refused(f"suffixes and queries must be lists of 1 to {MOST_SUFFIXES}")
    queries = []
    for pair in pairs:
        numbers = reader.listed(pair, "queries", below=MOST_SUFFIXES, most=2)
        if len(numbers) != 2 or numbers[0] >= len(suffixes) or numbers[1] >= len(suffixes[numbers[0]]):
            raise Refused("a query must be the number of a suffix and a position in it")
        queries.append((numbers[0], numbers[1]))
    if len(set(queries)) < len(queries):
        raise Refused("a query occurs twice")
    return queries


def _number(reader: Reader, name: str) -> Fraction:
    value = reader.take(name)
    if isinstance(value, bool) or not isinstance(value, int | Fraction):
        raise Refused(f"{name} must be a number, got {value!r:.60}")
    return Fraction(value)


def content_steps(certificate: Mapping[str, object], *, task: object = None) -> int:
    """Steps that writing, asking about and reading one content takes at most; makers ask for no more than is done.

    Raises:
        ValueError: a certificate that is refused as it stands, or that has no contents.
    """
    try:
        claim = read_claim(plain(certificate), task)
    except Refused as refused:
        raise ValueError(str(refused)) from refused
    if not isinstance(claim, StateClaim) or not isinstance(claim.codec, Codec):
        raise ValueError("a certificate without contents")
    return claim.board.cost_of(claim.codec)
