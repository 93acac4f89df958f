"""Verification of any hybrid against the exact targets of its task."""

from plait.verify.constructed import Constructed, constructed, load_constructed
from plait.verify.result import MOST_INPUTS, Checks, Claims, Counterexample, Verification, Verified
from plait.verify.tally import Extreme, Tally
from plait.verify.verification import check_vocabulary, verify

__all__ = [
    "MOST_INPUTS",
    "Checks",
    "Claims",
    "Constructed",
    "Counterexample",
    "Extreme",
    "Tally",
    "Verification",
    "Verified",
    "check_vocabulary",
    "constructed",
    "load_constructed",
    "verify",
]
