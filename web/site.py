"""What MkDocs adds to docs/: API pages, the gallery, the notebooks, and the page that computes.

The hooks of mkdocs.yml. Pages are made in memory; nothing is written beside the site itself.
"""

import ast
import base64
import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from mkdocs.config.defaults import MkDocsConfig
from mkdocs.structure.files import File, Files
from mkdocs.structure.pages import Page

ROOT = Path(__file__).parents[1]
PACKAGE = ROOT / "src" / "plait"
COMPUTE = ROOT / "build" / "compute.html"
NOTEBOOKS = {"constructions": "A forward pass", "hops": "Hops, from nothing"}
"""Of examples/: the file, and what the list of pages calls it."""

TUTORIALS = ("first-frontier", "own-mixer", "size-a-hybrid", "compile-a-program")

API = (
    *("plait", "plait.tasks", "plait.model", "plait.layers", "plait.training", "plait.experiments"),
    *("plait.memory", "plait.advisor", "plait.theory", "plait.constructions", "plait.compiler"),
    *("plait.verify", "plait.attack", "plait.export", "plait.report", "plait.browser"),
)


def on_config(config: MkDocsConfig) -> MkDocsConfig:
    """The order of the pages; those of a folder that grows come by name."""
    results = ["results.md", *_pages("results")]
    theory = ["theory.md", "theory-constructions.md", "attack.md", *_present("compiler.md")]
    config.nav = [
        {"Overview": "index.md"},
        {"In your browser": "compute.md"},
        {"Tutorials": [f"tutorials/{name}.md" for name in TUTORIALS if _present(f"tutorials/{name}.md")]},
        {"How to": "how-to/index.md"},
        {"Theory": theory},
        {"Notebooks": [{title: f"{name}-notebook.md"} for name, title in NOTEBOOKS.items()]},
        {"Results": results},
        {"Gallery": "gallery.md"},
        {"API": [f"api/{name}.md" for name, _ in api_pages()]},
        {"Log": "log.md"},
    ]
    return config


def _present(*names: str) -> list[str]:
    return [name for name in names if (ROOT / "docs" / name).exists()]


def _pages(folder: str) -> list[str]:
    return sorted((f"{folder}/{path.name}" for path in (ROOT / "docs" / folder).glob("*.md")), key=_natural)


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """The pages that are made, beside those that are written."""
    made = {f"api/{name}.md": text for name, text in api_pages()}
    made |= {"gallery.md": gallery(), **{f"{name}-notebook.md": notebook(name) for name in NOTEBOOKS}}
    for place, text in made.items():
        files.append(File.generated(config, place, content=text))
    for place, data in drawings():
        files.append(File.generated(config, place, content=data))
    if COMPUTE.exists():
        files.append(File.generated(config, "compute.html", abs_src_path=str(COMPUTE)))
    return files


def on_page_markdown(markdown: str, page: Page, config: MkDocsConfig, files: Files) -> str:
    """Links to files of the repository that are no pages become their names; lists within lists stay within them."""
    here = Path(page.file.src_uri).parent

    def link(match: re.Match[str]) -> str:
        text, target = match[1], match[2]
        place, _, _ = target.partition("#")
        if re.match(r"[a-z]+:", target) or not place or place == "compute.html":
            return match[0]
        found = _normal(here / place)
        if files.get_file_from_path(found) is not None:
            return match[0]
        outside = found.removeprefix("../")
        if not (ROOT / outside).exists():
            raise ValueError(f"{page.file.src_uri}: the link to {target} leads nowhere")
        return f"{text} (`{outside}`)" if outside not in text else f"`{outside}`"

    return re.sub(r"(?<!\!)\[((?:[^\[\]]|\[[^\]]*\])*)\]\(([^()\s]+)\)", link, _indented(markdown))


def _indented(markdown: str) -> str:
    """Items of lists in lists behind twice as many blanks: MkDocs takes four for a level, where GitHub takes two."""
    lines, fenced = markdown.split("\n"), False
    for number, line in enumerate(lines):
        fenced ^= line.lstrip().startswith("```")
        if not fenced and (item := re.match(r" +(?=[-*] )", line)):
            lines[number] = item[0] + line
    return "\n".join(lines)


def api_pages() -> Iterator[tuple[str, str]]:
    """One page a package, with the names of its `__all__` in their order."""
    for name in API:
        init = ROOT / "src" / Path(*name.split(".")) / "__init__.py"
        if not init.exists():
            continue
        tree = ast.parse(init.read_text())
        about = ast.get_docstring(tree) or name
        places = dict(_places(tree, name))
        names = [
            place for exported in _exported(tree) if (place := places.get(exported)) and _has_a_page(place)
        ]
        blocks = "\n\n".join(f"::: {place}" for place in names)
        yield name, f"# {name}\n\n{about}\n\n{blocks}\n"


