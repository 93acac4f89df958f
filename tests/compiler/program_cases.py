"""Programs that the tests share: the examples, small versions of them, and one small program a statement."""

import importlib
import json
from collections.abc import Callable
from fractions import Fraction
from pathlib import Path
from typing import Any

from plait.compiler import Program

FOLDER = Path(__file__).parents[2] / "examples" / "programs"
EXAMPLES = tuple(sorted(path.stem for path in FOLDER.glob("*.py")))

SMALL: dict[str, Any] = json.loads((FOLDER / "small.json").read_text())
"""Arguments of a small version of each example, and a length at which all its inputs are read."""


def example(name: str) -> Program:
    """The program of examples/programs."""
    return importlib.import_module(f"examples.programs.{name}").PROGRAM


def small(name: str) -> tuple[Program, int]:
    """A small version, and its length."""
    case = SMALL[name]
    return importlib.import_module(f"examples.programs.{name}").program(**case["arguments"]), case["seq_len"]


def lag(p: Program) -> None:
    p.answer = p.lag(p.token, 2)


def lag_of_nothing(p: Program) -> None:
    p.some = p.embed({"a": "a", "b": "b"}, missing=None)
    p.answer = p.lag(p.some)


def token(p: Program) -> None:
    p.answer = p.token


def embedding(p: Program) -> None:
    p.answer = p.embed({"a": "b", "b": "c", "c": None})


def hold(p: Program) -> None:
    p.answer = p.hold(p.token, when=p.lag(p.embed(lambda name: name == "c")))


def hold_without_gate(p: Program) -> None:
    p.answer = p.hold(p.embed({"a": "a", "b": "b"}, missing=None))


def hold_of_nothing(p: Program) -> None:
    p.some = p.embed({"a": "a", "b": "b"}, missing=None)
    p.answer = p.hold(p.lag(p.some), when=p.embed(lambda name: name == "c"))


def hold_of_a_table(p: Program) -> None:
    p.same = p.table(lambda one, other: one == other, p.token, p.lag(p.token))
    p.answer = p.hold(p.token, when=p.same)


def hold_twice(p: Program) -> None:
    p.once = p.hold(p.token, when=p.embed(lambda name: name == "a"))
    p.held = p.hold(p.embed({"b": "b", "c": "c"}, missing=None))
    p.answer = p.table(lambda one, other: other if one == "a" else one, p.once, p.held)


def count(p: Program) -> None:
    p.more = p.count(p.embed({"a": 1, "b": -1, "c": 0}), least=-2, most=2)
    p.answer = p.table(lambda total: "abc"[total % 3], p.more)


def count_that_stays(p: Program) -> None:
    p.more = p.count(p.embed({"a": 2, "b": -1, "c": 0}), least=-1, most=3, stay=True)
    p.answer = p.table(lambda total: "abc"[total % 3], p.more)


def count_since(p: Program) -> None:
    p.reset = p.embed(lambda name: name == "c")
    p.more = p.count(p.embed({"a": 2, "b": 1, "c": 1}), most=4, since=p.reset)
    p.answer = p.table(lambda total: "abc"[total % 3], p.more)


def count_of_a_table(p: Program) -> None:
    p.flip = p.table(lambda one, other: one != other, p.token, p.lag(p.token))
    p.answer = p.table(lambda total: "abc"[total % 3], p.count(p.flip, most=6))


def count_of_a_count(p: Program) -> None:
    p.ones = p.count(p.embed(lambda name: name == "a"), most=2, stay=True)
    p.both = p.table(lambda ones, name: "abc"[(ones + (name == "b")) % 3], p.ones, p.token)
    p.answer = p.both


def since(p: Program) -> None:
    p.passed = p.since(p.embed(lambda name: name == "c"), most=3)
    p.answer = p.table(lambda passed: "abc"[passed % 3], p.passed)


def since_that_stays(p: Program) -> None:
    p.passed = p.since(p.lag(p.embed(lambda name: name == "c")), most=2, stay=True)
    p.answer = p.table(lambda passed: "abc"[passed], p.passed)


def register(p: Program) -> None:
    p.bits = p.register(p.embed({"a": 0, "b": 1, "c": None}), 2)
    p.answer = p.table(lambda bits: "abca"[bits], p.bits)


def at_distance(p: Program) -> None:
    p.held = p.hold(p.embed({"a": 0, "b": 1, "c": 3}))
    p.answer = p.at_distance(p.token, p.held)


