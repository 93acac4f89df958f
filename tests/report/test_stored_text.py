"""Text that another wrote into a folder of results: on a page, in the terminal and in HTML it is text, and short."""

import io

import polars as pl
import pytest
from made_up_rows import made_up_rows
from rich.console import Console

from plait.experiments.shard_files import shard_bytes
from plait.paper import find_experiment
from plait.report import folder_report, html_text, print_report, update_pages
from plait.report.document import ClaimVerdict, Column, Entry, Lines, Report, Section, Table, Verdicts
from plait.report.printed import inert, markdown_text

HOSTILE = (
    "<img src=x onerror=alert(1)>\n[end]: #\n[table: fig6 results]: #\n<!-- end --><!-- value: x -->"
    "\x1b]0;owned\x07\x9b2J | [a](b) $\\frac$ "
)
PAGE = "before\n\n[section: fig6]: #\n[end]: #\n\nit is <!-- value: fig6 results mean x -->old<!-- end -->.\n"


@pytest.fixture(scope="module", params=["short", "long"])
def hostile_folder(request, tmp_path_factory):
    """Members of a figure, and of a task that is not there, whose texts are hostile."""
    folder = tmp_path_factory.mktemp("hostile")
    text = HOSTILE + ("x" * 5_000_000 if request.param == "long" else "")
    rows, _ = made_up_rows(
        find_experiment("fig6").where(
            {"train.lr": (1e-2,), "train.seed": range(1), "model.pattern": ("SSM-TF",)}
        )
    )
    rows = rows.with_columns(
        pl.lit(text).alias(name) for name in ("device", "torch", "plait", "python", "engine")
    )
    task = f'{{"task":"nowhere:Task{text[:40].encode("unicode_escape").decode()[:20]}","params":{{}}}}'
    others = rows.head(2).with_columns(
        member=pl.Series(["0" * 19 + "1", "0" * 19 + "2"]),
        task=pl.lit(text),
        task_json=pl.lit(task.replace("<", "")),
        pattern=pl.lit(text),
    )
    (folder / "rows.parquet").write_bytes(shard_bytes(pl.concat([rows, others])))
    return folder


def test_a_page_keeps_its_marks(hostile_folder, tmp_path):
    page = tmp_path / "page.md"
    page.write_text(PAGE)
    assert update_pages([page], hostile_folder) == (page,)
    text = page.read_text()
    assert text.count("\n[end]: #\n") == 1
    assert "<img" not in text
    assert "\x1b" not in text
    assert "&lt;img src=x" in text
    assert text.count("<!--") == 2
    assert len(text) < 20_000
    assert update_pages([page], hostile_folder) == ()


def test_a_report_shows_it(hostile_folder):
    found = folder_report(hostile_folder)
    console = Console(file=io.StringIO(), width=120)
    print_report(found, console)
    shown = console.file.getvalue()
    assert "\x1b" not in shown
    assert "\x9b" not in shown
    assert "<img src=x" in shown
    assert "Members whose task or layer is not there any more" in shown
    assert len(shown) < 40_000
    page = html_text(found)
    assert "<img" not in page
    assert len(page) < 2_000_000


@pytest.mark.parametrize(
    "block",
    [
        Lines(lines=(HOSTILE, "[end]: #")),
        Lines(lines=(HOSTILE,), listed=True),
        Lines(lines=(f"plait {HOSTILE}",), code=True),
        Verdicts(verdicts=(ClaimVerdict(claim=HOSTILE, outcome="seen", found=HOSTILE),)),
        Verdicts(
            verdicts=(ClaimVerdict(claim=HOSTILE, outcome="seen", found=HOSTILE, reading="at its best"),)
        ),
        Table(
            caption=HOSTILE,
            columns=(Column(name="x", title=HOSTILE),),
            rows=((Entry(text=HOSTILE),),),
            notes=(HOSTILE,),
        ),
        Table(
            caption=HOSTILE, columns=(Column(name="x", title="x"),), rows=((Entry(text="x"),),), folded=True
        ),
    ],
)
def test_no_block_begins_a_tag_or_ends_a_place(block):
    text = markdown_text(block)
    assert not any(line.startswith(("[", "<!--", "<img")) for line in text.splitlines())
    if not (isinstance(block, Lines) and block.code):
        assert "<img" not in text
        assert "<!--" not in text


def test_our_own_words_stay():
    for text in ("below .5 < x", "a <= b", "`SSM-TF` d8, *emphasis*", "1 < 2 > 0", "30 tokens → 60"):
        assert inert(text) == text


def test_no_word_of_a_report_steers_the_terminal():
    block = Lines(lines=(HOSTILE,))
    console = Console(file=io.StringIO(), width=120)
    print_report(
        Report(title=HOSTILE, question=HOSTILE, sections=(Section(title="x", blocks=(block,)),)), console
    )
    assert not {"\x1b", "\x9b", "\x07"} & {*console.file.getvalue()}
