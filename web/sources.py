"""The Python that the page runs: every module of plait that needs neither torch nor numpy, as one zip file."""

import io
import zipfile
from pathlib import Path

SOURCE = Path(__file__).parents[1] / "src" / "plait"

PARTS = (
    *("__init__.py", "deferred.py", "files.py", "random.py"),
    *("kernels/__init__.py", "kernels/graph"),
    *("advisor", "browser", "checks", "layers", "memory", "model", "native", "tasks", "theory"),
)
"""Of the package: what `plait.browser` imports, and what lies beside that."""


def zipped() -> bytes:
    """The same bytes for the same sources."""
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
        for part in PARTS:
            path = SOURCE / part
            for file in sorted(path.rglob("*.py")) if path.is_dir() else (path,):
                info = zipfile.ZipInfo(f"plait/{file.relative_to(SOURCE).as_posix()}", (1980, 1, 1, 0, 0, 0))
                info.compress_type = zipfile.ZIP_DEFLATED
                archive.writestr(info, file.read_bytes())
    return packed.getvalue()


if __name__ == "__main__":
    import sys

    sys.stdout.buffer.write(zipped())
