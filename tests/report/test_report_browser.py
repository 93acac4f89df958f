"""The page in a real browser: a column head clicked, values read, and not one message on the console."""

import html
import json
import re
import shutil
import subprocess

import pytest

from plait.report import folder_report, html_text

CHROMIUM = next(
    (path for name in ("chromium", "chromium-browser", "google-chrome") if (path := shutil.which(name))), None
)

pytestmark = pytest.mark.skipif(CHROMIUM is None, reason="no Chromium is installed")

PROBE = """
<script>
addEventListener("load", () => {
  const has = (table) => [...table.tHead.rows[0].cells].some((head) => head.textContent === "mean");
  const table = [...document.querySelectorAll("table")].find(has);
  const heads = [...table.tHead.rows[0].cells];
  const column = heads.findIndex((head) => head.textContent === "mean");
  const values = () => [...table.tBodies[0].rows].map((row) => row.cells[column].textContent);
  const found = { before: values(), columns: heads.map((head) => head.textContent) };
  heads[column].querySelector("button").click();
  found.ascending = values();
  found.sort = heads[column].getAttribute("aria-sort");
  heads[column].querySelector("button").click();
  found.descending = values();
  heads[0].querySelector("button").click();
  found.names = [...table.tBodies[0].rows].map((row) => row.cells[0].textContent);
  found.others = heads.slice(1).map((head) => head.getAttribute("aria-sort"));
  found.hover = [...document.querySelectorAll("svg title")].map((title) => title.textContent);
  found.ids = [...document.querySelectorAll("[id]")].map((element) => element.id);
  found.unlabelled = document.querySelectorAll("figure > div:not([aria-label])").length;
  found.wide = document.documentElement.scrollWidth > innerWidth;
  const out = document.createElement("pre");
  out.id = "found";
  out.textContent = JSON.stringify(found);
  document.body.append(out);
});
</script>
"""


def browse(page, folder, *, width: int = 1200, probe: str = PROBE):
    """What the probe found, and what the console said."""
    target = folder / "page.html"
    target.write_text(page.replace("</body>", f"{probe}</body>"))
    command = [CHROMIUM, "--headless", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage"]
    command += [
        f"--window-size={width},900",
        f"--user-data-dir={folder / 'profile'}",
        "--enable-logging=stderr",
    ]
    command += ["--host-resolver-rules=MAP * ~NOTFOUND", "--dump-dom", target.as_uri()]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=True)
    said = [line for line in done.stderr.splitlines() if "CONSOLE" in line]
    match = re.search(r'<pre id="found">(.*?)</pre>', done.stdout, re.DOTALL)
    return (json.loads(html.unescape(match[1])) if match else None), said


@pytest.fixture(scope="module")
def page(made_up_folder) -> str:
    return html_text(folder_report(made_up_folder))


@pytest.fixture(scope="module")
def browsed(page, tmp_path_factory):
    return browse(page, tmp_path_factory.mktemp("browser"))


def test_the_console_stays_silent(browsed):
    found, said = browsed
    assert found is not None
    assert said == []


def test_a_click_on_a_column_head_sorts_it(browsed):
    found, _ = browsed
    assert found["sort"] == "ascending"
    assert found["ascending"] == sorted(found["before"], key=float) != found["before"]
    assert found["descending"] == sorted(found["before"], key=float, reverse=True)
    assert found["names"] == sorted(
        found["names"], key=lambda name: (name.split(" d")[0], int(name.split(" d")[1]))
    )
    assert set(found["others"]) == {"none"}


def test_points_say_their_values(browsed, made_up_folder):
    found, _ = browsed
    assert any(
        re.match(r"SSM-TF d8, 800 parameters: 0\.\d{3}, 95% interval 0\.\d{3} to ", t) for t in found["hover"]
    )
    assert any("noise 0.1" in text for text in found["hover"])
    assert any(">= " in text or " [" in text for text in found["hover"])


def test_ids_are_unique_and_figures_have_words(browsed):
    found, _ = browsed
    assert len(set(found["ids"])) == len(found["ids"])
    assert found["unlabelled"] == 0


def test_a_phone_scrolls_tables_not_the_page(page, tmp_path):
    found, said = browse(page, tmp_path, width=500)
    assert not found["wide"]
    assert said == []


def test_an_error_would_be_seen(tmp_path):
    _, said = browse("<html><body></body></html>", tmp_path, probe="<script>nothing.here()</script>")
    assert len(said) == 1
