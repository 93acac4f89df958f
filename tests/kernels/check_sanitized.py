"""The kernels' own tests on C++ that was compiled with address and undefined-behaviour sanitizers.

    .venv/bin/python tests/kernels/check_sanitized.py [PYTEST ARGUMENTS ..]

The compiler is a script that adds its options to those of the package, behind them, so that they win; the library lies
in a cache of its own. The first error ends the process with what it was and where. It needs g++.
"""

import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).parents[2]

OPTIONS = (
    *("-O0", "-g1", "-fno-omit-frame-pointer"),
    *("-fsanitize=address,undefined", "-fno-sanitize-recover=all"),
)

TESTS = (
    *(
        f"tests/kernels/test_{name}.py"
        for name in ("adamw", "graph_nodes", "layers_compiled", "selective_scan", "streams")
    ),
    "tests/tasks/test_task_targets.py",
    "tests/test_random.py",
)
"""Those that call the library; `test_matrix_state.py` compares PyTorch with PyTorch."""


def main() -> None:
    compiler = shutil.which("g++")
    if compiler is None:
        sys.exit("check_sanitized needs g++")
    with tempfile.TemporaryDirectory() as folder:
        wrapped = Path(folder, "sanitizing")
        wrapped.write_text(f'#!/bin/sh\nexec {compiler} "$@" {" ".join(OPTIONS)}\n')
        wrapped.chmod(0o755)
        environment = os.environ | {
            "CXX": str(wrapped),
            "PLAIT_CACHE": folder,
            "LD_PRELOAD": " ".join(runtime(compiler, name) for name in ("libasan.so", "libubsan.so")),
            "ASAN_OPTIONS": "detect_leaks=0",  # of the interpreter and PyTorch
            "UBSAN_OPTIONS": "print_stacktrace=1",
        }
        built = [sys.executable, "-c", "from plait.native import library; library.open_library()"]
        tests = [sys.executable, "-m", "pytest", "-x", "--capture=sys", *(sys.argv[1:] or TESTS)]
        for command in (built, tests):
            if subprocess.run(command, cwd=ROOT, env=environment, check=False).returncode:
                sys.exit(1)


def runtime(compiler: str, name: str) -> str:
    """The path of a sanitizer's library: it must be there before the interpreter's first allocation."""
    said = subprocess.run([compiler, f"-print-file-name={name}"], capture_output=True, text=True, check=True)
    return said.stdout.strip()


if __name__ == "__main__":
    main()
