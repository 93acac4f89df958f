"""Every committed page as CommonMark and GitHub read it: no word of the source is lost, no markup is left over."""

import re
from collections.abc import Callable
from html.parser import HTMLParser
from pathlib import Path

import pytest
from markdown_it import MarkdownIt

ROOT = Path(__file__).parents[2]
PAGES = sorted([*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md")])
COMMONMARK = MarkdownIt("commonmark").enable("table")


def github(source: str) -> str:
    """As GitHub renders it, but that HTML of the page itself is shown."""
    cmarkgfm = pytest.importorskip("cmarkgfm", reason="pip install -e '.[dev]' is needed")
    return cmarkgfm.github_flavored_markdown_to_html(source, options=cmarkgfm.cmark.Options.CMARK_OPT_UNSAFE)


RENDERERS = {"CommonMark": COMMONMARK.render, "GitHub": github}


class Shown(HTMLParser):
    """The words that a reader sees, those in code apart, and the words of pictures."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.words: list[str] = []
        self.plain: list[str] = []
        self.code = 0
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        self.code += tag in ("code", "pre")
        self.words += (dict(attrs).get("alt") or "").split()

    def handle_endtag(self, tag):
        self.code -= tag in ("code", "pre")

    def handle_data(self, data):
        self.words += data.split()
        self.plain += [] if self.code else [data]


def lost(source: str, render: Callable[[str], str] = COMMONMARK.render) -> list[str]:
    """Words of the source that no reader of the page sees, and markup that one does."""
    shown = Shown(render(source))
    text = re.sub(r"<!--.*?-->|^\[[^\]\n]*\]: #$|```\w*|</?\w+>", " ", source, flags=re.DOTALL | re.MULTILINE)
    text = re.sub(r"\]\([^)\s]*\)", " ", text)
    seen = "".join(shown.words)
    words = re.findall(r"[A-Za-z]{3,}", text)
    left = re.findall(r"\*\*|<!--|\]\(|^\| ", "\n".join(shown.plain), re.MULTILINE)
    return [word for word in words if word not in seen] + left


@pytest.mark.parametrize("renderer", RENDERERS)
@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.relative_to(ROOT).as_posix())
def test_no_text_is_lost(page, renderer):
    source = page.read_text()
    assert lost(source, RENDERERS[renderer]) == []
    fenced = re.sub(r"^```.*?^```$", "", source, flags=re.DOTALL | re.MULTILINE)
    assert not re.search(r"^\s*<!--", fenced, re.MULTILINE), (
        "a line that begins with a comment is HTML throughout"
    )


@pytest.mark.parametrize(
    "source",
    [
        "<!-- value: x -->**bold** words<!-- end -->\n",
        "<!-- begin\nswallowed -->\n",
        "| a |\n| b |\n",
        "a **b c\n",
    ],
)
def test_lost_text_is_found(source):
    assert lost(source) or source.startswith("<!-- begin")
