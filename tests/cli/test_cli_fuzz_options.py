"""Every option of every command, as the commands themselves declare them, with values of all kinds.

An answer, or one line and exit 2. What writes is let loose in a folder of its own.
"""

import functools
import json
import random
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import typer.main
from typer.testing import CliRunner

from plait import HybridConfig
from plait.cli import app
from plait.constructions import save, selective_copying
from plait.model import HybridLM
from plait.tasks import SelectiveCopying

LINES = 300
SECONDS = 30.0
"""Of processor time: no line may need more."""
LENGTHY = {"bench", "doctor", "reproduce"}
"""Commands whose shortest good form trains or measures for seconds: only their help and mistakes are tried."""

VALUES = (
    "", "0", "1", "2", "3", "8", "-1", "1.5", "1e-300", "nan", "inf", "9" * 30, str(2**31), str(2**63), "1,2", "0..1",
    "3..1", "..", ",", "x", "é", "\x1b[31m", "a" * 3000, "{}", "[1,2]", "null", "true", "n_words=2", "numbers=[1,2]",
    "n_words=1e9", "p_number=0.5", "variant=last", "=", "x=1", "x=", "=1", "model", "built", "certificate.json",
    "config.json", "tokens.json", "nowhere", ".", "/", "/dev/null", "model/config.json", "-", "--", "full", "float32",
    "bf16", "int4", "80GiB", "4k", "1e3MiB", "-5GiB", "cpu", "gpu", "SSM-TF", "TF", "(SSM*2-TF)*2", "json:dumps",
    "os.path:join", "nowhere:X", "SSM-", "hf", "lr", "pattern,lr", "SELECT 1", "SELECT * FROM members", "DROP TABLE x",
    "train.steps=3", "model.d_model=4", "vllm", "prefill", "out.html", "out",
)  # fmt: skip
GOOD = {
    "task": ("selective-copying", "needle", "decoding-recall", "multi-key-recall", "associative-recall"),
    "name": ("selective-copying", "needle", "decoding-recall"),
    "folder": ("model", "built"), "folders": ("model", "built"), "model": ("model", "built"),
    "configs": ("model", "config.json", "model/config.json"), "certificate": ("certificate.json",),
    "seq_len": ("8", "12", "20"), "seeds": ("0", "0..1"), "steps": ("1", "2"), "batch": ("1", "2"),
    "sequences": ("1", "2"), "samples": ("1", "3"), "lrs": ("0.01", "0.1,0.2"), "d_model": ("4",),
    "pattern": ("SSM-TF", "TF"), "tokens": ("tokens.json", "-"), "device": ("cpu", "auto"), "seconds": ("1",),
    "threads": ("1",), "workers": ("1",), "to": ("hf",), "results": ("model",), "sweeps": ("1",), "items": ("3",),
    "budget": ("1MiB", "80GiB"), "fits": ("1GiB",), "dtype": ("float32", "bfloat16"), "output": ("out",),
    "param": ("n_words=3", "numbers=[1,2]", "n_bits=2"), "window": ("5", "full"), "task_name": ("needle",),
}  # fmt: skip
MANY = {
    "steps",
    "sequences",
    "samples",
    "batch",
    "seeds",
    "lrs",
    "d_model",
    "seq_len",
    "seconds",
    "most_inputs",
    "workers",
}
"""Options whose large values are honest work: they get small ones or wrong ones."""
WRONG = ("", "0", "-1", "x", "nan", "1.5", "..", ",", "{}", "é", "a" * 3000, "9" * 30)


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    folder = tmp_path_factory.mktemp("options")
    fill(folder)
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        yield folder


def fill(folder: Path) -> None:
    """A model, a construction, a config, a certificate and token rows."""
    HybridLM(HybridConfig(34, pattern="SSM-TF", d_model=4, window=3), seed=0).save(folder / "model")
    save(selective_copying(SelectiveCopying(n_words=2, numbers=(1, 2)), 8), folder / "built")
    config = {"model_type": "llama", "hidden_size": 24, "num_hidden_layers": 2, "num_attention_heads": 4}
    (folder / "config.json").write_text(json.dumps(config))
    (folder / "tokens.json").write_text("[[0, 1, 2]]")
    (folder / "certificate.json").write_text('{"format": "plait-certificate"}')


@functools.cache
def declared() -> dict[str, Any]:
    """The commands by name, which take longer to make from their functions than a line to be tried."""
    return typer.main.get_command(app).commands  # pyright: ignore


def line(draw: random.Random) -> list[str]:
    """A command, most of its arguments, and up to five of its options."""
    commands = declared()
    name = draw.choice(sorted(commands))
    arguments = [p for p in commands[name].params if p.param_type_name == "argument"]
    options = [p for p in commands[name].params if p.param_type_name == "option" and p.name != "help"]
    words = [name]
    for argument in arguments:
        if draw.random() < 0.95:
            words += [
                _value(draw, argument.name)
                for _ in range(draw.choice((1, 1, 1, 2)) if argument.nargs < 0 else 1)
            ]
    required = [p for p in options if p.required and draw.random() < 0.9]
    extra = draw.sample(options, min(len(options), draw.randint(0, 5)))
    for option in dict.fromkeys([*required, *extra]):
        flag = draw.choice(option.opts)
        words += [flag] if option.is_flag else [flag, _value(draw, option.name)]
    if name in LENGTHY:
        words += [draw.choice(("--help", "--nonsense", "--device=x"))]
    elif name == "train":
        words += ["--dry-run"] if draw.random() < 0.8 else ["--steps", "1", "--train", "test_sequences=2"]
    elif name in ("bounds", "attack"):
        words += ["--seconds", "0.01"]
    elif name in ("verify", "eval"):
        words += ["--sequences" if name == "eval" else "--samples", "2"]
    if draw.random() < 0.1:
        words.insert(draw.randrange(1, len(words) + 1), draw.choice(VALUES))
    return words


def _value(draw: random.Random, name: str) -> str:
    if name in GOOD and draw.random() < 0.85:
        return draw.choice(GOOD[name])
    return draw.choice(WRONG if name in MANY else VALUES)


def ends_well(words: list[str]) -> int:
    began = time.process_time()
    done = CliRunner().invoke(app, words, input="0 1 2", catch_exceptions=False)
    assert done.exit_code in (0, 1, 2), (words, done.output)
    if done.exit_code == 2:
        said = done.stderr.splitlines()
        assert said, words
        assert all(text.startswith("plait: ") and len(text) < 2100 for text in said), (words, done.stderr)
        assert "\x1b" not in done.stderr
    elif "--json" in words and not {"--help", "-h"} & {*words}:
        json.loads(done.stdout)
    assert time.process_time() - began < SECONDS, words
    return done.exit_code


def test_lines(place: Path) -> None:
    draw = random.Random(0)
    ends = [ends_well(line(draw)) for _ in range(LINES)]
    assert ends.count(0) > LINES / 10
    assert ends.count(2) > LINES / 10
