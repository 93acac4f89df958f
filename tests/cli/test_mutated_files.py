"""Every kind of file that plait reads, with a little of it changed: an answer, or one line and exit 2; never long."""

import json
import random
import time
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import pytest
from examples.programs.associative_recall import PROGRAM
from fake_training import FakeTrainer, small_experiment
from typer.testing import CliRunner

from mutations import mutated_bytes, mutated_document
from plait import HybridConfig, HybridLM
from plait.cli import app
from plait.constructions import decoding_recall, save, selective_copying
from plait.experiments import run_experiment
from plait.files import UNSEALED, sealed_bytes
from plait.tasks import DecodingRecall, Needle, SelectiveCopying
from plait.theory import ssm_state_bits

FILES = 900
SECONDS = 20.0
"""Of processor time: no reading may need more, as the limit of a checked certificate is."""


class Kind(NamedTuple):
    """A file, and what is asked of the folder that it lies in."""

    file: str
    asked: tuple[str, ...]
    weight: int = 1


KINDS = (
    Kind("plain/config.json", ("memory", "plain", "--seq-len", "5")),
    Kind("plain/config.json", ("stream", "plain")),
    Kind("plain/model.safetensors", ("stream", "plain")),
    Kind("copying/construction.json", ("stream", "copying")),
    Kind("recall/construction.json", ("stream", "recall")),
    Kind("program/construction.json", ("stream", "program")),
    Kind("program/construction.json", ("explain", "program", "--tokens", "a b a", "-o", "pass.svg")),
    Kind("bits.json", ("check", "bits.json"), 2),
    Kind("rows.json", ("label", "selective-copying", "--tokens", "rows.json")),
    Kind("store/shard.parquet", ("results", "store", "--json"), 2),
)


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    folder = tmp_path_factory.mktemp("mutated")
    fill(folder)
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        yield folder


def fill(folder: Path) -> None:
    """One file of each kind, small."""
    HybridLM(HybridConfig(34, pattern="SSM-TF", d_model=4, window=3), seed=0).save(folder / "plain")
    save(selective_copying(SelectiveCopying(n_words=2, numbers=(1, 2)), 8), folder / "copying")
    save(decoding_recall(DecodingRecall(n_bits=1), 6), folder / "recall")
    save(PROGRAM.compile(seq_len=8), folder / "program")
    bound = ssm_state_bits(Needle(n_words=4), seq_len=6)
    (folder / "bits.json").write_text(json.dumps(bound.certificate))
    (folder / "rows.json").write_text("[[0, 1, 26, 2, 3, 4, 27, 5], [1, 1, 1, 1, 1, 1, 1, 1]]")
    run_experiment(
        small_experiment(steps=2, widths=(4,), seeds=range(2)), folder / "store", train=FakeTrainer()
    )
    first, *others = (folder / "store").glob("*.parquet")
    first.rename(folder / "store" / "shard.parquet")
    for other in others:
        other.unlink()


def changed(data: bytes, draw: random.Random) -> bytes:
    """As a document where it is one, and with the checksum of its new bytes where it carries one."""
    if data[:1] in b"{[" and draw.random() < 0.8:
        return json.dumps(mutated_document(json.loads(data), draw)).encode()
    place = data.rfind(UNSEALED[:12].encode())
    if place < 0 or draw.random() < 0.2:
        return mutated_bytes(data, draw)
    unsealed = data[:place] + UNSEALED.encode() + data[place + len(UNSEALED) :]
    made = mutated_bytes(unsealed, draw)
    return sealed_bytes(made) if UNSEALED.encode() in made else made


def try_one(kind: Kind, draw: random.Random) -> int:
    path = Path(kind.file)
    whole = path.read_bytes()
    path.write_bytes(changed(whole, draw))
    began = time.process_time()
    try:
        done = CliRunner().invoke(app, list(kind.asked), input="0 1", catch_exceptions=False)
        assert time.process_time() - began < SECONDS
        assert done.exit_code in (0, 1, 2), done.output
        lines = done.stderr.splitlines()
        assert all(line.startswith("plait: ") and len(line) < 2100 for line in lines), lines
        assert "\x1b" not in done.output.replace("\x1b[3", "")
        if done.exit_code == 2:
            assert lines
        return done.exit_code
    except BaseException:
        Path("bad").write_bytes(path.read_bytes())
        raise
    finally:
        path.write_bytes(whole)


def test_changed_files(place: Path, capfd: pytest.CaptureFixture[str]) -> None:
    draw = random.Random(0)
    every = [kind for kind in KINDS for _ in range(kind.weight)]
    ends = [try_one(every[i % len(every)], draw) for i in range(FILES)]
    assert ends.count(2) > FILES / 2
    assert ends.count(0) > FILES / 50
    assert capfd.readouterr().err == ""
