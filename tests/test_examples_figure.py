"""The example of a user's own figure: found by its name, run in part, judged, and short enough to copy."""

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from plait.cli import app
from plait.experiments import Store

ROOT = Path(__file__).resolve().parent.parent
NAME = "examples.my_figure:FIG"


@pytest.fixture
def plait(monkeypatch):
    monkeypatch.chdir(ROOT)
    return lambda *words: CliRunner().invoke(app, [str(word) for word in words], catch_exceptions=False)


@pytest.mark.usefixtures("untimed")
def test_a_part_is_trained_and_judged(plait, tmp_path):
    part = ("--only", "model.d_model=8", "--only", "model.pattern=SSM", "--only", "train.lr=0.01,0.03")
    result = plait("reproduce", NAME, *part, "--only", "train.seed=0..1", "-o", tmp_path)
    assert result.exit_code == 0, result.output
    assert len(Store.for_reading(tmp_path).read()) == 4
    assert "An SSM of width 8 copies with a delay of two. Ours: " in " ".join(result.stdout.split())
    assert "<svg" in (tmp_path / "report.html").read_text()
    left = json.loads(plait("reproduce", NAME, "-o", tmp_path, "--dry-run", "--json").stdout)
    assert (left["members"], left["stored"]) == (64, 4)


def test_it_is_short():
    code = (ROOT / "examples" / "my_figure.py").read_text().splitlines()
    assert len([line for line in code if line.strip()]) <= 50
