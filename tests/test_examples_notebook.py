"""The notebooks run, and their outputs are those that they show."""

import contextlib
import io
import json
import re
from pathlib import Path
from typing import Any

import pytest

EXAMPLES = Path(__file__).parent.parent / "examples"
NOTEBOOKS = {"constructions.ipynb": 3, "hops.ipynb": 2, "training.ipynb": 2}
"""Each with the number of its drawings."""


def code_cells(notebook: Path) -> list[dict[str, Any]]:
    document = json.loads(notebook.read_text())
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


@pytest.mark.parametrize("notebook", NOTEBOOKS)
def test_a_notebook_runs_and_prints_what_it_shows(
    notebook: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.chdir(tmp_path)
    names: dict[str, Any] = {"__name__": "notebook"}
    for cell in code_cells(EXAMPLES / notebook):
        out = io.StringIO()
        with contextlib.redirect_stdout(out):
            exec(compile(source(cell), notebook, "exec"), names)
        shown = printed(cell)
        if "after layer" not in shown:
            assert rounded(out.getvalue()) == rounded(shown)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("notebook", NOTEBOOKS)
def test_every_drawing_is_in_the_notebook(notebook: str):
    outputs = [output for cell in code_cells(EXAMPLES / notebook) for output in cell["outputs"]]
    assert sum("image/png" in output.get("data", {}) for output in outputs) == NOTEBOOKS[notebook]
