"""Pages written from stored results: the committed ones, each kind of marker, and what is refused."""

import re
from pathlib import Path

import pytest

from plait.experiments import Store, StoreError, cells, summarise
from plait.findings.number_text import decimals
from plait.paper import CATALOGUE, FIGURES, find_experiment
from plait.report import markdown_table, update_pages, updated_text
from plait.report.document import Column, Entry, Table
from plait.report.page import written_pages
from plait.report.page_blocks import NOT_RUN_YET
from plait.report.verdict_table import MOST_CELL_LETTERS

ROOT = Path(__file__).parents[2]
DOCS = ROOT / "docs"
PAGES = (DOCS / "results.md", *sorted((DOCS / "results").glob("*.md")))
TEXTS = {page.relative_to(DOCS).as_posix(): page.read_text() for page in PAGES}
MEGABYTE = 10**6


def test_the_committed_pages_are_what_the_committed_rows_give():
    written = list(written_pages([DOCS, ROOT / "README.md"], ROOT / "results"))
    assert len(written) > len(CATALOGUE)
    assert [str(one.path) for one in written if one.text != one.path.read_text()] == [], (
        "make docs writes them anew"
    )


def test_only_pictures_that_a_page_shows_are_kept_and_they_are_small():
    beside = {path.stem: path.stat().st_size for path in (DOCS / "images").glob("*.svg")}
    pages = [*ROOT.glob("*.md"), *DOCS.rglob("*.md")]
    shown = {name for page in pages for name in re.findall(r"\bimages/([\w.-]+)\.svg", page.read_text())}
    assert set(beside) == shown
    assert sum(beside.values()) <= MEGABYTE


def test_every_experiment_has_a_page_that_the_first_one_leads_to():
    for name in CATALOGUE:
        assert re.search(rf"^\[section: {name}\]: #$", TEXTS[f"results/{name}.md"], re.MULTILINE)
        assert f"](results/{name}.md" in TEXTS["results.md"]


def test_the_first_screen_says_how_many_claims_hold_and_the_cells_are_short():
    text = TEXTS["results.md"]
    first, *table = text[: text.index("## ")].split("\n| ")
    assert "](images/headline-as-run-0-0.svg)" in first
    assert "**An earlier version of this page was wrong.**" in first
    counts, plot, wrong = (
        text.index(w) for w in ("- As it was run: of ", "](images/headline", "**An earlier version")
    )
    assert max(counts, plot) < wrong, "on the first screen"
    made_of = text[text.index("[table: made-of]") : text.index("[summary: claims]")]
    assert len(re.findall(r"\| x [\d.]+ \[", made_of)) == 12, "four choices of three ratios"
    assert re.search(
        r"- As it was run: of \d+ claims \d+ (is|are) reproduced, \d+ in direction only, \d+ (is|are) not",
        text,
    )
    for row in table:
        for entry in row.split("\n")[0].strip().strip("|").split(" | "):
            assert len(re.sub(r"\]\([^)]*\)", "", entry)) <= MOST_CELL_LETTERS + 2


@pytest.mark.parametrize("page", TEXTS)
def test_links_and_anchors_lead_somewhere(page):
    at = DOCS / page
    for link, anchor in re.findall(r"\]\(((?!https?:)[^)#]*)(?:#([^)]*))?\)", TEXTS[page]):
        target = (at.parent / link).resolve() if link else at
        assert target.exists(), link
        if anchor:
            heads = re.findall(r"^#+ (.*)$", target.read_text(), re.MULTILINE)
            slugs = {re.sub(r"[^\w -]", "", head.lower()).replace(" ", "-") for head in heads}
            assert anchor in slugs, (link, anchor)


def test_the_pages_with_other_results(made_up_folder):
    text = updated_text(TEXTS["results/fig4.md"], made_up_folder)
    assert updated_text(text, made_up_folder) == text, "writing it again changes nothing"
    experiment = find_experiment("fig4")
    found = {
        (c.pattern, c.run.model.d_model): summarise(c)
        for c in cells(experiment, Store(made_up_folder).read())
    }
    assert f"| TF-TF d16 | 1,607 | {decimals(found['TF-TF', 16].mean)} |" in text
    assert "![Accuracy: mean accuracy by parameters. TF-TF from " in text


@pytest.mark.parametrize(
    ("marker", "shown"),
    [
        ("table: fig14 windows", r"difference, own rates"),
        ("table: fig6 rates 0.5", r"accuracy 0\.5"),
        ("table: proportion grid 0 1", r"\| 0\.9 \|"),
        ("table: fig4 all", r"seeds >= 0\.99"),
        ("table: fig7 results", re.escape(NOT_RUN_YET)),
        ("table: fig4 statistics TF-TF 0.6 0.01", r"TF-TF at 0\.01"),
        ("table: fig4 seeds SSM-TF", r"\| 3 of 3 \|"),
        ("table: fig4 by-rate TF-TF", r"\| 0\.00316 \| 0\.01 \|"),
        ("table: fig4 beside", r"paper less ours"),
        ("table: fig4 odd", re.escape(NOT_RUN_YET)),
        ("table: protocol", r"\| released program \|"),
        ("summary: counts", r"of \d+ claims \d+ are reproduced"),
        ("summary: claims", r"\| \[SSM-TF copies .*\]\(results/fig4.md\) \| .* \| .* \| (not )?reproduced"),
        ("summary: claims", r"\| claim \| paper \| ours \| verdict \|"),
        (
            "section: fig4",
            r"(?s)\*\*(Not r|R)eproduced.*images/fig4-0-0\.svg.*<details>.*28 models with 3 seeds at.*"
            r"- [\d,]+ trained members, 0 of them diverged.*```sh\nplait reproduce fig4 --full",
        ),
        ("section: fig4", r"of the 8,064 members of the full experiment are not trained"),
        ("section: length", r"(?s)images/length-0-2\.svg.*measured 304 times in all"),
        ("section: proportion", r"- intervals from fewer than 6 seeds are narrower than 95%"),
        ("plots: fig4 0", r"!\[.*\]\(images/fig4-0-0-ratio\.svg\)"),
    ],
)
def test_each_kind_of_marker(made_up_folder, marker, shown):
    text = updated_text(f"before\n\n[{marker}]: #\nwhat was there\n[end]: #\nafter", made_up_folder)
    assert re.search(shown, text)
    assert "what was there" not in text
    assert text.startswith(f"before\n\n[{marker}]: #\n\n")
    assert text.endswith("\n\n[end]: #\nafter")


