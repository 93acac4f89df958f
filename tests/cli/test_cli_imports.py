"""What a command imports: those that compute nothing with tensors start without torch and what comes with it."""

import importlib
import importlib.util
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from plait import HybridConfig

ROOT = Path(__file__).parents[2]

HEAVY = ("torch", "numpy", "jaxtyping", "safetensors", "matplotlib", "polars", "transformers")

MOST_MODULES = 470
"""Modules that a light command may have in memory at its end, Python's own among them: 0.4 seconds' worth."""

COMPILING = ("plait.native.build",)

LEFT_OUT = {
    "help": ("rich", "plait.tasks", "plait.native", "plait.memory"),
    "help of a command": ("plait.tasks", "plait.memory"),
    "version": ("rich", "plait.tasks", "plait.native", "plait.memory"),
    "tasks": ("rich", "plait.memory", "plait.model", *COMPILING),
    "a task as JSON": ("rich", "plait.memory", "plait.model", *COMPILING),
    "label": ("rich", "plait.memory", "plait.model", *COMPILING),
    "memory of a published model": ("plait.tasks", "plait.theory.bound", "plait.theory.checker", *COMPILING),
    "memory of a plait config": ("plait.tasks", "plait.theory.bound", "plait.theory.checker", *COMPILING),
    "bounds of needle": ("plait.memory", "plait.model", "plait.theory.checker.verify", *COMPILING),
    "bounds that sample trees": ("plait.memory", "plait.model", "plait.theory.checker.verify", *COMPILING),
    "check": ("rich.live", "plait.memory", "plait.model", "plait.theory.search", *COMPILING),
}
"""What a command has no use for, and would wait for."""

SCRIPT = f"""
import json, os, sys
sys.argv = ["plait", *sys.argv[1:]]
from plait.cli import main
try:
    main()
except SystemExit as stop:
    found = {{"code": stop.code, "heavy": [m for m in {HEAVY!r} if m in sys.modules], "modules": len(sys.modules)}}
    found["names"] = list(sys.modules)
    os.write(2, json.dumps(found).encode())
"""

LIGHT = {
    "help": ("--help",),
    "help of a command": ("train", "--help"),
    "version": ("--version",),
    "tasks": ("tasks",),
    "a task": ("tasks", "selective-copying", "--param", "numbers=[1,2]"),
    "a task as JSON": ("tasks", "mqar", "--json"),
    "a task that draws a walk": ("tasks", "dyck"),
    "a task that answers while it draws": ("tasks", "n-gram-retrieval"),
    "label": ("label", "multi-key-recall", "--tokens", "rows.json"),
    "memory of a published model": ("memory", str(ROOT / "examples" / "jamba.json")),
    "memory of a plait config": ("memory", "config.json"),
    "plan": (
        *("memory", str(ROOT / "examples" / "jamba.json"), "--plan", "--budget", "67108864"),
        *("--seq-len", "32768", "--items", "1000"),
    ),
    "bounds": ("bounds", "associative-recall", "--error", "0.01"),
    "bounds of needle": ("bounds", "needle"),
    "bounds of copying": ("bounds", "selective-copying"),
    "bounds of copying over sizes": ("bounds", "selective-copying", "--range", "n_words=8..64"),
    "bounds of decoding recall": ("bounds", "decoding-recall"),
    "bounds that sample trees": ("bounds", "multi-key-recall"),
    "bounds that list trees": ("bounds", "multi-key-recall", "--param", "n_words=2"),
    "check": ("check", "certificate.json"),
}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    from plait.tasks import Needle
    from plait.theory import ssm_state_bits

    path = tmp_path_factory.mktemp("light")
    (path / "rows.json").write_text("[[0, 1, 0, 1, 0, 1, 1]]")
    (path / "config.json").write_text(json.dumps(HybridConfig(40, pattern="SSM-TF", d_model=8).to_json()))
    (path / "certificate.json").write_text(json.dumps(ssm_state_bits(Needle()).certificate))
    return path


def imported(folder: Path, *arguments: str) -> dict[str, Any]:
    done = subprocess.run(
        [sys.executable, "-c", SCRIPT, *arguments], cwd=folder, capture_output=True, text=True, check=False
    )
    found = json.loads(done.stderr.splitlines()[-1])
    assert found["code"] == 0, done.stderr
    assert done.stdout
    return found


@pytest.mark.parametrize("name", LIGHT)
def test_a_light_command_imports_neither_torch_nor_numpy(folder: Path, name: str) -> None:
    found = imported(folder, *LIGHT[name])
    assert found["heavy"] == []
    assert found["modules"] <= MOST_MODULES
    assert [left_out for left_out in LEFT_OUT.get(name, ()) if left_out in found["names"]] == []


@pytest.mark.parametrize("name", ["help", "help of a command", "version", "tasks", "label"])
def test_what_bounds_nothing_imports_no_theory(folder: Path, name: str) -> None:
    assert "plait.theory" not in imported(folder, *LIGHT[name])["names"]


def test_results_are_read_with_polars_alone(tmp_path: Path) -> None:
    found = imported(tmp_path, "results", str(ROOT / "results"), "--limit", "2")
    assert found["heavy"] == ["polars"]
    shown_while_training = ("plait.training.watching", "plait.training.logs")
    assert [name for name in shown_while_training if name in found["names"]] == []


def test_the_package_itself_imports_nothing_heavy() -> None:
    line = "import sys, plait, plait.tasks, plait.theory, plait.memory; print([m for m in HEAVY if m in sys.modules])"
    done = subprocess.run(
        [sys.executable, "-c", line.replace("HEAVY", repr(HEAVY))],
        capture_output=True,
        text=True,
        check=True,
        env={**os.environ},
    )
    assert done.stdout.strip() == "[]"


def test_names_that_wait_are_those_that_are_promised() -> None:
    from plait.deferred import names_for_the_type_checker

    for package in (
        "plait",
        "plait.model",
        "plait.layers",
        "plait.training",
        "plait.theory",
        "plait.experiments",
    ):
        module = importlib.import_module(package)
        waiting = names_for_the_type_checker(package)
        assert waiting
        for name, place in waiting.items():
            assert name in module.__all__
            assert getattr(module, name) is getattr(importlib.import_module(place), name)
            assert importlib.util.find_spec(f"{package}.{name}") is None, (
                "a module of that name would hide it"
            )
        with pytest.raises(AttributeError, match="no attribute 'nothing'"):
            module.nothing  # noqa: B018
