"""A figure holds its claims once, and stays itself with another form of its experiment."""

from dataclasses import replace

import pytest

from plait.findings.claims import Claim
from plait.paper import FIGURES


def test_a_claim_made_twice_is_refused():
    figure = FIGURES["fig4"]
    again = Claim(statement=figure.claims[0].statement, judge=figure.claims[1].judge)
    with pytest.raises(
        ValueError, match="'fig4' claims the same twice: 'SSM-TF copies selectively from 2,192"
    ):
        replace(figure, claims=(*figure.claims, again))


def test_another_form_keeps_what_is_claimed_and_reported():
    figure = FIGURES["fig4"]
    more = figure.of(figure.experiment.with_pattern("SSM-TF-SSM"))
    assert (more.name, more.claims, more.paper) == (figure.name, figure.claims, figure.paper)
    assert len(more.experiment.expand()) > len(figure.experiment.expand())
