"""The store: whole shards or none, refusals in one line, two processes, nothing counted twice."""

import errno
import os
import subprocess
from dataclasses import replace

import polars as pl
import pytest
from fake_training import FakeResult, FakeTrainer, small_experiment

import plait.experiments.store as store_module
from plait.experiments import (
    COLUMNS,
    SCHEMA_VERSION,
    Store,
    StoreError,
    member_id,
    plan_shards,
    run_experiment,
)
from plait.experiments.schema import OLDEST_VERSION, SINCE, rows_of, run_of, window_text

EXPERIMENT = small_experiment(steps=4, widths=(4,), seeds=range(2))
SHARD, OTHER = plan_shards(EXPERIMENT.expand())


def trained(shard):
    return FakeTrainer()(
        shard.runs[0], seeds=shard.seeds, lrs=shard.lrs, device="cpu", progress=None, checkpoint=None
    )


def filled(folder) -> Store:
    store = Store.for_writing(folder)
    for shard in (SHARD, OTHER):
        store.add(rows_of(shard, trained(shard)))
    return store


def test_rows_say_what_decided_what_came_out_and_where_from(tmp_path):
    rows = filled(tmp_path).read()
    assert dict(rows.schema) == COLUMNS
    assert len(rows) == 8
    by_member = {row["member"]: row for row in rows.iter_rows(named=True)}
    for run in EXPERIMENT.expand():
        row = by_member[member_id(run)]
        assert run_of(row) == run
        assert (row["task"], row["pattern"], row["window"]) == ("multi-key-recall", run.model.pattern, "full")
        assert (row["plait"], row["device"]) == ("0.1.0", "cpu")
        assert len(row["losses"]) == len(row["loss_steps"]) == 4
        assert row["diverged_at"] is None


def test_rows_of_some_members_come_from_the_files_that_hold_them(tmp_path, monkeypatch):
    store = filled(tmp_path)
    rows = store.read()
    store.stored()
    read: list[str] = []
    whole = store_module.read_shard
    monkeypatch.setattr(
        store_module,
        "read_shard",
        lambda path, *how, **only: read.append(path.stem) or whole(path, *how, **only),
    )
    some = SHARD.members[:2]
    assert store.rows_of(some).equals(rows.filter(pl.col("member").is_in(some)))
    assert read == [SHARD.id]
    assert store.rows_of(["nobody"]).is_empty()
    assert store.rows_of([*OTHER.members, *some]).equals(
        rows.filter(pl.col("member").is_in([*OTHER.members, *some]))
    )


def test_any_reader_of_parquet_can_read_a_shard(tmp_path):
    filled(tmp_path)
    assert pl.scan_parquet(tmp_path / "*.parquet").select(pl.len()).collect().item() == 8


def test_a_folder_of_members_alone_can_be_read_as_a_whole(tmp_path):
    rows = run_experiment(small_experiment(steps=2, widths=(4,)), tmp_path, train=FakeTrainer())
    assert pl.read_parquet(tmp_path).sort("member").equals(rows)
    assert {path.suffix for path in tmp_path.iterdir() if path.name[0] != "." and path.is_file()} == {
        ".parquet"
    }


def test_windows_are_told_apart():
    assert [window_text(w) for w in (None, 20, (20, None), (None, 3))] == ["full", "20", "20-full", "full-3"]


def test_training_that_returns_other_members_is_refused():
    first, *rest = trained(SHARD).members
    with pytest.raises(ValueError, match="training was asked for 4 members and returned 4 others"):
        rows_of(SHARD, FakeResult((replace(first, seed=77), *rest)))


def test_a_copy_under_another_name_counts_once(tmp_path):
    store = filled(tmp_path)
    (tmp_path / "copy.parquet").write_bytes((tmp_path / f"{SHARD.id}.parquet").read_bytes())
    assert len(store.read()) == 8
    assert len(store.stored()) == 8


def test_a_removed_shard_is_no_longer_stored(tmp_path):
    store = filled(tmp_path)
    assert len(store.stored()) == 8
    (tmp_path / f"{SHARD.id}.parquet").unlink()
    assert store.stored() == frozenset(OTHER.members)


def test_the_same_rows_give_the_same_bytes(tmp_path):
    filled(tmp_path / "a")
    filled(tmp_path / "b")
    for path in (tmp_path / "a").glob("*.parquet"):
        assert path.read_bytes() == (tmp_path / "b" / path.name).read_bytes()


