"""The page that computes, as one file: styles, scripts, Python with plait in it, and the constructed models.

    .venv/bin/python web/build.py page.html

It opens from a disk or a server alike and asks no address for anything. Pyodide comes from `npm install --prefix web`.
"""

import argparse
import base64
import gzip
import json
import re
from pathlib import Path

from models import models
from sources import zipped

from plait.files import write_whole

WEB = Path(__file__).parent
PYODIDE = WEB / "node_modules" / "pyodide"
SCRIPTS = ("page.js", "python.js", "hybrid.js", "size.js", "carried.js", "work.js", "start.js")


def page() -> str:
    """The whole file."""
    text = (WEB / "page.html").read_text()
    fills = {"style": (WEB / "style.css").read_text(), "parts": parts(), "script": script()}
    return re.sub(r"\{\{(\w+)\}\}", lambda match: fills[match[1]], text)


def script() -> str:
    """All scripts in one, after the data that they read; no text can end the element early."""
    data = {"MODELS": models(), "EXAMPLES": examples()}
    lines = [f"const {name} = {json.dumps(value)};" for name, value in data.items()]
    return "\n".join((*lines, *((WEB / name).read_text() for name in SCRIPTS))).replace("</", "<\\/")


def examples() -> list[dict[str, object]]:
    """Configs to begin with: a published one, and one of plait's."""
    folder = WEB.parent / "examples"
    return [
        {"name": "jamba", "values": json.loads((folder / "jamba.json").read_text())},
        {
            "name": "SSM*7-TF",
            "values": {"pattern": "SSM*7-TF", "d_model": 2048, "vocab_size": 65_536, "window": 4096},
        },
    ]


def parts() -> str:
    """Pyodide and plait as text in elements that no browser runs; what is not packed yet is."""
    lock = json.loads((PYODIDE / "pyodide-lock.json").read_text()) | {"packages": {}}
    loader = re.sub(
        r"^//# sourceMappingURL.*$", "", (PYODIDE / "pyodide.mjs").read_text(), flags=re.MULTILINE
    )
    packed = {
        "wasm": (PYODIDE / "pyodide.asm.wasm").read_bytes(),
        "machine": (PYODIDE / "pyodide.asm.mjs").read_bytes(),
        "loader": loader.encode(),
        "lock": json.dumps(lock).encode(),
    }
    held = {name: gzip.compress(data, mtime=0) for name, data in packed.items()}
    held |= {"library": (PYODIDE / "python_stdlib.zip").read_bytes(), "sources": zipped()}
    held["worker"] = (WEB / "worker.js").read_bytes()
    return "\n".join(
        f'<script type="text/plain" id="part-{name}">{base64.b64encode(data).decode()}</script>'
        for name, data in held.items()
    )


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("file", type=Path)
    file = parser.parse_args().file
    if not PYODIDE.exists():
        raise SystemExit("Pyodide is needed: npm install --prefix web")
    file.parent.mkdir(parents=True, exist_ok=True)
    write_whole(file, page().encode())


if __name__ == "__main__":
    main()
