"""One way from `module:NAME` to a task, a layer, start weights: from Python, a notebook and the command line alike."""

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from plait.checks import is_own_name, resolve
from plait.layers import layer_class
from plait.tasks import parse_task
from plait.training import Start

PARTS = """
print("printed while it is imported")
from plait.tasks import Needle
from plait.layers import MambaLayer
from neighbour import weights

class Mine(Needle): pass
class Layer(MambaLayer): pass
number = 3
"""
NEIGHBOUR = "def weights(task, seq_len): raise SystemExit('left')\n"


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A working folder with a module, and a search path without it."""
    (tmp_path / "parts_of_mine.py").write_text(PARTS)
    (tmp_path / "neighbour.py").write_text(NEIGHBOUR)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", [entry for entry in sys.path if entry])
    yield tmp_path
    for name in ("parts_of_mine", "neighbour", "leaving_module"):
        sys.modules.pop(name, None)


KINDS = {
    "task": lambda: parse_task("parts_of_mine:Mine"),
    "layer": lambda: layer_class("parts_of_mine:Layer"),
    "start": lambda: Start(weights="parts_of_mine:weights").model(parse_task("needle"), 4),
}


@pytest.mark.parametrize("kind", ["task", "layer"])
def test_each_kind_is_found_first_in_the_working_folder(folder, kind, capsys):
    """Whatever was asked for before; what the module prints stays out of standard output."""
    KINDS[kind]()
    said = capsys.readouterr()
    assert said.out == ""
    assert "printed while it is imported" in said.err


def test_start_weights_that_leave_the_program(folder):
    with pytest.raises(ValueError, match="start weights parts_of_mine:weights failed: SystemExit: left"):
        KINDS["start"]()


@pytest.mark.parametrize("kind", KINDS)
def test_the_same_words_for_each_kind(folder, kind):
    """A module that is not there, one that leaves, a name that is not in it, a form that is none."""
    (folder / "leaving_module.py").write_text("import sys; sys.exit(3)")
    refused = {
        "absent_module:X": "importing absent_module failed: ModuleNotFoundError: No module named 'absent_module'",
        "leaving_module:X": "importing leaving_module failed: SystemExit: 3",
        "parts_of_mine:number": "unknown .* 'number'; known: .*",
        "venv.__main__:X": r"venv\.__main__ is a program, and importing it would run it",
    }
    ask = {
        "task": parse_task,
        "layer": layer_class,
        "start": lambda name: Start(weights=name).model(parse_task("needle"), 4),
    }[kind]
    for name, message in refused.items():
        with pytest.raises(ValueError, match=f"^(task|layer|start weights) {name}: {message}$") as told:
            ask(name)
        assert "\n" not in str(told.value)


def test_the_search_path_is_left_alone_where_python_finds_the_module(folder):
    before = list(sys.path)
    layer_class("plait.layers.mamba:MambaLayer")
    assert sys.path == before
    layer_class("parts_of_mine:Layer")
    assert sys.path == [*before, str(folder)]


def test_a_module_that_python_finds_first_is_said(folder):
    (folder / "json.py").write_text("class Mine: pass")
    with pytest.raises(
        ValueError, match=r"found in .*json/__init__\.py, which hides the json of the working"
    ):
        resolve("json:Mine", "task", wanted="class", accepts=callable)
    assert "Mine" not in vars(json)


@pytest.mark.parametrize(
    "name", ["", "a", ":", "a:", ":b", "a:b:c", "a b:c", "a:b()", "..a:b", "a/b:c", 3, None]
)
def test_what_is_no_name(name):
    assert not is_own_name(name)


def test_the_command_line_finds_a_layer_beside_a_built_in_task(folder):
    """No task of one's own is parsed before: only the layer is in the working folder."""
    (folder / "parts_of_mine.py").write_text(
        "from plait.layers import MambaLayer\nclass Layer(MambaLayer): pass\n"
    )
    code = "from plait.cli import main; main()"
    arguments = ["train", "--task", "needle", "--pattern", "parts_of_mine:Layer", "--dry-run", "--json"]
    done = subprocess.run(
        [sys.executable, "-P", "-c", code, *arguments],
        capture_output=True,
        text=True,
        cwd=folder,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["model"]["pattern"] == "parts_of_mine:Layer"
