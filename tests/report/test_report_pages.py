"""Reports: one file without a network, the same numbers on the terminal, in HTML and in JSON."""

import io
import json
import re
from dataclasses import replace
from html.parser import HTMLParser

import polars as pl
import pytest
from matplotlib.figure import Figure as Plot
from rich.console import Console

from plait.experiments import SCHEMA_VERSION, Store, StoreError, member_id
from plait.experiments.schema import COLUMNS
from plait.paper import HEADLINE
from plait.paper.headline import QUICK, QUICK_SEEDS
from plait.report import (
    LEFT_OUT,
    ORIGIN,
    RESULTS,
    Lines,
    Picture,
    Report,
    Section,
    Table,
    experiment_report,
    folder_report,
    html_text,
    print_report,
    write_html,
)
from plait.tasks import task_name


def rows_of(experiment) -> pl.DataFrame:
    """Stored rows of an experiment with made-up outcomes."""
    rows = []
    for run in experiment.expand():
        luck = int(member_id(run), 16) % 1000 / 20_000
        base = 0.94 if run.model.pattern == "SSM-TF" else 0.3 + 0.02 * run.model.d_model
        given = {"member": member_id(run), "pattern": run.model.pattern, "d_model": run.model.d_model}
        given |= {
            "lr": run.train.lr,
            "seed": run.train.seed,
            "accuracy": base + luck,
            "steps": run.train.steps,
        }
        given |= {"select_accuracy": base + luck, "parameters": 2_000 + run.model.d_model}
        given |= {"task": task_name(run.task), "seq_len": run.train.seq_len}
        given |= {"plait": "0.1.0", "torch": "2.13.0", "python": "3.11.7", "device": "cpu"}
        given |= {"schema_version": SCHEMA_VERSION}
        rows.append({name: given.get(name) for name in COLUMNS})
    return pl.DataFrame(rows, schema=COLUMNS)


QUICK_ROWS = rows_of(HEADLINE.experiment.quick_form())


