"""Many claims at once: Holm and Benjamini-Hochberg against their definitions."""

import numpy as np
import pytest

from plait.findings.claims import all_right, few_false


def test_ten_claims_by_hand() -> None:
    """Holm asks .05/5 = .01, .05/4 = .0125 ..; Benjamini and Hochberg .01, .02, .03, .04, .05."""
    p = {"e": 0.9, "a": 0.001, "c": 0.0131, "b": 0.0125, "d": 0.04}
    assert all_right(p) == ("a", "b", "c")
    assert all_right({**p, "b": 0.0126}) == ("a",), "one that fails stops all behind it"
    assert few_false(p) == ("a", "b", "c", "d")
    assert few_false({"a": 0.02, "b": 0.026, "c": 0.04, "d": 0.9}) == (), "none is below its line"
    assert few_false({"a": 0.03, "b": 0.04, "c": 0.05}) == ("a", "b", "c"), "the last passes all before it"
    assert all_right({}) == few_false({}) == ()


@pytest.mark.parametrize(("passing", "most"), [(all_right, 0.05), (few_false, 0.05)])
def test_without_anything_to_them_few_pass(passing, most) -> None:
    """2,000 families of 44 claims of which none is true: any pass in about 5% (standard error .5%)."""
    families = np.random.default_rng(0).random((2_000, 44))
    share = np.mean([bool(passing(dict(enumerate(family)))) for family in families])
    assert share < most + 0.02
    assert share > most - 0.02
