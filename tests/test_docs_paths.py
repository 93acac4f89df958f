"""Files, folders and modules that pages and docstrings name in backticks are there."""

import ast
import re
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]

OF_A_USER = {
    "construction.json", "config.json", "hf_quant_config.json", "frontier.html", "gpu_engine.json", "gpu_kernels.json",
    "configuration_utils.py", "docs/results/NAME.md", "tests/memory/fixtures/MODEL_TYPE.json",
    "tests/kernels/test_NAME.py",
}  # fmt: skip
"""What a command writes or reads, what lies in another package, and names with a part to be filled in."""

CODE = re.compile(r"`+([^`\n]+)`+")
PATH = re.compile(
    r"[\w./-]+\.(?:py|cpp|hpp|md|json|toml|html)\b|\b(?:src|tests|docs|benchmarks|examples)/[\w./-]*"
)
MODULE = re.compile(r"(?<![\w./-])plait(?:\.[A-Za-z_]\w*)+(?!\w*/)")


def _tracked() -> list[str]:
    listed = subprocess.run(["git", "ls-files"], cwd=ROOT, capture_output=True, text=True, check=False)
    if listed.returncode:
        pytest.skip("a checkout says which files are plait's, and this is none")
    return [name for name in listed.stdout.splitlines() if (ROOT / name).exists()]


TRACKED = _tracked()
PLACES = {f"/{name}" for name in TRACKED} | {
    f"/{folder}" for name in TRACKED for folder in map(str, Path(name).parents) if folder != "."
}


def _docstrings(source: str) -> str:
    texts = [
        node.value.value
        for node in ast.walk(ast.parse(source))
        if isinstance(node, ast.Expr)
        and isinstance(node.value, ast.Constant)
        and isinstance(node.value.value, str)
    ]
    return "\n".join(texts)


def _text(name: str) -> str:
    text = (ROOT / name).read_text()
    return _docstrings(text) if name.endswith(".py") else text


def _is_there(path: str) -> bool:
    return any(place.endswith(f"/{path.strip('./')}") for place in PLACES)


def _is_defined(module: str) -> bool:
    """Whether the name leads to a module, or to a word of the module that it leads to."""
    place = ROOT / "src/plait"
    for part in module.split(".")[1:]:
        if (place / part).is_dir():
            place /= part
        elif (place / f"{part}.py").exists():
            place = place / f"{part}.py"
        else:
            source = (place / "__init__.py" if place.is_dir() else place).read_text()
            return re.search(rf"\b{part}\b", source) is not None
    return True


PAGES = [
    name
    for name in TRACKED
    if name == "README.md"
    or name == "CONTRIBUTING.md"
    or (name.startswith("docs/") and name.endswith(".md"))
    or (name.startswith(("src/", "tests/", "benchmarks/", "examples/")) and name.endswith(".py"))
]


def test_a_file_that_is_gone_is_found() -> None:
    paths = ("layers/mamba.py", "src/plait/theory", "layers/no_such_layer.py", "src/plait/no_such_room")
    assert [_is_there(path) for path in paths] == [True, True, False, False]
    modules = ("plait.theory.frontier", "plait.layers.mamba", "plait.layers.no_such_layer")
    assert [_is_defined(module) for module in modules] == [True, True, False]
    assert _docstrings('"""`a.py`."""\nx = "`b.py`"') == "`a.py`."


def test_every_file_and_folder_in_backticks_is_there() -> None:
    named = [
        (page, path)
        for page in PAGES
        for code in CODE.findall(_text(page))
        for path in PATH.findall(code)
        if path not in OF_A_USER and "://" not in code and "site-packages" not in code
    ]
    assert len(named) > 250
    assert [f"{page}: {path}" for page, path in named if not _is_there(path)] == []


def test_every_module_of_plait_that_is_named_is_there() -> None:
    named = [
        (page, module)
        for page in PAGES
        for code in CODE.findall(_text(page))
        for module in MODULE.findall(code)
    ]
    assert len(named) > 100
    assert [f"{page}: {module}" for page, module in named if not _is_defined(module)] == []
