"""From source to wheel to a new environment outside the repository: whole, every command runs, by the same kernels.

    .venv/bin/python tests/package/check_installed.py

Builds sdist and, from it, the wheel; compares both with what git knows; installs the wheel into a new environment in a
temporary folder; sees that its kernels are those of the source tree, byte for byte, so that they need not be compiled
again; runs the smallest form of every command; and trains there and here to the same bits, which the plain
PyTorch path does not give, so that both ran in those kernels (`benchmarks/installed.py` times them). Prints one line a
step; the first that fails ends it with exit code 1.
"""

import argparse
import os
import shutil
import subprocess
import sys
import tarfile
import tempfile
import time
import zipfile
from pathlib import Path

ROOT = Path(__file__).parents[2]

KERNELS = "from plait.native import build; print(build.built())"

TRAINED = ["-m", "plait.cli", "train", "--steps", "10", "--train", "test_sequences=64", "--json"]

COMMANDS = {
    "tasks": "plait tasks",
    "tasks NAME": "plait tasks needle --seq-len 8",
    "label": "echo '[[0, 26, 1, 2, 3, 4, 5, 6]]' | plait label selective-copying --tokens -",
    "train": "plait train --steps 2 -o runs --save-models",
    "eval": "plait eval runs/_models/* --task selective-copying --sequences 8 --seq-len 20",
    "build": "plait build selective-copying --seq-len 20 -o built",
    "verify": "plait verify built --task selective-copying --samples 10",
    "stream": "echo '0 1 2 26 3' | plait stream built",
    "bounds": "plait bounds needle -o certificates",
    "check": "plait check certificates/needle-state-bits.json",
    "attack": "plait attack built --task selective-copying",
    "memory": "plait memory built",
    "results": "plait results runs",
    "report": "plait report runs -o page.html && test -s page.html",
    "reproduce": "plait reproduce",
    "doctor": "plait doctor --seconds 1",
    "completion": "plait --show-completion bash",
}
"""By name, run one after the other in one empty folder."""

REFUSED = {
    "bench": ("plait bench", "source tree"),
    "export": ("plait export built --to hf -o exported", "pip install"),
}
"""What needs the source tree or an optional package says so in one line, exit code 2."""


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--keep", type=Path, help="build and install here, and leave it")
    keep = parser.parse_args().keep
    with tempfile.TemporaryDirectory() as folder:
        place = folder if keep is None else str(keep)
        check(Path(place))
    print("the package is whole: 1 passed, 0 failed")


def check(place: Path) -> None:
    place.mkdir(parents=True, exist_ok=True)
    sdist, wheel = built(place / "dist")
    is_whole(sdist, wheel)
    python = installed(wheel, place / "env")
    work = place / "work"
    work.mkdir()
    environment = clean_environment(python, place)
    kernels_are_the_same(python, place / "cache", work, environment)
    for name, command in COMMANDS.items():
        said(name, command, work, environment)
    for name, (command, word) in REFUSED.items():
        refused(name, command, word, work, environment)
    trained_the_same(python, work, environment)


def built(folder: Path) -> tuple[Path, Path]:
    """sdist, and the wheel made from it."""
    with step("sdist and wheel"):
        run([sys.executable, "-m", "build", "--outdir", str(folder), str(ROOT)])
    (sdist,), (wheel,) = folder.glob("*.tar.gz"), folder.glob("*.whl")
    return sdist, wheel


def is_whole(sdist: Path, wheel: Path) -> None:
    """Every file of `src/plait` that git knows is in both, and nothing else in the wheel."""
    with step("contents"):
        listed = run(["git", "-C", str(ROOT), "ls-files", "src/plait"]).split()
        wanted = {name.removeprefix("src/") for name in listed if (ROOT / name).exists()}
        with zipfile.ZipFile(wheel) as archive:
            packed = {name for name in archive.namelist() if name.startswith("plait/")}
        with tarfile.open(sdist) as archive:
            sources = {name.partition("/")[2] for name in archive.getnames()}
        for what, lacking in (
            ("the wheel lacks", wanted - packed),
            ("the wheel has more", packed - wanted),
            ("the sdist lacks", {f"src/{name}" for name in wanted} - sources),
            ("the sdist lacks", {"README.md", "LICENSE", "CHANGELOG.md", "pyproject.toml"} - sources),
        ):
            if lacking:
                raise SystemExit(f"{what}: {', '.join(sorted(lacking))}")


