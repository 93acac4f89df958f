from dataclasses import replace

from plait.attack import receptive_field
from plait.constructions import copying_plan, cost, smallest_plan
from plait.experiments import View
from plait.findings.series import Panel
from plait.memory import count
from plait.model import HybridConfig, HybridLM
from plait.paper import CATALOGUE
from plait.report.constructed import DRAWN
from plait.report.document import Table
from plait.report.headline import (
    BOUNDS,
    PROVED,
    bounds_section,
    headline_sections,
    proved_points,
    proved_section,
)
from plait.report.plots import panel_plot
from plait.tasks import SelectiveCopying
from plait.theory import attention_reach, ssm_state_bits

HEADLINE = CATALOGUE["headline"]


def rows_of(section):
    (table,) = section.blocks
    assert isinstance(table, Table)
    return table.to_json()["rows"]


def test_both_constructions_are_read_whole_and_sampled():
    rows = rows_of(proved_section(seq_len=40, samples=500))
    assert [row["inputs"] for row in rows[:2]] == [4**5, 4**6]
    assert all(row["wrong"] == 0 < row["checked"] for row in rows)
    assert all(row["checked"] >= 500 for row in rows[2:])
    assert all(row["gap"] >= row["proved"] > 0 for row in rows)
    price = cost(smallest_plan(SelectiveCopying(), 40))
    assert (rows[2]["parameters"], rows[2]["state_bits"]) == (price.parameters, price.state_bits)


def test_bounds_stand_beside_what_the_models_have():
    rows = {row["model"]: row for row in rows_of(bounds_section(HEADLINE))}
    task = SelectiveCopying()
    windowed = rows["TF-TF d_model 10"] if "TF-TF d_model 10" in rows else rows["TF-TF d10"]
    config = HybridConfig(34, pattern="TF-TF", d_model=10, window=20)
    assert windowed["needed"] == attention_reach(task, 100).value
    assert windowed["held"] == receptive_field(HybridLM(config)).tokens - 1
    assert windowed["verdict"] == "wrong on some input"
    recurrent = next(row for name, row in rows.items() if name.startswith("SSM-SSM"))
    assert recurrent["needed"] == float(ssm_state_bits(task, seq_len=100).value)
    assert recurrent["held"] == count(HybridConfig(34, pattern="SSM-SSM", d_model=6), 100).state_bits
    assert recurrent["verdict"] == "not ruled out"


def test_an_open_window_reaches_everything():
    open_windows = replace(
        HEADLINE,
        base=replace(HEADLINE.base, model=replace(HEADLINE.base.model, window=None)),
    )
    verdicts = {row["model"]: row["verdict"] for row in rows_of(bounds_section(open_windows))}
    assert set(verdicts.values()) == {"not ruled out"}


def test_only_the_headline_is_told_before():
    assert [section.title for section in headline_sections(HEADLINE)] == [PROVED, BOUNDS, DRAWN]
    assert headline_sections(replace(HEADLINE, name="other")) == ()


def test_proved_models_are_points_of_the_plot():
    points = proved_points(HEADLINE)
    plans = (copying_plan(SelectiveCopying(), 100), smallest_plan(SelectiveCopying(), 100))
    assert [point.parameters for point in points] == [cost(plan).parameters for plan in plans]
    assert all(point.accuracy == 1 and point.pattern == "SSM-TF" for point in points)
    assert proved_points(CATALOGUE["fig6"]) == proved_points(CATALOGUE["fig11"]) == ()
    stars = panel_plot(Panel(title="", view=View(), lines=()), proved=points)
    texts = [text.get_text() for text in stars.legends[0].get_texts()]
    assert texts == ["built and proved"]
    drawn = [line.get_xdata()[0] for line in stars.axes[0].lines if line.get_marker() == "*"]
    assert drawn == [point.parameters for point in points]