def at_the_distance_counted(p: Program) -> None:
    p.passed = p.since(p.embed(lambda name: name == "c"), most=3)
    p.answer = p.at_distance(p.token, p.passed)


def at_the_distance_found(p: Program) -> None:
    p.number = p.embed({"a": 1, "b": 2, "c": 0})
    p.there = p.at_distance(p.number, p.number)
    p.answer = p.at_distance(p.token, p.there)


def previous(p: Program) -> None:
    p.answer = p.previous(p.token, 2)


def latest_of_a_condition(p: Program) -> None:
    p.is_c = p.embed(lambda name: name == "c")
    p.answer = p.latest(p.lag(p.token), key=p.token, query=p.token, where=p.lag(p.is_c))


def latest_of_the_last(p: Program) -> None:
    p.answer = p.latest(p.token, key=p.lag(p.token), query=p.token, last=3)


def earliest(p: Program) -> None:
    p.answer = p.earliest(p.token, key=p.lag(p.token), query=p.token)


def earliest_of_the_last(p: Program) -> None:
    p.answer = p.earliest(p.token, key=p.lag(p.token), query=p.token, last=4)


def mean(p: Program) -> None:
    p.share = p.mean(p.embed(lambda name: name == "a"), last=3)
    p.answer = p.table(lambda share: "a" if share > Fraction(1, 2) else "b", p.share)


def mean_of_positive_amounts(p: Program) -> None:
    p.share = p.mean(p.embed({"a": 1, "b": 2, "c": 4}), last=3)
    p.answer = p.table(lambda share: "abc"[int(3 * share) % 3], p.share)


def mean_of_nothing(p: Program) -> None:
    p.share = p.mean(p.embed({"a": 2, "b": -1, "c": None}), last=2)
    p.answer = p.table(lambda share: "abc"[int(2 * share) % 3], p.share)


def product(p: Program) -> None:
    p.number = p.embed({"a": -1, "b": 2, "c": 3})
    p.held = p.hold(p.number, when=p.embed(lambda name: name != "a"))
    p.times = p.product(p.held, p.number)
    p.answer = p.table(lambda times: "abc"[times % 3], p.times)


def table_of_nothing(p: Program) -> None:
    p.before = p.lag(p.token)
    p.answer = p.table(lambda name: name, p.before, nothing="c")


def word_before_the_latest_comma(p: Program) -> None:
    p.comma = p.embed(lambda name: name == "c")
    p.before = p.lag(p.token)
    p.wanted = p.hold(p.before, when=p.comma)
    p.answer = p.latest(p.token, key=p.before, query=p.wanted)


def fetched_and_held(p: Program) -> None:
    p.there = p.latest(p.token, key=p.lag(p.token), query=p.token)
    p.answer = p.hold(p.there, when=p.embed(lambda name: name == "b"))


def table_of_what_is_fetched(p: Program) -> None:
    p.there = p.latest(p.token, key=p.lag(p.token), query=p.token)
    p.answer = p.table({"a": "b", "b": "c", "c": "a"}, p.there)


def count_of_a_count_beyond_its_range(p: Program) -> None:
    p.ones = p.count(p.embed(lambda name: name == "a"), most=2)
    p.sum = p.count(p.ones, most=12)
    p.answer = p.table(lambda total: "abc"[total % 3], p.sum)


def count_of_a_count_that_stays(p: Program) -> None:
    p.ones = p.count(p.embed(lambda name: name == "a"), most=2, stay=True)
    p.sum = p.count(p.ones, most=14)
    p.answer = p.table(lambda total: "abc"[total % 3], p.sum)


def mean_of_a_count(p: Program) -> None:
    p.ones = p.count(p.embed(lambda name: name == "a"), most=2)
    p.answer = p.table(lambda share: "abc"[int(3 * share) % 3], p.mean(p.ones, last=3))


def product_of_a_count(p: Program) -> None:
    p.ones = p.count(p.embed(lambda name: name == "a"), most=2, stay=True)
    p.times = p.product(p.ones, p.embed({"a": 1, "b": 2, "c": 3}))
    p.answer = p.table(lambda times: "abc"[times % 3], p.times)


