"""Where signals stand in the residual stream: what is needed of each, and the subspaces that hold it.

A *base* is the token, or a signal that a layer makes. Functions of the token are columns over the tokens; the stream
holds, for every base, columns that span all that is read of it. Reading a column is then one inner product.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import torch
from jaxtyping import Float
from torch import Tensor

from plait.compiler.encoding import Points, spanned
from plait.compiler.lower import token_places
from plait.compiler.pointwise import Token
from plait.compiler.schedule import is_free
from plait.compiler.statement import Statement
from plait.constructions.residual import Residual

if TYPE_CHECKING:
    from plait.compiler.stream_plan import Taken


@dataclass(frozen=True, kw_only=True, eq=False)
class Need:
    """Columns of a signal that something reads.

    Args:
        columns: one of these choices, the first unless another takes no room of its own.
        clean: nothing must stand as zeros.
        label: what the columns are, for the names of subspaces.
        of: the signal that they are columns of, where that is a function of the token.
        layer: that reads them (1, 2, ..); 0 for unembedding, which finds the answer written over them.
    """

    statement: Statement
    columns: tuple[Points, ...]
    clean: bool
    label: str
    of: Statement | None = None
    layer: int = 0


@dataclass(eq=False)
class Base:
    """What the stream holds of one base.

    Args:
        called: its name.
        groups: name and columns of each subspace.
        of: the signal that each of them stands for, where that is not the base itself.
    """

    called: str
    needs: list[Need] = field(default_factory=list)
    groups: list[tuple[str, Points]] = field(default_factory=list)
    of: list[Statement | None] = field(default_factory=list)

    @property
    def clean(self) -> bool:
        return any(need.clean for need in self.needs)

    def points(self, n_values: int) -> Points:
        parts = [columns for _, columns in self.groups]
        return torch.cat(parts, dim=-1) if parts else torch.zeros(n_values, 0, dtype=torch.float64)

    def settle(self, n_values: int) -> None:
        """Choose columns that span every need: codes as they are, then what they do not give."""
        fixed = [need for need in self.needs if len(need.columns) == 1]
        for need in (*fixed, *(need for need in self.needs if len(need.columns) > 1)):
            basis = self.points(n_values)
            if any(spanned(basis, columns) is not None for columns in need.columns):
                continue
            columns = need.columns[0]
            new = [one for one in columns.T if bool(one.any())]
            chosen: list[Tensor] = []
            for one in new:
                if (
                    spanned(torch.cat((basis, *(c.unsqueeze(-1) for c in chosen)), dim=-1), one.unsqueeze(-1))
                    is None
                ):
                    chosen.append(one)
            self.groups.append((need.label, _quiet(torch.stack(chosen, dim=-1))))
            self.of.append(need.of)


def _quiet(columns: Points) -> Points:
    """The columns, those that go beyond 1 made smaller: how large they stand is free, and loud ones drown others."""
    return columns / columns.abs().amax(0).clamp(min=1.0)


def base_of(statement: Statement, token: Token) -> Statement:
    """The token for its functions; any other signal itself."""
    return token if is_free(statement) else statement


def over_base(statement: Statement, columns: Points) -> Points:
    """Columns over a signal's values as columns over its base's."""
    if not is_free(statement):
        return columns
    padded = torch.cat((columns, torch.zeros_like(columns[:1])))
    return padded[torch.tensor(token_places(statement))]


@dataclass(frozen=True, kw_only=True, eq=False)
class ProgramStream:
    """The finished layout.

    Args:
        bases: what is held of each base.
        residual: the subspaces of all bases.
        names: of each base's subspaces.
        of: what the token's subspaces stand for, in their order.
        taken: subspaces that one base leaves to another.
        answer_code: the tokens' code, over all tokens.
    """

    token: Token
    bases: dict[Statement, Points]
    residual: Residual
    names: dict[Statement, tuple[str, ...]]
    of: tuple[Statement, ...]
    taken: "tuple[Taken, ...]"
    answer_code: Points

    def left(self, base: Statement, name: str) -> "Taken | None":
        """Who took a base's subspace, if anyone did."""
        return next((one for one in self.taken if one.old is base and one.name == name), None)

    def directions(self, base: Statement) -> Float[Tensor, "width d_model"]:
        """The basis that holds a base's columns."""
        rows = [self.residual.rows(name) for name in self.names[base]]
        return torch.cat(rows) if rows else torch.zeros(0, self.residual.d_model, dtype=torch.float64)

    def weights(self, statement: Statement, columns: Points) -> Float[Tensor, "width columns"]:
        """The columns as sums of those that the stream holds."""
        base = base_of(statement, self.token)
        found = spanned(self.bases[base], over_base(statement, columns))
        assert found is not None, "what is read was not needed"
        return found

    def rows(self, statement: Statement, columns: Points) -> Float[Tensor, "columns d_model"]:
        """Rows whose product with the normed stream gives the columns' entries."""
        return self.weights(statement, columns).T @ self.directions(base_of(statement, self.token))

    def any_weights(self, statement: Statement, choices: Sequence[Points]) -> Float[Tensor, "width columns"]:
        """The weights of the first choice that the stream gives."""
        base = base_of(statement, self.token)
        for columns in choices:
            found = spanned(self.bases[base], over_base(statement, columns))
            if found is not None:
                return found
        raise AssertionError("what is read was not needed")

    def any_row(self, statement: Statement, choices: Sequence[Points]) -> Float[Tensor, " d_model"]:
        """The row that reads the first column among the choices that the stream gives."""
        return (self.any_weights(statement, choices).T @ self.directions(base_of(statement, self.token)))[0]

    @property
    def answer_directions(self) -> Float[Tensor, "digits d_model"]:
        return self.rows(self.token, self.answer_code)


def named_apart(names: Sequence[str]) -> list[str]:
    """The names, repeated ones with a number behind."""
    found: list[str] = []
    for name in names:
        tries = [name, *(f"{name} {n}" for n in range(2, len(names) + 2))]
        found.append(next(one for one in tries if one not in found))
    return found
