"""A compiler that is missing or fails: one line that says what to install, and no second try within a day."""

import os
import shutil
import subprocess
import sys
import time
from pathlib import Path

import pytest

from plait.native import build, library

COUNTING = """#!/bin/sh
[ "$1" = --version ] && { echo "fake 1.0"; exit 0; }
echo tried >> "$(dirname "$0")/tries"
echo "first.cpp:1: note: where it came from" >&2
echo "first.cpp:2:10: fatal error: <cstdint>: No such file" >&2
exit 1
"""

LOAD = "from plait.native import library; assert library.load_library() is None; assert library.load_library() is None"


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


def test_what_a_compiler_says_steers_no_terminal_and_need_not_be_text(tmp_path: Path) -> None:
    compiler = tmp_path / "strange"
    compiler.write_text(
        '#!/bin/sh\ncase "$*" in *--version*) echo strange 1; exit 0;; esac\n'
        "printf '\\033[31merror: \\377 is no letter\\033[0m\\n' >&2\nexit 1\n"
    )
    compiler.chmod(0o755)
    line = said(tmp_path, CXX=str(compiler))
    assert line.count("\n") == 1
    assert line.startswith("plait runs without its compiled kernels")
    assert "is no letter" in line
    assert "\033" not in line


def test_a_compiler_that_never_ends_is_stopped_and_named(
    tmp_path: Path, small: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    compiler = tmp_path / "asleep"
    compiler.write_text('#!/bin/sh\ncase "$*" in *--version*) echo asleep 1; exit 0;; esac\nexec sleep 30\n')
    compiler.chmod(0o755)
    monkeypatch.setenv("CXX", str(compiler))
    monkeypatch.setattr(build, "SECONDS", 0.2)
    with pytest.raises(build.BuildError, match=r"asleep failed: it was not done after 0\.2 seconds$"):
        build.built(again=True)


def test_no_compiler_is_one_line_without_a_traceback_or_source(tmp_path: Path) -> None:
    for environment in ({"PATH": str(tmp_path)}, {"CXX": "no-such-compiler"}, {"CXX": "false"}):
        line = said(tmp_path, **environment)
        assert line.count("\n") == 1
        assert "Command '" not in line
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


SMALL = 'extern "C" int plait_one() { return 1; }\n'


@pytest.fixture
def small(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A package of one function, compiled in a blink into a cache of its own."""
    (tmp_path / "package").mkdir()
    (tmp_path / "package" / "one.cpp").write_text(SMALL)
    monkeypatch.setattr(build, "_PACKAGE", tmp_path / "package")
    monkeypatch.setattr(build, "_FLAGS", ("-shared", "-fPIC"))
    monkeypatch.setenv("PLAIT_CACHE", str(tmp_path / "cache"))
    monkeypatch.delenv("CXX", raising=False)
    if not any(shutil.which(name) for name in ("g++", "clang++", "c++")):
        pytest.skip("no compiler")
    return tmp_path / "cache"


def test_sources_are_compiled_side_by_side_and_linked(small: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each in a process of its own; one that fails is named."""
    package = small.parent / "package"
    (package / "two.cpp").write_text(
        'extern "C" int plait_one(); extern "C" int plait_two() { return plait_one(); }\n'
    )
    calls: list[list[str]] = []
    run = subprocess.run
    monkeypatch.setattr(build.subprocess, "run", lambda call, **rest: calls.append(call) or run(call, **rest))
    assert library.open_library().plait_two() == 1
    compiled = [call[-1] for call in calls if "-c" in call]
    assert sorted(Path(name).name for name in compiled) == ["one.cpp", "two.cpp"]
    (package / "three.cpp").write_text(f"{'//' * 200}\nint three = four;\n")
    with pytest.raises(build.BuildError, match=r"error: .four. was not declared"):
        build.built()


def test_processes_that_start_together_compile_once(tmp_path: Path) -> None:
    """The compiler waits until the second process has come to it, or can be seen not to come."""
    (tmp_path / "package").mkdir()
    (tmp_path / "package" / "one.cpp").write_text(SMALL)
    compiler = tmp_path / "slow-c++"
    compiler.write_text(
        '#!/bin/sh\n[ "$1" = --version ] && { echo slow; echo come >> "$(dirname "$0")/come"; exit 0; }\n'
        'echo compiled >> "$(dirname "$0")/compiled"\n'
        'until [ "$(wc -l < "$(dirname "$0")/come")" -ge 2 ]; do sleep 0.01; done; sleep 0.5; exec c++ "$@"\n'
    )
    compiler.chmod(0o755)
    code = (
        "import sys, pathlib, plait.native.build as b\n"
        "b._PACKAGE, b._FLAGS, b._CPU_FLAGS = pathlib.Path(sys.argv[1]), ('-shared', '-fPIC'), ((),)\n"
        "print(b.built())\n"
    )
    env = {**os.environ, "PLAIT_CACHE": str(tmp_path / "cache"), "CXX": str(compiler)}
    command = [sys.executable, "-c", code, str(tmp_path / "package")]
    both = [subprocess.Popen(command, env=env, stdout=subprocess.PIPE, text=True) for _ in range(2)]
    paths = {process.communicate(timeout=600)[0] for process in both}
    assert [process.returncode for process in both] == [0, 0]
    assert len(paths) == 1
    assert (tmp_path / "compiled").read_text().split() == ["compiled"] * 2, "the source, then the link"


@pytest.mark.parametrize("terminal", [True, False])
def test_who_waits_is_told_that_it_compiles(
    small: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, *, terminal: bool
) -> None:
    monkeypatch.setattr(build.sys.stderr, "isatty", lambda: terminal)
    with caplog.at_level("INFO", logger="plait"):
        build.built()
        build.built()
    told = [(record.levelname, record.getMessage()) for record in caplog.records]
    assert told == [("WARNING" if terminal else "INFO", "compiling kernels once, about a minute")]


DAMAGE = {
    "truncated": lambda data: data[: len(data) // 2],
    "empty": lambda data: b"",
    "one bit": lambda data: data[:5000] + bytes([data[5000] ^ 4]) + data[5001:],
}


@pytest.mark.parametrize("kind", DAMAGE)
def test_a_damaged_library_is_seen_and_compiled_again(small: Path, kind: str) -> None:
    path = build.built()
    whole = path.read_bytes()
    path.write_bytes(DAMAGE[kind](whole))
    again = library.open_library()
    assert again.plait_one is not None
    assert build.built().read_bytes() == whole
    assert [file.suffix for file in small.iterdir()] == [".so"]


def test_a_library_without_a_function_is_compiled_once_more(small: Path) -> None:
    """As one whose file was replaced, name and all."""
    other = build.built()
    lacking = other.parent / "lacking.so"
    source = small.parent / "two.cpp"
    source.write_text('extern "C" int plait_two() { return 2; }\n')
    subprocess.run(["c++", "-shared", "-fPIC", "-o", str(lacking), str(source)], check=True)
    name = other.stem.rpartition("-")[0]
    other.unlink()
    lacking.rename(lacking.with_name(f"{name}-{build._checksum(lacking)}.so"))
    assert library.open_library().plait_one is not None
    (small.parent / "package" / "two.cpp").write_text('// extern "C" int plait_three() {}')
    with pytest.raises(build.BuildError, match=r"cannot be opened: .*plait_three"):
        library.open_library()


def test_a_cache_of_others_is_refused(small: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    build.built()
    assert small.stat().st_mode & 0o777 == 0o700
    for mode in (0o770, 0o702):
        small.chmod(mode)
        with pytest.raises(
            build.BuildError, match=r"can be written by others: `chmod go-w` it, or PLAIT_CACHE"
        ):
            build.built()
    small.chmod(0o700)
    monkeypatch.setattr(os, "geteuid", lambda: 12345)
    if small.stat().st_uid == 0:
        os.chown(small, 4321, -1)
    with pytest.raises(build.BuildError, match="is another user's: PLAIT_CACHE"):
        build.built()


def test_without_a_home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def nobody() -> Path:
        raise RuntimeError("Could not determine home directory.")

    for name in ("PLAIT_CACHE", "XDG_CACHE_HOME"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(Path, "home", nobody)
    with pytest.raises(build.BuildError, match="no home folder is known: PLAIT_CACHE"):
        build.built()
