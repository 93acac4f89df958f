"""How a folder of results is refused."""

import errno
import os
from collections.abc import Generator
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
