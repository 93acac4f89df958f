"""docs/theory.md against the code: statements, functions, tests and links."""

import ast
import importlib
import re
from pathlib import Path

import pytest

from plait.constructions import STATEMENTS

ROOT = Path(__file__).parents[1]
DOCS = ROOT / "docs"
PAGES = {name: (DOCS / name).read_text() for name in ("theory.md", "theory-constructions.md")}
TEXT = "\n".join(PAGES.values())
PROSE = re.sub(r"\$`[^`]*`\$|```math.*?```", "", TEXT, flags=re.DOTALL)
SOURCES = sorted((ROOT / "src" / "plait").rglob("*.py"))

OURS = {number: kind for kind, number in re.findall(r"\*\*(Theorem|Lemma|Table) (\d+\.\d+)", TEXT)}
UNNAMED = set(re.findall(r"\*\*(\d+\.\d+) ", TEXT))
SECTIONS = set(re.findall(r"^#+ (\d+(?:\.\d+)?) ", TEXT, re.MULTILINE))
PAPER = {
    *(("Theorem", number) for number in ("3.3", "3.7", "4.2", "4.3", "4.5", "4.6")),
    ("Lemma", "3.5"),
}
"""Statements of arXiv 2603.08859 that the code mentions by their own numbers."""

INDEX = [
    (number or kind, functions, tests)
    for kind, number, functions, tests in re.findall(
        r"^\| (?:(Tasks 1 to 5)|(?:(?:Theorem|Lemma|Table) )?(\d+\.\d+)) \| (.*) \| (.*) \|$",
        PAGES["theory.md"].partition("## 10 ")[2],
        re.MULTILINE,
    )
]


def test_every_statement_has_its_function_and_its_test():
    listed = [number for number, _, _ in INDEX]
    assert listed.count("Tasks 1 to 5") == 1
    assert sorted(set(listed) - {"Tasks 1 to 5"}) == sorted({*OURS, *UNNAMED})
    assert len(listed) == len(set(listed))


@pytest.mark.parametrize(("number", "functions", "tests"), INDEX, ids=[row[0] for row in INDEX])
def test_what_the_index_names_exists(number, functions, tests):
    named = re.findall(r"`([^`]+)`", functions)
    assert named
    for dotted in named:
        assert resolved(dotted) is not None
    assert "`" in tests or "the same" in tests
    for path, _, name in re.findall(r"`([\w/]+\.py)(::(\w+))?`", tests):
        source = (ROOT / "tests" / path).read_text()
        assert not name or re.search(rf"^def {name}\(", source, re.MULTILINE), f"{path}::{name}"


def resolved(dotted):
    """The module, or the attribute of the longest module that the name begins with."""
    parts = dotted.split(".")
    for cut in range(len(parts), 0, -1):
        try:
            found = importlib.import_module(".".join(parts[:cut]))
        except ModuleNotFoundError:
            continue
        for part in parts[cut:]:
            found = getattr(found, part)
        return found
    raise AssertionError(dotted)


def test_numbers_that_the_code_refers_to_exist():
    """Each `Theorem 2.5` in the code is ours, or one of the paper's; after `docs/theory.md` it is ours."""
    seen = set()
    for path in SOURCES:
        text = " ".join(path.read_text().split())
        for kind, first, last in re.findall(
            r"(Theorem|Lemma|Table|table)s? (\d+\.\d+)(?:(?:, | and | to )(\d+\.\d+))?", text
        ):
            for number in filter(None, (first, last)):
                seen.add(number)
                ours = OURS.get(number) == kind.capitalize()
                assert ours or (kind, number) in PAPER, f"{path.name}: {kind} {number}"
        for cited in re.findall(r"docs/theory(?:-constructions)?\.md((?:[^.(]|\.(?=\d)){0,60})", text):
            for kind, number in re.findall(r"(Theorem|Lemma|[Ss]ection)s? (\d+(?:\.\d+)?)", cited):
                known = SECTIONS if kind.lower() == "section" else OURS
                assert number in known, f"{path.name}: docs/theory.md, {kind} {number}"
            for number in re.findall(r"^, (\d+(?:\.\d+)?)", cited):
                assert number in SECTIONS | UNNAMED, f"{path.name}: docs/theory.md, {number}"
    assert {"2.2", "4.4", "6.6", "7.7"} <= seen


def test_numbers_that_the_pages_refer_to_exist():
    for kind, first, last in re.findall(
        r"(Theorem|Lemma|Table)s? (\d+\.\d+)(?:(?:, | and | to )(\d+\.\d+))?", TEXT
    ):
        for number in filter(None, (first, last)):
            assert OURS.get(number) == kind or (kind, number) in PAPER, f"{kind} {number}"
    for number in re.findall(r"[Ss]ections? (\d+(?:\.\d+)?)", TEXT):
        assert number in SECTIONS, f"section {number}"


def test_lemmas_that_are_checked_on_models_are_stated():
    assert set(STATEMENTS) <= set(OURS)


def test_files_and_names_that_the_pages_mention_exist():
    tests = {path.name for path in (ROOT / "tests").rglob("test_*.py")}
    names = {node for path in (ROOT / "tests").rglob("test_*.py") for node in functions_of(path)}
    stems = {path.stem for path in SOURCES} | {path.parent.name for path in SOURCES}
    defined = {name for path in SOURCES for name in definitions_of(path)}
    modules = {path.name for path in SOURCES}
    for quoted in re.findall(r"`([^`\n]+)`", PROSE):
        if re.fullmatch(r"[\w/]*test_\w+\.py", quoted):
            assert quoted.rpartition("/")[2] in tests, quoted
        elif re.fullmatch(r"test_\w+", quoted):
            assert quoted in names, quoted
        elif re.fullmatch(r"[\w/]+\.py", quoted):
            assert quoted.rpartition("/")[2] in modules, quoted
        elif match := re.fullmatch(r"([a-z]\w+)\.(\w+)(?:\.(\w+))?(?:\(.*\))?", quoted):
            if match[1] in stems:
                assert {match[2], match[3] or match[2]} <= defined, quoted
        elif re.fullmatch(r"[a-z]{2,}(_[a-z]+)+", quoted):
            assert quoted in defined | names, quoted


def functions_of(path):
    return {node.name for node in ast.walk(ast.parse(path.read_text())) if isinstance(node, ast.FunctionDef)}


def definitions_of(path):
    """Names of functions, classes, arguments, fields and constants, and of the modules themselves."""
    yield path.stem
    yield path.parent.name
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.FunctionDef | ast.ClassDef):
            yield node.name
        elif isinstance(node, ast.arg):
            yield node.arg
        elif isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
            yield node.id


def test_links_lead_somewhere():
    for page, text in PAGES.items():
        for target in re.findall(r"\]\(([^)\s]+)\)", text.replace("\n", " ")):
            if target.startswith("http"):
                continue
            file, _, anchor = target.partition("#")
            path = DOCS / (file or page)
            assert path.exists(), target
            if anchor:
                assert anchor in anchors(path.read_text()), target


def anchors(text):
    """The ids that headings get: lower case, no punctuation, hyphens for spaces."""
    return {
        re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-")
        for heading in re.findall(r"^#+ (.+)$", text, re.MULTILINE)
    }
