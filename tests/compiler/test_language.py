"""Wrong programs are refused where they are written: one line with the place and the reason."""

import importlib
import sys
from pathlib import Path
from typing import Any

import pytest

from plait.compiler import Program, words


def refused(statement: Any, tokens: Any = "abc") -> str:
    p = Program(tokens)
    with pytest.raises(ValueError, match=r".") as caught:
        statement(p)
    message = str(caught.value)
    assert "\n" not in message
    assert len(message) < 400
    return message


def setter(name: str, value: Any) -> Any:
    return lambda p: setattr(p, name, value(p))


def is_a(p: Program) -> Any:
    return p.embed(lambda name: name == "a")


def found(p: Program) -> Any:
    return p.latest(p.token, key=p.token, query=p.token)


REFUSED = {
    "used before it is made": (lambda p: p.lag(p.before), "unknown signal 'before'; known: token"),
    "nearest": (lambda p: p.lag(p.tokne), "nearest: token"),
    "a name that shadows": (
        lambda p: [setattr(p, "one", p.token), setattr(p, "one", p.lag(p.token))],
        "p.one is taken by the signal of test_language.py, line",
    ),
    "a name of every program": (setter("hold", lambda p: p.token), "p.hold is a member of every program"),
    "a name of every task": (setter("vocab_size", lambda p: p.token), "choose another name"),
    "no signal": (setter("one", lambda p: 3), "must be a signal of this program, got int"),
    "of another program": (setter("one", lambda p: Program("x").token), "a signal of another program"),
    "another program's input": (lambda p: p.lag(Program("x").token), "got one of another program"),
    "a value is missing": (lambda p: p.embed({"a": 1, "b": 2}), "there is no entry for 'c' (missing=.."),
    "an entry that never occurs": (
        lambda p: p.embed({"a": 1, "b": 2, "c": 3, "d": 4}), "entries for 'd', which never occur",
    ),
    "a function that fails": (lambda p: p.embed(lambda name: {"a": 1}[name]), "its function fails at 'b': KeyError"),
    "a value of no kind": (lambda p: p.embed(lambda name: 0.5), "gives 0.5, which must be a text, an integer"),
    "amounts whose sum could not be held": (
        lambda p: p.count(p.embed(lambda name: 2**40), most=3), "it needs integers within 2,147,483,648, got 1,0",
    ),
    "no function": (lambda p: p.table(3, p.token), "a mapping or a function is needed, got int"),
    "no value at all": (lambda p: p.embed(lambda name: None), "it could never hold a value"),
    "a gate that is no condition": (
        lambda p: p.hold(p.token, when=p.token), "the gate must be true or false, got the values 'a', 'b', 'c'",
    ),
    "a gate that is not known": (
        lambda p: p.hold(p.token, when=p.latest(is_a(p), key=p.token, query=p.token)),
        "the gate must be known at every position, and latest (test_language.py, line",
    ),
    "a key that is not known": (
        lambda p: p.latest(p.token, key=found(p), query=p.token), "a key must be known at every position",
    ),
    "amounts that are not known": (
        lambda p: p.count(p.latest(p.embed(len), key=p.token, query=p.token), most=3), "must be known",
    ),
    "no amounts": (lambda p: p.count(p.token, most=3), "count: it needs integers or truth values, got the value 'a'"),
    "no count": (lambda p: p.count(is_a(p), most=0), "must lie between its ends, got 0 and 0"),
    "ends apart from 0": (lambda p: p.count(is_a(p), least=2, most=4), "it begins at 0"),
    "too many to count": (lambda p: p.count(is_a(p), most=10**9), "at most 65,536, got 1000000000"),
    "numbers beyond all types": (
        lambda p: p.product(*[p.embed({"a": 1, "b": 2**50, "c": 3})] * 2),
        "numbers of at most 2^53 are needed, got one of about 2^101",
    ),
    "an integer beyond all types": (lambda p: p.embed(lambda name: 10**400), "numbers of at most 2^53"),
    "a channel for each unit": (
        lambda p: p.count(p.embed({"a": 60_000, "b": 1, "c": 0}), most=65_000, since=is_a(p)),
        "with since= amounts of at most 1,024, got 60,000",
    ),
    "no bits": (lambda p: p.register(p.embed(ord), 3), "bits are needed, got the values 97, 98, 99"),
    "too many bits": (lambda p: p.register(is_a(p), 60), "from 1 to 16, got 60"),
    "a lag of 0": (lambda p: p.lag(p.token, 0), "from 1 to 1,048,576, got 0"),
    "a lag of nothing": (lambda p: p.lag(p.token, None), "got None"),
    "a distance below 0": (
        lambda p: p.at_distance(p.token, p.embed({"a": -1, "b": 2, "c": 3})), "distances of at least 0",
    ),
    "a distance that is no number": (lambda p: p.at_distance(p.token, p.token), "integers or truth values"),
    "keys and queries": (
        lambda p: p.latest(p.token, key=(p.token, p.token), query=p.token), "got 1 and 2",
    ),
    "a key that never meets": (
        lambda p: p.latest(p.token, key=p.token, query=p.embed(ord)), "is never one of 97, 98, 99",
    ),
    "a mean of words": (lambda p: p.mean(p.token, last=3), "mean: it needs integers"),
    "a mean of too many": (lambda p: p.mean(is_a(p), last=5000), "takes more values than"),
    "a product of words": (lambda p: p.product(p.token, p.token), "product: it needs integers"),
    "an answer that is no token": (setter("answer", is_a), "the answer must be a token, got the values False, True"),
    "a second answer": (
        lambda p: [setattr(p, "answer", p.token), setattr(p, "answer", p.lag(p.token))], "p.answer is taken by",
    ),
    "no answer": (lambda p: p.compile(seq_len=5), "the program has no answer: p.answer = .."),
    "no answer to run": (lambda p: p.targets(p.sample(__import__("plait").Stream(0), 2, 3)), "has no answer"),
    "a table that is too large": (
        lambda p: p.table(lambda *values: 0, *[p.token] * 11), "at most 65,536 entries, and these signals need 177,147",
    ),
}  # fmt: skip


