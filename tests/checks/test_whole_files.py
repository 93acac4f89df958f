"""Files that appear whole, whatever stands in their place and whenever the writer is stopped."""

import os
import resource
import stat
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from plait.files import (
    UNSEALED,
    broken,
    read_bounded,
    read_json,
    sealed_bytes,
    sweep_parts,
    write_together,
    write_whole,
)


def test_a_link_is_followed_and_stays(tmp_path: Path):
    (tmp_path / "there").mkdir()
    link = tmp_path / "link"
    link.symlink_to("there/file")
    write_whole(link, b"new")  # a link to nothing yet
    write_whole(link, b"newer")
    assert link.is_symlink()
    assert (tmp_path / "there" / "file").read_bytes() == b"newer"


def test_a_file_keeps_its_mode_and_a_new_one_gets_the_usual(tmp_path: Path):
    old, new = tmp_path / "old", tmp_path / "new"
    old.write_bytes(b"1")
    old.chmod(0o640)
    mask = os.umask(0o027)
    try:
        write_whole(old, b"2")
        write_whole(new, b"2")
    finally:
        os.umask(mask)
    assert stat.S_IMODE(old.stat().st_mode) == 0o640
    assert stat.S_IMODE(new.stat().st_mode) == 0o640
    old.chmod(0o604)
    write_whole(old, b"3")
    assert stat.S_IMODE(old.stat().st_mode) == 0o604


def test_a_pipe_is_written_to(tmp_path: Path):
    pipe, heard = tmp_path / "pipe", []
    os.mkfifo(pipe)
    reader = threading.Thread(target=lambda: heard.append(pipe.read_bytes()))
    reader.start()
    write_whole(pipe, b"hello")
    reader.join(600)
    assert heard == [b"hello"]
    assert stat.S_ISFIFO(pipe.stat().st_mode)
    assert os.listdir(tmp_path) == ["pipe"]


def test_a_device_is_written_to():
    before = os.stat("/dev/null")
    write_whole(Path("/dev/null"), b"gone")
    assert os.stat("/dev/null").st_rdev == before.st_rdev
    assert stat.S_ISCHR(os.stat("/dev/null").st_mode)


def test_standard_output_that_is_a_file(tmp_path: Path):
    """The shell holds it open: it is written to, not replaced."""
    code = "import pathlib, plait.files as f; f.write_whole(pathlib.Path('/dev/stdout'), b'whole')"
    with (tmp_path / "out").open("wb") as out:
        subprocess.run([sys.executable, "-c", code], stdout=out, check=True)
    assert (tmp_path / "out").read_bytes() == b"whole"


def test_a_folder_is_refused(tmp_path: Path):
    with pytest.raises(IsADirectoryError):
        write_whole(tmp_path, b"")
    assert os.listdir(tmp_path) == []


def test_a_failure_leaves_everything_as_it_was(tmp_path: Path):
    first, second = tmp_path / "first", tmp_path / "second"
    first.write_bytes(b"1")
    with pytest.raises(FileNotFoundError):
        write_together({first: b"2", tmp_path / "absent" / "second": b"2"}, without=first)
    assert first.read_bytes() == b"1"
    assert os.listdir(tmp_path) == ["first"]
    write_together({first: b"2", second: b"3"}, without=first)
    assert (first.read_bytes(), second.read_bytes()) == (b"2", b"3")


def test_a_full_disk_names_the_file(tmp_path: Path):
    """A limit on file sizes stands in for the disk."""
    code = (
        "import resource, signal, sys, pathlib, plait.files as f\n"
        "signal.signal(signal.SIGXFSZ, signal.SIG_IGN)\n"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (1000, 1000))\n"
        "try: f.write_whole(pathlib.Path(sys.argv[1]), bytes(5000))\n"
        "except OSError as error: print(error.filename)\n"
    )
    path = tmp_path / "file"
    path.write_bytes(b"old")
    done = subprocess.run([sys.executable, "-c", code, str(path)], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == str(path)
    assert path.read_bytes() == b"old"
    assert os.listdir(tmp_path) == ["file"]


def test_only_the_parts_of_the_dead_are_swept(tmp_path: Path):
    code = (
        "import sys, pathlib, plait.files as f\n"
        "with f._prepared(pathlib.Path(sys.argv[1]), b'half'):\n"
        "    print('ready', flush=True); sys.stdin.read()\n"
    )
    target = tmp_path / "file"
    writer = subprocess.Popen(
        [sys.executable, "-c", code, str(target)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    assert writer.stdout is not None
    assert writer.stdout.readline() == "ready\n"
    sweep_parts(tmp_path)
    assert len(os.listdir(tmp_path)) == 1
    writer.kill()
    writer.communicate()
    assert len(os.listdir(tmp_path)) == 1
    sweep_parts(tmp_path)
    assert os.listdir(tmp_path) == []


@pytest.mark.parametrize("name", ["/dev/zero", "pipe", "file"])
def test_reading_is_bounded_while_it_reads(tmp_path: Path, name: str):
    path = tmp_path / name
    writer = None
    if name == "pipe":
        os.mkfifo(path)
        writer = subprocess.Popen(
            ["sh", "-c", f"head -c 100000 /dev/zero > {path}"], stderr=subprocess.DEVNULL
        )
    elif name == "file":
        with path.open("wb") as file:
            file.truncate(9 * 2**30)  # sparse
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    with pytest.raises(ValueError, match="at most 5,000 bytes is needed, this one is larger"):
        read_bounded(path, most=5000)
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 50_000
    if writer is not None:
        writer.wait(600)


def test_json_that_is_refused(tmp_path: Path):
    path = tmp_path / "a.json"
    for text, said in (
        ("[" * 10**6, "no JSON"),
        ("{", "no JSON"),
        ("\udcff", "no JSON"),
        ("1" * 5000, "no JSON"),
    ):
        path.write_bytes(text.encode(errors="surrogateescape"))
        with pytest.raises(ValueError, match=said):
            read_json(path)


def test_a_seal_sees_every_bit():
    data = sealed_bytes(b"numbers " + UNSEALED.encode() + b" and more numbers")
    assert broken(data) is False
    assert broken(b"no seal here") is None
    start = data.index(b"plait-sha256")
    for place in range(len(data)):
        for bit in range(8):
            other = bytes((*data[:place], data[place] ^ (1 << bit), *data[place + 1 :]))
            # A mark that is not there any more is for the reader to miss.
            assert broken(other) is (None if start <= place < start + 13 else True)


def test_a_pipe_into_which_nobody_writes_ends(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr("plait.files.PIPE_SECONDS", 0.2)
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    with pytest.raises(ValueError, match="pipe into which nobody wrote"):
        read_bounded(pipe, most=10)


@pytest.mark.parametrize("seconds", [5.0, 0.02])
def test_a_pipe_with_a_slow_writer_is_read_whole(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, seconds: float
):
    monkeypatch.setattr("plait.files.PIPE_SECONDS", seconds)
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    kept = os.open(pipe, os.O_RDWR)  # there is a writer from the beginning

    def write() -> None:
        with pipe.open("wb", buffering=0) as file:
            for part in (b"1", b"2", b"3"):
                time.sleep(0.05)
                file.write(part)

    writer = threading.Thread(target=write)
    writer.start()
    threading.Timer(0.3, os.close, (kept,)).start()
    assert read_bounded(pipe, most=10) == b"123"
    writer.join()
