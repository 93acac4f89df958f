"""The table of the example programs: docs/compiler.md as committed, and its rows against the programs themselves."""

import importlib
import json
from pathlib import Path

import pytest

from plait.experiments import StoreError
from plait.report import update_pages
from plait.report.page import written_pages
from plait.report.page_blocks import NOT_RUN_YET
from plait.report.programs import FILE, digest, programs_table, read_programs

ROOT = Path(__file__).parents[2]
PAGE, RESULTS = ROOT / "docs" / "compiler.md", ROOT / "results"
EXAMPLES = sorted(path.stem for path in (ROOT / "examples" / "programs").glob("*.py"))


def test_the_committed_page_is_what_the_committed_rows_give() -> None:
    (page,) = written_pages([PAGE], RESULTS)
    assert "[table: programs]: #" in page.text
    assert page.text == PAGE.read_text(), "make docs writes it anew"


def test_every_program_was_verified_as_it_is_now_and_at_the_fields_size() -> None:
    rows = read_programs(RESULTS)
    assert sorted(rows) == EXAMPLES
    for name, row in rows.items():
        assert row["digest"] == digest(importlib.import_module(f"examples.programs.{name}").PROGRAM), name
        assert row["proved"], name
        assert row["verified"]["wrong"] == row["small"]["wrong"] == 0
        assert row["verified"]["checked"] >= 1_000_000
        assert row["verified"]["gap"] >= row["logit_gap"] > 0


def test_a_page_without_the_rows_says_so_and_leaves_the_plots_of_others(tmp_path: Path) -> None:
    page, plot = tmp_path / "page.md", tmp_path / "images" / "fig4-0-0.svg"
    plot.parent.mkdir()
    plot.write_text("<svg/>")
    page.write_text("[table: programs]: #\n[end]: #\n")
    assert update_pages([page], tmp_path) == (page,)
    assert NOT_RUN_YET in page.read_text()
    assert plot.exists()


@pytest.mark.parametrize("text", ["[", "[]"])
def test_a_damaged_file_is_refused(text: str, tmp_path: Path) -> None:
    (tmp_path / FILE).write_text(text)
    with pytest.raises(StoreError, match=FILE):
        read_programs(tmp_path)


def test_a_wrong_answer_shows_in_the_table() -> None:
    rows = json.loads((RESULTS / FILE).read_text())
    rows["dyck"]["small"]["wrong"] = 3
    table = programs_table(rows)
    place = [column.name for column in table.columns].index("wrong")
    assert [row[place].text for row in table.rows].count("3") == 1
