"""`plait reproduce` and `report` on folders of results: what is refused, packed, added, and left where time is up."""

import multiprocessing
import signal
from dataclasses import replace
from types import MappingProxyType

import polars as pl
import pytest
from test_cli_reproduce import TINY

from plait.experiments import SCHEMA_VERSION, Store
from plait.findings.figure import Figure
from plait.paper import catalogue


@pytest.fixture(autouse=True)
def tiny(monkeypatch, undrawn, untimed):
    monkeypatch.setattr(catalogue, "FIGURES", MappingProxyType({"tiny": Figure(experiment=TINY)}))


@pytest.mark.parametrize(
    ("args", "said"),
    [
        (("reproduce", "tinny"), "nearest: tiny"),
        (("reproduce", "tiny", "--device", "cpu", "--gpus", "1000", "--per-gpu", "2"), "2000 processes were"),
        (("reproduce", "tiny", "--device", "cpu", "--gpus", "1000", "--dry-run"), "1000 processes were"),
        (("reproduce", "tiny", "--gpus", "1000", "--dry-run"), "1000 GPUs were asked for, and"),
        (("reproduce", "tiny", "--for", "nan"), "--for takes minutes, above 0 and at most 525,600, got nan"),
        (
            ("reproduce", "fig9", "--device", "cpu", "--gpus", "1"),
            "fig9 is drawn, not trained: ask for it alone",
        ),
        (("reproduce", "tiny", "tinny"), "nearest: tiny"),
        (("report", "."), "no results"),
    ],
)
def test_what_is_refused(refused, args, said):
    assert said in refused(*args)


def test_a_report_that_cannot_be_written(plait, refused, tmp_path):
    plait("reproduce", "tiny", "-o", "r")
    (tmp_path / "folder").mkdir()
    assert "folder" in refused("report", "r", "-o", "folder")


@pytest.mark.parametrize("command", [("reproduce", "tiny", "-o", "r"), ("report", "r")])
def test_a_shard_from_the_future(plait, refused, tmp_path, command):
    plait("reproduce", "tiny", "-o", "r")
    (path, *_) = Store(tmp_path / "r").files()
    rows = (
        Store(tmp_path / "r").read().with_columns(schema_version=pl.lit(SCHEMA_VERSION + 1, dtype=pl.Int64))
    )
    rows.write_parquet(path)
    assert "update plait to read it" in refused(*command)


def test_workers_that_are_not_there(plait):
    result = plait("reproduce", "tiny", "--ray", "127.0.0.1:1")
    assert result.exit_code == 2
    assert "Ray" in result.stderr
    assert "Traceback" not in result.stderr


def test_a_page_is_written_anew(plait, refused, tmp_path):
    plait("reproduce", "tiny", "-o", "r")
    page = tmp_path / "page.md"
    page.write_text("mean <!-- value: tiny results seeds SSM-TF --><!-- end -->\n")
    assert plait("report", "r", "--update", "page.md").exit_code == 0
    assert page.read_text() == "mean <!-- value: tiny results seeds SSM-TF -->2<!-- end -->\n"
    page.write_text("[table: tinny results]: #\n[end]: #\n")
    assert "nearest: tiny" in refused("report", "r", "--update", "page.md")


def test_results_are_packed_into_one_file(plait, tmp_path):
    plait("reproduce", "tiny", "-o", "r")
    assert len(Store(tmp_path / "r").files()) == 2
    assert plait("results", "r", "--pack").exit_code == 0
    assert len(Store(tmp_path / "r").files()) == 1


def test_results_are_added_to_others(plait, refused, tmp_path):
    plait("reproduce", "tiny", "-o", "r")
    result = plait("results", "r", "--into", "kept")
    assert result.exit_code == 0, result.output
    assert "8 members added to kept" in result.stderr
    assert Store(tmp_path / "kept").stored() == Store(tmp_path / "r").stored()
    assert len(Store(tmp_path / "kept").files()) == 1
    assert "0 members added to kept" in plait("results", "r", "--into", "kept").stderr
    assert "nowhere" in refused("results", "nowhere", "--into", "kept")


TWO = {"tiny": Figure(experiment=TINY), "other": Figure(experiment=replace(TINY, name="other"))}


def test_several_figures_have_one_folder_and_a_page_each(plait, plait_json, tmp_path, monkeypatch):
    monkeypatch.setattr(catalogue, "FIGURES", MappingProxyType(TWO))
    first, second = plait_json("reproduce", "tiny", "other", "tiny", "-o", "r")
    assert (first["title"], second["title"]) == ("plait: tiny", "plait: other")
    assert (first["page"], second["page"]) == ("r/tiny/report.html", "r/other/report.html")
    assert len(Store.for_reading(tmp_path / "r").read()) == 8
    page = (tmp_path / "r/other/report.html").read_text()
    assert "plait reproduce other -o r" in page
    first, second = plait_json("reproduce", "tiny", "other", "--dry-run")
    assert (first["members"], first["stored"]) == (second["members"], second["stored"]) == (8, 0)
    result = plait("reproduce", "other", "tiny", "--only", "train.seed=0", "--only", "train.lr=0.1")
    assert result.exit_code == 0, result.output
    assert "other: SSM-TF: 1 member trained" not in result.stderr, "one after the other, each by its own name"
    assert {len(Store.for_reading(tmp_path / f"runs/{name}").read()) for name in TWO} == {2}


def test_a_time_can_be_given(plait, tmp_path, monkeypatch):
    """What is stopped by it says what is stored, and the same command goes on."""
    long = replace(TINY, base=replace(TINY.base, train=replace(TINY.base.train, steps=100_000)))
    monkeypatch.setattr(catalogue, "FIGURES", MappingProxyType({"tiny": Figure(experiment=long)}))
    before = signal.getsignal(signal.SIGALRM)
    result = plait("reproduce", "tiny", "--for", "0.02")
    assert result.exit_code == 124
    assert result.stderr.splitlines()[-1].startswith("plait: time is up, stopped: ")
    assert not (tmp_path / "runs/tiny/report.html").exists()
    assert signal.getsignal(signal.SIGALRM) == before
    assert signal.getitimer(signal.ITIMER_REAL) == (0.0, 0.0)
    monkeypatch.setattr(catalogue, "FIGURES", MappingProxyType({"tiny": Figure(experiment=TINY)}))
    assert plait("reproduce", "tiny", "--for", "9").exit_code == 0


def test_time_that_is_up_stops_the_processes_too(plait, tmp_path, monkeypatch):
    long = replace(TINY, base=replace(TINY.base, train=replace(TINY.base.train, steps=100_000)))
    monkeypatch.setattr(catalogue, "FIGURES", MappingProxyType({"tiny": Figure(experiment=long)}))
    result = plait("reproduce", "tiny", "--device", "cpu", "--gpus", "1", "--for", "0.05")
    assert result.exit_code == 124
    assert result.stderr.splitlines()[-1].startswith("plait: time is up, stopped: ")
    assert not multiprocessing.active_children()
