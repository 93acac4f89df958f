import re
import sys
import xml.etree.ElementTree as ElementTree
from dataclasses import replace
from types import MappingProxyType

import pytest

from plait.experiments import Experiment, Store
from plait.experiments.settings import BEST, SETTINGS
from plait.findings.figure import Figure
from plait.model import HybridConfig
from plait.paper import catalogue
from plait.tasks import SelectiveCopying
from plait.training import Run, Train

TINY = Experiment(
    name="tiny",
    question="Does the command work?",
    base=Run(
        task=SelectiveCopying(),
        model=HybridConfig(pattern="SSM-TF", d_model=4, window=20),
        train=Train(steps=2, seq_len=24, test_sequences=4, select_sequences=2),
    ),
    vary={"model.pattern": ("SSM-TF", "TF-TF")},
    sweep={"train.lr": (0.01, 0.1), "train.seed": range(3)},
    quick=({"train.seed": range(2)},),
)


@pytest.fixture(autouse=True)
def tiny(monkeypatch, untimed):
    monkeypatch.setattr(catalogue, "FIGURES", MappingProxyType({"tiny": Figure(experiment=TINY)}))


def test_reproduce_trains_reports_and_says_what_it_leaves_out(plait, tmp_path):
    result = plait("reproduce", "tiny")
    assert result.exit_code == 0
    assert "4 of the 12 members of the full experiment are not trained, 8 are" in result.stdout
    assert "SSM-TF" in result.stderr
    assert len(Store.for_reading(tmp_path / "runs/tiny").read()) == 8
    page = (tmp_path / "runs/tiny/report.html").read_text()
    assert "<svg" in page
    assert "plait reproduce tiny -o runs/tiny" in page
    picture = tmp_path / "runs/tiny/figure-1.svg"
    assert ElementTree.parse(picture).getroot().tag == "{http://www.w3.org/2000/svg}svg"
    assert "figure-1.svg" in result.stdout


@pytest.mark.usefixtures("undrawn")
def test_the_full_form_goes_on_from_the_quick_one(plait, plait_json, tmp_path):
    assert plait("reproduce", "tiny", "-o", "r").exit_code == 0
    written = {path: path.stat().st_mtime_ns for path in (tmp_path / "r").glob("*.parquet")}
    found = plait_json("reproduce", "tiny", "--full", "-o", "r")
    assert found["title"] == "plait: tiny"
    assert len(Store.for_reading(tmp_path / "r").read()) == 12
    assert all(path.stat().st_mtime_ns == at for path, at in written.items())


@pytest.mark.usefixtures("undrawn")
def test_a_slice_can_be_asked_for(plait, tmp_path):
    args = ("--only", "model.pattern=SSM-TF", "--only", "train.seed=[0,1]", "--only", "train.lr=0.1")
    assert plait("reproduce", "tiny", "-o", "r", *args).exit_code == 0
    assert len(Store.for_reading(tmp_path / "r").read()) == 2


@pytest.mark.usefixtures("undrawn")
def test_a_further_pattern_can_be_compared(plait, tmp_path):
    args = ("--add-pattern", "TF-SSM", "--only", "train.seed=0", "--only", "train.lr=0.1")
    result = plait("reproduce", "tiny", "-o", "r", *args)
    assert result.exit_code == 0, result.output
    assert set(Store.for_reading(tmp_path / "r").read()["pattern"]) == {"SSM-TF", "TF-TF", "TF-SSM"}
    assert "--add-pattern TF-SSM" in (tmp_path / "r" / "report.html").read_text()


