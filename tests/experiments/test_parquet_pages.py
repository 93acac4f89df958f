"""Page headers of a Parquet file that promise what is not there: a line, and no parser that takes memory for them."""

import contextlib
import io
import subprocess
import sys
from pathlib import Path

import polars as pl
import pytest
from fake_training import FakeTrainer, small_experiment

from plait.experiments import run_experiment
from plait.experiments.parquet_pages import _struct, check_pages
from plait.files import UNSEALED, sealed_bytes

MOST = 2**20


def plain() -> bytes:
    """One column of eight numbers, one page, nothing packed; a page header of few bytes."""
    content = io.BytesIO()
    frame = pl.DataFrame({"schema_version": list(range(8))}, schema={"schema_version": pl.Int64})
    frame.write_parquet(content, compression="uncompressed", statistics=False, metadata={"plait": UNSEALED})
    return content.getvalue()


def values_at(data: bytes) -> int:
    """Where the first page header says its number of values: zigzag 16 for eight."""
    end = _struct(data, 4)[1]
    return data.index(b"\x10", 4, end)


def test_what_polars_writes_is_taken(tmp_path: Path) -> None:
    check_pages(plain(), most=MOST)
    run_experiment(small_experiment(steps=3, widths=(4,), seeds=range(2)), tmp_path, train=FakeTrainer())
    for path in tmp_path.glob("*.parquet"):
        check_pages(path.read_bytes(), most=MOST)


def test_the_repository_s_results_are_taken() -> None:
    found = [*Path("results").rglob("*.parquet")]
    assert {path.parent.name for path in found} >= {"results", "_evaluations"}
    assert sum(path.stat().st_size for path in found) > 10**7, "packed or not, they are there"
    for path in found:
        check_pages(path.read_bytes(), most=2**31)


@pytest.mark.parametrize("values", [0x11, 0x0F, 0x12, 0x7F], ids=["-9", "-8", "9", "-64"])
def test_pages_of_other_numbers_of_values_are_refused(values: int) -> None:
    data = bytearray(plain())
    data[values_at(data)] = values
    with pytest.raises(ValueError, match="values"):
        check_pages(bytes(data), most=MOST)


def test_pages_that_unpack_to_too_much_are_refused() -> None:
    with pytest.raises(ValueError, match=r"a page of 8 values"):
        check_pages(plain(), most=16)


@pytest.mark.parametrize(
    "data", [b"", b"PAR1", b"PAR1" + 8 * b"\xff" + b"PAR1", b"PAR1" + 5000 * b"\x99" + b"PAR1"]
)
def test_no_parquet_at_all(data: bytes) -> None:
    with pytest.raises(ValueError, match=r"Parquet|footer|header"):
        check_pages(data, most=MOST)


def test_every_cut_and_flipped_header_is_followed_or_refused() -> None:
    data = plain()
    for place in range(len(data)):
        for bit in range(8):
            changed = bytearray(data)
            changed[place] ^= 1 << bit
            with contextlib.suppress(ValueError):
                check_pages(bytes(changed), most=MOST)


def test_a_sealed_file_that_would_end_the_process_is_one_line(tmp_path: Path) -> None:
    data = bytearray(plain())
    data[values_at(data)] = 0x61
    (tmp_path / "shard.parquet").write_bytes(sealed_bytes(bytes(data)))
    asked = [sys.executable, "-m", "plait.cli", "results", str(tmp_path)]
    done = subprocess.run(asked, capture_output=True, text=True, check=False)
    assert done.returncode == 2, done.stderr
    assert "is damaged (a page of -49 values" in done.stderr
    assert done.stderr.count("\n") == 1
