"""`plait` inside the test's own process, in an empty working folder."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner, Result

from plait import HybridConfig, HybridLM
from plait.cli import app
from plait.report.document import Picture
from plait.tasks import SelectiveCopying

Plait = Callable[..., Result]


@pytest.fixture
def plait(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Plait:
    """`plait("tasks", "needle", stdin="..")`; an exception that is no exit is raised."""
    monkeypatch.chdir(tmp_path)

    def run(*args: object, stdin: str | bytes | None = None) -> Result:
        return CliRunner().invoke(app, [str(arg) for arg in args], input=stdin, catch_exceptions=False)

    return run


@pytest.fixture
def plait_json(plait: Plait) -> Callable[..., Any]:
    """The document that `plait .. --json` prints."""

    def run(*args: object, stdin: str | bytes | None = None) -> Any:
        result = plait(*args, "--json", stdin=stdin)
        assert result.exit_code == 0, result.output
        return json.loads(result.stdout)

    return run


def written(folder: Path) -> list[Path]:
    """All that stands there, but for what Python keeps of modules that it has imported."""
    return sorted(path for path in folder.rglob("*") if "__pycache__" not in path.parts)


@pytest.fixture
def refused(plait: Plait, tmp_path: Path) -> Callable[..., str]:
    """The one line with which `plait ..` refuses; nothing may be written."""

    def run(*args: object, stdin: str | bytes | None = None) -> str:
        before = written(tmp_path)
        result = plait(*args, stdin=stdin)
        assert result.exit_code == 2, result.output
        assert result.stdout == ""
        assert result.stderr.startswith("plait: ")
        assert result.stderr.endswith("\n")
        assert result.stderr.count("\n") == 1, result.stderr
        assert written(tmp_path) == before
        return result.stderr

    return run


@pytest.fixture
def undrawn(monkeypatch: pytest.MonkeyPatch) -> None:
    """Reports without their drawings, which take longer than small models to train, where nobody looks at them."""
    monkeypatch.setattr(Picture, "svg", lambda picture, *, told=True: "<svg></svg>")


@pytest.fixture(scope="session")
def saved_model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An untrained model over the vocabulary of selective copying."""
    folder = tmp_path_factory.mktemp("saved") / "model"
    size = SelectiveCopying().vocab_size
    HybridLM(HybridConfig(size, pattern="SSM-TF", d_model=4, window=6), seed=3).save(folder)
    return folder
