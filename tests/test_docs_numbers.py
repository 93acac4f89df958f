"""Numbers read alike on every page: a digit before the point, thousands apart where they are told in words."""

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PAGES = sorted(
    page
    for page in (*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md"), ROOT / "results" / "README.md")
    if page.name != "log.md"
)
BARE = re.compile(r"(?<![\w/.\\)\]*{}-])\.\d+|(?<=[ (\[~|]-)\.\d+")
TOLD = re.compile(
    r"(?:\bat|\bfrom|\bto|\|) (\d{4,})(?=[;. ]? (?:to|tokens|parameters|members|steps|\|)|;|\.\])"
)


@pytest.mark.parametrize("page", PAGES, ids=[page.relative_to(ROOT).as_posix() for page in PAGES])
def test_a_number_has_a_digit_before_its_point_and_its_thousands_apart(page: Path) -> None:
    text = re.sub(r"^```.*?^```", "", page.read_text(), flags=re.DOTALL | re.MULTILINE)
    text = re.sub(r"`[^`\n]*`", "", text)
    assert BARE.findall(text) == []
    assert TOLD.findall(text) == []


def test_the_rule_sees_what_it_is_for() -> None:
    assert BARE.findall("mean .575, |.9|, (-.02) but 0.5, 1.000, 5..9, x.1, `v.2` and the end.") == [
        ".575",
        ".9",
        ".02",
    ]
    assert TOLD.findall("from 1.000 at 2192 to 0.927 at 12324; | 1600 | 3200 | and 1,600") == [
        "2192",
        "12324",
        "1600",
        "3200",
    ]
