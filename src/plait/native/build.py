"""Compile the C++ of this package: every `*.cpp` below `plait/`, as one shared library in a cache folder.

It lies there under a name that hashes sources, compiler, flags and processor, so that later processes find it, and
ends in its own checksum, so that a damaged one is seen and compiled again. A compiler that failed is not asked again
for a day: beside the library's place lies then what it said.

Environment: `CXX` names the compiler (with options, if need be), `PLAIT_CACHE` the folder.
"""

import contextlib
import hashlib
import logging
import os
import platform
import re
import shlex
import shutil
import stat
import subprocess
import sys
import tempfile
import time
from collections.abc import Generator
from pathlib import Path

from plait.checks.values import in_line
from plait.files import write_whole

INSTALL = "a C++17 compiler comes with `apt install g++`, `dnf install gcc-c++` or `brew install gcc`"
DAY = 86_400
SECONDS = 600
"""For one source, at most."""

_PACKAGE = Path(__file__).resolve().parent.parent
_FLAGS = (
    "-std=c++17",
    "-O3",
    "-fPIC",
    "-shared",
    "-pthread",
    "-fno-math-errno",
    "-fno-trapping-math",
    "-Wno-psabi",
)
_CPU_FLAGS = (("-march=native",), ("-mcpu=native",), ())
_COMPILERS = ("g++", "clang++", "c++")
_EXPORTED = re.compile(r'extern "C" \w+ (plait_\w+?)(_##suffix)?\(')


class BuildError(Exception):
    """Why there is no compiled library, in one line."""


def built(*, again: bool = False) -> Path:
    """The library for this processor and compiler, compiled unless it lies whole in the cache.

    Args:
        again: compile even if that failed within a day.

    Raises:
        BuildError: no compiler, one that failed (now or within a day), a cache that cannot be written, or one that
            others own or can write.
    """
    compiler = compiler_command()
    sources = sorted(_PACKAGE.rglob("*.cpp"))
    try:
        folder = _own_folder()
        name = f"plait-{_identity(compiler, sources)}"
        if found := _found(folder, name):
            return found
        with _alone(folder):
            if found := _found(folder, name):
                return found
            failed = folder / f"{name}.failed"
            if not again and (said := _said_today(failed)):
                raise BuildError(f"{said} (tried within a day; `plait doctor` tries again)")
            made = _compile(compiler, sources, folder, name)
            if isinstance(made, str):
                write_whole(failed, made.encode())
                raise BuildError(made)
            failed.unlink(missing_ok=True)
            return made
    except (OSError, subprocess.SubprocessError) as error:
        raise BuildError(" ".join(str(error).split())) from None


def exported() -> list[str]:
    """The names of all functions that the library must have, as the sources declare them."""
    found: list[str] = []
    for source in sorted(_PACKAGE.rglob("*.cpp")):
        for name, typed in _EXPORTED.findall(source.read_text()):
            found += [f"{name}_float", f"{name}_double"] if typed else [name]
    return found


def compiler_command() -> list[str]:
    """The C++ compiler and its options.

    Raises:
        BuildError: none is found.
    """
    named = os.environ.get("CXX")
    command = shlex.split(named) if named else []
    if command and shutil.which(command[0]) is None:
        raise BuildError(f"CXX names {command[0]!r}, which is not found")
    found = next((name for name in _COMPILERS if shutil.which(name)), None)
    if not command and found is None:
        raise BuildError(f"no C++ compiler found ({', '.join(_COMPILERS)}; CXX names another)")
    return command or [str(found)]


def compiler_version(compiler: list[str]) -> str:
    """The first line that the compiler says of its version.

    Raises:
        BuildError: it cannot be run.
    """
    return _version(compiler).decode(errors="replace").partition("\n")[0]


def _version(compiler: list[str]) -> bytes:
    """All that it says of its version.

    Raises:
        BuildError: it cannot be run, or says that it failed.
    """
    command = [*compiler, "--version"]
    try:
        done = subprocess.run(command, capture_output=True, timeout=60, check=False)
    except (OSError, subprocess.SubprocessError) as error:
        raise BuildError(f"`{shlex.join(command)}`: {' '.join(str(error).split())}") from None
    if done.returncode:
        raise BuildError(f"`{shlex.join(command)}` failed, so it is no C++ compiler (CXX names another)")
    return done.stdout


def cache_folder() -> Path:
    """Where compiled libraries lie.

    Raises:
        BuildError: nothing says where the user's home is.
    """
    if folder := os.environ.get("PLAIT_CACHE"):
        return Path(folder)
    try:
        return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "plait"
    except RuntimeError:
        raise BuildError(
            "no home folder is known: PLAIT_CACHE names a folder for compiled libraries"
        ) from None


