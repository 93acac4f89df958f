"""A program for a task of which only the targets are known: programs of a few statements, the shortest first.

Each candidate is held against the targets on short sequences; one that is right there is read on longer ones and,
where they are few enough, on every short one. A sequence on which it is wrong joins those that the next ones are held
against. What is found is right on all that was tried, and not proved for other inputs.
"""

import itertools
import time
from collections.abc import Iterator
from dataclasses import dataclass

import torch
from jaxtyping import Bool, Int
from torch import Tensor

from plait.checks import check_integer
from plait.compiler.program import Program, places
from plait.compiler.terms import Term, classes, embedded, of, token, written
from plait.random import Stream
from plait.tasks.base import SPECIALS, Task

_LENGTH, _ROWS = 40, 256
MOST_EXHAUSTED = 200_000
"""Length and number of the rows that candidates are tried on, and the most inputs that the one found is read on
exhaustively: effort alone, for it is told with how it was tried."""
FEW = 4
"""Tokens of a class up to which each one is a condition of its own."""


@dataclass(frozen=True, kw_only=True)
class FoundProgram:
    """Args:
    program: the shortest that is right on all that was tried.
    lines: the same as text.
    tried: candidates looked at.
    checked: targets that it was held against at last.
    every: the length of which every sequence was read; 0 for none.
    seconds: that the search took.
    """

    program: Program
    lines: tuple[str, ...]
    tried: int
    checked: int
    every: int
    seconds: float

    def source(self) -> str:
        """A module of the program."""
        lines = ["from plait.compiler import Program", "", *self.lines, "PROGRAM = p"]
        return "\n".join(lines) + "\n"


@dataclass(frozen=True, kw_only=True)
class _Rows:
    tokens: Int[Tensor, "rows time"]
    targets: Int[Tensor, "rows time"]
    scored: Bool[Tensor, "rows time"]


def find_program(
    task: Task, *, seq_len: int = 100, seconds: float = 120.0, seed: int = 0
) -> FoundProgram | None:
    """The first program that is right, or None if the time is over before one is.

    Args:
        task: anything with token names, a sampler and targets.
        seq_len: tokens of the longer sequences.
        seconds: the budget of time.

    Raises:
        ValueError: no time, a length below 2, or a task whose names do not end with the three specials.
    """
    check_integer("seq_len", seq_len, least=2)
    if not seconds > 0:
        raise ValueError(f"seconds must be positive, got {seconds}")
    names = tuple(task.token_names)
    if names[-len(SPECIALS) :] != SPECIALS:
        raise ValueError(f"the last token names of a task must be {', '.join(SPECIALS)}")
    tokens, began = names[: -len(SPECIALS)], time.monotonic()
    held_against = [_rows(task, rows) for rows in _short(task, tokens, seed)]
    tried = 0
    for candidate in _candidates(tokens, held_against):
        if time.monotonic() - began > seconds:
            return None
        tried += 1
        try:
            program, lines = written(candidate, tokens)
        except ValueError:
            continue
        if all(_wrong(program, rows) is None for rows in held_against):
            checked, every, wrong = _tried_on_more(task, program, len(tokens), seq_len, seed)
            if wrong is None:
                used = time.monotonic() - began
                return FoundProgram(
                    program=program, lines=lines, tried=tried, checked=checked, every=every, seconds=used
                )
            held_against.append(wrong)
    return None


def _rows(task: Task, tokens: Tensor) -> _Rows:
    targets = task.targets(tokens)
    return _Rows(tokens=tokens, targets=targets.tokens, scored=targets.scored)