OWN = """
from plait import HybridConfig
from plait.experiments import Experiment
from plait.findings.claims import Claim
from plait.findings.figure import Figure
from plait.findings.judges import ahead
from plait.tasks import SelectiveCopying
from plait.training import Run, Train

EXPERIMENT = Experiment(
    name="mine",
    question="Is a hybrid ahead?",
    base=Run(
        task=SelectiveCopying(),
        model=HybridConfig(pattern="SSM-TF", d_model=4, window=20),
        train=Train(steps=2, test_sequences=4, select_sequences=2),
    ),
    vary={"model.pattern": ("SSM-TF", "TF-TF")},
    sweep={"train.lr": (0.01, 0.1), "train.seed": range(3)},
)
FIG = Figure(
    experiment=EXPERIMENT,
    says="Somebody else has it so.",
    claims=(
        Claim(
            statement="The hybrid is ahead",
            judge=ahead({"model.pattern": "SSM-TF"}, ({"model.pattern": "TF-TF"},), along=None),
        ),
    ),
)
NUMBER = 3
"""


class TestAFigureOfOnesOwn:
    @pytest.fixture(autouse=True)
    def package(self, plait, tmp_path):
        (tmp_path / "my_pkg").mkdir()
        (tmp_path / "my_pkg" / "__init__.py").write_text("")
        (tmp_path / "my_pkg" / "my_figure.py").write_text(OWN)
        yield
        for name in ("my_pkg", "my_pkg.my_figure"):
            sys.modules.pop(name, None)
        sys.path[:] = [path for path in sys.path if path != str(tmp_path)]

    def test_is_trained_judged_and_reported(self, plait, tmp_path):
        result = plait("reproduce", "my_pkg.my_figure:FIG", "--only", "model.d_model=4")
        assert result.exit_code == 0, result.output
        assert "Said before: Somebody else has it so." in result.stdout
        said = " ".join(result.stdout.split())
        assert re.search(
            r"(Holds|Holds in part|Does not hold): The hybrid is ahead\. Ours: differences from ", said
        )
        assert len(Store.for_reading(tmp_path / "runs/mine").read()) == 12
        page = (tmp_path / "runs/mine/report.html").read_text()
        assert "plait reproduce my_pkg.my_figure:FIG --only model.d_model=4 -o runs/mine" in page
        assert "<svg" in page

    def test_a_bare_experiment_will_do(self, plait, plait_json):
        counts = plait_json("reproduce", "my_pkg.my_figure:EXPERIMENT", "--dry-run")
        assert (counts["members"], counts["stored"]) == (12, 0)

    def test_what_is_no_figure_is_refused(self, refused, tmp_path):
        line = refused("reproduce", "my_pkg.my_figure:NUMBER")
        assert "figure my_pkg.my_figure:NUMBER: unknown Figure or Experiment 'NUMBER'" in line
        assert "known: EXPERIMENT, FIG" in line
        assert "known: none" in refused("reproduce", "my_pkg:FIG")
        assert "importing my_pkg.nothing failed" in refused("reproduce", "my_pkg.nothing:FIG")
        assert "(a figure of your own: module:FIG)" in refused("reproduce", "fig44")


@pytest.mark.usefixtures("undrawn")
def test_a_dry_run_counts_and_writes_nothing(plait, plait_json, tmp_path):
    found = plait_json("reproduce", "tiny", "--dry-run")
    assert (found["members"], found["stored"]) == (8, 0)
    assert found["seconds"] > 0
    assert not (tmp_path / "runs").exists()
    assert plait("reproduce", "tiny", "-o", "r", "--only", "model.pattern=TF-TF").exit_code == 0
    found = plait_json("reproduce", "tiny", "-o", "r", "--full", "--dry-run")
    assert (found["members"], found["stored"]) == (12, 4)
    assert {cell["model"]: cell["stored"] for cell in found["cells"]} == {"SSM-TF": 0, "TF-TF": 4}
    shown = plait("reproduce", "tiny", "-o", "r", "--full", "--dry-run").stdout
    assert "12 members, 4 stored in r, 8 to train: about " in shown
    assert plait("reproduce", "tiny", "-o", "r").exit_code == 0
    done = plait_json("reproduce", "tiny", "-o", "r", "--dry-run")
    assert (done["stored"], done["seconds"]) == (8, 0.0)


