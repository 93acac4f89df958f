"""One model over processes in a store: what cannot be kept is refused before anything is trained."""

from contextlib import nullcontext
from pathlib import Path

import pytest

from plait import HybridConfig
from plait.experiments import Store, StoreError
from plait.experiments.over_processes import run_over_processes
from plait.experiments.shards import Shard
from plait.experiments.watch import Unwatched
from plait.tasks import Needle
from plait.training import Run, Train

RUN = Run(
    task=Needle(n_words=3),
    model=HybridConfig(pattern="SSM", d_model=4),
    train=Train(steps=2, batch=2, seq_len=6, test_sequences=4, select_sequences=4),
)


class NothingBegins(Unwatched):
    def began(self, shard: Shard, part: Shard) -> None:
        raise AssertionError("trained in vain")


def test_a_folder_that_cannot_be_written_is_refused_before_training(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(StoreError, match=r"cannot write results to .*file"):
        run_over_processes(RUN, tmp_path / "file", device="cpu", watch=NothingBegins())


def test_a_model_that_is_being_trained_there_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patch:
        patch.setattr(Store, "claim", lambda store, members: nullcontext(False))
        with pytest.raises(StoreError, match="another process is training this model there"):
            run_over_processes(RUN, tmp_path, device="cpu", watch=NothingBegins())
    rows = run_over_processes(RUN, tmp_path, device="cpu")
    assert rows is not None
    again = run_over_processes(RUN, tmp_path, device="cpu", watch=NothingBegins())
    assert again is not None
    assert again.equals(rows)
