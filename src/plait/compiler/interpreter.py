"""What a program's statements are worth on given tokens: by plain meanings, and by whole tensors."""

from collections.abc import Sequence

from jaxtyping import Int
from torch import Tensor

from plait.compiler.pointwise import Token
from plait.compiler.statement import Column, Statement, ancestors
from plait.compiler.values import Value


def columns(tokens: Sequence[Value | None], *last: Statement) -> dict[Statement, Column]:
    """The values of these statements and all that they read, over one sequence of token names."""
    found: dict[Statement, Column] = {}
    for statement in ancestors(*last):
        if isinstance(statement, Token):
            found[statement] = list(tokens)
        else:
            found[statement] = statement.meaning(*(found[signal] for signal in statement.inputs))
    return found


def places(
    tokens: Int[Tensor, "*batch time"], *last: Statement
) -> dict[Statement, Int[Tensor, "*batch time"]]:
    """The same as places in the statements' domains, -1 for nothing, of tokens that the program knows."""
    found: dict[Statement, Tensor] = {}
    for statement in ancestors(*last):
        if isinstance(statement, Token):
            found[statement] = tokens.long()
        else:
            found[statement] = statement.evaluate(*(found[signal] for signal in statement.inputs))
    return found
