"""Pages written from stored results: docs/results.md as committed, each kind of marker, and what is refused."""

import re
from pathlib import Path

import pytest

from plait.experiments import Store, StoreError, cells, summarise
from plait.findings.words import decimals
from plait.paper import CATALOGUE, find_experiment
from plait.report import markdown_table, update_page, updated_text
from plait.report.document import Column, Entry, Table
from plait.report.page import NOTHING

ROOT = Path(__file__).parents[2]
PAGE = ROOT / "docs" / "results.md"


def test_the_committed_page_is_what_the_committed_rows_give():
    text = PAGE.read_text()
    assert updated_text(text, ROOT / "results") == text, "make docs writes it anew"


def test_the_committed_images_are_there():
    shown = set(re.findall(r"\]\(images/([^)]*)\)", PAGE.read_text()))
    beside = {path.name for path in (PAGE.parent / "images").glob("*.svg")}
    assert shown <= beside
    of_experiments = re.compile(rf"({'|'.join(CATALOGUE)})-\d+-\d+(-ratio)?\.svg")
    drawn, linked = ({name for name in names if of_experiments.fullmatch(name)} for names in (beside, shown))
    assert drawn == linked, "no plot that the page does not show"


def test_an_image_holds_more_than_one_point():
    for name in re.findall(r"\]\(images/([^)]*-\d+-\d+\.svg)\)", PAGE.read_text()):
        assert len(re.findall("<title>", (PAGE.parent / "images" / name).read_text())) > 1


def test_every_experiment_has_a_place_on_the_page():
    marked = set(re.findall(r"<!-- (?:section|table|figure|value): (\S+)", PAGE.read_text()))
    assert marked == set(CATALOGUE)


def test_the_page_with_results(made_up_folder):
    text = updated_text(PAGE.read_text(), made_up_folder)
    assert updated_text(text, made_up_folder) == text, "writing it again changes nothing"
    (experiment,) = (find_experiment("fig4"),)
    found = {
        (c.pattern, c.run.model.d_model): summarise(c)
        for c in cells(experiment, Store(made_up_folder).read())
    }
    summary = found["TF-TF", 16]
    assert f"| TF-TF d16 | 1,607 | {decimals(summary.mean)} |" in text
    assert "](images/length-0-2.svg)" in text
    proportion = text.partition("<!-- section: proportion -->")[2].partition("<!-- end -->")[0]
    assert "- intervals from fewer than 6 seeds are narrower than 95%" in proportion, "beside matrices too"
    assert "![Accuracy: mean accuracy by parameters. TF-TF from " in text


@pytest.mark.parametrize(
    ("marker", "shown"),
    [
        ('value: fig4 results lr "TF-TF d16"', r"0\.01"),
        ('value: fig4 ratio TF-TF "0.6"', r"[\d.>= ]+ \[[\d., ]+\]"),
        ('value: fig4 results mean "TF-TF d17"', re.escape(NOTHING)),
        ("table: fig14 windows", r"difference, own rates"),
        ("table: fig6 rates 0.5", r"accuracy 0\.5"),
        ("table: proportion grid 0 1", r"\| 0\.9 \|"),
        ("table: fig4 all", r"seeds >= \.99"),
        ("table: fig4 origin", r"- \d+ trained members, 0 of them diverged"),
        ("table: fig4 left-out", r"of the 8064 members"),
        ("table: fig7 results", re.escape(NOTHING)),
        ("table: fig4 statistics TF-TF 0.6 0.01", r"TF-TF at 0\.01"),
        ("table: fig4 seeds SSM-TF", r"\| 3 of 3 \|"),
        ("table: fig4 by-rate TF-TF", r"\| 0\.00316 \| 0\.01 \|"),
        ("verdicts: all", r"\| fig4 \| SSM-TF copies .* \| (not )?reproduced \|"),
        (
            "section: fig4",
            r"(?s)\*\*(Not r|R)eproduced.*images/fig4-0-0\.svg.*<details>.*28 models with 3 seeds at",
        ),
        ("section: length", r"(?s)images/length-0-2\.svg.*measured 304 times in all"),
    ],
)
def test_each_kind_of_marker(made_up_folder, marker, shown):
    text = updated_text(f"before <!-- {marker} -->old<!-- end --> after", made_up_folder)
    assert re.search(shown, text)
    assert "old" not in text
    assert text.startswith(f"before <!-- {marker} -->")
    assert text.endswith("<!-- end --> after")


@pytest.mark.parametrize("name", ["fig7", "fig12", "fig16"])
def test_what_was_not_run_is_one_line(made_up_folder, name):
    """fig12 and fig16 share members with what was run, which says nothing of what they vary."""
    text = updated_text(f"<!-- section: {name} --><!-- end -->", made_up_folder)
    line = f"*Not run yet: `plait reproduce {name} --full`, {len(find_experiment(name).expand()):,} members.*"
    assert text == f"<!-- section: {name} -->\n\n{line}\n\n<!-- end -->"


def test_plots_that_are_shown_no_more_are_removed(made_up_folder, tmp_path):
    images = tmp_path / "images"
    images.mkdir()
    for name in ("fig4-0-3.svg", "fig16-0-0-ratio.svg", "mine.svg", "fig9-heat.svg"):
        (images / name).write_text("<svg/>")
    (tmp_path / "page.md").write_text("<!-- figure: fig4 0 --><!-- end -->\n")
    update_page(tmp_path / "page.md", made_up_folder)
    assert {path.name for path in images.iterdir()} == {
        "fig4-0-0.svg", "fig4-0-0-ratio.svg", "mine.svg", "fig9-heat.svg",
    }  # fmt: skip


@pytest.mark.parametrize(
    ("marker", "message"),
    [
        ("table: fig44 results", "unknown experiment 'fig44'.*nearest: fig4"),
        ("table: fig4 result", "unknown kind of table 'result'.*nearest: results"),
        ("table: fig4", "unknown kind of table ''"),
        ("figure: fig4 7", "experiment 'fig4' has 1 views, got number 7"),
        ("figure: fig4 x", "a number is needed, got 'x'"),
        ('value: fig4 results meen "TF-TF d16"', "unknown column .*nearest: mean"),
        ("value: fig4 results", "a value needs a kind of table, a column and a row"),
        ("table: fig14 ratio", "has no view with a ratio"),
    ],
)
def test_what_is_refused(made_up_folder, marker, message):
    with pytest.raises(ValueError, match=message):
        updated_text(f"<!-- {marker} --><!-- end -->", made_up_folder)


def test_a_page_is_updated_in_place_with_its_images(made_up_folder, tmp_path):
    page = tmp_path / "page.md"
    page.write_text("<!-- figure: fig4 0 --><!-- end -->\n")
    assert update_page(page, made_up_folder)
    assert not update_page(page, made_up_folder)
    assert (tmp_path / "images" / "fig4-0-0.svg").read_text().startswith("<svg")
    assert "](images/fig4-0-0-ratio.svg)" in page.read_text()
    with pytest.raises(StoreError, match=r"cannot update the page .*nowhere"):
        update_page(tmp_path / "nowhere.md", made_up_folder)


def test_markdown_keeps_bars_apart():
    columns = (Column(name="a", title="a|b", numeric=False), Column(name="c", title="c", brief=False))
    table = Table(caption="t", columns=columns, rows=((Entry(text="x|y"), Entry(text="1")),), notes=("n",))
    assert markdown_table(table) == "**t**\n\n| a\\|b |\n| --- |\n| x\\|y |\n\n*n*"
    assert "| 1 |" in markdown_table(table, brief=False)
