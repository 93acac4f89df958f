"""Numbers that changed on the disk are not read as results: no flipped bit, no rows that contradict themselves."""

import io
import random

import polars as pl
import pytest
from fake_training import FakeTrainer, small_experiment

from plait.experiments import Store, StoreError, run_experiment
from plait.experiments.schema import EVALUATION_COLUMNS, SINCE
from plait.experiments.shard_files import read_shard, shard_bytes
from plait.training.run import Evaluation, Measured

FLIPS = 300


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A store with one shard of members and one of evaluations."""
    path = tmp_path_factory.mktemp("rot")
    experiment = small_experiment(steps=2, widths=(4,), seeds=range(2))
    rows = run_experiment(experiment.where({"model.pattern": ("SSM-TF",)}), path, train=FakeTrainer())
    store = Store(path)
    evaluation = Evaluation(seq_len=50).of(experiment.base.task)
    store.add_evaluations(evaluations_of(rows, evaluation))
    return path


def evaluations_of(rows, evaluation):
    from plait.experiments.schema import _evaluation_row, run_of

    found = [_evaluation_row(run_of(row), evaluation, Measured(3, 4)) for row in rows.iter_rows(named=True)]
    origin = rows.select("plait", "torch", "python", "device", "engine", "threads").row(0, named=True)
    return pl.DataFrame([row | origin for row in found], schema=EVALUATION_COLUMNS)


def files_of(folder):
    (shard,), (elsewhere,) = Store(folder).files(), Store(folder).evaluation_files()
    return {"members": (shard, {}), "evaluations": (elsewhere, {"columns": EVALUATION_COLUMNS})}


@pytest.mark.parametrize("table", ["members", "evaluations"])
def test_no_flipped_bit_passes(folder, tmp_path, table, capfd):
    path, known = files_of(folder)[table]
    whole, chance, copy = path.read_bytes(), random.Random(0), tmp_path / "copy.parquet"
    for _ in range(FLIPS):
        place = chance.randrange(8 * len(whole))
        data = bytearray(whole)
        data[place // 8] ^= 1 << place % 8
        copy.write_bytes(data)
        with pytest.raises(StoreError, match=r"is damaged \([^\n]*\): move it away") as told:
            read_shard(copy, **known)
        assert len(str(told.value)) < 400
    assert capfd.readouterr().err == ""


@pytest.mark.parametrize("table", ["members", "evaluations"])
def test_a_seal_cannot_be_left_out(folder, tmp_path, table):
    path, known = files_of(folder)[table]
    copy = tmp_path / "copy.parquet"
    pl.read_parquet(path).write_parquet(copy)
    with pytest.raises(StoreError, match="has lost its checksum"):
        read_shard(copy, **known)


def old(rows, *, drop=()):
    """A file of the version before checksums."""
    content = io.BytesIO()
    later = [name for name, version in SINCE.items() if version > 3 and name in rows.columns]
    rows.with_columns(schema_version=pl.lit(3, dtype=pl.Int64)).drop(*later, *drop).write_parquet(content)
    return content.getvalue()


CHANGES = {
    "accuracy": pl.col("accuracy") + 1e-9,
    "correct": pl.col("correct") + 1,
    "select_accuracy": pl.lit(0.5),
    "member": pl.col("member").str.replace("[0-9]", "z"),
    "lr": pl.col("lr") * 2,
    "seed": pl.col("seed") + 1,
    "steps": pl.col("steps") * 2,
    "config_json": pl.col("config_json").str.replace('"d_model":4', '"d_model":5'),
    "task_json": pl.col("task_json").str.replace("8", "9"),
    "numerics": pl.lit(2, dtype=pl.Int64),
    "code_json": pl.lit('{"a:b":"0"}'),
    "start_json": pl.lit('{"noise":0,"random":[],"weights":"plait.paper:x"}'),
    "dtype": pl.lit("float16"),
}


@pytest.mark.parametrize("column", CHANGES)
def test_rows_of_older_files_that_contradict_themselves(folder, tmp_path, column):
    path, _ = files_of(folder)["members"]
    rows, copy = pl.read_parquet(path), tmp_path / "copy.parquet"
    copy.write_bytes(old(rows))
    assert len(read_shard(copy)) == len(rows)
    first = pl.arange(pl.len()) == 0
    changed = pl.when(first).then(CHANGES[column]).otherwise(pl.col(column)).alias(column)
    copy.write_bytes(old(rows.with_columns(changed)))
    with pytest.raises(
        StoreError, match=r"is damaged .*1 of its rows has an? (select_)?(accuracy|identity) that is not"
    ):
        read_shard(copy)


def test_evaluations_of_older_files_that_contradict_themselves(folder, tmp_path):
    path, known = files_of(folder)["evaluations"]
    rows, copy = pl.read_parquet(path), tmp_path / "copy.parquet"
    copy.write_bytes(old(rows))
    assert len(read_shard(copy, **known)) == len(rows)
    for name, change in (("accuracy", 0.7), ("seq_len", 51), ("sequences", 7)):
        copy.write_bytes(old(rows.with_columns(pl.lit(change, dtype=rows.schema[name]).alias(name))))
        with pytest.raises(StoreError, match="is damaged"):
            read_shard(copy, **known)


@pytest.mark.parametrize("name", ["accuracy", "diverged_at"])
def test_one_member_with_two_numbers_is_said(folder, tmp_path, name):
    """As when one folder was copied into another; the first file's name decides nothing."""
    path, _ = files_of(folder)["members"]
    rows = pl.read_parquet(path)
    other = (
        rows.with_columns(accuracy=(pl.col("correct") - 1) / pl.col("scored"), correct=pl.col("correct") - 1)
        if name == "accuracy"
        else rows.with_columns(diverged_at=pl.lit(3, dtype=pl.Int64))
    )
    for order in (("a", "b"), ("b", "a")):
        for file, content in zip(order, (rows, other), strict=True):
            (tmp_path / f"{file}.parquet").write_bytes(shard_bytes(content.with_columns(engine=pl.lit(file))))
        with pytest.raises(
            StoreError, match=r"4 members are stored with two numbers, [0-9a-f]{20} with accuracies"
        ):
            Store(tmp_path).read()


def test_a_member_that_is_stored_twice_alike_keeps_its_longer_curve(folder, tmp_path):
    path, _ = files_of(folder)["members"]
    rows = pl.read_parquet(path)
    short = rows.with_columns(pl.col("losses", "loss_steps").list.head(1))
    for order in (("a", "b"), ("b", "a")):
        for file, content in zip(order, (rows, short), strict=True):
            (tmp_path / f"{file}.parquet").write_bytes(shard_bytes(content))
        assert Store(tmp_path).read().equals(rows.sort("member"))


def test_a_file_that_is_packed_away_meanwhile_is_not_missed(folder, tmp_path, monkeypatch):
    path, _ = files_of(folder)["members"]
    (tmp_path / "one.parquet").write_bytes(path.read_bytes())
    store = Store(tmp_path)
    listed = store.files()

    def files():
        nonlocal listed
        known, listed = listed, None
        if known is None:
            return Store(tmp_path).files()
        (tmp_path / "one.parquet").rename(tmp_path / "packed.parquet")
        return known

    monkeypatch.setattr(store, "files", files)
    assert len(store.stored()) == 4
    assert len(store.read()) == 4
