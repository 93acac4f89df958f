"""What the checker found."""

from dataclasses import dataclass
from fractions import Fraction


@dataclass(frozen=True, kw_only=True)
class Verdict:
    """Whether a certificate's claim holds, and what the checker could certify by itself.

    Args:
        accepted: the claim is no more than what was certified.
        reason: one line.
        readable: False where no JSON object could be read: then there was no certificate to accept or refuse.
        bits: state bits certified, rounded down to thousandths; None where the check did not get that far.
        reach: tokens of reach certified, for a certificate of that kind; of recurrent state bits, the reach at which
            they are needed.
        confidence: 1 where every case was tried; else the chance of noticing a wrong claim is at least this.
    """

    accepted: bool
    reason: str
    readable: bool = True
    bits: Fraction | None = None
    reach: int | None = None
    confidence: Fraction = Fraction(0)
