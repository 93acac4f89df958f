"""A checkpoint is gone on with as it began, and only if no bit of it has changed."""

import json
import random
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file
from safetensors.torch import save as serialise

from plait.checks import counted
from plait.files import UNSEALED, sealed_bytes
from plait.layers import TransformerLayer
from plait.model import HybridConfig
from plait.tasks import MultiKeyRecall
from plait.training import Run, Train, train

SHORT = Train(steps=6, batch=2, seq_len=8, warmup=1, test_sequences=2, select_sequences=2)


class Own(TransformerLayer):
    """In PyTorch's operations."""

    def forward(self, hidden, dropout_stream=None):
        return torch.cos(super().forward(hidden, dropout_stream))

    def step(self, hidden, state):
        output, state = super().step(hidden, state)
        return torch.cos(output), state


def run(pattern: str = "TF") -> Run:
    return Run(task=MultiKeyRecall(), model=HybridConfig(pattern=pattern, d_model=2), train=SHORT)


class Stop(Exception):  # noqa: N818
    pass


def begun(path: Path, asked: Run) -> bytes:
    """The checkpoint of a training that was stopped at step 4."""

    def stop(step, *_):
        if step == 4:
            raise Stop

    with pytest.raises(Stop):
        train(asked, device="cpu", progress=stop, checkpoint=path, checkpoint_every=2)
    return path.read_bytes()


def resumed(path: Path, asked: Run):
    return train(asked, device="cpu", checkpoint=path)


def test_another_number_of_threads_is_refused_where_it_matters(tmp_path: Path):
    plain, compiled = run(f"{__name__}:Own"), run()
    for name, asked in (("plain", plain), ("compiled", compiled)):
        begun(tmp_path / name, asked)
    threads = torch.get_num_threads()
    torch.set_num_threads(threads + 1)
    try:
        before, now = (counted(number, "thread") for number in (threads, threads + 1))
        with pytest.raises(ValueError, match=rf"as plain on {before}, .* as plain on {now}"):
            resumed(tmp_path / "plain", plain)
        if resumed(tmp_path / "compiled", compiled).engine != "compiled":
            pytest.skip("no compiler")
    finally:
        torch.set_num_threads(threads)
    assert resumed(tmp_path / "plain", plain).members == train(plain, device="cpu").members


def test_the_other_engine_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    begun(tmp_path / "file", run())
    monkeypatch.setattr("plait.training.ensemble.Ensemble.engine", "triton")
    with pytest.raises(ValueError, match="would go on as triton"):
        resumed(tmp_path / "file", run())


def test_no_flipped_bit_passes(tmp_path: Path):
    path, chance = tmp_path / "file", random.Random(0)
    whole = begun(path, run())
    for _ in range(300):
        place = chance.randrange(8 * len(whole))
        data = bytearray(whole)
        data[place // 8] ^= 1 << place % 8
        path.write_bytes(data)
        with pytest.raises(ValueError, match=r"no whole checkpoint \([^\n]*\); delete it to start again$"):
            resumed(path, run())


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"step": float("inf")}, "step must be an integer"),
        ({"step": -1}, "step must be an integer in"),
        ({"step": 7}, "step must be an integer in"),
        ({"step": [1]}, "step must be an integer"),
        ({"engine": None}, "checkpoint of a run computed as None"),
        ({"colour": 1}, "unexpected keyword argument 'colour'"),
    ],
)
def test_a_forged_one_is_refused_in_one_line(tmp_path: Path, change, said):
    """Its checksum is right; what it says is not."""
    path = tmp_path / "file"
    whole = begun(path, run())
    header = json.loads(whole[8 : 8 + int.from_bytes(whole[:8], "little")])
    about = json.loads(header["__metadata__"]["plait"]) | change
    data = serialise(load_file(path), metadata={"plait": json.dumps(about), "seal": UNSEALED})
    path.write_bytes(sealed_bytes(data))
    with pytest.raises(ValueError, match=said) as told:
        resumed(path, run())
    assert "\n" not in str(told.value)


def test_tensors_of_another_shape_are_refused(tmp_path: Path):
    path = tmp_path / "file"
    whole = begun(path, run())
    header = json.loads(whole[8 : 8 + int.from_bytes(whole[:8], "little")])
    tensors = load_file(path)
    for change in ({"active": torch.ones(2, dtype=torch.bool)}, {"losses": torch.zeros(3, 2).double()}):
        metadata = {"plait": header["__metadata__"]["plait"], "seal": UNSEALED}
        path.write_bytes(sealed_bytes(serialise(tensors | change, metadata=metadata)))
        with pytest.raises(ValueError, match=f"tensor {next(iter(change))} does not fit this run"):
            resumed(path, run())


def test_an_edited_task_is_another_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    begun(tmp_path / "file", run())
    monkeypatch.setattr("plait.training.trainer.code_json", lambda run: '{"mine:Task":"0123"}')
    with pytest.raises(ValueError, match="checkpoint of another run"):
        resumed(tmp_path / "file", run())
