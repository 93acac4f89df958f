"""What a verification found."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from plait.checks import check_integer
from plait.verify.tally import Tally

MOST_INPUTS = 10**9
"""Inputs of a domain that are all read, at most, unless asked for more."""


@dataclass(frozen=True, kw_only=True)
class Checks:
    """Which inputs to read; several kinds may be asked for at once.

    Attributes:
        seq_len: tokens of an input.
        exhaustive: every input of this length.
        samples: scored tokens to draw from the task's own distribution, at least; 0 for none.
        adversarial: inputs made to break the model (see `plait.verify.adversarial`).
        seed: of the samples, and of what the adversarial inputs leave open.
        most_inputs: a larger domain is refused.

    Raises:
        ValueError: nothing to check, a length below 1, or a negative number.
    """

    seq_len: int
    exhaustive: bool = False
    samples: int = 0
    adversarial: bool = False
    seed: int = 0
    most_inputs: int = MOST_INPUTS

    def __post_init__(self) -> None:
        check_integer("seq_len", self.seq_len, least=1, most=2**31 - 1)
        check_integer("samples", self.samples, least=0)
        check_integer("seed", self.seed, least=0, most=2**63 - 1)
        check_integer("most_inputs", self.most_inputs, least=1)
        if not (self.exhaustive or self.samples or self.adversarial):
            raise ValueError("nothing to check: exhaustive, samples or adversarial is needed")


@dataclass(frozen=True, kw_only=True)
class Claims:
    """What is proved of the model, to be printed beside what is seen.

    Attributes:
        window: targets further back than this window holds are not claimed, and counted apart; None claims all.
        logit_gap: the least lead of a target's logit (nats).
        attention: the least lead of the score at a target's place in the last attention layer (nats).
    """

    window: int | None = None
    logit_gap: float | None = None
    attention: float | None = None


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
