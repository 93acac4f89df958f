"""Programs: what a hybrid should compute, as named signals over the positions of a sequence.

    p = Program(["a", "b", "c"])
    p.before = p.lag(p.token)                                     the word one position back
    p.answer = p.latest(p.token, key=p.before, query=p.token)     what followed the latest word like this one

A program is a task: it has a vocabulary, a sampler, and targets, the answer at each position where it holds something.
"""

import math
import sys
from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, ClassVar

import torch
from jaxtyping import Int
from torch import Tensor

from plait.checks import shortened
from plait.compiler.language import Language
from plait.compiler.lookups import Fetch
from plait.compiler.pointwise import Token
from plait.compiler.signals import ANSWER, module_of_caller
from plait.compiler.statement import SignalValues, Statement, ancestors
from plait.compiler.values import MOST_LETTERS, Value, index_in
from plait.random import Stream
from plait.tasks.base import MOST_WORDS, SPECIALS, BuiltInTask, Targets, letters_or_numbers

if TYPE_CHECKING:
    from plait.model import HybridLM


class Program(Language, BuiltInTask):
    """Statements over the signals of one vocabulary; `p.name = p.statement(..)` names a signal, `p.answer` ends it.

    Args:
        tokens: the names of the tokens that may occur; a text stands for its letters.
        rates: how often the sampler draws each token, relative to each other; 1 where it is left out.

    Raises:
        ValueError: no token, a name given twice or with a space in it, a rate that is no number of at least 0.
    """

    name: ClassVar[str] = "program"

    def __init__(self, tokens: Iterable[str], *, rates: Mapping[str, float] | None = None) -> None:
        super().__init__(_checked_names(tokens))
        self._rates = _checked_rates(self._names, rates or {})
        self._module = module_of_caller()
        self._found_as: tuple[str, Mapping[str, object]] | None = None

    @property
    def ordinary_tokens(self) -> int:
        return len(self._names)

    @property
    def token_names(self) -> tuple[str, ...]:
        return (*self._names, *SPECIALS)

    @property
    def rates(self) -> Mapping[str, float]:
        """How often the sampler draws each token, relative to each other."""
        return dict(zip(self._names, self._rates, strict=True))

    @property
    def naming(self) -> tuple[str, Mapping[str, object]]:
        """Under which name, with which parameters, the program is found again.

        Raises:
            ValueError: it was not found by name, and stands at the top of no module.
        """
        if self._found_as is not None:
            return self._found_as
        own = vars(sys.modules[self._module]) if self._module in sys.modules else {}
        names = [name for name, value in own.items() if value is self and self._module != "__main__"]
        if names:
            return f"{self._module}:{min(names, key=lambda name: not name.isupper())}", {}
        raise ValueError(
            "a program is stored as module:NAME, so it must stand at the top of a module that can be imported, "
            f"got one made in {self._module}"
        )

    def named(self, name: str, params: Mapping[str, object]) -> None:
        """Remember under which name it was found."""
        self._found_as = (name, dict(params))

    def run(self, tokens: Tensor) -> Targets:
        """The answers by the statements' plain meanings, one sequence after the other.

        Raises:
            ValueError: as `targets`.
        """
        tokens, answer = self.check_tokens(tokens), self.statement(ANSWER)
        index = index_in(self._names)
        rows: list[list[int]] = []
        for row in tokens.reshape(-1, tokens.shape[-1]).tolist():
            words: list[Value | None] = [self._names[token] for token in row]
            values = columns(words, answer)[answer]
            rows.append([-1 if value is None else index[value] for value in values])
        found = torch.tensor(rows, dtype=torch.int64, device=tokens.device).reshape(tokens.shape)
        return Targets(found.clamp(min=0), found >= 0)

    def sources(self, tokens: Int[Tensor, "*batch time"]) -> Int[Tensor, "*batch time"] | None:
        """How far back the answer is fetched from, -1 for nowhere; None where no lookup gives it."""
        answer = self.statement(ANSWER)
        if not isinstance(answer, Fetch):
            return None
        signals = answer.inputs[1:] or answer.inputs
        values = places(tokens, *signals)
        return answer.distances(*(values[signal] for signal in signals))

    def compile(
        self,
        *,
        seq_len: int,
        dtype: torch.dtype = torch.float32,
        smallest: bool = False,
        only: str | None = None,
    ) -> "HybridLM":
        """A model that computes the program on sequences of up to `seq_len` tokens: an ordinary HybridLM.

        Args:
            dtype: of the weights.
            smallest: look for fewer parameters among codes of other bases.
            only: layers of one kind alone, SSM or TF.

        Raises:
            ValueError: a length that the type cannot carry (says which would do), or statements that no layers make.
        """
        from plait.compiler.plan_choice import plan_program

        return plan_program(self, seq_len, dtype=dtype, smallest=smallest, only=only).build()

    def _label(self, tokens: Int[Tensor, "*batch time"]) -> Targets:
        answer, index = self.statement(ANSWER), index_in(self._names)
        token = torch.tensor([index[value] for value in answer.domain], device=tokens.device)
        place = places(tokens, answer)[answer]
        return Targets(token[place.clamp(min=0)] * (place >= 0), place >= 0)

    def _draw(self, stream: Stream, batch: int, seq_len: int) -> Int[Tensor, "*members batch time"]:
        if len(set(self._rates)) == 1:
            return stream.integers(len(self._rates), (batch, seq_len), draw=0)
        share = torch.tensor(self._rates, dtype=torch.float64).cumsum(0) / math.fsum(self._rates)
        drawn = stream.uniform((batch, seq_len), draw=0).to(torch.float64)
        return torch.bucketize(drawn, share[:-1].to(drawn.device), right=True)


def words(n_words: int) -> tuple[str, ...]:
    """Names for words: a, b, .. up to 26 of them, else w0, w1, .."""
    return letters_or_numbers(n_words)


def _checked_names(tokens: Iterable[str]) -> tuple[str, ...]:
    names = tuple(tokens)
    for name in names:
        if not isinstance(name, str) or not name or any(letter.isspace() for letter in name):
            raise ValueError(f"a token's name must be a text without spaces, got {shortened(name)}")
        if len(name) > MOST_LETTERS:
            raise ValueError(f"a token's name has at most {MOST_LETTERS} characters, got {len(name):,}")
    doubled = [name for place, name in enumerate(names) if name in names[:place] or name in SPECIALS]
    if doubled:
        raise ValueError(
            f"tokens need different names, and none of {', '.join(SPECIALS)}, got {doubled[0]!r}"
        )
    if not 1 <= len(names) <= MOST_WORDS:
        raise ValueError(f"a program needs 1 to {MOST_WORDS:,} tokens, got {len(names):,}")
    return names


def _checked_rates(names: tuple[str, ...], rates: Mapping[str, float]) -> tuple[float, ...]:
    for name, rate in rates.items():
        if name not in names:
            raise ValueError(f"a rate is given for {name!r}, which is no token of the program")
        if isinstance(rate, bool) or not isinstance(rate, int | float) or not 0.0 <= rate < math.inf:
            raise ValueError(f"the rate of {name!r} must be a number of at least 0, got {rate!r}")
    found = tuple(float(rates.get(name, 1.0)) for name in names)
    if not any(found):
        raise ValueError("some token must have a rate above 0")
    return found


def columns(tokens: Sequence[Value | None], *last: Statement) -> dict[Statement, SignalValues]:
    """The values of these statements and all that they read, over one sequence of token names."""
    found: dict[Statement, SignalValues] = {}
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
