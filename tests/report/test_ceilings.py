"""What accuracies prove, on the page: learned pure SSMs under the ceilings of their tasks."""

import math
import re

import pytest
from made_up_rows import made_up_rows

from plait.advisor.capacities import CAPACITY_ALPHA, proved_by
from plait.experiments import cells, summarise
from plait.memory import count
from plait.paper import find_experiment
from plait.report import updated_text
from plait.report.ceilings import ceiling_sections
from plait.report.page_blocks import NOT_RUN_YET
from plait.tasks import Needle, SelectiveCopying
from plait.theory import accuracy_ceiling, bits_proved, scored_positions


@pytest.fixture(scope="module")
def rows():
    rates = {"train.lr": (3.16e-3, 1e-2), "train.seed": range(3)}
    return made_up_rows(find_experiment("fig6").where(rates))[0]


def test_each_pure_ssm_stands_with_what_it_proves_and_holds(rows):
    experiment = find_experiment("fig6")
    (section,) = ceiling_sections(experiment, rows)
    picture, table = section.blocks
    pure = [cell for cell in cells(experiment, rows) if cell.run.model.pattern == "SSM-SSM"]
    assert len(table.rows) == len(pure) > 0
    for cell, row in zip(pure, table.rows, strict=True):
        found = {column.name: entry.value for column, entry in zip(table.columns, row, strict=True)}
        task, train, summary = cell.run.task, cell.run.train, summarise(cell)
        assert found["accuracy"] == summary.mean
        assert found["held"] == count(cell.run.model, train.seq_len).state_bits
        assert 0 < found["margin"] < 0.1
        assert found["bits"] == bits_proved(task, train.seq_len, max(0, summary.mean - found["margin"]))
        assert found["bits"] < found["held"]
        assert found["model"] in picture.alt
    assert "at most" in picture.svg()


def test_a_page_shows_the_pure_ssms_that_were_run(made_up_folder, tmp_path):
    text = updated_text("[ceilings: fig6]: #\n[end]: #", made_up_folder)
    assert text.count("-ceilings.svg)") == 1
    pure = [cell for cell in find_experiment("fig6").expand_cells() if cell[0].model.pattern == "SSM-SSM"]
    assert len(re.findall(r"^\| SSM-SSM d\d+ \|", text, re.MULTILINE)) == len(pure) > 0
    assert NOT_RUN_YET in updated_text("[ceilings: fig6]: #\n[end]: #", tmp_path / "none")


def test_no_pure_ssm_no_section(rows):
    hybrids = find_experiment("fig6").where({"model.pattern": ("SSM-TF",)})
    assert ceiling_sections(hybrids, rows) == ()


def test_the_margin_is_hoeffding_s_on_rows():
    task, scored = SelectiveCopying(), scored_positions(SelectiveCopying(), 100)
    proved = proved_by(task, 100, 0.9, rows=1024, scored=scored)
    off = 100 / scored * math.sqrt(math.log(2 / CAPACITY_ALPHA) / 2048)
    assert proved.margin == pytest.approx(off / (1 - off))
    assert proved.bits == bits_proved(task, 100, 0.9 - proved.margin)
    (ceiling,) = accuracy_ceiling(task, 100, [proved.bits])
    assert ceiling < 0.9 - proved.margin
    assert proved_by(task, 100, 0.9, rows=1, scored=scored).bits == 0
    assert proved_by(Needle(), 100, 1.0, rows=10**6, scored=scored_positions(Needle(), 100)).bits >= 6
