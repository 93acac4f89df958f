"""Members measured elsewhere: their rows, what is trained again for them, kills, packing, and cells."""

import os
import signal
from dataclasses import replace

import polars as pl
import pytest
from fake_training import FakeResult, FakeTrainer, small_experiment
from made_up_rows import made_up_rows
from processes import CONTEXT

from plait.experiments import Store, StoreError, cells, evaluated_cells, run_experiment, summarise
from plait.experiments.cells_of_rows import evaluation_settings
from plait.experiments.jobs import jobs_of
from plait.experiments.runner import train_all
from plait.experiments.schema import EVALUATION_COLUMNS, evaluation_id
from plait.experiments.shard_files import thinned
from plait.experiments.shards import Unwatched
from plait.paper import find_experiment
from plait.tasks import MultiKeyRecall, SelectiveCopying
from plait.training import Evaluation
from plait.training.run import Measured

PLAIN = small_experiment(steps=8, widths=(4,), seeds=range(2))
LENGTHS = tuple(Evaluation(seq_len=seq_len, sequences=8) for seq_len in (100, 200))
MEASURED = replace(PLAIN, evaluations=LENGTHS)


class MeasuringTrainer(FakeTrainer):
    """Its members answer half of the tokens right at length 100, fewer at others."""

    def __call__(self, *arguments, **keywords):
        return MeasuredResult(**vars(super().__call__(*arguments, **keywords)))


