"""Files that appear whole or not at all, and JSON that is read with care."""

import json
import os
import tempfile
from pathlib import Path

MOST_JSON_BYTES = 256 * 2**20


def write_whole(path: Path, data: bytes) -> None:
    """Put `data` at `path`: written beside it under another name, forced to disk, then renamed over it.

    Stopped at any instant, `path` holds its old content or the new one, never a part.

    Raises:
        OSError: the folder cannot be written, or the disk is full; `path` is as it was.
    """
    descriptor, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.", suffix=".part")
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        os.chmod(name, 0o666 & ~_umask())
        os.replace(name, path)
    except BaseException as error:
        Path(name).unlink(missing_ok=True)
        if isinstance(error, OSError) and error.filename is None:
            error.filename = str(path)  # a full disk does not say whose
        raise
    _sync_folder(path.parent)


def read_json(path: Path) -> object:
    """The document in a JSON file.

    Raises:
        ValueError: a file of more than `MOST_JSON_BYTES`, or one that is no JSON.
        OSError: it cannot be read.
    """
    size = path.stat().st_size
    if size > MOST_JSON_BYTES:
        raise ValueError(f"{path}: a JSON file of at most {MOST_JSON_BYTES} bytes is needed, got {size}")
    return parse_json(path.read_bytes(), str(path))


def parse_json(text: bytes, name: str) -> object:
    """The document in `text`, which came from `name`.

    Raises:
        ValueError: no JSON.
    """
    try:
        return json.loads(text)
    except (ValueError, RecursionError) as error:
        raise ValueError(f"{name}: no JSON: {error}") from None


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
