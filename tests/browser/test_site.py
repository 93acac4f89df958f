"""The site: built without a warning, every link leads somewhere, no page asks another host for anything."""

import importlib.util
import os
import re
import subprocess
import sys
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote, urldefrag

import pytest

ROOT = Path(__file__).parents[2]

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(
        any(importlib.util.find_spec(name) is None for name in ("mkdocs", "material", "mkdocstrings")),
        reason="pip install -e '.[docs]' is needed",
    ),
]


class Links(HTMLParser):
    """What a page links to, loads, and can be linked to at."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.links: list[str] = []
        self.loads: list[str] = []
        self.ids: set[str] = set()
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        found = {name: value or "" for name, value in attrs}
        self.ids |= {found[name] for name in ("id", "name") if name in found}
        if tag == "a" and "href" in found:
            self.links.append(found["href"])
        if tag in ("script", "img", "iframe", "source") and "src" in found:
            self.loads.append(found["src"])
        if tag == "link" and found.get("rel") in ("stylesheet", "icon", "preload", "preconnect"):
            self.loads.append(found["href"])


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Built here, unless PLAIT_SITE says where `make site` has built it, as strictly."""
    if built := os.environ.get("PLAIT_SITE"):
        return Path(built)
    folder = tmp_path_factory.mktemp("site") / "site"
    done = subprocess.run(
        [sys.executable, "-m", "mkdocs", "build", "--strict", "--quiet", "--site-dir", str(folder)],
        cwd=ROOT,
        env={**os.environ, "NO_MKDOCS_2_WARNING": "1"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-3000:]
    assert done.stderr.strip() == ""
    return folder


@pytest.fixture(scope="module")
def pages(site: Path) -> dict[Path, Links]:
    return {path: Links(path.read_text()) for path in site.rglob("*.html") if path.name != "compute.html"}


def test_every_link_leads_somewhere(site: Path, pages: dict[Path, Links]) -> None:
    lost: list[str] = []
    for path, page in pages.items():
        for target in (*page.links, *page.loads):
            place, anchor = urldefrag(unquote(target))
            if re.match(r"[a-z]+:", target) or (place == "" and path.name == "404.html"):
                continue
            found = (site / place.lstrip("/")) if place.startswith("/") else (path.parent / place)
            found = path if place == "" else found.resolve()
            found = found / "index.html" if found.is_dir() else found
            if found.name == "compute.html":
                continue
            if not found.exists() or (anchor and found in pages and anchor not in pages[found].ids):
                lost.append(f"{path.relative_to(site)}: {target}")
    assert lost == []


def test_nothing_is_loaded_from_elsewhere(pages: dict[Path, Links]) -> None:
    assert {
        load for page in pages.values() for load in page.loads if re.match(r"(https?:)?//", load)
    } == set()


def test_what_is_promised_is_there(site: Path) -> None:
    for name in (
        "index",
        "compute",
        "gallery",
        "log",
        "results",
        "theory",
        "how-to/index",
        "constructions-notebook",
        "hops-notebook",
    ):
        assert (site / f"{name}.html").exists(), name
    assert len(list((site / "tutorials").glob("*.html"))) >= 3
    api = (site / "api" / "plait.tasks.html").read_text()
    assert "SelectiveCopying" in api
    assert "must be" in (site / "api" / "plait.model.html").read_text() or "Raises" in api
    assert "MQAR(*,n_keys:int=16," in re.sub(r"<[^>]*>|\s", "", api), "a dataclass is shown with its fields"
    assert (site / "constructions-notebook.html").read_text().count("images/constructions-") >= 3
    assert (site / "hops-notebook.html").read_text().count("images/hops-") >= 2


def test_lists_in_lists_stay_in_them(site: Path) -> None:
    written = (ROOT / "docs" / "results" / "fig4.md").read_text()
    drawn = (site / "results" / "fig4.html").read_text()
    inner = re.findall(r"<ul>\s*<li><em>as it was run</em>", drawn)
    assert len(inner) == written.count("\n  - *as it was run*") > 0


@pytest.mark.parametrize("name", ["theory", "theory-constructions"])
def test_formulas_are_drawn(site: Path, name: str) -> None:
    """Every formula of the page is one `<math>`, and none is left as it was written."""
    written = (ROOT / "docs" / f"{name}.md").read_text()
    drawn = (site / f"{name}.html").read_text()
    formulas = len(re.findall(r"\$`|^```math", written, re.MULTILINE))
    assert formulas > 500
    assert drawn.count("<math ") == drawn.count("</math>") == formulas
    assert "$" not in re.sub(r"<(script|style)\b.*?</\1>|<[^>]*>", "", drawn, flags=re.DOTALL)


def test_every_figure_is_in_the_gallery_with_its_command(site: Path) -> None:
    text = (site / "gallery.html").read_text()
    for path in (ROOT / "docs" / "images").glob("*.svg"):
        assert f"images/{path.name}" in text
    assert "plait reproduce fig4" in re.sub(r"<[^>]+>", "", text)