def _exported(tree: ast.Module) -> list[str]:
    for statement in tree.body:
        if isinstance(statement, ast.Assign) and ast.unparse(statement.targets[0]) == "__all__":
            return list(ast.literal_eval(statement.value))
    return []


def _places(tree: ast.Module, package: str) -> Iterator[tuple[str, str]]:
    """Name -> where it is defined, following imports of packages to their modules."""
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom) and node.module and node.module.startswith("plait"):
            for alias in node.names:
                yield alias.name, _defined(node.module, alias.name)


def _defined(module: str, name: str) -> str:
    folder = ROOT / "src" / Path(*module.split("."))
    if (folder / "__init__.py").exists():
        for found, place in _places(ast.parse((folder / "__init__.py").read_text()), module):
            if found == name:
                return place
    return f"{module}.{name}"


def _has_a_page(place: str) -> bool:
    """Whether the name is a class or a function; constants stand in their modules."""
    module, _, name = place.rpartition(".")
    path = ROOT / "src" / Path(*module.split("."))
    file = path.with_suffix(".py") if path.with_suffix(".py").exists() else path / "__init__.py"
    kinds = (ast.ClassDef, ast.FunctionDef)
    return any(isinstance(node, kinds) and node.name == name for node in ast.parse(file.read_text()).body)


def gallery() -> str:
    """Every drawing of docs/images under the experiment that makes it, with its command."""
    by_name: dict[str, list[str]] = {}
    for path in sorted((ROOT / "docs" / "images").glob("*.svg")):
        by_name.setdefault(re.split(r"-", path.stem)[0], []).append(path.name)
    parts = ["# Gallery", "Every figure, and the command that makes it. Click one to see it large."]
    for name in sorted(by_name, key=_natural):
        command = f"plait reproduce {name}" if name in _experiments() else "make docs"
        parts.append(f"## {name}\n\n```sh\n{command}\n```\n")
        parts += [
            f"[![{name}: {_words(file, name)}](images/{file})](images/{file})" for file in by_name[name]
        ]
    return "\n\n".join(parts) + "\n"


def _experiments() -> set[str]:
    """The names that `plait reproduce` knows, read from the files of the figures."""
    from plait.paper.catalogue import CATALOGUE

    return set(CATALOGUE) | {"fig9", "fig10"}


def _words(file: str, name: str) -> str:
    rest = file.removesuffix(".svg").removeprefix(name).strip("-")
    ratio = "how many times the parameters pure models need" if rest.endswith("ratio") else "accuracy"
    return ratio if re.fullmatch(r"[\d-]*(ratio)?", rest) else rest.replace("-", " ")


def _natural(name: str) -> list[Any]:
    return [int(part) if part.isdigit() else part for part in re.split(r"(\d+)", name)]


def notebook(name: str) -> str:
    """A notebook as it was run (a test runs it and compares), cell by cell."""
    parts: list[str] = []
    for index, cell in enumerate(_cells(name)):
        source = "".join(cell["source"])
        if cell["cell_type"] == "markdown":
            parts.append(source)
            continue
        parts.append(f"```python\n{source}\n```")
        for n, output in enumerate(cell["outputs"]):
            if output["output_type"] == "stream":
                parts.append(f"```text\n{''.join(output['text']).rstrip()}\n```")
            elif "image/png" in output.get("data", {}):
                parts.append(f"![Drawing of the cell above](images/{name}-{index}-{n}.png)")
    return "\n\n".join(parts) + "\n"


def drawings() -> Iterator[tuple[str, bytes]]:
    """The notebooks' pictures."""
    for name in NOTEBOOKS:
        for index, cell in enumerate(_cells(name)):
            for n, output in enumerate(cell.get("outputs", [])):
                if "image/png" in output.get("data", {}):
                    data = base64.b64decode("".join(output["data"]["image/png"]))
                    yield f"images/{name}-{index}-{n}.png", data


def _cells(name: str) -> list[dict[str, Any]]:
    return json.loads((ROOT / "examples" / f"{name}.ipynb").read_text())["cells"]


def _normal(path: Path) -> str:
    parts: list[str] = []
    for part in path.as_posix().split("/"):
        if part == ".." and parts and parts[-1] != "..":
            parts.pop()
        elif part != ".":
            parts.append(part)
    return "/".join(parts)
