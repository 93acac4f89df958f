"""What a verification found."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from plait.verify.checks import Claims
from plait.verify.tally import Tally


@dataclass(frozen=True, kw_only=True)
class Counterexample:
    """The shortest input found whose last position is answered wrong.

    Attributes:
        tokens: the input.
        expected: the target of its last position.
        got: the largest logit there, of equals the first; `expected` itself where it leads by nothing.
        gap: by how much the target's logit is ahead (nats): 0 or less, or NaN.
    """

    tokens: tuple[int, ...]
    expected: int
    got: int
    gap: float


@dataclass(frozen=True, kw_only=True)
class Verified:
    """What one type of number gave.

    Attributes:
        dtype: of all weights.
        tallies: by kind of check: exhaustive, samples, adversarial.
        parallel: what the parallel pass read as well, where the compiled stream read `tallies`; the closest
            calls of all `tallies` are among it.
        difference: how far a lead differed between the two at most (nats).
        counterexample: None if every answer was right.
        seconds: that the checks took.
    """

    dtype: str
    tallies: Mapping[str, Tally]
    parallel: Tally
    difference: float
    counterexample: Counterexample | None
    seconds: float

    @property
    def total(self) -> Tally:
        """All kinds together; an input read by two of them counts twice."""
        total = Tally()
        for tally in self.tallies.values():
            total += tally
        return total

    @property
    def passed(self) -> bool:
        """No wrong answer, and at least one right one."""
        return self.total.wrong == 0 and self.parallel.wrong == 0 and self.total.right > 0


@dataclass(frozen=True, kw_only=True)
class Verification:
    """One `Verified` a type of number, and what is proved, for comparison."""

    verified: tuple[Verified, ...]
    claims: Claims = field(default_factory=Claims)

    @property
    def passed(self) -> bool:
        return all(one.passed for one in self.verified)
