"""The suite of a task: of a lookup, of a program, and of any other what is hard for a model that copies or counts."""

from collections.abc import Iterator, Sequence

from plait.compiler import Program
from plait.compiler.lookups import AtDistance, Match, Mean
from plait.compiler.lower import token_places
from plait.compiler.pointwise import Token
from plait.compiler.recurrent import BitRegister, Count, Hold, Lag, Since
from plait.compiler.schedule import is_free
from plait.compiler.statement import Statement, ancestors
from plait.tasks import DecodingRecall, SelectiveCopying, Task
from plait.verify.adversarial.cases import Case, case, copying_cases, fillers, recall_cases
from plait.verify.inputs import occurring_tokens


def suite(task: Task, *, seq_len: int, window: int | None, seed: int) -> Iterator[Case]:
    """Inputs of at most `seq_len` tokens; `window` is that of the model's last attention layer, None for all."""
    if type(task) is SelectiveCopying:
        return copying_cases(task, seq_len=seq_len, seed=seed)
    if type(task) is DecodingRecall:
        return recall_cases(task, seq_len=seq_len, window=min(window or seq_len, seq_len), seed=seed)
    if isinstance(task, Program):
        return program_cases(task, seq_len=seq_len, seed=seed)
    return _any_task(occurring_tokens(task), seq_len=seq_len, seed=seed)


