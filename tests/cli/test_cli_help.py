import re
import shlex

import pytest
from typer.main import get_command

from plait.cli import app

COMMANDS = get_command(app).commands
EXAMPLE = re.compile(r"^\s+(?:echo .*\| )?plait (.*)$", re.MULTILINE)
TABLE = {
    "tasks", "label", "build", "verify", "stream", "export", "attack", "bounds", "check", "memory", "train",
    "reproduce", "results", "report", "eval", "bench", "doctor", "explain",
}  # fmt: skip


def test_every_command_is_there():
    assert set(COMMANDS) >= TABLE


@pytest.mark.parametrize("name", COMMANDS)
def test_help_teaches_with_an_example(plait, name):
    text = plait(name, "--help").stdout
    examples = [shlex.split(example) for example in EXAMPLE.findall(text)]
    assert any(words[0] == name for words in examples)
    for words in examples:
        options = {option for parameter in COMMANDS[words[0]].params for option in parameter.opts}
        own = words[: words.index("--")] if "--" in words else words
        assert {word for word in own if word.startswith("-") and word != "-"} <= options


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_takes_json_and_device(name):
    options = {option for parameter in COMMANDS[name].params for option in parameter.opts}
    assert {"--json", "--device"} <= options


@pytest.mark.parametrize("name", COMMANDS)
def test_the_usage_line_reads_well(plait, name):
    usage = plait(name, "--help").stdout.split("\n\n")[0]
    assert re.fullmatch(rf"Usage: .*{name} \[OPTIONS\]( ([A-Z]+|\[[A-Z]+\])(\.\.\.)?)*", usage)


def test_version_and_bare_call(plait):
    assert re.fullmatch(r"\d+\.\d+\.\d+\n", plait("--version").stdout)
    bare = plait()
    assert bare.exit_code == 0
    assert bare.stdout == plait("--help").stdout


def test_unknown_commands_and_options(refused):
    assert "nearest: train" in refused("trian")
    assert "--steps" in refused("train", "--step", "3")
    assert "see plait label --help" in refused("label")
