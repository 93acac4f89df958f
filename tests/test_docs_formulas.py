"""Formulas of the theory's pages: all LaTeX, all convertible, in a form that GitHub and the site read."""

import importlib.util
import re
import runpy
from itertools import pairwise
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PAGES = {name: (ROOT / "docs" / name).read_text() for name in ("theory.md", "theory-constructions.md")}
INLINE = r"\$`([^`]*)`\$"
DISPLAYED = r"^```math\n(.*?)^```$"
CODE = r"`([^`\n]*)`"
DRAWING = r"^    .*$|!\[[^\]]*\]"
"""Diagrams in letters, indented; and the words of pictures, which are plain text."""


def formulas(text: str) -> list[str]:
    return re.findall(INLINE, text) + re.findall(DISPLAYED, text, re.DOTALL | re.MULTILINE)


def prose(text: str) -> str:
    """What is neither a formula nor a diagram; links without their targets."""
    for kind in (DISPLAYED, INLINE, DRAWING):
        text = re.sub(kind, "", text, flags=re.DOTALL | re.MULTILINE if kind == DISPLAYED else re.MULTILINE)
    return re.sub(r"\]\([^)\s]*\)", "]", text)


def left_over(text: str) -> list[str]:
    """What reads like a formula outside of formulas and code, or inside of code."""
    rest = prose(text)
    words = re.sub(CODE, "", rest)
    plain = re.findall(r".{0,9}(?:\^|[<>!]=|[<>=≤≥]|\w_|log2|\w - \d|\$|\\\w).{0,9}", words)
    letters = re.findall(r"(?<![\w(.'-])[b-zC-HJ-Z](?![\w)'-])", words)
    code = [span for span in re.findall(CODE, rest) if re.search(r"\^|[<>]=|!=|log2\(|\\|^\w$", span)]
    return plain + letters + code


def mathml(formula: str) -> str:
    if any(importlib.util.find_spec(name) is None for name in ("mkdocs", "latex2mathml")):
        pytest.skip("pip install -e '.[docs]' is needed")
    return runpy.run_path(str(ROOT / "web" / "formulas.py"))["mathml"](formula)


@pytest.mark.parametrize("page", PAGES)
def test_every_formula_becomes_mathml(page):
    found = formulas(PAGES[page])
    assert len(found) > 500
    for formula in set(found):
        assert mathml(formula).startswith("<math "), formula


def test_commands_that_mathml_does_not_get_are_refused():
    with pytest.raises(ValueError, match="nosuch"):
        mathml(r"a \nosuch b")


@pytest.mark.parametrize(
    ("formula", "drawn"),
    [
        ("4{,}000", "<mn>4</mn><mn>,</mn><mn>000</mn>"),
        ("e^{-x}", '<mo form="prefix">&#x02212;</mo>'),
        ("a - b", "<mo>&#x02212;</mo>"),
        ("|S|", '<mo lspace="0" rspace="0" stretchy="false">&#x0007C;</mo><mi>S</mi>'),
        (r"2 \ln(x)", '<mo lspace="0.17em" rspace="0">ln</mo>'),
        (r"\cos w", '<mo lspace="0" rspace="0.17em">cos</mo>'),
        (r"\text{gap} - x", "<mi>gap</mi><mo>&#x02212;</mo>"),
        (r"\mathbf{1}", "<mn>\U0001d7cf</mn>"),
    ],
)
def test_browsers_are_told_the_spaces(formula, drawn):
    assert drawn in mathml(formula)


@pytest.mark.parametrize("page", PAGES)
def test_no_formula_is_left_outside(page):
    assert left_over(PAGES[page]) == []


@pytest.mark.parametrize(
    "text",
    [
        "so 2^b words",
        "at most log2(N)",
        "`n >= 2` words",
        "the word w",
        "`W^(W-1)`",
        "for k = 2",
        "$x$",
        "`q`",
    ],
)
def test_a_formula_that_is_left_outside_is_found(text):
    assert left_over(text)


@pytest.mark.parametrize("page", PAGES)
def test_formulas_stand_as_github_reads_them(page):
    """In one line, apart from letters, without bars in tables, braces closed."""
    text = PAGES[page]
    assert re.findall(r"\w\$`|`\$\w", text) == []
    assert not any("$" in words for words in re.findall(r"!\[([^\]]*)\]", text))
    assert text.count("$`") == text.count("`$") == len(re.findall(INLINE, text))
    for line in text.splitlines():
        assert line.count("$`") == line.count("`$"), line
        if line.startswith("|"):
            assert not any("|" in formula for formula in re.findall(INLINE, line)), line
    for formula in formulas(text):
        depth = [formula[: k + 1].count("{") - formula[: k + 1].count("}") for k in range(len(formula))]
        assert min(depth) == 0 == depth[-1] or formula[0] == "{", formula


@pytest.mark.parametrize("page", PAGES)
def test_statements_proofs_and_remarks_are_paragraphs(page):
    lines = PAGES[page].splitlines()
    for before, line in pairwise(lines):
        if re.match(r"\*\*(Theorem|Lemma) |\*(Proof|Remark)", line):
            assert before == "", line
        if not line.startswith("|"):
            assert not re.search(r"\S \*(Proof|Remarks?)\b[^*]*\.\*|∎ \S", line), line
        assert not (before.endswith("∎") and line), line


def test_a_long_formula_in_a_line_scrolls_by_itself_on_a_telephone():
    mathml("x")
    markdown = importlib.import_module("markdown").markdown
    extension = runpy.run_path(str(ROOT / "web" / "formulas.py"))["Formulas"]()
    page = markdown("so $`x^2`$, and $`" + " + ".join("abcdefghij") + "`$", extensions=[extension])
    assert page.count("<math") == 2
    assert page.count('<span class="long-formula"><math') == 1
    assert ".long-formula {" in (ROOT / "docs" / "stylesheets" / "site.css").read_text()
