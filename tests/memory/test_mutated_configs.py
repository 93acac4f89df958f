"""Config files with a few fields changed at random: figures, or one line that refuses; never long."""

import json
import random
import time
from pathlib import Path
from typing import Any

import hf_instances as hf
import pytest
from typer.testing import CliRunner

from mutations import mutated_document
from plait.checks import printable
from plait.cli import app
from plait.memory import read_config

SECONDS = 10.0
"""No reading may take longer; the slowest of 20,000 took 1.1 s."""


def paths() -> list[Path]:
    return sorted(hf.FIXTURES.glob("*.json")) + sorted((hf.FIXTURES / "published").glob("*.json"))


def held(document: dict[str, Any], *, generic: bool) -> str:
    """The figures at two lengths as text, or the refusal."""
    try:
        read = read_config(document, generic=generic)
        return " ".join(str(read.memory(n, dtype="bfloat16").to_json()) for n in (1, 100_000))
    except ValueError as error:
        said = str(error)
        assert "\n" not in said
        assert len(said) < 2000, said
        return said


def test_changed_fields() -> None:
    draw = random.Random(0)
    files = [json.loads(path.read_text()) for path in paths()]
    for i in range(1200):
        document = mutated_document(files[i % len(files)], draw)
        began = time.process_time()
        held(document, generic=i % 5 == 0)
        assert time.process_time() - began < SECONDS, json.dumps(document)[:1000]


@pytest.mark.parametrize("json_flag", [(), ("--json",)])
def test_on_the_command_line(tmp_path: Path, json_flag: tuple[str, ...]) -> None:
    draw = random.Random(1)
    files = [json.loads(path.read_text()) for path in paths()]
    file = tmp_path / "config.json"
    for i in range(60):
        file.write_text(json.dumps(mutated_document(draw.choice(files), draw)))
        asked = ["memory", str(file), "--seq-len", "1,100000", *json_flag]
        done = CliRunner().invoke(
            app, [*asked, *(("--generic",) if i % 5 == 0 else ())], catch_exceptions=False
        )
        assert done.exit_code in (0, 2)
        if done.exit_code:
            assert done.stdout == ""
            assert done.stderr.startswith("plait: ")
            assert done.stderr == printable(done.stderr[:-1]) + "\n"
        elif json_flag:
            json.loads(done.stdout)
