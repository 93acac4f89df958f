"""`plait doctor`: what it finds in a whole installation and in broken ones; completion and help of the shell."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from typer.testing import CliRunner

from plait import doctor
from plait.cli import app
from plait.native import library


def states(found: list[dict[str, str]]) -> dict[str, str]:
    return {finding["what"]: finding["state"] for finding in found}


def test_a_whole_installation(plait_json):
    document = plait_json("doctor", "--seconds", "0.2")
    found = states(document["findings"])
    assert found["torch"] == found["python"] == found["plait"] == found["cache folder"] == "ok"
    assert document["speed"]["model_steps"] > 0
    assert document["share"] >= doctor.HEALTHY_SHARE


def test_without_a_compiler_it_says_what_to_install(plait, monkeypatch, tmp_path):
    monkeypatch.setenv("CXX", "no-such-compiler")
    monkeypatch.setenv("PLAIT_CACHE", str(tmp_path / "cache"))
    result = plait("doctor", "--seconds", "0")
    assert result.exit_code == 1
    for word in ("no-such-compiler", "apt install g++", "dnf install gcc-c++", "brew install gcc"):
        assert word in " ".join(result.stdout.split())


@pytest.mark.parametrize(("place", "state"), [("new/home/cache", "ok"), ("file/cache", "wrong")])
def test_a_cache_folder_that_can_be_made_is_well(plait, monkeypatch, tmp_path, place, state):
    """A new account has no folder of caches yet."""
    (tmp_path / "file").touch()
    monkeypatch.setenv("CXX", "no-such-compiler")
    monkeypatch.setenv("PLAIT_CACHE", str(tmp_path / place))
    found = json.loads(plait("doctor", "--seconds", "0", "--json").stdout)["findings"]
    assert states(found)["cache folder"] == state
    assert not (tmp_path / place).exists()


def test_a_compiler_that_fails_is_tried_again(plait, monkeypatch, tmp_path):
    monkeypatch.setenv("CXX", "false")
    monkeypatch.setenv("PLAIT_CACHE", str(tmp_path / "cache"))
    for _ in range(2):
        result = plait("doctor", "--seconds", "0")
        assert result.exit_code == 1
        assert "tried within a day" not in result.stdout


def test_the_plain_path_is_seen_to_be_slow(monkeypatch):
    if not library.available():
        pytest.skip("no compiled library here")
    fast = doctor.measured_engine(seconds=0.3)
    monkeypatch.setattr(library, "load_library", lambda: None)
    slow = doctor.measured_engine(seconds=0.3)
    assert slow.share < doctor.HEALTHY_SHARE <= fast.share


def test_a_shell_completes_commands_options_and_tasks():
    def completed(*words: str) -> list[str]:
        environment = {
            "_PLAIT_COMPLETE": "complete_bash",
            "COMP_WORDS": " ".join(("plait", *words)),
            "COMP_CWORD": str(len(words)),
        }
        return CliRunner().invoke(app, [], prog_name="plait", env=environment).stdout.split()

    assert completed("t") == ["tasks", "train"]
    assert "--task" in completed("train", "--ta")
    assert completed("bounds", "multi") == ["multi-key-recall"]


def test_help_is_not_cut(plait):
    commands = plait("--help").stdout.partition("Commands:")[2]
    assert "..." not in commands
    assert "null where nothing is scored" in " ".join(commands.split())


def test_the_program_completes_without_torch(tmp_path: Path):
    script = "import sys; from plait.cli import app; sys.argv = ['plait']; app(prog_name='plait')"
    environment = {"_PLAIT_COMPLETE": "complete_bash", "COMP_WORDS": "plait bounds nee", "COMP_CWORD": "2"}
    done = subprocess.run(
        [sys.executable, "-X", "importtime", "-c", script],
        env={**os.environ, **environment},
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.stdout.split() == ["needle"]
    assert "torch" not in done.stderr