class TestDamage:
    """Each is one line that names the file and what to do."""

    def refusal(self, folder) -> str:
        messages = set()
        for read in (Store(folder).read, Store(folder).stored):
            with pytest.raises(StoreError) as caught:
                read()
            messages.add(str(caught.value))
        with pytest.raises(StoreError):
            run_experiment(EXPERIMENT, folder, train=FakeTrainer())
        (message,) = messages
        assert "\n" not in message
        assert repr(str(folder / f"{SHARD.id}.parquet")) in message
        return message

    @pytest.mark.parametrize("keep", [0, 1, 3, 100, -1, -20, -2000])
    def test_truncated(self, tmp_path, keep):
        filled(tmp_path)
        path = tmp_path / f"{SHARD.id}.parquet"
        path.write_bytes(path.read_bytes()[:keep])
        message = self.refusal(tmp_path)
        assert "is damaged (" in message
        assert message.endswith("move it away, and the next run trains its members again")

    def test_overwritten_with_noise(self, tmp_path):
        filled(tmp_path)
        (tmp_path / f"{SHARD.id}.parquet").write_bytes(os.urandom(5000))
        assert "is damaged (" in self.refusal(tmp_path)

    def test_scribbled_over_in_the_middle(self, tmp_path):
        filled(tmp_path)
        path = tmp_path / f"{SHARD.id}.parquet"
        data = bytearray(path.read_bytes())
        data[4 : len(data) // 2] = b"\xff" * (len(data) // 2 - 4)
        path.write_bytes(data)
        with pytest.raises(StoreError, match="is damaged"):
            Store(tmp_path).read()

    def test_a_table_of_something_else(self, tmp_path):
        filled(tmp_path)
        pl.DataFrame({"x": [1]}).write_parquet(tmp_path / f"{SHARD.id}.parquet")
        assert "is a Parquet file but not a shard of plait's" in self.refusal(tmp_path)

    @pytest.mark.parametrize("change", [pl.exclude("accuracy"), pl.all().exclude("lr"), pl.col("*")])
    def test_other_columns(self, tmp_path, change):
        store = filled(tmp_path)
        rows = store.read().select(change).with_columns(extra=pl.lit(1))
        rows.write_parquet(tmp_path / f"{SHARD.id}.parquet")
        assert f"has not the columns of version {SCHEMA_VERSION}" in self.refusal(tmp_path)

    @pytest.mark.parametrize(
        ("step", "advice"),
        [(1, "update plait to read it"), (OLDEST_VERSION - 1 - SCHEMA_VERSION, "read it with the plait")],
    )
    def test_another_version(self, tmp_path, step, advice):
        store = filled(tmp_path)
        rows = store.read().with_columns(pl.lit(SCHEMA_VERSION + step).cast(pl.Int64).alias("schema_version"))
        rows.with_columns(new=pl.lit(1)).write_parquet(tmp_path / f"{SHARD.id}.parquet")
        message = self.refusal(tmp_path)
        assert (
            f"is of schema version {SCHEMA_VERSION + step}, this plait reads {OLDEST_VERSION} to {SCHEMA_VERSION}"
            in message
        )
        assert advice in message

    def test_a_version_before_the_present_columns_is_read(self, tmp_path):
        """Its rows have the columns of that version, and null in those that came later."""
        later = [name for name, version in SINCE.items() if version > OLDEST_VERSION and name in COLUMNS]
        filled(tmp_path)
        (tmp_path / f"{OTHER.id}.parquet").unlink()
        old = Store(tmp_path).read().drop(later).with_columns(schema_version=pl.lit(2, dtype=pl.Int64))
        old.write_parquet(tmp_path / f"{SHARD.id}.parquet")
        rows = Store(tmp_path).read()
        assert dict(rows.schema) == COLUMNS
        assert later
        assert all(rows[name].is_null().all() for name in later)
        assert rows["schema_version"].unique().to_list() == [SCHEMA_VERSION]
        assert rows.drop(later, "schema_version").equals(old.drop("schema_version"))
        old.drop("accuracy").write_parquet(tmp_path / f"{SHARD.id}.parquet")
        assert "has not the columns of version 2" in self.refusal(tmp_path)

    def test_a_folder_in_place_of_a_shard(self, tmp_path):
        filled(tmp_path)
        (tmp_path / f"{SHARD.id}.parquet").unlink()
        (tmp_path / f"{SHARD.id}.parquet").mkdir()
        self.refusal(tmp_path)


class TestReading:
    def test_a_missing_folder_is_refused_and_not_made(self, tmp_path):
        with pytest.raises(StoreError, match=r"no results folder '.*/nowhere'"):
            Store.for_reading(tmp_path / "nowhere")
        assert not (tmp_path / "nowhere").exists()

    def test_an_empty_folder_is_refused(self, tmp_path):
        with pytest.raises(StoreError, match="holds no results: no finished shard"):
            Store.for_reading(tmp_path)


class TestRefusedWriting:
    def test_a_file_in_place_of_the_folder(self, tmp_path):
        (tmp_path / "file").write_text("")
        with pytest.raises(
            StoreError, match=r"cannot write results to '.*/file': (File exists|Not a directory)"
        ):
            run_experiment(EXPERIMENT, tmp_path / "file", train=FakeTrainer())

    def test_an_unwritable_folder(self, tmp_path, monkeypatch):
        def refuse(*_args, **_keywords):
            raise PermissionError(errno.EACCES, "Permission denied")

        monkeypatch.setattr("tempfile.TemporaryFile", refuse)
        with pytest.raises(StoreError, match=r"cannot write results to '.*': Permission denied$"):
            run_experiment(EXPERIMENT, tmp_path, train=FakeTrainer())

    @pytest.mark.parametrize("call", ["fsync", "replace"])
    def test_a_disk_that_fills_up_loses_nothing(self, tmp_path, monkeypatch, call):
        real, stored = getattr(os, call), []

        def fill_up(*args, **keywords):
            if call == "fsync" or str(args[-1]).endswith(".parquet"):
                stored.append(args)
            # A shard is two fsyncs, its own and its folder's, and one replace: the second shard is refused.
            if len(stored) > {"fsync": 2, "replace": 1}[call]:
                raise OSError(errno.ENOSPC, "No space left on device")
            return real(*args, **keywords)

        monkeypatch.setattr(os, call, fill_up)
        with pytest.raises(StoreError) as caught:
            run_experiment(EXPERIMENT, tmp_path, train=FakeTrainer())
        message = f"cannot write results to {str(tmp_path)!r}: No space left on device; free some space"
        assert str(caught.value).startswith(message)
        monkeypatch.setattr(os, call, real)
        assert Store(tmp_path).stored() == frozenset(SHARD.members)
        assert [path.name for path in tmp_path.iterdir() if path.suffix == ".part"] == []
        assert len(run_experiment(EXPERIMENT, tmp_path, train=FakeTrainer())) == 8

    def test_training_that_finds_the_disk_full(self, tmp_path):
        def train(*_args, **_keywords):
            raise OSError(errno.ENOSPC, "No space left on device")

        with pytest.raises(StoreError, match=r"No space left on device; free some space"):
            run_experiment(EXPERIMENT, tmp_path, train=train)

    def test_a_really_full_disk(self, tmp_path):
        mounted = tmp_path / "small"
        mounted.mkdir()
        options = ["mount", "-t", "tmpfs", "-o", "size=64k", "tmpfs", str(mounted)]
        if os.geteuid() != 0 or subprocess.run(options, capture_output=True, check=False).returncode != 0:
            pytest.skip("needs the right to mount a tmpfs")
        try:
            many = small_experiment(steps=60, seeds=range(16))
            with pytest.raises(StoreError, match=r"No space left on device; free some space"):
                run_experiment(many, mounted / "runs", train=FakeTrainer(), max_members=8)
            store = Store(mounted / "runs")
            n_stored = len(store.stored())
            assert n_stored > 0
            assert n_stored % 8 == 0
            assert len(store.read()) == n_stored
            subprocess.run(["mount", "-o", "remount,size=16m", str(mounted)], check=True)
            assert len(run_experiment(many, mounted / "runs", train=FakeTrainer(), max_members=8)) == 192
        finally:
            subprocess.run(["umount", str(mounted)], check=True)


def test_schema_version_is_stored_in_every_row(tmp_path):
    assert filled(tmp_path).read()["schema_version"].unique().to_list() == [SCHEMA_VERSION]


def test_identities_are_put_together_once_until_a_file_changes(tmp_path):
    """A dry run asks for them at every shard of hundreds."""
    store = filled(tmp_path)
    first = store.stored()
    assert store.stored() is first
    again = Store(tmp_path)
    removed = store.files()[0]
    lost = set(pl.read_parquet(removed)["member"])
    removed.unlink()
    assert store.stored() == first - lost == again.stored()
    assert store.evaluated() is store.evaluated()
