"""SQL over the table of members, in a process of its own: whatever a query does, it ends, and touches nothing else.

The process reads the folder, then gives up opening anything (files, sockets), bounds its memory and time, and runs the
query. A parser that overflows its stack, or a join of everything with everything, ends it and not its caller.
"""

import errno
import io
import json
import os
import resource
import signal
import subprocess
import sys
import time
from pathlib import Path

import polars as pl

from plait.experiments.folder import StoreError
from plait.experiments.schema import COLUMNS
from plait.experiments.store import Store

TABLE = "members"

MOST_SECONDS = 60
_MOST_BYTES = 4 * 2**30
"""Of memory for a query, beside the rows."""

_MOST_SQL = 10**6
"""Characters of a statement."""
_FAILED, _ANSWERED = b"E", b"A"


def run_sql(folder: str | os.PathLike[str], sql: str, *, seconds: float = MOST_SECONDS) -> pl.DataFrame:
    """The answer to one SELECT statement over the table `members`.

    Raises:
        StoreError: no such folder, a damaged shard, a query that fails, or one that takes too long or too much memory.
    """
    if len(sql) > _MOST_SQL:
        raise StoreError(f"a query of at most {_MOST_SQL:,} letters is needed, got {len(sql):,}")
    asked = json.dumps({"folder": str(Path(folder)), "sql": sql, "seconds": seconds})
    command = [sys.executable, "-P", "-m", __name__]
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL
    ) as process:
        try:
            said, _ = process.communicate(asked.encode())
        except BaseException:
            process.kill()
            raise
    if process.returncode == -signal.SIGXCPU or said == b"":
        raise StoreError(f"the query failed: {_end(process.returncode, seconds)}")
    if said[:1] == _FAILED:
        raise StoreError(said[1:].decode())
    return pl.read_ipc(io.BytesIO(said[1:]))


def _end(code: int, seconds: float) -> str:
    if code in (-signal.SIGALRM, -signal.SIGXCPU, -signal.SIGKILL):
        return f"it takes longer than the {seconds:g} seconds that a query may take"
    if code == -signal.SIGABRT:
        return f"it needs more than {_MOST_BYTES / 2**30:.0f} GiB of memory"
    return f"it is too deep or too large (ended by {signal.Signals(-code).name})" if code < 0 else "no answer"


def main() -> None:
    """The process: what is asked comes as JSON on standard input, the answer goes to standard output."""
    asked = json.loads(sys.stdin.buffer.read())
    try:
        frame = Store.for_reading(asked["folder"]).read()
        context = pl.SQLContext({TABLE: frame})
        context.execute(
            f"SELECT member FROM {TABLE} LIMIT 1", eager=True
        )  # its threads start before the bounds
        _bound(asked["seconds"])
        found = context.execute(asked["sql"], eager=True)
        content = io.BytesIO()
        found.write_ipc(content)
        said = _ANSWERED + content.getvalue()
    except StoreError as error:
        said = _FAILED + str(error).encode()
    except (
        pl.exceptions.PolarsError,
        pl.exceptions.PanicException,
        OSError,
        ValueError,
        MemoryError,
    ) as error:
        said = _FAILED + f"the query failed: {_reason(error)}".encode()
    sys.stdout.buffer.write(said)
    sys.stdout.buffer.flush()
    os._exit(0)  # whatever still runs is not waited for


def _reason(error: BaseException) -> str:
    said = (str(error).strip() or type(error).__name__).splitlines()[0][:300]
    if f"os error {errno.EMFILE}" in said or "object-store error" in said:  # the bound on open files
        return f"it reads a file or an address, and a query may read the table {TABLE} alone"
    if "maximum length" in said:  # of a table; Polars advises another build of itself
        return f"it makes a table of more than {2**32 - 1:,} rows"
    return f"{said}; the table is {TABLE}: {', '.join(COLUMNS)}"


def _bound(seconds: float) -> None:
    """From here on: no file, no socket, so much time, so much memory."""
    pages = int(Path("/proc/self/statm").read_text().split()[0]) if Path("/proc/self/statm").exists() else 0
    resource.setrlimit(resource.RLIMIT_NOFILE, (0, 0))
    if pages:
        most = pages * resource.getpagesize() + _MOST_BYTES
        resource.setrlimit(resource.RLIMIT_AS, (most, most))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    spent = int(time.process_time())
    workers = os.cpu_count() or 1
    seconds_of_all = spent + int(seconds * workers) + 1
    resource.setrlimit(resource.RLIMIT_CPU, (seconds_of_all, seconds_of_all))
    signal.signal(signal.SIGALRM, signal.SIG_DFL)
    signal.setitimer(signal.ITIMER_REAL, seconds)


if __name__ == "__main__":
    main()