def test_a_setting_can_be_asked_for(plait, plait_json, refused, tmp_path):
    args = ("--setting", "dropped", "--only", "model.pattern=TF-TF", "--only", "model.dropout=0.1")
    assert plait_json("reproduce", "tiny", *args, "--dry-run")["members"] == 4
    assert "unknown setting 'as-ran'" in refused("reproduce", "tiny", "--setting", "as-ran")
    assert "it has 0.1" in refused("reproduce", "tiny", *args[:2], "--only", "model.dropout=0.2")


def test_the_help_says_what_each_setting_is(plait):
    shown = " ".join(plait("reproduce", "--help").stdout.split())
    assert all(f"{name}: " in shown for name in SETTINGS)
    assert f"the better of {' and '.join(one.name for one in BEST)}." in shown


def test_without_a_name_all_are_listed(plait, plait_json):
    row, *drawn = plait_json("reproduce")
    assert [entry["name"] for entry in drawn] == ["fig9", "fig10"]
    assert row == {"name": "tiny", "members": 8, "with --full": 12, "question": TINY.question}
    assert TINY.question in plait("reproduce").stdout


def test_what_is_drawn_is_not_trained(plait, refused, tmp_path):
    result = plait("reproduce", "fig9", "-o", "drawn")
    assert result.exit_code == 0, result.output
    assert "6.6   logit gap" in result.stdout
    assert {path.name for path in (tmp_path / "drawn").iterdir()} == {
        "report.html", "figure-1.svg", "figure-2.svg", "figure-3.svg",
    }  # fmt: skip
    assert "drawn, not trained" in refused("reproduce", "fig10", "--full")


def test_the_headline_prints_first_what_is_proved_and_its_page_the_answer(
    plait, plait_json, refused, monkeypatch
):
    known = Figure(experiment=replace(TINY, name="headline"))
    monkeypatch.setattr(catalogue, "FIGURES", MappingProxyType({"headline": known}))
    result = plait("reproduce", "headline", "-o", "r")
    assert result.exit_code == 0, result.output
    assert (
        result.stdout.index("Built and verified")
        < result.stdout.index("Bounds")
        < result.stdout.index("Results")
    )
    sections = {
        section["title"]: section for section in plait_json("reproduce", "headline", "-o", "r")["sections"]
    }
    assert list(sections) == [
        "Results", "Learned and built", "Frontier", "Built and verified", "Bounds", "How the built models work",
        "Left out", "How this was made",
    ]  # fmt: skip
    rows = sections["Learned and built"]["blocks"][0]["rows"]
    assert rows[0]["how"].startswith("built and proved")
    assert rows[0]["parameters"] < rows[-1]["parameters"]
    assert sum(row["how"] == "learned" for row in rows) == 2
    rows = sections["Frontier"]["blocks"][1]["rows"]
    assert {row["how"] for row in rows} == {"built", "hybrid, learned", "pure, learned"}
    assert all(row["verdict"] is (row["bits"] < row["needed"]) for row in rows)
    assert "leaves no run" in refused("reproduce", "headline", "-o", "r", "--only", "train.seed=[]")
    assert "/proc/nowhere" in refused("reproduce", "headline", "-o", "/proc/nowhere")


def test_report_makes_a_page_of_a_folder(plait, plait_json, tmp_path):
    plait("reproduce", "tiny", "-o", "r")
    result = plait("report", "r", "-o", "page.html")
    assert result.exit_code == 0
    assert "page.html" in result.stdout
    assert "<svg" in (tmp_path / "page.html").read_text()
    assert plait_json("report", "r")["title"] == "plait: results"


@pytest.mark.usefixtures("undrawn")
def test_a_slice_reads_lists_and_spans(plait, tmp_path):
    args = ("--only", "model.pattern=SSM-TF,TF-TF", "--only", "train.seed=0..1", "--only", "train.lr=0.1")
    assert plait("reproduce", "tiny", "-o", "r", *args).exit_code == 0
    assert len(Store.for_reading(tmp_path / "r").read()) == 4
