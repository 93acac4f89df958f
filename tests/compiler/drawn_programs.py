"""Programs drawn at random, every statement over any signals that the language lets it read."""

import random
from collections.abc import Callable
from typing import Any

from plait.compiler import Program
from plait.compiler.statement import Statement

KINDS = (
    "lag", "hold", "hold_known", "count", "count_since", "since", "register", "product", "at_distance", "latest",
    "latest_of_two", "earliest", "mean", "table", "table_of_two", "table_of_three", "partial", "condition",
    "automaton", "previous",
)  # fmt: skip

NUMBERS = (
    "count", "count", "count_since", "since", "register", "register", "product", "mean", "table_of_two", "partial",
    "lag", "hold", "at_distance",
)  # fmt: skip
"""Of every other program: what makes numbers that are not their values, and what reads them."""

MOST = 200
"""Values of a signal."""


def drawn(seed: int) -> Program:
    """A program of two to six statements over a few functions of the token; a refused statement is drawn anew."""
    return _Draw(seed).program()


class _Draw:
    def __init__(self, seed: int) -> None:
        self.random = random.Random(seed)
        self.kinds = NUMBERS if seed % 2 else KINDS
        self.p = Program("abc")
        choice = self.random.choice
        self.signals: list[Statement] = [
            self.p.token,
            self.p.embed({"a": True, "b": choice([True, False]), "c": False}),
            self.p.embed({"a": 1, "b": choice([0, 2, None]), "c": 0}),
            self.p.embed({"a": 0, "b": 1, "c": None}),
            self.p.embed({"a": "a", "b": None, "c": "c"}),
        ]

    def program(self) -> Program:
        wanted = len(self.signals) + self.random.randint(2, 6)
        for _ in range(40):
            if len(self.signals) == wanted:
                break
            try:
                found = self.statement(self.random.choice(self.kinds))
            except (ValueError, IndexError):  # refused, or nothing to read
                continue
            if len(found.domain) <= MOST:
                self.signals.append(found)
        self.p.answer = self.lettered(self.signals[-1])
        return self.p

    def statement(self, kind: str) -> Statement:
        p, any_, number, flag = self.p, self.any, self.number, self.flag
        upto, choice = self.random.randint, self.random.choice
        match kind:
            case "lag":
                return p.lag(any_(), upto(1, 3))
            case "previous":
                return p.previous(any_(), upto(1, 2))
            case "hold":
                return p.hold(any_(), when=flag())
            case "hold_known":
                return p.hold(any_())
            case "count":
                return p.count(number(), most=upto(1, 6), least=-upto(0, 2), stay=choice([True, False]))
            case "count_since":
                return p.count(number(), most=upto(1, 4), since=flag(), stay=choice([True, False]))
            case "since":
                return p.since(flag(), most=upto(1, 4), stay=choice([True, False]))
            case "register":
                return p.register(number(), upto(1, 2))
            case "product":
                return p.product(number(), number())
            case "at_distance":
                return p.at_distance(any_(), number())
            case "latest" | "earliest":
                where, last = choice([None, flag()]), choice([None, None, 3])
                return getattr(p, kind)(any_(), key=any_(), query=any_(), where=where, last=last)
            case "latest_of_two":
                return p.latest(any_(), key=(any_(), any_()), query=(any_(), any_()))
            case "mean":
                return p.mean(number(), last=upto(1, 4))
            case "table":
                return p.table(self.entries([0, 1, 2, "a", "b", None]), any_())
            case "table_of_two":
                return p.table(self.entries([0, 1, 2, None]), self.either(), self.either())
            case "table_of_three":
                return p.table(self.entries([True, False, None]), any_(), any_(), any_())
            case "partial":
                return p.table(self.entries([0, 1, "a"]), self.either(), self.either(), partial=True)
            case "condition":
                return p.table(self.entries([True, False]), any_())
            case _:
                table, on = self.entries([0, 1]), any_()
                return p.automaton(table, on, start=0, length=choice([None, 6]))

    def any(self, good: Callable[[Statement], bool] = lambda _: True) -> Statement:
        """One of the signals, more often one of the last; among numbers, one that was made."""
        found = [one for one in self.signals if good(one)]
        if self.kinds is NUMBERS and self.random.random() < 0.7:
            found = [one for one in found if one.numeric] or found
        return self.random.choice(found[-4:] if self.random.random() < 0.6 else found)

    def either(self) -> Statement:
        """What a table reads: a number in every other program."""
        return self.number() if self.kinds is NUMBERS else self.any()

    def number(self) -> Statement:
        return self.any(lambda one: all(isinstance(value, int) for value in one.domain))

    def flag(self) -> Statement:
        return self.any(lambda one: all(isinstance(value, bool) for value in one.domain))

    def entries(self, values: list[Any]) -> Callable[..., Any]:
        """A table of these values that is the same wherever it is asked."""
        salt = self.random.random()
        return lambda *row: random.Random(f"{salt} {row}").choice(values)

    def lettered(self, last: Statement) -> Statement:
        """The signal as letters, now and then mixed with the one before it."""
        other = self.signals[-2]
        if set(last.domain) <= set("abc"):
            return last
        if self.random.random() < 0.5 and len(last.domain) * len(other.domain) < 2000:
            return self.p.table(self.entries(["a", "b", "c"]), last, other)
        return self.p.table(self.entries(["a", "b", "c"]), last)
