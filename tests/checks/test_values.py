"""Checked integers and shortened text."""

import re
from pathlib import Path

import pytest

from plait.checks import are, check_integer, counted, shortened, unknown


@pytest.mark.parametrize(
    ("value", "least", "most", "message"),
    [
        (0, 1, None, "n must be an integer of at least 1, got 0"),
        (True, 0, None, "n must be an integer of at least 0, got True"),
        (2.0, 0, None, "n must be an integer of at least 0, got 2.0"),
        (2**31, 1, 2**31 - 1, "n must be an integer of at least 1, below 2^31, got 2147483648"),
        (21, 1, 20, "n must be an integer in [1, 20], got 21"),
        (10**5000, 1, 20, "n must be an integer in [1, 20], got one of 16610 bits"),
        ([10**5000], 1, 20, "n must be an integer in [1, 20], got a list too long to show"),
        ("x" * 5_000_000, 1, 20, f"n must be an integer in [1, 20], got '{'x' * 56}..."),
        ("\x1b[2J", 1, 20, "n must be an integer in [1, 20], got '\\x1b[2J'"),
    ],
    ids=range(9),
)
def test_a_refused_integer(value, least, most, message):
    with pytest.raises(ValueError, match=r"n must") as told:
        check_integer("n", value, least=least, most=most)
    assert str(told.value) == message


def test_an_accepted_integer_is_returned():
    assert check_integer("n", 10**30, least=1) == 10**30
    assert check_integer("n", 20, least=20, most=20) == 20


def test_what_is_shown_is_short_and_on_one_line():
    assert shortened("a") == "'a'"
    assert len(shortened(list(range(1000)))) == 60
    assert unknown("name", "y" * 10**6, ["a"]) == f"unknown name '{'y' * 57}...'; known: a"


def test_counts_agree_with_their_nouns():
    assert counted(1, "member") == "1 member"
    assert counted(0, "member") == "0 members"
    assert counted(118_560, "member") == "118,560 members"
    assert counted(2, "query", "queries") == "2 queries"
    assert counted(1, "query", "queries") == "1 query"
    assert (counted(1.0, "bit"), counted(1.5, "bit")) == ("1 bit", "1.5 bits")
    assert (are(1), are(0), are(2)) == ("is", "are", "are")


def test_no_count_makes_its_own_plural():
    """`1 members` comes from a plural that is written out, `counted` from one place that knows of one."""
    package = Path(__file__).parents[2] / "src" / "plait"
    own = re.compile(r"""[{( ]['"]s['"] if |else ['"]s['"]|['"]s['"]\[""")
    found = [path.name for path in package.rglob("*.py") if own.search(path.read_text())]
    assert found == []