def table_of_a_count_lagged(p: Program) -> None:
    p.before = p.lag(p.count(p.embed(lambda name: name == "a"), most=2, stay=True))
    p.answer = p.table(lambda ones, name: "abc"[(ones + ord(name)) % 3], p.before, p.token)


def table_of_a_count_fetched(p: Program) -> None:
    p.ones = p.count(p.embed(lambda name: name == "a"), most=2, stay=True)
    p.there = p.at_distance(p.ones, p.embed({"a": 0, "b": 1, "c": 2}))
    p.answer = p.table(lambda ones, name: "abc"[(ones + ord(name)) % 3], p.there, p.token)


def count_of_a_register(p: Program) -> None:
    p.bits = p.register(p.embed({"a": 1, "b": 0, "c": None}), 2)
    p.answer = p.table(lambda total: "abc"[total % 3], p.count(p.bits, most=20))


def product_of_a_register(p: Program) -> None:
    p.bits = p.register(p.embed({"a": 1, "b": 0, "c": None}), 2)
    p.times = p.product(p.bits, p.embed({"a": 1, "b": 2, "c": 3}))
    p.answer = p.table(lambda times: "abc"[times % 3], p.times)


def table_of_two_registers(p: Program) -> None:
    p.low = p.register(p.embed({"a": 1, "b": 0, "c": None}), 2)
    p.high = p.register(p.embed({"a": None, "b": 0, "c": 1}), 2)
    p.answer = p.table(lambda low, high: "abcca"[(low + 4 * high) % 5], p.low, p.high)


def register_of_a_count(p: Program) -> None:
    p.bits = p.register(p.count(p.embed(lambda name: name == "a"), most=1), 2)
    p.answer = p.table(lambda bits: "abca"[bits], p.bits)


def count_and_reset_from_two_places(p: Program) -> None:
    p.reset = p.table(lambda one, other: one == other, p.token, p.lag(p.token))
    p.total = p.count(p.embed({"a": 1, "b": -2, "c": 0}), least=-5, most=5, since=p.reset)
    p.answer = p.table(lambda total: "abc"[total % 3], p.total)


def table_of_a_count_and_much_else(p: Program) -> None:
    flags = [p.embed({"a": one == "a", "b": one == "b", "c": True}) for one in "abca"]
    p.ones = p.count(p.embed(lambda name: name == "a"), most=2)
    p.answer = p.table(
        lambda *row: "abc"[sum((place + 1) * one for place, one in enumerate(row)) % 3], *flags, p.ones
    )


def table_of_nothing_in_a_table(p: Program) -> None:
    p.ones = p.count(p.embed(lambda name: name == "a"), most=3)
    p.some = p.table(lambda ones, name: None if name == "b" else ones % 2, p.ones, p.token)
    p.others = p.count(p.embed(lambda name: name == "c"), most=2)
    p.answer = p.table(lambda some, _: "c" if some is None else "ab"[some], p.some, p.others, partial=True)


def product_with_what_is_never_true(p: Program) -> None:
    p.never = p.table(lambda name: False, p.previous(p.token))
    p.times = p.product(p.embed({"a": 1, "b": 2, "c": 3}), p.never)
    p.answer = p.table(lambda times: "c", p.times)


STATEMENTS: tuple[Callable[[Program], None], ...] = (
    lag, lag_of_nothing, token, embedding, hold, hold_without_gate, hold_of_nothing, hold_of_a_table, hold_twice,
    count, count_that_stays, count_since, count_of_a_table, count_of_a_count, since, since_that_stays, register,
    at_distance, at_the_distance_counted, at_the_distance_found, previous, latest_of_a_condition,
    latest_of_the_last, earliest, earliest_of_the_last, mean, mean_of_nothing, product, table_of_nothing,
    word_before_the_latest_comma, fetched_and_held, table_of_what_is_fetched,
    count_of_a_count_beyond_its_range, count_of_a_count_that_stays, mean_of_a_count, product_of_a_count,
    table_of_a_count_lagged, table_of_a_count_fetched, count_of_a_register, product_of_a_register,
    table_of_two_registers, register_of_a_count, count_and_reset_from_two_places, table_of_a_count_and_much_else,
    table_of_nothing_in_a_table, mean_of_positive_amounts, product_with_what_is_never_true,
)  # fmt: skip
"""Each completes a program over the tokens a, b and c."""


def program_of(statement: Callable[[Program], None]) -> Program:
    p = Program("abc")
    statement(p)
    return p
