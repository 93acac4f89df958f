"""Programs as a search writes them: named expressions, each text and statement at once."""

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from plait.compiler.program import Program
from plait.compiler.signals import ANSWER
from plait.compiler.statement import Statement

NUMBERED = re.compile(r"(\D*)(\d+)(\D*)")


@dataclass(frozen=True, kw_only=True)
class Term:
    """One line of a program: `p.name = p.text`.

    Args:
        uses: the terms that it reads.
        make: the statement, of a program in which these are made.
    """

    name: str
    text: str
    make: Callable[[Program], Statement]
    uses: tuple["Term", ...] = ()

    def before(self) -> dict[str, "Term"]:
        """All that must be made first, and itself, by name."""
        found: dict[str, Term] = {}
        for one in self.uses:
            found |= one.before()
        return found | {self.name: self}


def written(answer: Term, tokens: Sequence[str]) -> tuple[Program, tuple[str, ...]]:
    """The program whose answer this is, and its lines.

    Raises:
        ValueError: the language refuses it.
    """
    program = Program(tokens)
    terms = [term for term in answer.before().values() if term is not answer]
    lines = [f"p = Program({list(tokens)!r})"]
    for number, term in enumerate([*terms, answer], start=2):
        statement = term.make(program)
        name = ANSWER if term is answer else term.name
        if term.text:
            setattr(program, name, statement)
            program.placed(statement, f"found, line {number}")
            lines.append(f"p.{name} = p.{term.text}")
    return program, tuple(lines)


def token() -> Term:
    return Term(name="token", text="", make=lambda p: p.statement("token"))


def embedded(name: str, values: Mapping[str, object], *, flags: bool) -> Term:
    """A function of the token: a flag that is false elsewhere, or a value that is nothing elsewhere."""
    rest = False if flags else None
    table = dict(values)
    return Term(
        name=name,
        text=f"embed({table!r}, missing={rest})",
        make=lambda p: p.embed(table, missing=rest),  # type: ignore[arg-type]
    )


def of(
    kind: str, *inputs: Term, named: Mapping[str, Term | int | bool | tuple[Term, ...]] | None = None
) -> Term:
    """A statement of other signals."""
    options = dict(named or {})
    uses = list(inputs)
    for value in options.values():
        uses += [value] if isinstance(value, Term) else value if isinstance(value, tuple) else []
    shown = [_read(one) for one in inputs] + [f"{key}={_shown(value)}" for key, value in options.items()]
    label = "_".join(
        [kind, *(one.name for one in uses), *(str(v) for v in options.values() if isinstance(v, int))]
    )

    def make(p: Program) -> Statement:
        given = {key: _signal(p, value) for key, value in options.items()}
        return getattr(p, kind)(*(p.statement(one.name) for one in inputs), **given)

    return Term(name=label, text=f"{kind}({', '.join(shown)})", make=make, uses=tuple(uses))


def _read(term: Term) -> str:
    return f"p.{term.name}"


def _shown(value: Term | int | bool | tuple[Term, ...]) -> str:
    if isinstance(value, Term):
        return _read(value)
    return f"({', '.join(map(_read, value))})" if isinstance(value, tuple) else repr(value)


def _signal(p: Program, value: Term | int | bool | tuple[Term, ...]) -> object:
    if isinstance(value, Term):
        return p.statement(value.name)
    return tuple(p.statement(one.name) for one in value) if isinstance(value, tuple) else value


def classes(tokens: Sequence[str]) -> Iterator[tuple[str, tuple[str, ...], dict[str, int]]]:
    """Tokens whose names are alike: a name for the class, its tokens, and their numbers if they have any."""
    groups: dict[tuple[str, ...], list[str]] = {}
    for name in tokens:
        match = NUMBERED.fullmatch(name)
        kind = "lower" if name.islower() else "upper" if name.isupper() else "other"
        groups.setdefault((match[1], match[3]) if match else (kind,), []).append(name)
    for place, (key, members) in enumerate(groups.items()):
        numbers = (
            {name: int(match[2]) for name in members if (match := NUMBERED.fullmatch(name))}
            if len(key) > 1
            else {}
        )
        yield f"class{place}", tuple(members), numbers
