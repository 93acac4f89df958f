"""Claims: at most one process at a time trains a member of a folder.

One byte of one lock file stands for a member, at an offset made from its identity, so that shards of
different experiments that share members exclude each other too. These are POSIX record locks: the kernel
drops them with the process, however it ends, so nothing is ever left locked. They hold between processes, not
between threads.
"""

import errno
import fcntl
import os
from collections.abc import Generator, Iterable
from contextlib import contextmanager
from pathlib import Path

from plait.experiments.errors import writing


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
