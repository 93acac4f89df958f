"""The notebook of the constructions runs, and its outputs are those that it shows."""

import contextlib
import io
import json
import re
from pathlib import Path
from typing import Any

import pytest

NOTEBOOK = Path(__file__).parent.parent / "examples" / "constructions.ipynb"


def code_cells() -> list[dict[str, Any]]:
    document = json.loads(NOTEBOOK.read_text())
    assert (document["nbformat"], document["nbformat_minor"]) == (4, 5)
    return [cell for cell in document["cells"] if cell["cell_type"] == "code"]


def source(cell: dict[str, Any]) -> str:
    """The cell's code without what only Jupyter knows."""
    return "".join(line for line in cell["source"] if not line.startswith("%"))


def printed(cell: dict[str, Any]) -> str:
    return "".join("".join(output["text"]) for output in cell["outputs"] if output["output_type"] == "stream")


def rounded(text: str) -> str:
    """The text without its decimals, whose last digits depend on the machine."""
    return re.sub(r"\d+\.\d+", "#", text)


def test_the_notebook_runs_and_prints_what_it_shows(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.chdir(tmp_path)
    names: dict[str, Any] = {"__name__": "notebook"}
    for cell in code_cells():
        out = io.StringIO()
        with contextlib.redirect_stdout(out):
            exec(compile(source(cell), str(NOTEBOOK), "exec"), names)
        shown = printed(cell)
        if "after layer" not in shown:
            assert rounded(out.getvalue()) == rounded(shown)
    assert list(tmp_path.iterdir()) == []


def test_every_drawing_is_in_the_notebook():
    drawings = [
        output for cell in code_cells() for output in cell["outputs"] if "image/png" in output.get("data", {})
    ]
    assert len(drawings) == 3
