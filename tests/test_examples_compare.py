"""The example that compares a mixer of one's own with built-in ones: what it would train."""

import json
from pathlib import Path

import pytest
from examples.compare_mixers import FIG, OTHERS
from typer.testing import CliRunner

from plait.cli import app

ROOT = Path(__file__).resolve().parent.parent


@pytest.mark.usefixtures("untimed")
def test_it_is_one_mixer_beside_six_at_three_rates_and_four_seeds(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
):
    monkeypatch.chdir(ROOT)
    words = ["reproduce", "examples.compare_mixers:FIG", "--dry-run", "--json", "-o", str(tmp_path / "runs")]
    document = json.loads(CliRunner().invoke(app, words, catch_exceptions=False).stdout)
    assert document["members"] == (1 + 6) * 2 * 3 * 4
    assert len(OTHERS) == len(FIG.claims) == 6