def _any_task(n_tokens: int, *, seq_len: int, seed: int) -> Iterator[Case]:
    chosen = sorted(
        {place * n_tokens // min(n_tokens, 24) for place in range(min(n_tokens, 24))} | {n_tokens - 1}
    )
    yield from case("one token", ([token] * seq_len for token in chosen), seq_len=seq_len)
    pairs = ([one, other] * (-(-seq_len // 2)) for one in chosen for other in chosen)
    yield from case("two tokens by turns", pairs, seq_len=seq_len)
    rising = [place % n_tokens for place in range(seq_len)]
    yield from case("all in order", (rising, rising[::-1]), seq_len=seq_len)
    for step, few in enumerate((2, 3, 5)):
        tokens = fillers(seed, step, (64, seq_len), chosen[:few])
        yield Case(name=f"{few} tokens alone", tokens=tokens)
    yield Case(name="uniform", tokens=fillers(seed, 8, (64, seq_len), range(n_tokens)))


MOST_KINDS = 8
"""Kinds of tokens that patterns are made of: tokens that no embedding tells apart are of one kind."""

_MOST_PLACES = 48
_RUN = 24
"""Places of a row at which something is tried, and tokens of a run of bits."""


def program_cases(program: Program, *, seq_len: int, seed: int) -> Iterator[Case]:
    """Cases of at most `seq_len` tokens."""
    statements = ancestors(program.statement("answer"))
    kinds = _kinds(program, statements)
    some = sorted({token for kind in kinds[:MOST_KINDS] for token in kind[:2]})
    yield from case("one token", ([token] * seq_len for token in some), seq_len=seq_len)
    pairs = ([one, other] * (-(-seq_len // 2)) for one in some for other in some if one != other)
    yield from case("two tokens by turns", pairs, seq_len=seq_len)
    yield from case("one among others", _one_among(some, seq_len), seq_len=seq_len)
    for step, statement in enumerate(statements):
        rows = list(_rows(statement, program, some, seq_len, seed + 64 * step))
        if rows:
            yield from case(f"{statement.kind} of {program.label(statement).where}", rows, seq_len=seq_len)
    for step, few in enumerate((some, *(kind[:4] for kind in kinds[:2]))):
        yield Case(name="drawn", tokens=fillers(seed, step, (64, seq_len), few))
    everything = range(program.ordinary_tokens)
    yield Case(name="uniform", tokens=fillers(seed, 8, (64, seq_len), everything))


def _kinds(program: Program, statements: Sequence[Statement]) -> list[list[int]]:
    """Tokens by what the program's embeddings say of them, small kinds first."""
    tables = [token_places(one) for one in statements if is_free(one) and not isinstance(one, Token)]
    kinds: dict[tuple[int, ...], list[int]] = {}
    for token in range(program.ordinary_tokens):
        kinds.setdefault(tuple(table[token] for table in tables), []).append(token)
    ends = [[*dict.fromkeys((kind[0], kind[-1], *kind))] for kind in kinds.values()]
    return sorted(ends, key=len)


def _places(seq_len: int) -> list[int]:
    """All places of a short sequence; of a long one both ends."""
    if seq_len <= _MOST_PLACES:
        return list(range(seq_len))
    half = _MOST_PLACES // 2
    return [*range(half), *range(seq_len - half, seq_len)]


def _one_among(some: Sequence[int], seq_len: int) -> Iterator[list[int]]:
    """A token at every place among copies of another."""
    for one in some:
        for other in some[:4]:
            if one != other:
                for place in _places(seq_len):
                    yield [other] * place + [one] + [other] * (seq_len - place - 1)


def _rows(
    statement: Statement, program: Program, some: Sequence[int], seq_len: int, seed: int
) -> Iterator[list[int]]:
    match statement:
        case Hold() | Since():
            yield from _long_holds(statement, program, seq_len, seed)
        case Count():
            yield from _over_edges(statement, program, seq_len)
        case BitRegister():
            yield from _after_runs(statement, seq_len)
        case AtDistance():
            yield from _marked_at(statement.reach, some, seq_len)
        case Match():
            yield from _ties(statement, some, seq_len)
        case Mean():
            yield from _shares(statement, seq_len)
        case _:
            return


def _told_apart(statement: Statement) -> tuple[list[int], list[int]]:
    """Tokens at which a function of the token (perhaps of an earlier one) is true or holds something, and others."""
    while isinstance(statement, Lag):
        statement = statement.inputs[0]
    if not is_free(statement):
        return [], []
    values = [None if place < 0 else statement.domain[place] for place in token_places(statement)]
    yes = [token for token, value in enumerate(values) if value not in (None, False, 0)]
    return yes, [token for token in range(len(values)) if token not in set(yes)]


def _long_holds(statement: Statement, program: Program, seq_len: int, seed: int) -> Iterator[list[int]]:
    """The gate once, at every place, with drawn tokens of the others around it."""
    opens, others = _told_apart(statement.inputs[-1])
    if not opens or not others:
        return
    rows = fillers(seed, 16, (len(opens[:4]) * len(_places(seq_len)), seq_len), others).tolist()
    for gate in opens[:4]:
        for place in _places(seq_len):
            row = rows.pop()
            row[place] = gate
            yield row


def _over_edges(statement: Count, program: Program, seq_len: int) -> Iterator[list[int]]:
    """Runs of every length up, then down or on with something else, so that each value is met and left."""
    ups, others = _told_apart(statement.inputs[0])
    low, high = statement.ends
    for up in ups[:4]:
        for other in others[:4] or ups[:1]:
            for length in range(min(high - low + 3, seq_len)):
                yield [up] * length + [other] * (seq_len - length)
                yield [other] * length + [up] * (seq_len - length)
                yield ([up] * (length + 1) + [other]) * (-(-seq_len // (length + 2)))


def _after_runs(statement: BitRegister, seq_len: int) -> Iterator[list[int]]:
    """Every word behind long runs of one bit, and of both by turns."""
    values = dict(enumerate(token_places(statement.inputs[0]))) if is_free(statement.inputs[0]) else {}
    domain = statement.inputs[0].domain
    bits = {int(domain[place]): token for token, place in values.items() if place >= 0}  # type: ignore[arg-type]
    if len(bits) < 2:
        return
    words = range(min(2**statement.n_bits, 64))
    for word in words:
        spelled = [bits[word >> place & 1] for place in reversed(range(statement.n_bits))]
        for run in ([], [bits[0]] * _RUN, [bits[1]] * _RUN, [bits[0], bits[1]] * (_RUN // 2)):
            yield [*run, *spelled][-seq_len:]


def _marked_at(reach: int, some: Sequence[int], seq_len: int) -> Iterator[list[int]]:
    """A token, then copies of another with a mark at every distance up to the reach and beyond."""
    for first in some:
        for other in some[:3]:
            for mark in some[:3]:
                for back in range(min(reach + 2, seq_len - 1)):
                    row = [other] * min(reach + 3, seq_len - 1)
                    if back < len(row):
                        row[len(row) - 1 - back] = mark
                    yield [first, *row]


def _ties(statement: Match, some: Sequence[int], seq_len: int) -> Iterator[list[int]]:
    """A key twice with other followers, at many distances from each other and from the query at the end."""
    window = min(seq_len, statement.last or seq_len)
    apart = sorted({1, 2, 3, 5, window // 2, window - 3, window - 2, window - 1} & set(range(1, seq_len)))
    few = list(some[:3])
    for key in few:
        for one in few:
            for other in few:
                for between in apart:
                    for last in few:
                        row = [key, one, *[last] * max(between - 2, 0), key, other]
                        yield [*row, *[last] * max(min(seq_len - len(row) - 1, between), 0), key][:seq_len]


def _shares(statement: Mean, seq_len: int) -> Iterator[list[int]]:
    """Every number of trues in the window, at its start, at its end, and spread over it."""
    yes, others = _told_apart(statement.inputs[0])
    if not yes or not others:
        return
    last = min(statement.last, seq_len)
    for n in range(last + 1):
        for one, other in ((yes[0], others[0]), (yes[-1], others[-1])):
            yield ([one] * n + [other] * (last - n)) * 2
            yield ([other] * (last - n) + [one] * n) * 2
