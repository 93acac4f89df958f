"""Every command and example of the README is run, but for the two that take minutes."""

import glob
import re
import shlex
import shutil
from pathlib import Path

import pytest
from typer.testing import CliRunner

from plait.cli import app

ROOT = Path(__file__).parents[1]
TEXT = (ROOT / "README.md").read_text()
NOT_RUN = "[not run by the tests"


def blocks(language):
    """The code blocks of a language, but for those that are marked as not run."""
    found = re.finditer(rf"(?P<before>[^\n]*)\n+```{language}\n(?P<code>.*?)```", TEXT, re.DOTALL)
    return [match["code"] for match in found if not match["before"].startswith(NOT_RUN)]


def plait_commands():
    lines = [line for block in blocks("sh") for line in block.splitlines()]
    return [line for line in lines if not line.startswith("make ")]


def run(line):
    """`[echo WORDS |] plait WORDS`, file patterns expanded."""
    stdin = None
    if "|" in line:
        echo, _, line = line.partition(" | ")
        words = shlex.split(echo)
        assert words[0] == "echo"
        stdin = " ".join(words[1:]) + "\n"
    name, *words = shlex.split(line)
    assert name == "plait"
    words = [found for word in words for found in (glob.glob(word) if "/*" in word else [word])]
    return CliRunner().invoke(app, words, input=stdin, catch_exceptions=False)


@pytest.mark.usefixtures("untimed", "counted_seconds")
def test_the_commands_work_in_the_order_of_the_readme(tmp_path, monkeypatch):
    shutil.copytree(ROOT / "examples", tmp_path / "examples")
    monkeypatch.chdir(tmp_path)
    commands = plait_commands()
    assert len(commands) >= 15
    for command in commands:
        result = run(command)
        assert result.exit_code == 0, f"{command}\n{result.output}"
        assert result.stdout


def test_commands_that_are_not_run_are_at_least_understood(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    marked = TEXT.split(NOT_RUN)[1].split("```")[1].splitlines()[1:]
    assert marked
    for command in marked:
        result = CliRunner().invoke(app, [*shlex.split(command)[1:], "--device", "none"])
        assert result.exit_code == 2
        assert "auto, cpu or cuda" in result.stderr


def test_the_python_example(capsys):
    (code,) = blocks("python")
    assert len([line for line in code.splitlines() if line]) <= 10
    exec(compile(code, "README.md", "exec"), {})
    assert re.fullmatch(
        r"\d+ parameters, accuracy [01]\.\d{3} at learning rate 0\.0[13]\n", capsys.readouterr().out
    )


@pytest.mark.parametrize(
    "target",
    [line.split()[1] for block in blocks("sh") for line in block.splitlines() if line.startswith("make ")],
)
def test_make_knows_its_targets(target):
    assert re.search(rf"^{target}:", (ROOT / "Makefile").read_text(), re.MULTILINE)


def test_links_lead_somewhere():
    links = [link for link in re.findall(r"\]\(([^)#]+)\)", TEXT) if not link.startswith("http")]
    assert [link for link in links if not (ROOT / link).exists()] == []


def test_the_tree_names_every_folder():
    folders = {path.parent.name for path in (ROOT / "src" / "plait").glob("*/__init__.py")}
    assert folders == set(re.findall(r"^src/plait/(\w+)/", TEXT, re.MULTILINE))


def test_the_first_screen_comes_before_the_details():
    assert (
        TEXT.index("make test")
        < TEXT.index("```python")
        < TEXT.index("## The headline")
        < TEXT.index("## Install")
    )
    assert TEXT.index("## Install") < 3500