@pytest.mark.parametrize(
    ("marker", "shown"),
    [
        ('fig4 results lr "TF-TF d16"', r"0\.01"),
        ('fig4 ratio TF-TF "0.6"', r"[\d.>= ]+ \[[\d., ]+\]"),
        ('fig4 results mean "TF-TF d17"', re.escape(NOT_RUN_YET)),
        ('fig4@as-run results mean "TF-TF d16"', re.escape(NOT_RUN_YET)),
    ],
)
def test_a_number_in_a_line(made_up_folder, marker, shown):
    text = updated_text(f"it is <!-- value: {marker} -->old<!-- end -->.", made_up_folder)
    assert re.fullmatch(rf"it is <!-- value: {re.escape(marker)} -->{shown}<!-- end -->\.", text)


@pytest.mark.parametrize("name", ["fig7", "fig12", "fig16"])
def test_what_was_not_run_is_one_line(made_up_folder, name):
    """fig12 and fig16 share members with what was run, which says nothing of what they vary."""
    text = updated_text(f"[section: {name}]: #\n[end]: #", made_up_folder)
    line = f"*Not run yet: `plait reproduce {name} --full`, {len(FIGURES[name].default.expand()):,} members.*"
    assert text == f"[section: {name}]: #\n\n{line}\n\n[end]: #"


def test_plots_that_are_shown_no_more_are_removed(made_up_folder, tmp_path):
    images = tmp_path / "images"
    images.mkdir()
    for name in ("fig4-0-3.svg", "fig4-as-run-0-0.svg", "fig16-0-0-ratio.svg", "mine.svg"):
        (images / name).write_text("<svg/>")
    (tmp_path / "page.md").write_text("[plots: fig4 0]: #\n[end]: #\n")
    update_pages([tmp_path / "page.md"], made_up_folder)
    assert {path.name for path in images.iterdir()} == {"fig4-0-0.svg", "fig4-0-0-ratio.svg", "mine.svg"}


@pytest.mark.parametrize(
    ("marker", "message"),
    [
        ("[table: fig44 results]: #", "unknown experiment 'fig44'.*nearest: fig4"),
        ("[table: fig4@as-ran results]: #", "unknown reading 'as-ran'.*nearest: as-run"),
        ("[table: fig4 result]: #", "unknown kind of table 'result'.*nearest: results"),
        ("[table: fig4]: #", "unknown kind of table ''"),
        ("[plots: fig4 7]: #", "experiment 'fig4' has 1 views, got number 7"),
        ("[plots: fig4 x]: #", "a number is needed, got 'x'"),
        ("[table: fig14 ratio]: #", "has no view with a ratio"),
        ('a <!-- value: fig4 results meen "TF-TF d16" -->', "unknown column .*nearest: mean"),
        (
            "a <!-- value: fig4 results -->",
            "a value needs an experiment, a kind of table, a column and a row",
        ),
        ('<!-- value: fig4 results mean "TF-TF d16" -->', "line 1 begins with a comment"),
    ],
)
def test_what_is_refused(made_up_folder, marker, message):
    end = "\n[end]: #\n" if marker.startswith("[") else "<!-- end -->\n"
    with pytest.raises(ValueError, match=message):
        updated_text(marker + end, made_up_folder)


def test_a_page_is_updated_in_place_with_its_images(made_up_folder, tmp_path):
    page = tmp_path / "page.md"
    page.write_text("[plots: fig4 0]: #\n[end]: #\n")
    (tmp_path / "other.md").write_text("without a marker\n")
    assert update_pages([tmp_path], made_up_folder) == (page,)
    assert update_pages([page], made_up_folder) == ()
    image = (tmp_path / "images" / "fig4-0-0.svg").read_text()
    assert image.startswith("<svg")
    assert image.count("<use ") > 1, "more than one point"
    assert "](images/fig4-0-0-ratio.svg)" in page.read_text()
    with pytest.raises(StoreError, match=r"cannot update the page .*nowhere"):
        update_pages([tmp_path / "nowhere.md"], made_up_folder)


def test_markdown_keeps_bars_apart():
    columns = (Column(name="a", title="a|b", numeric=False), Column(name="c", title="c", brief=False))
    table = Table(caption="t", columns=columns, rows=((Entry(text="x|y"), Entry(text="1")),), notes=("n",))
    assert markdown_table(table) == "**t**\n\n| a\\|b |\n| --- |\n| x\\|y |\n\n*n*"
    assert "| 1 |" in markdown_table(table, brief=False)