def _own_folder() -> Path:
    """The cache folder, made if need be: what is loaded from it runs, so nobody else may put anything there.

    Raises:
        BuildError: others own it or can write to it.
        OSError: it cannot be made.
    """
    folder = cache_folder()
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    status = folder.stat()
    if hasattr(os, "geteuid") and status.st_uid not in (os.geteuid(), 0):
        raise BuildError(f"{folder} is another user's: PLAIT_CACHE names another cache folder")
    if status.st_mode & (stat.S_IWGRP | stat.S_IWOTH):
        raise BuildError(f"{folder} can be written by others: `chmod go-w` it, or PLAIT_CACHE names another")
    return folder


@contextlib.contextmanager
def _alone(folder: Path) -> Generator[None, None, None]:
    """Of processes that start together one compiles, and the others wait and find what it made."""
    try:
        import fcntl
    except ImportError:  # no such locks on this system: each compiles
        yield
        return
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        with contextlib.suppress(OSError):  # a file system that knows no locks
            fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)


def _found(folder: Path, name: str) -> Path | None:
    """The library of that name, whole; a damaged one is removed."""
    for library in sorted(folder.glob(f"{name}-*.so")):
        if _is_whole(library):
            return library
        library.unlink(missing_ok=True)
    return None


def _is_whole(library: Path) -> bool:
    """Whether the file is the one that was compiled: its name ends in the checksum of its bytes."""
    return library.stem.rpartition("-")[2] == _checksum(library)


def _checksum(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()[:20]


def _compile(compiler: list[str], sources: list[Path], cache: Path, name: str) -> Path | str:
    """The library, on the disk under a name with its checksum; or what went wrong, in one line."""
    _announce()
    failure = ""
    with tempfile.TemporaryDirectory(dir=cache) as folder:
        for cpu in _CPU_FLAGS:
            library = Path(folder) / "library.so"
            failure = _made([*compiler, *_FLAGS, *cpu, f"-I{_PACKAGE}"], sources, library)
            if not failure:
                target = cache / f"{name}-{_checksum(library)}.so"
                write_whole(target, library.read_bytes())
                return target
    return f"{compiler[0]} failed: {_telling_line(failure)}"


def _announce() -> None:
    """To who waits at a terminal; anything else that is written there is for errors."""
    waiting = sys.stderr is not None and sys.stderr.isatty()
    logging.getLogger("plait").log(
        logging.WARNING if waiting else logging.INFO, "compiling kernels once, about a minute"
    )


def _made(command: list[str], sources: list[Path], library: Path) -> str:
    """What a compiler said that failed, empty where it made the library: a process a source, as many as cores.

    The smallest source goes first and alone, to try the options; then the largest, which take longest.
    """
    from concurrent.futures import ThreadPoolExecutor, as_completed  # here, for only who compiles needs it

    by_size = sorted(sources, key=lambda source: source.stat().st_size)
    objects = [library.with_name(f"{place}.o") for place in range(len(sources))]
    steps = [
        [*command, "-c", "-o", str(target), str(source)]
        for target, source in zip(objects, by_size, strict=True)
    ]
    if failure := _said(steps[0]):
        return failure
    with ThreadPoolExecutor(_cores()) as pool:
        waiting = [pool.submit(_said, step) for step in reversed(steps[1:])]
        for one in as_completed(waiting):
            if failure := one.result():
                pool.shutdown(cancel_futures=True)
                return failure
    return _said([*command, "-o", str(library), *map(str, objects)])


def _said(command: list[str]) -> str:
    """What a command said that failed, else nothing."""
    try:
        done = subprocess.run(command, capture_output=True, timeout=SECONDS, check=False)
    except subprocess.TimeoutExpired:
        return f"it was not done after {SECONDS:g} seconds"
    return "" if done.returncode == 0 else done.stderr.decode(errors="replace").strip() or "it said nothing"


def _cores() -> int:
    """Those that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def _telling_line(text: str) -> str:
    """The first line that names an error, else the first; shortened."""
    lines = text.splitlines()
    return in_line(next((line for line in lines if "error" in line.lower()), lines[0]), most=300)


def _said_today(failed: Path) -> str | None:
    """What a compiler said that failed within the last day."""
    try:
        if 0 <= time.time() - failed.stat().st_mtime < DAY:
            return " ".join(failed.read_text(errors="replace")[:400].split()) or None
    except OSError:
        pass
    return None


def _identity(compiler: list[str], sources: list[Path]) -> str:
    digest = hashlib.sha256()
    for part in (_version(compiler), repr(_FLAGS).encode(), _processor()):
        digest.update(part)
    for path in sorted([*sources, *_PACKAGE.rglob("*.hpp")]):
        digest.update(path.relative_to(_PACKAGE).as_posix().encode())
        digest.update(path.read_bytes())
    return digest.hexdigest()[:20]


def _processor() -> bytes:
    """What `-march=native` depends on."""
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        return platform.processor().encode()
    keys = ("model name", "flags", "Features")
    return "\n".join(line for line in lines[:64] if line.startswith(keys)).encode()
