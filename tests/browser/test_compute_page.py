"""The page that computes, built whole and used in headless Chromium (web/tests say how)."""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

WEB = Path(__file__).parents[2] / "web"
CHROMIUM = any(shutil.which(name) for name in ("chromium", "chromium-browser", "google-chrome"))

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(
        not CHROMIUM
        or shutil.which("node") is None
        or not (WEB / "node_modules" / "playwright-core").exists(),
        reason="Chromium, node and `npm install --prefix web` are needed",
    ),
]


@pytest.fixture(scope="module")
def page(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Built here, unless PLAIT_PAGE says where `make page` has built it."""
    if built := os.environ.get("PLAIT_PAGE"):
        return Path(built)
    path = tmp_path_factory.mktemp("page") / "page.html"
    subprocess.run([sys.executable, str(WEB / "build.py"), str(path)], check=True)
    return path


def test_the_page_is_one_file_that_names_no_address(page: Path) -> None:
    text = page.read_text()
    readable = re.sub(r'<script type="text/plain"[^>]*>[^<]*</script>', "", text)
    addresses = set(re.findall(r"https?://[^\s\"'`)<]+", readable))
    assert addresses == {"http://www.w3.org/2000/svg"}  # the name of a language, never fetched
    assert "connect-src 'none'" in readable
    assert len(text) < 12 * 2**20


def test_used_as_people_would(page: Path) -> None:
    done = subprocess.run(
        ["node", "--test", "--test-reporter=tap", str(WEB / "tests" / "all.mjs")],
        cwd=WEB,
        env={**os.environ, "PAGE": str(page)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, "\n".join(line[:300] for line in done.stdout.splitlines()[-120:])
    assert int(re.search(r"^# pass (\d+)$", done.stdout, re.MULTILINE)[1]) >= 18  # pyright: ignore[reportOptionalSubscript]
