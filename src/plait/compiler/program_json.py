"""A program as JSON, and back: every statement is made again by the language, and so is checked again."""

import math
from collections.abc import Mapping, Sequence
from typing import Any

from plait.compiler.pointwise import Token
from plait.compiler.program import Program
from plait.compiler.signals import ANSWER
from plait.compiler.statement import Statement, ancestors
from plait.compiler.values import Value, value_from_json


def program_to_json(program: Program) -> dict[str, Any]:
    """Tokens, rates, the program's line, and the statements that the answer needs, each with its inputs' places."""
    last = program.statement(ANSWER)
    order = [one for one in ancestors(last) if not isinstance(one, Token)]
    token = program.statement("token")
    place = {token: 0} | {one: number for number, one in enumerate(order, start=1)}
    statements = [
        {
            "kind": one.kind,
            "name": program.label(one).name,
            "where": program.label(one).where,
            "inputs": [place[signal] for signal in one.inputs],
            **one.parameters(),
        }
        for one in order
    ]
    return {
        "tokens": list(token.domain),
        "where": program.label(token).where,
        "rates": {name: rate for name, rate in program.rates.items() if rate != 1.0},
        "statements": statements,
        "answer": place[last],
    }


def meaning_of(document: Mapping[str, Any]) -> dict[str, Any]:
    """The part of a program's JSON that decides its answers: no rates, names or lines."""
    statements = [
        {key: value for key, value in one.items() if key not in ("name", "where")}
        for one in document["statements"]
    ]
    return {"tokens": document["tokens"], "statements": statements, "answer": document["answer"]}


def program_from_json(document: object) -> Program:
    """The program that `program_to_json` wrote.

    Raises:
        ValueError: anything else, or statements that the language refuses.
    """
    if not isinstance(document, Mapping):
        raise ValueError(f"a program must be a JSON object, got {type(document).__name__}")
    try:
        program = Program(document["tokens"], rates=document["rates"])
        made: list[Statement] = [program.statement("token")]
        if isinstance(document.get("where"), str):
            program.placed(made[0], document["where"])
        for entry in document["statements"]:
            made.append(_statement(program, entry, [made[place] for place in entry["inputs"]]))
            strange = set(entry) - {"kind", "name", "where", "inputs", *made[-1].parameters()}
            if strange:
                raise ValueError(f"a statement {entry['kind']} has no {', '.join(sorted(strange))}")
            name = entry["name"]
            if name is not None and name != ANSWER:
                setattr(program, name, made[-1])
            if isinstance(entry["where"], str):
                program.placed(made[-1], entry["where"])
        program.answer = made[document["answer"]]
    except (KeyError, TypeError, IndexError, AttributeError) as error:
        raise ValueError(f"a program has a field missing or of a wrong type: {error!r}") from error
    return program


def _statement(program: Program, entry: Mapping[str, Any], inputs: Sequence[Statement]) -> Statement:
    """One statement, by the method of its kind."""
    first, *rest = inputs
    match entry["kind"]:
        case "table":
            return _table(program, entry, inputs)
        case "lag":
            return program.lag(first, entry["distance"])
        case "previous":
            return program.previous(first, entry["distance"])
        case "hold":
            return program.hold(first, *rest)
        case "count":
            since = rest[0] if rest else None
            ends = {"least": entry["least"], "most": entry["most"]}
            return program.count(first, **ends, since=since, stay=entry["stay"])
        case "since":
            return program.since(first, most=entry["most"], stay=entry["stay"])
        case "register":
            return program.register(first, entry["n_bits"])
        case "at_distance":
            return program.at_distance(first, rest[0])
        case "latest" | "earliest":
            n_keys = entry["n_keys"]
            look = program.latest if entry["kind"] == "latest" else program.earliest
            where = rest[2 * n_keys] if len(rest) > 2 * n_keys else None
            keys, queries = tuple(rest[:n_keys]), tuple(rest[n_keys : 2 * n_keys])
            return look(first, key=keys, query=queries, where=where, last=entry["last"])
        case "mean":
            return program.mean(first, entry["last"])
        case "product":
            return program.product(first, rest[0])
        case kind:
            raise ValueError(f"unknown statement {kind!r}")


def _table(program: Program, entry: Mapping[str, Any], inputs: Sequence[Statement]) -> Statement:
    sees = entry["sees_nothing"]
    entries = [value_from_json(value) for value in entry["entries"]]
    n_entries = math.prod(len(signal.domain) + int(sees) for signal in inputs)
    if len(entries) != n_entries:
        raise ValueError(f"a table of {n_entries} entries is needed, got {len(entries)}")
    following = iter(entries)

    def in_order(*values: Value | None) -> Value | None:
        return next(following)

    return program.table(in_order, *inputs, partial=sees)
