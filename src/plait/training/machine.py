"""Where a training runs: the device asked for, its name, and the versions that stand beside a result."""

import platform
from pathlib import Path

import torch


def resolve_device(name: str) -> torch.device:
    """The device asked for; only "auto" may fall back to the CPU.

    Raises:
        ValueError: an unknown name, or a GPU that is not there.
    """
    if name not in ("auto", "cpu", "cuda"):
        raise ValueError(f"device must be auto, cpu or cuda, got {name!r}")
    if name == "cuda" and not torch.cuda.is_available():
        raise ValueError(
            "device cuda was asked for, and no CUDA device is there (auto falls back to the CPU)"
        )
    return torch.device("cuda" if name != "cpu" and torch.cuda.is_available() else "cpu")


def versions() -> dict[str, str]:
    """Of plait, torch and Python, which stand beside a result."""
    from importlib.metadata import PackageNotFoundError, version

    try:
        own = version("plait")
    except PackageNotFoundError:
        own = _version_of_source()
    return {"plait": own, "torch": torch.__version__, "python": platform.python_version()}


def _version_of_source() -> str:
    """The version that a source tree says of itself, where the package is not installed."""
    import tomllib

    project = Path(__file__).parents[3] / "pyproject.toml"
    if not project.exists():
        return "not installed"
    return tomllib.loads(project.read_text())["project"]["version"]


def device_name(device: torch.device) -> str:
    """The card's name, or `cpu` and the kind of processor."""
    return torch.cuda.get_device_name(device) if device.type == "cuda" else f"cpu {platform.machine()}"
