"""A folder of results: how it is refused, where it has what is no finished shard, and who holds which member.

What is no finished shard lies in folders whose names begin with `_`. Readers of a folder as one data set (pandas,
pyarrow, Spark) pass over such names. Older versions wrote the same names without the `_`; what is there stays there and
is read.

Claims: at most one process at a time trains a member of a folder. One byte of one lock file stands for a member, at an
offset made from its identity, so that shards of different experiments that share members exclude each other too. These
are POSIX record locks: the kernel drops them with the process, however it ends, so nothing is ever left locked. They
hold between processes, not between threads.
"""

import errno
import fcntl
import os
from collections.abc import Generator, Iterable
from contextlib import contextmanager
from pathlib import Path


class StoreError(ValueError):
    """A folder that cannot be used as it is; the message is one line that says what to do."""


@contextmanager
def writing(folder: str | os.PathLike[str]) -> Generator[None, None, None]:
    """Turns the operating system's refusal to write into a `StoreError`."""
    try:
        yield
    except OSError as error:
        reason = error.strerror or str(error)
        full = error.errno in (errno.ENOSPC, errno.EDQUOT)
        advice = "; free some space and run the same command again, what is stored stays" if full else ""
        raise StoreError(f"cannot write results to {str(Path(folder))!r}: {reason}{advice}") from error


CHECKPOINTS = "_checkpoints"
EVALUATIONS = "_evaluations"
MODELS = "_models"
LOG = "_log"


def both_places(folder: Path, part: str) -> tuple[Path, Path]:
    """Where that part of the folder is written, and where older versions wrote it."""
    return folder / part, folder / part.removeprefix("_")


def in_use(folder: Path, part: str, name: str) -> Path:
    """Where `name` of that part is, or would be."""
    now, before = (place / name for place in both_places(folder, part))
    return before if before.exists() and not now.exists() else now


@contextmanager
def claim(lock_file: Path, members: Iterable[str]) -> Generator[bool, None, None]:
    """True while this process alone holds every member; False, at once, if another holds one of them.

    Raises:
        StoreError: the lock file cannot be opened for writing, or its folder knows no locks.
    """
    with writing(lock_file.parent):
        descriptor = os.open(lock_file, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o666)
    try:
        with writing(lock_file.parent):
            free = all(_lock(descriptor, _offset(member)) for member in members)
        yield free
    finally:
        os.close(descriptor)


def _lock(descriptor: int, offset: int) -> bool:
    try:
        fcntl.lockf(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB, 1, offset, os.SEEK_SET)
    except OSError as error:
        if error.errno in (errno.EACCES, errno.EAGAIN):
            return False
        raise
    return True


def _offset(member: str) -> int:
    return int(member, 16) % 2**62
