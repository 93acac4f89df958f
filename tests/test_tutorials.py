"""Every command of the tutorials is run, in their order, each page in a folder of its own."""

import glob
import re
import shlex
import shutil
from pathlib import Path

import pytest
from typer.testing import CliRunner

from plait.cli import app

ROOT = Path(__file__).parents[1]
PAGES = sorted((ROOT / "docs" / "tutorials").glob("*.md"))


def commands(page: Path) -> list[list[str]]:
    blocks = re.findall(r"```sh\n(.*?)```", page.read_text(), re.DOTALL)
    return [shlex.split(line) for block in blocks for line in block.splitlines()]


@pytest.mark.usefixtures("counted_seconds", "untimed")
@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_the_commands_work(page: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    shutil.copytree(ROOT / "examples", tmp_path / "examples")
    monkeypatch.chdir(tmp_path)
    found = commands(page)
    assert found
    for name, *words in found:
        assert name == "plait"
        words = [match for word in words for match in (glob.glob(word) if "/*" in word else [word])]
        result = CliRunner().invoke(app, words, catch_exceptions=False)
        assert result.exit_code == 0, f"plait {' '.join(words)}\n{result.output}"
        assert result.stdout
