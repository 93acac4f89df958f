"""Links from one page of the repository to a file of it lead somewhere, but for the pages that the site alone has."""

import re
from pathlib import Path

ROOT = Path(__file__).parents[1]
OF_THE_SITE = {"compute.html", "constructions-notebook.md", "hops-notebook.md", "gallery.md"}


def test_every_link_to_a_file_leads_somewhere() -> None:
    pages = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *(ROOT / "docs").rglob("*.md")]
    links = [
        (page, link)
        for page in pages
        for link in re.findall(r"\]\(([^)#\s]+)(?:#[^)\s]*)?\)", page.read_text())
        if not re.match(r"[a-z]+:", link) and link not in OF_THE_SITE
    ]
    assert len(links) > 100
    assert [f"{page}: {link}" for page, link in links if not (page.parent / link).exists()] == []
