from dataclasses import replace

from plait.attack import receptive_field
from plait.constructions import cost, smallest_plan
from plait.experiments.paper import HEADLINE
from plait.memory import count
from plait.model import HybridConfig, HybridLM
from plait.report.document import Table
from plait.report.proved import BOUNDS, PROVED, bounds_section, headline_sections, proved_section
from plait.tasks import SelectiveCopying
from plait.theory import attention_reach, ssm_state_bits


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
        HEADLINE, base=replace(HEADLINE.base, model=replace(HEADLINE.base.model, window=None))
    )
    verdicts = {row["model"]: row["verdict"] for row in rows_of(bounds_section(open_windows))}
    assert set(verdicts.values()) == {"not ruled out"}


def test_only_the_headline_is_told_before():
    assert [section.title for section in headline_sections(HEADLINE)] == [PROVED, BOUNDS]
    assert headline_sections(replace(HEADLINE, name="other")) == ()
