"""Files that appear whole or not at all, and reading that is bounded while it reads.

A file may hold a checksum of itself, so that no bit of it changes unseen. Its format must have a place for a text of
its own (metadata). There the writer puts `UNSEALED`, `sealed_bytes` sets the checksum of the whole file in its place,
and `broken` looks whether it is still that of the file.
"""

import contextlib
import hashlib
import io
import json
import os
import select
import stat
from collections.abc import Callable, Generator, Mapping
from pathlib import Path
from typing import Any, BinaryIO

MOST_JSON_BYTES = 16 * 2**20
"""Of a JSON file: Python needs up to thirty times as much for what is in it."""

PIPE_SECONDS = 5.0
"""How long a pipe without a writer is waited for."""

_PART = ".part"


def write_whole(path: Path, data: bytes) -> None:
    """Put `data` at `path`: written beside it under another name, forced to disk, then renamed over it.

    Stopped at any instant, `path` holds its old content or the new one, never a part. A link is followed, a file that
    is there keeps its mode, and what is no regular file (a device, a pipe) is written to.

    Raises:
        OSError: the folder cannot be written, or the disk is full; `path` is as it was.
    """
    write_together({path: data})


def write_together(files: Mapping[Path, bytes], *, without: Path | None = None) -> None:
    """Write some files whole: all are forced to disk beside their places before the first takes its place.

    Args:
        without: a file that goes before any of the others appears, and comes, if it is among them, last; it is left
            where it is if nothing else could take its place.

    Raises:
        OSError: a folder cannot be written, or the disk is full; every path is as it was.
    """
    with contextlib.ExitStack() as stack:
        ready: list[tuple[str, Path]] = []
        for path in sorted(files, key=lambda path: path == without):
            target = _target(path)
            if target is None:
                _write_through(path, files[path])
            else:
                ready.append((stack.enter_context(_prepared(target, files[path])), target))
        with _aside(without) as replaced:
            for name, target in ready:
                os.replace(name, target)
                replaced()
        for folder in {target.parent for _, target in ready}:
            _sync_folder(folder)


def sweep_parts(folder: Path) -> None:
    """Remove the parts of files that a writer left when it was killed; those of living writers stay.

    Raises:
        OSError: the folder cannot be written.
    """
    for path in folder.glob(f".*{_PART}"):
        try:
            descriptor = os.open(path, os.O_RDWR | os.O_NOFOLLOW | os.O_NONBLOCK)
        except OSError:  # gone already, or nobody's of ours
            continue
        try:
            if _lock(descriptor):
                path.unlink(missing_ok=True)
        finally:
            os.close(descriptor)


def read_bounded(path: Path, *, most: int) -> bytes:
    """What is in a file, of whatever kind it is.

    Raises:
        ValueError: it has more than `most` bytes; no more are read. Or it is a pipe into which nobody writes.
        OSError: it cannot be read.
    """
    with opened(path) as file:
        data = file.read(most + 1)
    if len(data) > most:
        raise ValueError(f"{path}: a file of at most {most:,} bytes is needed, this one is larger")
    return data


def opened(path: Path) -> BinaryIO:
    """The file, open for reading; a pipe once something is in it, since to open one would wait for its writer.

    Raises:
        ValueError: a pipe into which nobody writes for `PIPE_SECONDS`.
        OSError: it cannot be opened.
    """
    raw = _Watched(path, opener=lambda name, flags: os.open(name, flags | getattr(os, "O_NONBLOCK", 0)))
    file = io.BufferedReader(raw)
    try:
        if stat.S_ISFIFO(os.fstat(raw.fileno()).st_mode):
            if not select.select([raw], [], [], PIPE_SECONDS)[0] and not file.peek(1):
                if not raw.has_more:
                    raise ValueError(f"{path}: a pipe into which nobody wrote for {PIPE_SECONDS:g} seconds")
                select.select([raw], [], [])
            os.set_blocking(raw.fileno(), True)
    except BaseException:
        file.close()
        raise
    return file


class _Watched(io.FileIO):
    """Whether somebody may write more where nothing could be read; at an end nobody does."""

    has_more = False

    def readinto(self, buffer: Any, /) -> int:
        count = super().readinto(buffer)
        self.has_more = count is None
        return count


def read_json(path: Path, *, most: int = MOST_JSON_BYTES) -> object:
    """The document in a JSON file.

    Raises:
        ValueError: a file of more than `most` bytes, or one that is no JSON.
        OSError: it cannot be read.
    """
    return parse_json(read_bounded(path, most=most), str(path))


def parse_json(text: bytes, name: str) -> object:
    """The document in `text`, which came from `name`.

    Raises:
        ValueError: no JSON.
    """
    try:
        return json.loads(text)
    except (ValueError, RecursionError) as error:
        raise ValueError(f"{name}: no JSON: {error}") from None