@pytest.mark.parametrize("why", REFUSED)
def test_a_wrong_statement_is_refused_with_the_line_and_the_reason(why: str) -> None:
    statement, reason = REFUSED[why]
    message = refused(statement)
    assert reason in message
    if "no answer" not in why:
        assert message.startswith("test_language.py, line ")


def test_many_statements() -> None:
    def many(p: Program) -> None:
        signal = p.token
        for _ in range(10_000):
            signal = p.lag(signal)

    assert "lag: a program has at most 256 statements" in refused(many)


def test_a_program_of_the_most_statements_is_compiled_or_refused_in_time() -> None:
    p = Program("ab")
    signal = p.token
    for place in range(60):
        signal = p.lag(signal) if place % 2 else p.hold(signal, when=p.embed(lambda name: name == "a"))
    p.answer = signal
    assert p.compile(seq_len=80).config.pattern == "-".join(["SSM"] * 30)


@pytest.mark.parametrize(
    ("arguments", "reason"),
    [
        (([],), "1 to 16,777,216 tokens, got 0"),
        ((["a", "a"],), "different names, and none of <bos>"),
        ((["<bos>"],), "got '<bos>'"),
        ((["a b"],), "without spaces, got 'a b'"),
        (([3],), "got 3"),
    ],
)
def test_tokens_that_are_refused(arguments: tuple[Any, ...], reason: str) -> None:
    with pytest.raises(ValueError, match=r".") as caught:
        Program(*arguments)
    assert reason in str(caught.value)


def test_rates_that_are_refused() -> None:
    for rates, reason in (({"x": 1}, "no token"), ({"a": -1}, "at least 0"), ({"a": 0, "b": 0}, "above 0")):
        with pytest.raises(ValueError, match=reason):
            Program("ab", rates=rates)


def test_names_of_words() -> None:
    assert words(3) == ("a", "b", "c")
    assert words(30)[-1] == "w29"


@pytest.mark.parametrize("seq_len", [0, -1, 2**21, "a", None, 2.5, True])
def test_lengths_that_are_refused(seq_len: Any) -> None:
    p = Program("ab")
    p.answer = p.lag(p.token)
    with pytest.raises(ValueError, match="seq_len"):
        p.compile(seq_len=seq_len)


def test_a_program_is_found_by_its_module_and_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    source = "from plait.compiler import Program\np = PROGRAM = Program('ab')\np.answer = p.lag(p.token)\n"
    (tmp_path / "own_program.py").write_text(source)
    (tmp_path / "wrong_program.py").write_text(source + "p.answer = p.token\n")
    monkeypatch.syspath_prepend(str(tmp_path))
    module = importlib.import_module("own_program")
    assert module.PROGRAM.naming == ("own_program:PROGRAM", {})
    from plait.tasks import parse_task, task_from_json, task_to_json

    program = parse_task("own_program:PROGRAM")
    assert task_to_json(program) == {"task": "own_program:PROGRAM", "params": {}}
    assert task_from_json(task_to_json(program)) is program
    made = parse_task("examples.programs.parity:program", {"most": 7})
    assert task_to_json(made) == {"task": "examples.programs.parity:program", "params": {"most": 7}}
    with pytest.raises(ValueError, match=r"wrong_program.py, line 4: p.answer is taken by"):
        parse_task("wrong_program:PROGRAM")
    local = Program("ab")
    with pytest.raises(ValueError, match="must stand at the top of a module"):
        _ = local.naming
    assert "own_program" in sys.modules
