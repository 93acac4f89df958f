"""The page in a real browser: a column head clicked, values read, and not one message on the console."""

import html
import json
import re
import shutil
import subprocess

import pytest

from plait.report import folder_report, html_text
from plait.report.constructed import drawings_section

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


SCHEMES = {"dark": 0, "light": 1}
"""Chromium's numbers for them."""

SEEN = r"""
<script>
addEventListener("load", () => {
  const boxes = [...document.querySelectorAll(".table, figure")];
  const scrolls = boxes.filter((box) => {
    const inside = box.querySelector(".scroll");
    return inside && inside.scrollWidth > inside.clientWidth + 1;
  });
  const shown = (element) => element && getComputedStyle(element).display !== "none" && element.offsetHeight > 0;
  const seen = (colour) => colour.match(/[\d.]+/g).map(Number);
  const light = (colour) => {
    const linear = (c) => (c <= 0.03928 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4);
    const [r, g, b] = seen(colour).map((c) => linear(c / 255));
    return 0.2126 * r + 0.7152 * g + 0.0722 * b;
  };
  const ground = (element) => {
    for (let at = element; at; at = at.parentElement) {
      const colour = getComputedStyle(at).backgroundColor;
      if (seen(colour)[3] !== 0) return colour;
    }
    return "rgb(255, 255, 255)";
  };
  const contrast = (element) => {
    const pair = [light(getComputedStyle(element).color), light(ground(element))].sort((a, b) => b - a);
    return (pair[0] + 0.05) / (pair[1] + 0.05);
  };
  const says = (element) => [...element.childNodes].some((node) => node.nodeType === 3 && node.data.trim());
  const texts = [...document.querySelectorAll("body *:not(script, style)")].filter((e) => !e.closest("svg") && says(e));
  const found = {
    width: innerWidth,
    dark: light(getComputedStyle(document.body).backgroundColor) < 0.1,
    wide: document.documentElement.scrollWidth > innerWidth,
    boxes: boxes.length,
    scrolled: scrolls.length,
    unhinted: scrolls.filter((box) => !shown(box.querySelector(".hint"))).map((box) => box.textContent.slice(0, 60)),
    cut: [...document.querySelectorAll("caption > span, figcaption, p, h1, h2, li, summary")]
      .filter((e) => e.getBoundingClientRect().right > innerWidth + 1).map((e) => e.textContent.slice(0, 60)),
    faint: texts.filter((e) => contrast(e) < 4.5).map((e) => `${e.tagName} ${contrast(e).toFixed(1)}`),
  };
  const out = parent.document.createElement("pre");
  out.id = "found";
  out.textContent = JSON.stringify(found);
  parent.document.body.append(out);
});
</script>
"""


def framed(page: str, width: int) -> str:
    """A page that shows another in a frame of this many pixels: Chromium's own window is never below 500."""
    inside = html.escape(page.replace("</body>", f"{SEEN}</body>"))
    frame = f'<iframe srcdoc="{inside}" style="width: {width}px; height: 900px; border: 0"></iframe>'
    return f"<html><body>{frame}</body></html>"


def browse(page, folder, *, width: int = 1200, probe: str = PROBE, scheme: str = "light"):
    """What the probe found, and what the console said."""
    target = folder / "page.html"
    target.write_text(page.replace("</body>", f"{probe}</body>"))
    command = [CHROMIUM, "--headless", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage"]
    command += [
        f"--window-size={width},900",
        f"--user-data-dir={folder / 'profile'}",
        "--enable-logging=stderr",
        f"--blink-settings=preferredColorScheme={SCHEMES[scheme]}",
    ]
    command += ["--host-resolver-rules=MAP * ~NOTFOUND", "--dump-dom", target.as_uri()]
    done = subprocess.run(command, capture_output=True, text=True, timeout=600, check=True)
    said = [line for line in done.stderr.splitlines() if "CONSOLE" in line]
    match = re.search(r'<pre id="found">(.*?)</pre>', done.stdout, re.DOTALL)
    return (json.loads(html.unescape(match[1])) if match else None), said


@pytest.fixture(scope="module")
def page(made_up_folder) -> str:
    return html_text(folder_report(made_up_folder).with_sections(drawings_section()))


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


@pytest.mark.parametrize("width", [390, 1_280])
@pytest.mark.parametrize("scheme", SCHEMES)
def test_a_page_of_any_width_and_scheme_is_read_in_whole(page, tmp_path, width: int, scheme: str):
    """Wide tables and diagrams scroll inside their boxes, which say so; every text stands out from its ground."""
    found, said = browse(framed(page, width), tmp_path, width=1_400, probe="", scheme=scheme)
    assert said == []
    assert found["width"] == width
    assert found["dark"] == (scheme == "dark")
    assert not found["wide"]
    assert found["scrolled"] > 0 if width == 390 else found["boxes"] > found["scrolled"]
    assert found["unhinted"] == []
    assert found["cut"] == []
    assert found["faint"] == []


def test_an_error_would_be_seen(tmp_path):
    _, said = browse("<html><body></body></html>", tmp_path, probe="<script>nothing.here()</script>")
    assert len(said) == 1