@contextlib.contextmanager
def _aside(path: Path | None) -> Generator[Callable[[], None], None, None]:
    """Take a file away meanwhile; it comes back if this fails before what is given has been called."""
    if path is None or not path.exists():
        yield lambda: None
        return
    name = path.with_name(f".{path.name[:80]}.{os.getpid()}{_PART}")
    comes_back = True

    def replaced() -> None:
        nonlocal comes_back
        comes_back = False

    os.rename(path, name)
    try:
        yield replaced
    except BaseException:
        if comes_back:
            os.rename(name, path)
        raise
    finally:
        name.unlink(missing_ok=True)


@contextlib.contextmanager
def _prepared(target: Path, data: bytes) -> Generator[str, None, None]:
    """A file beside `target` with these bytes, on the disk and locked; it is gone afterwards, if not renamed."""
    descriptor, name = _locked_part(target)
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
            _keep_mode(file.fileno(), target)
            yield name
    except BaseException as error:
        if isinstance(error, OSError) and error.filename is None:
            error.filename = str(target)  # a full disk does not say whose
        raise
    finally:
        Path(name).unlink(missing_ok=True)


def _locked_part(target: Path) -> tuple[int, str]:
    while True:
        import tempfile

        descriptor, name = tempfile.mkstemp(dir=target.parent, prefix=f".{target.name[:80]}.", suffix=_PART)
        _lock(descriptor)
        if os.fstat(descriptor).st_nlink:
            return descriptor, name
        os.close(descriptor)  # swept in the instant before it was locked


def _lock(descriptor: int) -> bool:
    """Whether this process alone holds the file now; the kernel lets go of it with the process, however it ends."""
    try:
        import fcntl
    except ImportError:  # in a browser, where nobody else writes
        return True
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:  # another's, or a folder that knows no locks
        return False
    return True


def _keep_mode(descriptor: int, target: Path) -> None:
    """The mode and owner of the file that is replaced, or those of any new file."""
    try:
        old = target.stat()
    except FileNotFoundError:
        os.fchmod(descriptor, 0o666 & ~_umask())
        return
    if (old.st_uid, old.st_gid) != (os.geteuid(), os.getegid()):
        with contextlib.suppress(OSError):
            os.fchown(descriptor, old.st_uid, old.st_gid)
    os.fchmod(descriptor, stat.S_IMODE(old.st_mode))


def _target(path: Path) -> Path | None:
    """The regular file that `path` is or will be, links followed; None for what is written to as it is.

    Files under /dev and /proc are handles of open ones: to replace the file behind would leave the handle's owner
    with the old one.
    """
    handle = Path(os.path.abspath(path)).parts[1:2] in (("dev",), ("proc",))
    try:
        regular = stat.S_ISREG(path.stat().st_mode) and not handle
        folder = stat.S_ISDIR(path.stat().st_mode)
    except FileNotFoundError:
        regular, folder = not handle, False
    if folder:
        raise IsADirectoryError(21, os.strerror(21), str(path))
    return Path(os.path.realpath(path)) if regular else None


def _write_through(path: Path, data: bytes) -> None:
    with path.open("wb") as file:
        file.write(data)


def _umask() -> int:
    """The process's file mode mask, which can only be read by setting it."""
    mask = os.umask(0o077)
    os.umask(mask)
    return mask


def _sync_folder(folder: Path) -> None:
    """Force the rename itself to disk, where folders can be opened (not on Windows)."""
    if os.name != "posix":
        return
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


_MARK = b"plait-sha256:"
_DIGITS = 64
"""Hexadecimal digits of a SHA-256."""

UNSEALED = (_MARK + b"0" * _DIGITS).decode()
"""The text that the writer puts into the file."""


def sealed_bytes(data: bytes) -> bytes:
    """The file with its checksum in the place of `UNSEALED`, which must be in it."""
    start = data.rfind(UNSEALED.encode())
    assert start >= 0, "a file to be sealed has a place for its checksum"
    return _filled(data, start + len(_MARK), hashlib.sha256(data).hexdigest().encode())


def broken(data: bytes) -> bool | None:
    """Whether the file is another than the one that was sealed; None where no seal is in it."""
    start = data.rfind(_MARK)
    if start < 0:
        return None
    place = start + len(_MARK)
    unsealed = _filled(data, place, b"0" * _DIGITS)
    return data[place : place + _DIGITS] != hashlib.sha256(unsealed).hexdigest().encode()


def _filled(data: bytes, place: int, digits: bytes) -> bytes:
    return b"".join((data[:place], digits, data[place + _DIGITS :]))
