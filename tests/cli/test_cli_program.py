"""What only a process of its own shows: signals, pipes, a full disk, and what is imported."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

PLAIT = (sys.executable, "-m", "plait.cli")


def run(command, cwd, **options):
    streams = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE} | options
    return subprocess.run(command, cwd=cwd, text=True, timeout=600, check=False, **streams)


def test_the_program_answers_and_imports_no_more_than_it_needs(tmp_path):
    code = (
        "import sys, plait.cli\n"
        "heavy = {'plait.experiments', 'plait.report', 'plait.theory', 'plait.memory',\n"
        "         'polars', 'matplotlib', 'jinja2', 'transformers', 'triton'}\n"
        "print(sorted(heavy & sys.modules.keys()))\n"
        "sys.argv = ['plait', '--help']\n"
        "plait.cli.main()\n"
    )
    done = run([sys.executable, "-c", code], tmp_path)
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("[]\nUsage: plait")


@pytest.mark.skipif(os.name != "posix", reason="needs a shell")
def test_a_reader_that_leaves_early_is_no_error(tmp_path, saved_model):
    script = f"set -o pipefail; yes 3 | {' '.join(PLAIT)} stream {saved_model} | head -2"
    done = run(["bash", "-c", script], tmp_path)
    assert len(done.stdout.splitlines()) == 2
    assert done.stderr == ""


@pytest.mark.parametrize(
    "command",
    [
        ("tasks",),
        ("bounds", "needle", "--seq-len", "9"),
        ("build", "selective-copying", "--seq-len", "9", "-o", "m"),
    ],
)
def test_a_reader_that_has_left_gets_no_word(tmp_path, command):
    read, write = os.pipe()
    os.close(read)
    done = run([*PLAIT, *command], tmp_path, stdout=write)
    os.close(write)
    assert done.stderr == ""
    assert done.returncode == 1


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs /dev/full")
def test_output_that_cannot_be_written(tmp_path):
    with open("/dev/full", "w") as full:
        done = run([*PLAIT, "tasks"], tmp_path, stdout=full)
    assert done.returncode == 2
    assert re.fullmatch("plait: .*No space left on device\n", done.stderr)


def test_a_mistake_in_a_process_of_its_own(tmp_path):
    done = run([*PLAIT, "train", "--lrs", "0", "-o", "r"], tmp_path)
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr == "plait: lr must be finite and above 0, got 0.0\n"
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("module", ["plait", "plait.cli"])
def test_the_package_is_the_program(module, tmp_path):
    done = run([sys.executable, "-m", module, "tasks", "nedle"], tmp_path)
    assert done.returncode == 2
    assert "nearest: needle" in done.stderr
    assert "Traceback" not in done.stderr
