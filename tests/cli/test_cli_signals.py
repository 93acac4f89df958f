"""Signals, closed streams and waiting: whatever ends the program is one line and an exit code."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from plait.experiments import Store

PLAIT = [sys.executable, "-P", "-m", "plait.cli"]
SMALL = "train --task needle --steps 100000 --seq-len 8 --d-model 4 --train batch=1 --train test_sequences=1 -o out"

PATIENCE = 600.0
"""Seconds after which a test that waits for another process gives up."""

AT_AN_IMPORT = """
import os, signal, sys
from plait.cli.entry import main
named = sys.argv.pop(1)
def interrupt(event, arguments):
    global named
    if event == "import" and arguments[0] == named:
        named = None
        os.kill(os.getpid(), signal.SIGINT)
sys.addaudithook(interrupt)
main()
"""
"""`plait`, interrupted when it begins to import the module of that name, whatever is under way then."""


SAYING_EACH_TIME = """
from plait.experiments import progress
progress.SECONDS_A_WAITING_LINE = 0.0
from plait.cli import main
main()
"""
"""`plait` that says that it waits each time it looks: on a busy machine it may not look between two times."""


def started(folder: Path, *arguments: str, **streams) -> subprocess.Popen:
    streams = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE} | streams
    return subprocess.Popen([*PLAIT, *arguments], cwd=folder, text=True, **streams)


def wait_for_a_checkpoint(folder: Path, process: subprocess.Popen) -> None:
    until = time.monotonic() + PATIENCE
    while not list(folder.glob("out/_checkpoints/[!.]*")):
        assert process.poll() is None, "it ended before its first checkpoint"
        assert time.monotonic() < until
        time.sleep(0.02)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_stopped_while_it_trains(tmp_path: Path, number: int):
    process = started(tmp_path, *SMALL.split())
    wait_for_a_checkpoint(tmp_path, process)
    process.send_signal(number)
    out, said = process.communicate(timeout=PATIENCE)
    assert process.returncode == {signal.SIGINT: 130, signal.SIGTERM: 143}[number]
    assert said == "plait: stopped: 0 of 1 shard is stored in 'out'; the same command goes on\n"
    assert out == ""
    assert not list(tmp_path.rglob("*.part"))


@pytest.mark.parametrize("module", ["plait.cli.commands", "typer", "torch", "numpy", "plait.training.wide"])
def test_interrupted_while_it_imports(tmp_path: Path, module: str):
    """At the start, while PyTorch is loading and from within it, and by what the first step needs."""
    line = SMALL.replace("100000", "3")
    command = [sys.executable, "-P", "-c", AT_AN_IMPORT, module, *line.split()]
    done = subprocess.run(
        command, cwd=tmp_path, capture_output=True, text=True, check=False, timeout=PATIENCE
    )
    assert done.returncode == 130
    assert done.stdout == ""
    stopped = "plait: stopped: nothing was saved yet in 'out'; the same command begins anew\n"
    assert done.stderr == (stopped if module == "plait.training.wide" else "plait: interrupted\n")
    assert not list(tmp_path.rglob("*.part"))


@pytest.mark.parametrize(
    ("closed", "code", "said"),
    [
        (">&-", 2, "plait: cannot print: standard output is closed\n"),
        ("<&-", 0, ""),
        ("2>&-", 0, ""),
        (">&- 2>&- <&-", 2, ""),
    ],
)
def test_closed_streams(tmp_path: Path, closed: str, code: int, said: str):
    line = f"{' '.join(PLAIT)} tasks needle {closed}"
    done = subprocess.run(["sh", "-c", line], cwd=tmp_path, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (code, said)
    assert bool(done.stdout) == (code == 0)


def test_a_closed_stream_is_not_written_to_a_file(tmp_path: Path):
    """The first file that is opened would otherwise become standard error."""
    (tmp_path / "rows.json").write_text("[[0, 1, 2]]")
    line = f"{' '.join(PLAIT)} label needle --tokens rows.json 2>&- <&-"
    done = subprocess.run(["sh", "-c", line], cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == 0
    assert (tmp_path / "rows.json").read_text() == "[[0, 1, 2]]"


def test_without_a_home(tmp_path: Path):
    env = {name: value for name, value in os.environ.items() if name not in ("HOME", "XDG_CACHE_HOME")}
    code = "import pathlib, plait.native.build as b; from plait.cli import main\n"
    code += "def nobody(): raise RuntimeError('Could not determine home directory.')\n"
    code += "pathlib.Path.home = nobody\nmain()"
    arguments = [
        "train",
        "--task",
        "needle",
        "--steps",
        "1",
        "--seq-len",
        "4",
        "--d-model",
        "2",
        "--train",
        "test_sequences=1",
        "--json",
    ]
    done = subprocess.run(
        [sys.executable, "-c", code, *arguments],
        env=env,
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert "Traceback" not in done.stderr
    assert "PLAIT_CACHE" in done.stderr


def test_waiting_for_another_process_is_said_and_given_up(tmp_path: Path):
    first = started(tmp_path, *SMALL.split())
    try:
        wait_for_a_checkpoint(tmp_path, first)
        first.send_signal(signal.SIGSTOP)  # it still holds what it trains, and takes no core from the other
        command = [sys.executable, "-P", "-c", SAYING_EACH_TIME, *SMALL.split(), "--wait", "2"]
        second = subprocess.run(
            command, cwd=tmp_path, capture_output=True, text=True, check=False, timeout=PATIENCE
        )
    finally:
        first.kill()
        first.communicate()
    assert second.returncode == 2
    *waiting, gave_up = second.stderr.splitlines()
    assert waiting
    line = "waiting for another process to finish 1 of 1 shard (--wait SECONDS gives up)"
    assert all(said.startswith(line) for said in waiting)
    assert gave_up == "plait: another process still trains 1 shard in 'out'"
    assert Store(tmp_path / "out").stored() == frozenset()


@pytest.mark.parametrize("where", ["while a module is imported", "in a finaliser"])
def test_an_interrupt_that_others_would_swallow(tmp_path: Path, where: str):
    """As PyTorch does while it imports NumPy, and Python with whatever a finaliser raises."""
    interrupt = "os.kill(os.getpid(), signal.SIGINT); time.sleep(0.1)"
    swallowed = f"try: {interrupt}\nexcept BaseException: pass"
    finaliser = f"class Left:\n  def __del__(self): {interrupt}\nclass Task:\n  def __init__(self): Left()"
    own = swallowed if where == "while a module is imported" else finaliser
    (tmp_path / "own.py").write_text(f"import os, signal, time\n{own}\n")
    process = started(tmp_path, "tasks", "own:Task")
    _, said = process.communicate(timeout=PATIENCE)
    assert (process.returncode, said) == (130, "plait: interrupted\n")


WITH_WORKERS = """
import multiprocessing, sys, time, types
from pathlib import Path
from plait.cli import entry
Path("slow.py").write_text("import time; open('importing', 'w').close(); time.sleep(1.5)")
sys.path.insert(0, ".")
def spread():
    workers = [multiprocessing.get_context("spawn").Process(target=time.sleep, args=(60,), daemon=True)]
    try:
        workers[0].start()
        Path("worker").write_text(str(workers[0].pid))
        with entry.stop_after(float(sys.argv[1]) or None):
            import slow
            time.sleep(60)
    finally:
        for worker in workers:
            worker.terminate()
            worker.join()
entry.sys.modules["plait.cli.commands"] = types.SimpleNamespace(app=spread)
entry.main()
"""
"""`plait` as it is while other processes work for it and a module is imported that takes its time."""


@pytest.mark.parametrize(("minutes", "code"), [(0.0, 143), (0.015, 124)])
def test_stopped_at_an_import_it_leaves_no_process_behind(tmp_path: Path, minutes: float, code: int):
    process = subprocess.Popen(
        [sys.executable, "-P", "-c", WITH_WORKERS, str(minutes)],
        cwd=tmp_path,
        text=True,
        stderr=subprocess.PIPE,
    )
    until = time.monotonic() + PATIENCE
    while not (tmp_path / "importing").exists():
        assert process.poll() is None
        assert time.monotonic() < until
        time.sleep(0.02)
    if not minutes:
        process.terminate()
    _, said = process.communicate(timeout=PATIENCE)
    assert process.returncode == code
    assert said == {143: "plait: terminated\n", 124: "plait: time is up\n"}[code]
    with pytest.raises(ProcessLookupError):
        os.kill(int((tmp_path / "worker").read_text()), 0)