def _short(task: Task, tokens: tuple[str, ...], seed: int) -> list[Tensor]:
    """Rows of the task, and rows of four tokens each, where more happens: drawn evenly, and half from small classes."""
    drawn = task.sample(Stream(seed), batch=_ROWS, seq_len=_LENGTH)
    rare = [tokens.index(one) for _, members, _ in classes(tokens) if len(members) <= FEW for one in members]
    few = Stream(seed + 1).integers(len(tokens), (_ROWS, FEW), draw=0)
    chosen = Stream(seed + 1).integers(FEW, (_ROWS, _LENGTH), draw=2)
    evenly = few.gather(1, chosen)
    if rare:
        picked = Stream(seed + 1).integers(len(rare), (_ROWS, FEW // 2), draw=1)
        few[:, : FEW // 2] = torch.tensor(rare)[picked]
    return [drawn, evenly, few.gather(1, chosen)]


def _wrong(program: Program, rows: _Rows) -> _Rows | None:
    """The first row on which an answer is wrong or missing."""
    found = program.targets(rows.tokens)
    right = found.scored & (found.tokens == rows.targets)
    bad = (rows.scored & ~right).any(-1).nonzero()
    if len(bad) == 0:
        return None
    one = slice(int(bad[0]), int(bad[0]) + 1)
    return _Rows(tokens=rows.tokens[one], targets=rows.targets[one], scored=rows.scored[one])


def _tried_on_more(
    task: Task, program: Program, n_tokens: int, seq_len: int, seed: int
) -> tuple[int, int, _Rows | None]:
    """Targets read, the length of which every sequence was, and a row that is wrong if there is one."""
    checked = every = 0
    while n_tokens ** (every + 1) <= MOST_EXHAUSTED:
        every += 1
    # Two thousand rows of the length asked for, of seeds that no candidate was tried on.
    batches = [task.sample(Stream(seed, step), batch=500, seq_len=seq_len) for step in range(1, 5)]
    if every > 1:
        domain = itertools.product(range(n_tokens), repeat=every)
        batches.append(torch.tensor(list(domain)))
    for batch in batches:
        rows = _rows(task, batch)
        checked += int(rows.scored.sum())
        if (wrong := _wrong(program, rows)) is not None:
            return checked, every, wrong
    return checked, every if every > 1 else 0, None


def _candidates(tokens: tuple[str, ...], rows: list[_Rows]) -> Iterator[Term]:
    """Answers, those of few statements first."""
    word = token()
    found = list(classes(tokens))
    numbers = [embedded(f"number_{n}", of_class, flags=False) for n, _, of_class in found if of_class]
    flags = [
        embedded(f"is_{name}", dict.fromkeys(members, True), flags=True)
        for name, members, _ in found
        if len(found) > 1
    ]
    flags += [
        embedded(f"is_{name}_{place}", {one: True}, flags=True)
        for name, members, _ in found
        if len(members) <= FEW
        for place, one in enumerate(members)
    ]
    # Further back a program would be longer than what is looked through.
    lags = [of("lag", word, named={"distance": n}) for n in (1, 2, 3)]
    lagged = [of("lag", flag) for flag in flags]
    yield from lags
    holds = [of("hold", word, named={"when": gate}) for gate in (*flags, *lagged)]
    yield from holds
    held_numbers = [of("hold", number) for number in numbers]
    at = [of("at_distance", word, held) for held in held_numbers]
    yield from at
    for kind, key in itertools.product(("latest", "earliest"), lags[:2]):
        yield of(kind, word, named={"key": key, "query": word})
    yield from _tables(tokens, flags, word, rows)
    for kind, key, flag in itertools.product(("latest", "earliest"), lags[:2], flags):
        yield of(kind, word, named={"key": key, "query": word, "where": flag})
    for held in held_numbers:
        once = of("at_distance", word, held)
        yield of("at_distance", once, held)
    for kind, wanted in itertools.product(("latest", "earliest"), holds):
        yield of(kind, word, named={"key": lags[0], "query": wanted})
    for kind in ("latest", "earliest"):
        yield of(kind, word, named={"key": (lags[0], lags[1]), "query": (word, lags[0])})
    once = of("latest", word, named={"key": lags[0], "query": word})
    yield of("latest", once, named={"key": lags[0], "query": word})


def _tables(tokens: tuple[str, ...], flags: list[Term], word: Term, rows: list[_Rows]) -> Iterator[Term]:
    """The answer as a table of one counted signal, if the targets are a function of it."""
    before = of("lag", word)
    changed = Term(
        name="changed",
        text=f"table(lambda one, other: one != other, p.token, p.{before.name})",
        make=lambda p: p.table(
            lambda one, other: one != other, p.statement("token"), p.statement(before.name)
        ),
        uses=(word, before),
    )
    for flag in (*flags, changed):
        counted = of("count", flag, named={"most": _LENGTH})
        table = _function_of(counted, tokens, rows)
        if table is None:
            continue
        last = max(table)
        level = next(
            n for n in range(last + 1) if all(table.get(m) == table[last] for m in range(n, last + 1))
        )
        stays = level < last  # the highest counts answer alike: from there on it need not count
        most = max(1, level) if stays else last
        total = of("count", flag, named={"most": most, "stay": stays})
        entries = {n: table.get(n) for n in range(most + 1)}
        yield Term(
            name="answered",
            text=f"table({entries!r}, p.{total.name})",
            make=lambda p, entries=entries, total=total: p.table(entries, p.statement(total.name)),  # type: ignore
            uses=(total,),
        )


def _function_of(signal: Term, tokens: tuple[str, ...], rows: list[_Rows]) -> dict[int, str] | None:
    """The target at each value of the signal; None where one value has two."""
    program = Program(tokens)
    for term in signal.before().values():
        statement = term.make(program)
        if term.text:
            setattr(program, term.name, statement)
    counted = program.statement(signal.name)
    found: dict[int, str] = {}
    for one in rows:
        value = places(one.tokens, counted)[counted][one.scored]
        pairs = torch.stack((value, one.targets[one.scored])).unique(dim=1).T.tolist()
        for place, target in pairs:
            if place < 0 or found.setdefault(int(counted.domain[place]), tokens[target]) != tokens[target]:  # type: ignore
                return None
    return found if len(set(found.values())) > 1 else None
