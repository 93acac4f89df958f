"""One model over processes in a store: what cannot be kept is refused before anything is trained."""

from contextlib import nullcontext
from pathlib import Path

import pytest

from plait import HybridConfig
from plait.experiments import Store, StoreError, over_processes
from plait.experiments.over_processes import run_over_processes
from plait.experiments.shards import Shard, Unwatched
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


def test_a_model_that_is_being_trained_there_is_waited_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """No longer than it may be; and what is stored meanwhile is not trained again."""
    said: list[int] = []

    class Waits(NothingBegins):
        def waiting(self, shards: int) -> None:
            said.append(shards)

    with monkeypatch.context() as patch:
        patch.setattr(over_processes, "POLL_SECONDS", 0.01)
        patch.setattr(Store, "claim", lambda store, members: nullcontext(False))
        with pytest.raises(StoreError, match="another process still trains this model in"):
            run_over_processes(RUN, tmp_path, device="cpu", watch=Waits(), wait=0.05)
        assert set(said) == {1}
        told = iter((False, False, True))
        patch.setattr(Store, "claim", lambda store, members: nullcontext(next(told)))
        rows = run_over_processes(RUN, tmp_path, device="cpu")
    assert rows is not None
    again = run_over_processes(RUN, tmp_path, device="cpu", watch=NothingBegins())
    assert again is not None
    assert again.equals(rows)

    with monkeypatch.context() as patch:
        frozen = iter((frozenset[str](), Store(tmp_path).stored()))
        patch.setattr(Store, "stored", lambda store: next(frozen))
        late = run_over_processes(RUN, tmp_path, device="cpu", watch=NothingBegins())
    assert late is not None
    assert late.equals(rows)
