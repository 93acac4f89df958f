import pytest

from plait import HybridConfig, HybridLM, train
from plait.tasks import Needle, SelectiveCopying
from plait.training import Run, Train
from plait.training import measure as module
from plait.training.measure import measure, wilson_interval

CONFIG = HybridConfig(34, pattern="SSM-TF", d_model=4, window=6)


def test_wilson_of_published_counts():
    # Brown, Cai, DasGupta, Statistical Science 16 (2001): 0 of n has the upper end z^2 / (n + z^2).
    assert wilson_interval(8, 10) == pytest.approx((0.4901625, 0.9433178), abs=1e-6)
    assert wilson_interval(0, 10) == pytest.approx((0.0, 0.2775328), abs=1e-6)
    assert wilson_interval(10, 10) == pytest.approx((0.7224672, 1.0), abs=1e-6)


@pytest.mark.parametrize("counts", [(0, 0), (-1, 3), (4, 3)])
def test_counts_that_are_none(counts):
    with pytest.raises(ValueError, match="0 <= correct <= trials"):
        wilson_interval(*counts)


def test_a_member_s_own_measurement_is_met(monkeypatch):
    """The same sequences, in whatever parts they are run."""
    run = Run(task=SelectiveCopying(), model=CONFIG, train=Train(steps=3, seq_len=30, test_sequences=70))
    result = train(run, seeds=(5, 6))
    for most in (2**16, 64, 7):
        monkeypatch.setattr(module, "_MOST_TOKENS", most)
        for index, member in enumerate(result.members):
            found = measure(result.model(index), run.task, sequences=70, seq_len=30, seed=member.seed)
            assert (found.correct, found.scored) == (member.correct, member.scored)


@pytest.mark.parametrize(
    ("task", "options", "said"),
    [
        (Needle(), {}, "vocab_size, 105, got 34"),
        (SelectiveCopying(), {"sequences": 0}, "sequences"),
        (SelectiveCopying(), {"seq_len": 9}, "seq_len"),
        (SelectiveCopying(), {"seed": -1}, "seed"),
    ],
)
def test_what_is_refused(task, options, said):
    with pytest.raises(ValueError, match=said):
        measure(HybridLM(CONFIG), task, **options)
