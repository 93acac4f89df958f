"""How much work a certificate asks of the checker, so that makers can ask for no more than it does."""

from collections.abc import Mapping

from plait.theory.checker import document
from plait.theory.checker.claim import StateClaim, read_claim
from plait.theory.checker.codecs.base import Codec
from plait.theory.checker.document import Refused
from plait.theory.checker.game import MOST_EXHAUSTIVE, MOST_WORK

__all__ = ["MOST_EXHAUSTIVE", "MOST_WORK", "content_steps"]


def content_steps(certificate: Mapping[str, object], *, task: object = None) -> int:
    """Steps that writing, asking about and reading one content takes at most.

    Raises:
        ValueError: a certificate that is refused as it stands, or that has no contents.
    """
    try:
        claim = read_claim(document.plain(certificate), task)
    except Refused as refused:
        raise ValueError(str(refused)) from refused
    if not isinstance(claim, StateClaim) or not isinstance(claim.codec, Codec):
        raise ValueError("a certificate without contents")
    return claim.board.cost_of(claim.codec)