class Page(HTMLParser):
    """Collects what a page loads, and whether its elements are closed."""

    VOID = ("meta", "link", "br", "hr", "img", "input")

    def __init__(self, text: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.loads: list[str] = []
        self.labels: list[str] = []
        self.cells: list[str] = []
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        given = dict(attrs)
        if tag not in self.VOID:
            self.open.append(tag)
        if tag in ("script", "link", "img", "iframe"):
            self.loads.append(tag)
        for name in ("src", "href", "xlink:href"):
            if not (given.get(name) or "#").startswith("#"):
                self.loads.append(given[name])
        if given.get("role") == "img":
            self.labels.append(given.get("aria-label", ""))

    def handle_endtag(self, tag):
        if tag not in self.VOID:
            assert self.open.pop() == tag

    def handle_data(self, data):
        if self.open and self.open[-1] == "td":
            self.cells.append(data)


class TestHtml:
    report = experiment_report(HEADLINE, QUICK_ROWS, commands=("plait reproduce headline -o runs/headline",))

    def test_the_page_stands_alone(self):
        text = html_text(self.report)
        page = Page(text)
        assert page.open == []
        assert page.loads == ["script"], "one script, inside the page"
        assert "@import" not in text
        assert re.findall(r"url\((?!#)", text) == []

    def test_it_holds_numbers_figure_words_versions_and_commands(self):
        text = html_text(self.report)
        page = Page(text)
        (table, *_) = [block for block in self.report.sections[0].blocks if isinstance(block, Table)]
        for row in table.rows:
            for entry in row:
                assert entry.text in page.cells or "&gt;" in entry.text
        label = page.labels[0]
        assert label.startswith("Accuracy: mean accuracy by parameters. SSM-TF d8, 2,008 parameters")
        assert "<svg" in text
        for words in (
            "PyTorch 2.13.0",
            "plait reproduce headline -o runs/headline",
            f"of the {len(HEADLINE.experiment.expand()):,} members of the full experiment are not trained, "
            f"{len(HEADLINE.experiment.quick_form().expand())} are",
        ):
            assert words in text

    def test_text_is_escaped(self):
        block = Lines(lines=("<script>alert(1)</script>",))
        evil = Report(title="<b>", question="a & b", sections=(Section(title="<i>", blocks=(block,)),))
        text = html_text(evil)
        assert "<script>alert" not in text
        assert "<title>&lt;b&gt;</title>" in text
        assert "a &amp; b" in text

    def test_the_same_report_gives_the_same_bytes(self, tmp_path):
        again = experiment_report(
            HEADLINE, QUICK_ROWS, commands=("plait reproduce headline -o runs/headline",)
        )
        first, second = (
            write_html(r, tmp_path / str(i) / "r.html") for i, r in enumerate((self.report, again))
        )
        assert first.read_bytes() == second.read_bytes()

    def test_a_page_that_cannot_be_written_is_one_line(self, tmp_path):
        (tmp_path / "file").write_text("")
        with pytest.raises(StoreError, match=r"cannot write the report '.*r.html': ") as caught:
            write_html(self.report, tmp_path / "file" / "r.html")
        assert "\n" not in str(caught.value)


class TestExperimentReport:
    def test_sections(self):
        report = experiment_report(HEADLINE, QUICK_ROWS)
        assert [section.title for section in report.sections] == [RESULTS, LEFT_OUT, ORIGIN]
        assert report.question == HEADLINE.experiment.question
        kinds = [type(block).__name__ for block in report.sections[0].blocks]
        assert kinds[:4] == ["Lines", "Verdicts", "Picture", "Table"], (
            "the answer first, then what it is from"
        )
        (verdict,) = report.sections[0].blocks[1].verdicts
        assert verdict.outcome == "reproduced"
        assert verdict.claim.startswith("A hybrid of 2,192 parameters copies better")

    def test_nothing_is_left_out_of_the_whole(self):
        small = replace(HEADLINE.experiment, sweep={"train.lr": (1e-2,), "train.seed": range(2)}, quick=())
        assert LEFT_OUT not in [
            s.title for s in experiment_report(HEADLINE.of(small), rows_of(small)).sections
        ]

    def test_rows_of_other_experiments_are_ignored(self):
        base = HEADLINE.experiment.base
        other = replace(HEADLINE.experiment, base=replace(base, train=replace(base.train, steps=10)))
        mixed = pl.concat([QUICK_ROWS, rows_of(other.quick_form())])
        assert (
            experiment_report(HEADLINE, mixed).to_json() == experiment_report(HEADLINE, QUICK_ROWS).to_json()
        )

    def test_no_results_are_refused(self):
        with pytest.raises(StoreError, match="no results of experiment 'headline' to report yet"):
            experiment_report(HEADLINE, QUICK_ROWS.clear())

    def test_more_sections_find_their_place(self):
        report = experiment_report(HEADLINE, QUICK_ROWS)
        bounds = Section(title="Bounds", blocks=(Lines(lines=("at least 12 bits",)),))
        titles = [s.title for s in report.with_sections(bounds, before=LEFT_OUT).sections]
        assert titles == [RESULTS, "Bounds", LEFT_OUT, ORIGIN]
        assert [s.title for s in report.with_sections(bounds).sections][-1] == "Bounds"
        with pytest.raises(ValueError, match="no section 'Bonds' in this report; it has Results, "):
            report.with_sections(bounds, before="Bonds")

    def test_json_holds_the_numbers(self):
        data = json.loads(json.dumps(experiment_report(HEADLINE, QUICK_ROWS).to_json(), allow_nan=False))
        (rows, *_) = [block["rows"] for block in data["sections"][0]["blocks"] if "rows" in block]
        sizes = {(row["model"]["model.pattern"], row["model"]["model.d_model"]): row["seeds"] for row in rows}
        assert sizes == dict.fromkeys(QUICK, len(QUICK_SEEDS))
        assert all(0 < row["interval"][0] <= row["mean"] <= row["interval"][1] for row in rows)

    def test_a_terminal_of_80_columns_is_enough(self):
        text = io.StringIO()
        print_report(experiment_report(HEADLINE, QUICK_ROWS), Console(file=text, width=80))
        shown = text.getvalue()
        assert max(map(len, shown.splitlines())) <= 80
        for words in ("SSM-SSM d22", "0.99998 (2.2k)", "0.352 (2k)", "--full --setting kept trains the rest"):
            assert words in shown
        assert "…" not in shown


class TestFolderReport:
    def test_experiments_and_other_members(self, tmp_path):
        tiny = HEADLINE.experiment.where(
            {"train.lr": (1e-2,), "train.seed": (0, 1), "model.d_model": (8, 10)}
        )
        short = replace(tiny, base=replace(tiny.base, train=replace(tiny.base.train, steps=3)))
        store = Store.for_writing(tmp_path)
        store.add(rows_of(short))
        report = folder_report(tmp_path)
        assert [section.title for section in report.sections] == ["Results"]
        store.add(rows_of(tiny))
        report = folder_report(tmp_path)
        assert [section.title for section in report.sections] == [
            "headline: Results",
            "headline: Left out",
            "headline: How this was made",
            "Other members",
        ]
        html_text(report)

    def test_an_empty_folder_is_refused(self, tmp_path):
        with pytest.raises(StoreError, match="holds no results"):
            folder_report(tmp_path)


def test_a_figure_says_what_it_shows_in_json():
    picture = Picture(caption="c", draw=Plot, tell=lambda: "a", name="n")
    assert picture.to_json() == {"caption": "c", "alt": "a"}
