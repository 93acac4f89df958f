"""What readers of a folder as one data set see, and folders of older versions."""

from pathlib import Path

import polars as pl
from test_evaluations import LENGTHS, MEASURED, MeasuringTrainer

from plait.experiments import Store, plan_shards, run_experiment
from plait.experiments.folder import CHECKPOINTS, EVALUATIONS, MODELS
from plait.experiments.saved_models import model_folder


def seen_as_a_data_set(folder: Path) -> list[Path]:
    """pyarrow's rule, which pandas has from it: no name on the way begins with `_` or `.`."""
    within = [path.relative_to(folder) for path in folder.rglob("*") if path.is_file()]
    return [folder / path for path in within if not any(part.startswith(("_", ".")) for part in path.parts)]


def test_a_data_set_is_the_finished_shards(tmp_path: Path):
    rows = run_experiment(MEASURED, tmp_path, train=MeasuringTrainer())
    (tmp_path / CHECKPOINTS / "begun").write_bytes(b"of a run that was killed")
    model = model_folder(tmp_path, rows["member"][0])
    model.mkdir(parents=True)
    (model / "config.json").write_text("{}")
    assert (tmp_path / EVALUATIONS).is_dir()
    assert sorted(seen_as_a_data_set(tmp_path)) == Store(tmp_path).files()
    assert len(pl.read_parquet(tmp_path / "*.parquet")) == len(rows)


def test_what_an_older_version_wrote_is_read_and_gone_on_with(tmp_path: Path):
    rows = run_experiment(MEASURED, tmp_path, train=MeasuringTrainer())
    elsewhere = Store(tmp_path).read_evaluations()
    for part in (EVALUATIONS, CHECKPOINTS, MODELS):
        before = tmp_path / part.removeprefix("_")
        (tmp_path / part).rename(before) if (tmp_path / part).exists() else before.mkdir()
    member = rows["member"][0]
    (shard, *_) = plan_shards(MEASURED.expand())
    (tmp_path / "models" / member).mkdir()
    (tmp_path / "checkpoints" / shard.id).mkdir()
    store = Store.for_writing(tmp_path)
    assert store.read_evaluations().equals(elsewhere)
    assert model_folder(tmp_path, member) == tmp_path / "models" / member
    assert store.checkpoint(shard) == tmp_path / "checkpoints" / shard.id
    run_experiment(MEASURED, tmp_path, train=MeasuringTrainer(log=tmp_path / "log"))
    assert not (tmp_path / "log").exists()
    store.sweep(shard)
    assert not list((tmp_path / "checkpoints").iterdir())
    assert store.checkpoint(shard).parent == tmp_path / CHECKPOINTS
    store.pack()
    assert len(store.evaluation_files()) == 1
    assert store.read_evaluations().equals(elsewhere)
    assert len(LENGTHS) * len(rows) == len(elsewhere)
