"""A model folder runs nobody's code, whichever command reads it; the working folder is searched by name alone."""

import subprocess
import sys

import pytest

from plait import HybridConfig, HybridLM
from plait.tasks import Needle

PAYLOAD = """
import pathlib
from plait.layers import TransformerLayer
pathlib.Path({ran!r}).touch()
class Layer(TransformerLayer): pass
"""
READERS = {
    "stream": ("stream", "model"),
    "eval": (
        "eval",
        "model",
        "--task",
        "needle",
        "--param",
        "n_words=4",
        "--sequences",
        "2",
        "--seq-len",
        "8",
    ),
    "verify": (
        "verify",
        "model",
        "--task",
        "needle",
        "--param",
        "n_words=4",
        "--seq-len",
        "8",
        "--samples",
        "20",
    ),
    "attack": (
        "attack",
        "model",
        "--task",
        "needle",
        "--param",
        "n_words=4",
        "--seq-len",
        "8",
        "--samples",
        "8",
    ),
    "export": ("export", "model", "-o", "exported"),
    "memory": ("memory", "model"),
    "memory of the file": ("memory", "model/config.json"),
}


@pytest.fixture
def downloaded(tmp_path, monkeypatch):
    """A folder as it was downloaded, its payload beside it in the working folder."""
    monkeypatch.setattr(sys, "path", [entry for entry in sys.path if entry])
    monkeypatch.setattr(sys, "dont_write_bytecode", True)
    config = HybridConfig(Needle(n_words=4).vocab_size, pattern="TF-TF", d_model=4)
    HybridLM(config, 2).save(tmp_path / "model")
    path = tmp_path / "model" / "config.json"
    path.write_text(path.read_text().replace("TF-TF", "downloaded_payload:Layer-TF"))
    (tmp_path / "downloaded_payload.py").write_text(PAYLOAD.format(ran=str(tmp_path / "ran")))
    yield tmp_path
    sys.modules.pop("downloaded_payload", None)


@pytest.mark.parametrize("command", READERS)
def test_nothing_is_imported_unless_it_is_trusted(plait, refused, downloaded, command):
    said = refused(*READERS[command], stdin="")
    assert "names code that is not plait's, downloaded_payload:Layer" in said
    assert "--trust-code" in said
    assert not (downloaded / "ran").exists()
    if command == "export":  # which has no words for layers of others
        return
    done = plait(*READERS[command], "--trust-code", stdin="")
    assert done.exit_code in (0, 1), done.output
    assert (downloaded / "ran").exists()


def test_a_module_of_the_working_folder_is_not_found_by_accident(tmp_path, copied_construction):
    """Libraries look for optional packages by name; a file of that name lies in the working folder."""
    for name in ("accelerate", "torch", "kernels", "sentencepiece"):
        (tmp_path / f"{name}.py").write_text(f"open('ran-{name}', 'w').close()\n")
    code = "from plait.cli import main; main()"
    arguments = ["export", str(copied_construction), "-o", "out", "--json"]
    done = subprocess.run(
        [sys.executable, "-P", "-c", code, *arguments],
        capture_output=True,
        text=True,
        cwd=tmp_path,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert not list(tmp_path.glob("ran-*"))


@pytest.fixture
def copied_construction(tmp_path_factory):
    from plait.constructions import save, selective_copying
    from plait.tasks import SelectiveCopying

    folder = tmp_path_factory.mktemp("built") / "copying"
    save(selective_copying(SelectiveCopying(n_words=2, numbers=(1, 2)), 6), folder)
    return folder


def test_a_task_that_leaves_the_program_is_one_line(refused, tmp_path, monkeypatch):
    monkeypatch.setattr(sys, "path", [entry for entry in sys.path if entry])
    monkeypatch.setattr(sys, "dont_write_bytecode", True)
    (tmp_path / "leaving_task.py").write_text(
        "from plait.tasks import Needle\n"
        "class Leaves(Needle):\n"
        "    def targets(self, tokens): raise SystemExit(0)\n"
    )
    (tmp_path / "rows.json").write_text("[[0, 1]]")
    said = refused("label", "leaving_task:Leaves", "--tokens", "rows.json")
    assert "left the program (SystemExit: 0)" in said
    sys.modules.pop("leaving_task")
