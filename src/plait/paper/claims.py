"""Every claim: the paper's, and questions of our own."""

from plait.findings.claims import Claim
from plait.paper.own_questions import OWN_QUESTIONS
from plait.paper.paper_claims import PAPER_CLAIMS

ALL_CLAIMS: tuple[Claim, ...] = (*PAPER_CLAIMS, *OWN_QUESTIONS)


def claims_of(experiment: str) -> tuple[Claim, ...]:
    return tuple(claim for claim in ALL_CLAIMS if claim.experiment == experiment)
