"""What a lower bound says, and on what authority."""

from collections.abc import Mapping
from dataclasses import dataclass
from fractions import Fraction

from plait.theory.families.family import StateFamily


@dataclass(frozen=True, kw_only=True)
class PrintedTheorem:
    """What the paper's theorem, taken literally, gives for the same family: `value` bits, and `why` it is so."""

    value: Fraction
    why: str


@dataclass(frozen=True, kw_only=True)
class Bound:
    """A lower bound on what a model needs.

    Args:
        quantity: "state bits" of a recurrent model, or "reach" (tokens) of windowed attention.
        value: bits or tokens; rounded down.
        states: the least number of states, where it is known exactly; else None.
        confidence: 1 where proved; else the probability with which a wrong bound would have been noticed.
        statement: what is bounded, for which models and inputs, in one or two sentences.
        certificate: plain JSON that `check` verifies from scratch; None where it would be too long.
        certified: bits or tokens that the certificate claims at its own confidence; at most `value`.
        found: True where a search found it, so that a better one may exist.
        printed: the paper's own theorem for the same family.
    """

    quantity: str
    value: int | Fraction
    statement: str
    states: int | None = None
    confidence: int | Fraction = 1
    certificate: Mapping[str, object] | None = None
    certified: int | Fraction | None = None
    found: bool = False
    printed: PrintedTheorem | None = None


def filled_statement(family: StateFamily, seq_len: int) -> str:
    """For which models and inputs the family's bits are needed, and of what."""
    reach = len(family.filler)
    return (
        f"A model right at every scored position of every input of {seq_len} tokens, whose windows and convolutions "
        f"reach back at most {reach} tokens in all, has this much in its recurrent states behind a filler of {reach} "
        f"tokens: {family.description}."
    )