class MeasuredResult(FakeResult):
    def evaluate(self, evaluation):
        return [Measured(5_000 // evaluation.seq_len, 100) for _ in self.members]


def calls(log) -> int:
    return len(log.read_text().splitlines()) if log.exists() else 0


def test_every_member_is_measured_everywhere(tmp_path):
    rows = run_experiment(MEASURED, tmp_path, train=MeasuringTrainer())
    found = Store(tmp_path).read_evaluations()
    assert dict(found.schema) == EVALUATION_COLUMNS
    assert len(found) == 2 * len(rows)
    assert found.group_by("seq_len").agg(pl.col("accuracy").mean()).sort("seq_len").rows() == [
        (100, 0.5),
        (200, 0.25),
    ]
    assert set(found["member"]) == set(rows["member"])
    assert found["task"].unique().to_list() == ["multi-key-recall"]


def test_a_second_run_trains_nothing(tmp_path):
    run_experiment(MEASURED, tmp_path, train=MeasuringTrainer())
    run_experiment(MEASURED, tmp_path, train=MeasuringTrainer(log=tmp_path / "log"))
    run_experiment(PLAIN, tmp_path, train=MeasuringTrainer(log=tmp_path / "log"))
    assert calls(tmp_path / "log") == 0


def test_members_stored_without_an_evaluation_are_trained_for_it_and_keep_their_rows(tmp_path):
    before = run_experiment(PLAIN, tmp_path, train=MeasuringTrainer())
    files = {path: path.read_bytes() for path in tmp_path.glob("*.parquet")}
    after = run_experiment(MEASURED, tmp_path, train=MeasuringTrainer(log=tmp_path / "log"))
    assert calls(tmp_path / "log") == 2
    assert after.equals(before)
    assert {path: path.read_bytes() for path in tmp_path.glob("*.parquet")} == files
    more = replace(PLAIN, evaluations=(*LENGTHS, Evaluation(seq_len=400, sequences=8)))
    run_experiment(more, tmp_path, train=MeasuringTrainer())
    assert Store(tmp_path).read_evaluations()["seq_len"].unique().sort().to_list() == [100, 200, 400]


def test_what_several_experiments_share_is_trained_once_and_measured_for_all(tmp_path):
    short, long = (replace(PLAIN, name=f"at{one.seq_len}", evaluations=(one,)) for one in LENGTHS)
    wider = replace(long, vary={**long.vary, "model.d_model": (4, 8)})
    jobs = jobs_of([(short, tmp_path), (wider, tmp_path)], device="cpu", max_members=2)
    todo = [(job, shard) for job in jobs for shard in job.shards]
    log = tmp_path / "log"
    train_all(todo, train=MeasuringTrainer(log=log), device="cpu", watch=Unwatched())
    assert calls(log) == len(jobs[1].shards), "those of the first are among those of the second"
    measured = Store(tmp_path).read_evaluations()
    assert measured.group_by("member").len()["len"].sort().to_list() == [1] * 8 + [2] * 8
    assert [job.left() for job in jobs] == [0, 0]


def test_an_evaluation_is_told_by_task_length_and_sequences():
    task, other = MultiKeyRecall(), MultiKeyRecall(n_words=9)
    given = [Evaluation(seq_len=100), Evaluation(seq_len=101), Evaluation(sequences=3)]
    ids = {evaluation_id(e.of(t)) for e in given for t in (task, other)}
    assert len(ids) == 6
    assert evaluation_id(Evaluation().of(task)) == evaluation_id(Evaluation(task=task))
    with pytest.raises(ValueError, match="fill it in"):
        evaluation_id(Evaluation())


@pytest.mark.parametrize("change", [{"seq_len": 0}, {"sequences": 0}, {"seq_len": 1.5}, {"sequences": True}])
def test_refused(change):
    with pytest.raises(ValueError, match="of an evaluation must be an integer of at least 1"):
        Evaluation(**change)


def _die_between(folder: str) -> None:
    def die(*_args, **_keywords):
        os.kill(os.getpid(), signal.SIGKILL)

    Store.add = die
    run_experiment(MEASURED, folder, train=MeasuringTrainer())


def test_a_kill_between_evaluations_and_members(tmp_path):
    process = CONTEXT.Process(target=_die_between, args=(str(tmp_path / "killed"),))
    process.start()
    process.join(600)
    assert process.exitcode == -signal.SIGKILL
    store = Store(tmp_path / "killed")
    assert (len(store.stored()), len(store.evaluated())) == (0, 8)
    rows = run_experiment(MEASURED, tmp_path / "killed", train=MeasuringTrainer())
    whole = run_experiment(MEASURED, tmp_path / "whole", train=MeasuringTrainer())
    assert rows.equals(whole)
    assert store.read_evaluations().equals(Store(tmp_path / "whole").read_evaluations())
    names = {path.name for path in (tmp_path / "killed" / "_evaluations").iterdir()}
    assert names == {path.name for path in (tmp_path / "whole" / "_evaluations").iterdir()}


def test_a_damaged_file_of_evaluations_is_one_line(tmp_path):
    run_experiment(MEASURED, tmp_path, train=MeasuringTrainer())
    (path, *_) = Store(tmp_path).evaluation_files()
    path.write_bytes(path.read_bytes()[:100])
    with pytest.raises(StoreError, match="is damaged"):
        run_experiment(MEASURED, tmp_path, train=MeasuringTrainer())


class TestPack:
    def test_one_file_of_each_kind_and_the_same_numbers(self, tmp_path):
        run_experiment(MEASURED, tmp_path, train=MeasuringTrainer())
        store = Store(tmp_path)
        rows, elsewhere = store.read(), store.read_evaluations()
        store.pack()
        assert (len(store.files()), len(store.evaluation_files())) == (1, 1)
        assert store.read().drop("losses").equals(rows.drop("losses"))
        assert store.read_evaluations().equals(elsewhere)
        store.pack()
        assert (len(store.files()), len(store.evaluation_files())) == (1, 1)
        run_experiment(MEASURED, tmp_path, train=MeasuringTrainer(log=tmp_path / "log"))
        assert calls(tmp_path / "log") == 0

    def test_into_another_folder_goes_what_it_has_not_yet(self, tmp_path):
        kept = run_experiment(PLAIN, tmp_path / "kept", train=FakeTrainer())
        more = replace(small_experiment(steps=8, widths=(4,), seeds=range(3)), evaluations=LENGTHS)
        rows = run_experiment(more, tmp_path / "new", train=MeasuringTrainer())
        new, store = Store(tmp_path / "new"), Store(tmp_path / "kept")
        before = {path: path.read_bytes() for path in (*new.files(), *store.files())}
        n_files = len(store.files())
        assert new.pack_into(store) == len(rows) - len(kept) == 4
        assert store.read().drop("losses").equals(rows.drop("losses"))
        assert store.read().filter(pl.col("member").is_in(kept["member"].to_list())).equals(kept)
        assert store.read_evaluations().equals(new.read_evaluations())
        assert {path: path.read_bytes() for path in before} == before, "no file that was there is touched"
        assert (len(store.files()), len(store.evaluation_files())) == (n_files + 1, 1)
        assert new.pack_into(store) == 0
        assert (len(store.files()), len(store.evaluation_files())) == (n_files + 1, 1)

    def test_a_thinned_curve_has_the_mean_of_each_part(self):
        rows, _ = made_up_rows(PLAIN)
        curve = rows.head(1).with_columns(
            loss_steps=pl.Series([[10, 20, 30, 40, 45]]), losses=pl.Series([[4.0, 2.0, 1.0, 1.0, 0.1]])
        )
        (found,) = thinned(curve, points=2).select("loss_steps", "losses").rows()
        assert found == ([20, 45], [3.0, pytest.approx((10 + 10 + 0.5) / 25)])
        assert thinned(curve, points=5).equals(curve)


class TestCells:
    def test_each_evaluation_is_a_cell_chosen_on_the_training_task(self, tmp_path):
        experiment = find_experiment("length").where(
            {"task": ("selective-copying",), "train.lr": (3.16e-3, 1e-2), "train.seed": (0, 1, 2)}
        )
        rows, elsewhere = made_up_rows(experiment)
        found = evaluated_cells(experiment, rows, elsewhere)
        assert len(found) == 8 * len(cells(experiment, rows)) == 8 * 7
        first = [cell for cell in found if cell.pattern == "SSM-TF" and cell.settings["test.seq_len"] == 100]
        last = [
            cell for cell in found if cell.pattern == "SSM-TF" and cell.settings["test.seq_len"] == 12_800
        ]
        assert [summarise(cell).lr for cell in (*first, *last)] == [1e-2] * 4
        assert summarise(last[0]).mean == pytest.approx(summarise(first[0]).mean * 0.97**7, abs=2e-4)

    def test_settings_are_what_differs(self):
        tasks = (SelectiveCopying(p_number=0.1), SelectiveCopying(), MultiKeyRecall())
        found = evaluation_settings([Evaluation(task=task) for task in tasks])
        assert found[0]["test.p_number"] == 0.1
        assert found[2]["test.task"] == "multi-key-recall"
        assert "test.seq_len" not in found[0]
        assert evaluation_settings(LENGTHS) == ({"test.seq_len": 100}, {"test.seq_len": 200})
