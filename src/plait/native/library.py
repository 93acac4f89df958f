"""Build and load the C++ of this package: every `*.cpp` below `plait/`, as one shared library.

Nothing happens at import. The first `load()` compiles (some seconds) into a cache folder, under a name that
hashes sources, compiler, flags and processor; later processes find it there. Without a compiler `load()` returns
None, says so once, and callers take their plain PyTorch path.

Environment: `PLAIT_NATIVE=0` turns the compiled part off, `CXX` names the compiler, `PLAIT_CACHE` the folder.
"""

import ctypes
import functools
import hashlib
import os
import platform
import shutil
import subprocess
import tempfile
import warnings
from pathlib import Path

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

_P, _I, _D = ctypes.c_void_p, ctypes.c_int64, ctypes.c_double
_SIGNATURES: dict[str, tuple[type, ...]] = {
    "plait_philox": (_P, _P, _I, _I, _I, _I, _I),
    "plait_copy_back": (_P, _P, _P, _P, _I, _I),
    "plait_follow_latest": (*(_P,) * 7, *(_I,) * 4),
    "plait_bit_register": (_P, _P, _I, _I, _I, _I),
}
_TYPED_SIGNATURES: dict[str, tuple[type, ...]] = {
    "plait_scan_forward": (_P, _P, _P, _P, _P, _P, _P, _P, _I),
    "plait_scan_backward": (*(_P,) * 12, _I),
    "plait_mamba_forward": (_P, _D, _P, _P, _P, _P, _I),
    "plait_mamba_backward": (_P, _D, _P, _P, _P, _P, _P, _P, _I, _I),
    "plait_transformer_forward": (_P, _D, _P, _P, _P, _P, _P, _P, _I),
    "plait_transformer_backward": (_P, _D, _P, _P, _P, _P, _P, _P, _P, _P, _I, _I),
    "plait_head_loss": (_P, _D, *(_P,) * 11, _I),
    "plait_dropout": (_I, _I, _P, _P, _P, _I, _D, _P, _I),
    "plait_embed": (_P, _P, _I, _P, _P, _I),
    "plait_embed_backward": (_P, _P, _P, _P, _I),
    "plait_stream_mamba": (_P, _D, *(_P,) * 7, _I),
    "plait_stream_transformer": (_P, _D, *(_P,) * 9, _I),
    "plait_stream_embed": (_P, _P, _P, _P, _I),
    "plait_stream_head": (_P, _D, *(_P,) * 7, _I),
    "plait_adamw": (_I, _I, _P, _P, _P, _P, _P, _P, _P, _I),
}
"""Arguments of each exported function: pointers, integers, floats; all return nothing. Those of the second table
exist as `NAME_float` and `NAME_double`."""


@functools.cache
def load() -> ctypes.CDLL | None:
    """The library, built if need be; None where it cannot be built or is turned off."""
    if os.environ.get("PLAIT_NATIVE", "1") == "0":
        return None
    try:
        library = ctypes.CDLL(str(_build()))
    except (OSError, subprocess.SubprocessError) as error:
        warnings.warn(
            f"plait runs without its compiled kernels, many times slower: {_first_line(error)}", stacklevel=2
        )
        return None
    typed = {f"{name}_{kind}": a for name, a in _TYPED_SIGNATURES.items() for kind in ("float", "double")}
    for name, arguments in {**_SIGNATURES, **typed}.items():
        function = getattr(library, name)
        function.argtypes, function.restype = arguments, None
    return library


def available() -> bool:
    """Whether the compiled kernels can be used here (builds them if they are not built yet)."""
    return load() is not None


def _build() -> Path:
    compiler = os.environ.get("CXX") or shutil.which("g++") or shutil.which("clang++") or shutil.which("c++")
    if compiler is None:
        raise FileNotFoundError("no C++ compiler found (g++, clang++ or c++; CXX names another)")
    sources = sorted(_PACKAGE.rglob("*.cpp"))
    target = _cache_folder() / f"plait-{_identity(compiler, sources)}.so"
    if target.exists():
        return target
    target.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=target.parent) as folder:
        built = Path(folder) / "library.so"
        failure = ""
        for cpu in _CPU_FLAGS:
            command = [compiler, *_FLAGS, *cpu, f"-I{_PACKAGE}", "-o", str(built), *map(str, sources)]
            done = subprocess.run(command, capture_output=True, text=True, timeout=600, check=False)
            if done.returncode == 0:
                built.rename(target)
                return target
            failure = done.stderr.strip()
    raise OSError(f"{compiler} failed: {failure}")


def _identity(compiler: str, sources: list[Path]) -> str:
    digest = hashlib.sha256()
    version = subprocess.run([compiler, "--version"], capture_output=True, timeout=60, check=True).stdout
    for part in (version, repr(_FLAGS).encode(), _processor()):
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


def _cache_folder() -> Path:
    if folder := os.environ.get("PLAIT_CACHE"):
        return Path(folder)
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "plait"


def _first_line(error: Exception) -> str:
    return (str(error).splitlines() or [type(error).__name__])[0]
