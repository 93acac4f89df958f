"""A compiler that is missing or fails: one line that says what to install, and no second try within a day."""

import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

from plait.native import build

COUNTING = """#!/bin/sh
[ "$1" = --version ] && { echo "fake 1.0"; exit 0; }
echo tried >> "$(dirname "$0")/tries"
echo "first.cpp:1: note: where it came from" >&2
echo "first.cpp:2:10: fatal error: <cstdint>: No such file" >&2
exit 1
"""

LOAD = "from plait.native import library; assert library.load() is None; assert library.load() is None"


@pytest.fixture
def broken(tmp_path: Path) -> Path:
    """A compiler that counts how often it is asked, and always fails."""
    compiler = tmp_path / "broken-c++"
    compiler.write_text(COUNTING)
    compiler.chmod(0o755)
    return compiler


def said(tmp_path: Path, **environment: str) -> str:
    """What a new process says on standard error that wants the library."""
    env = {**os.environ, "PLAIT_CACHE": str(tmp_path / "cache"), "PLAIT_NATIVE": "1", **environment}
    done = subprocess.run([sys.executable, "-c", LOAD], env=env, capture_output=True, text=True, check=True)
    assert done.stdout == ""
    return done.stderr


def tries(compiler: Path) -> int:
    path = compiler.parent / "tries"
    return len(path.read_text().splitlines()) if path.exists() else 0


def test_a_failed_compile_is_one_line_and_tried_once_a_day(tmp_path: Path, broken: Path) -> None:
    first = said(tmp_path, CXX=str(broken))
    assert first.count("\n") == 1
    assert "fatal error: <cstdint>" in first
    for command in ("apt install g++", "dnf install gcc-c++", "brew install gcc"):
        assert command in first
    once = tries(broken)
    assert once >= 1
    second = said(tmp_path, CXX=str(broken))
    assert tries(broken) == once
    assert second.count("\n") == 1
    assert "fatal error: <cstdint>" in second

    (failed,) = (tmp_path / "cache").glob("*.failed")
    old = time.time() - build.DAY - 1
    os.utime(failed, (old, old))
    said(tmp_path, CXX=str(broken))
    assert tries(broken) == 2 * once


def test_no_compiler_is_one_line_without_a_traceback_or_source(tmp_path: Path) -> None:
    for environment in ({"PATH": str(tmp_path)}, {"CXX": "no-such-compiler"}):
        line = said(tmp_path, **environment)
        assert line.count("\n") == 1
        assert line.startswith("plait runs without its compiled kernels")
        assert "apt install g++" in line
        assert "Warning" not in line


def test_a_cache_that_cannot_be_written_is_one_line(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    line = said(tmp_path, PLAIT_CACHE=str(tmp_path / "file" / "cache"))
    assert line.count("\n") == 1
    assert "Not a directory" in line


def test_asked_again_it_compiles_again(tmp_path: Path, broken: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CXX", str(broken))
    monkeypatch.setenv("PLAIT_CACHE", str(tmp_path / "cache"))
    for again in (False, True):
        before = tries(broken)
        with pytest.raises(build.BuildError, match="fatal error"):
            build.built(again=again)
        assert tries(broken) > before