def installed(wheel: Path, folder: Path) -> Path:
    """The interpreter of a new environment that has the wheel and what it needs."""
    with step("new environment"):
        run([sys.executable, "-m", "venv", str(folder)])
        python = folder / "bin" / "python"
        pip = [str(python), "-m", "pip", "install", "--quiet", "--no-compile"]
        # With the source tree on the path pip would find plait there, and install nothing.
        clean = clean_environment(python, folder.parent)
        run([*pip, "-c", str(ROOT / "constraints.txt"), str(wheel)], env=clean)
    return python


def clean_environment(python: Path, place: Path) -> dict[str, str]:
    """Nothing of the repository is on the path, and nothing compiled before is found."""
    dropped = ("PYTHONPATH", "PYTHONHOME", "VIRTUAL_ENV")
    kept = {name: value for name, value in os.environ.items() if name not in dropped}
    path = f"{python.parent}{os.pathsep}{os.environ['PATH']}"
    return {**kept, "PATH": path, "PLAIT_CACHE": str(place / "cache")}


def kernels_are_the_same(python: Path, cache: Path, work: Path, environment: dict[str, str]) -> None:
    """What is compiled is named by its sources, compiler and options: the wheel finds what the source tree made."""
    with step("kernels"):
        made = Path(
            run([sys.executable, "-c", KERNELS], env={**os.environ, "PYTHONPATH": str(ROOT / "src")}).strip()
        )
        cache.mkdir(mode=0o700)
        shutil.copy2(made, cache)
        found = Path(run([str(python), "-c", KERNELS], cwd=work, env=environment).strip())
        if found != cache / made.name:
            raise SystemExit(
                f"the wheel compiles other kernels, {found.name}, than the source tree, {made.name}"
            )


def said(name: str, command: str, work: Path, environment: dict[str, str]) -> None:
    """Run a command that must succeed, say something, and leave no warning."""
    with step(name):
        done = shell(command, work, environment)
        warned = "Warning" in done.stderr or "without its compiled kernels" in done.stderr
        if done.returncode or warned:
            raise SystemExit(f"{command}: exit code {done.returncode}\n{done.stdout}\n{done.stderr}")


def refused(name: str, command: str, word: str, work: Path, environment: dict[str, str]) -> None:
    with step(f"{name}, refused"):
        done = shell(command, work, environment)
        if done.returncode != 2 or done.stderr.count("\n") != 1 or word not in done.stderr:
            raise SystemExit(f"{command}: exit code {done.returncode}\n{done.stdout}\n{done.stderr}")


def trained_the_same(python: Path, work: Path, environment: dict[str, str]) -> None:
    """There and here to the last bit; the plain path gives other bits."""
    here = {**os.environ, "PYTHONPATH": str(ROOT / "src")}
    with step("trained the same"):
        there = run([str(python), *TRAINED], cwd=work, env=environment)
        if there != run([sys.executable, *TRAINED], cwd=work, env=here):
            raise SystemExit("the installed package trains to other numbers than the source tree")
        if there == run([str(python), *TRAINED], cwd=work, env={**environment, "PLAIT_NATIVE": "0"}):
            raise SystemExit("the installed package trains to the same numbers without its compiled kernels")


class step:  # noqa: N801
    """Prints what was done and how long it took."""

    def __init__(self, name: str) -> None:
        self.name = name

    def __enter__(self) -> None:
        self.start = time.monotonic()

    def __exit__(self, kind: object, *_: object) -> None:
        print(
            f"{self.name:24}{'ok' if kind is None else 'FAILED'}  {time.monotonic() - self.start:5.1f} s",
            flush=True,
        )


def run(command: list[str], cwd: Path | None = None, env: dict[str, str] | None = None) -> str:
    done = subprocess.run(command, capture_output=True, text=True, check=False, cwd=cwd, env=env)
    if done.returncode:
        raise SystemExit(
            f"{' '.join(command)}: exit code {done.returncode}\n{done.stdout[-3000:]}\n{done.stderr[-3000:]}"
        )
    return done.stdout


def shell(command: str, work: Path, environment: dict[str, str]) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        ["bash", "-c", command],
        cwd=work,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
        timeout=300,
    )


if __name__ == "__main__":
    main()
