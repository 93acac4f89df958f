import pytest
import torch

from plait import HybridConfig, HybridLM
from plait.attack import attack_windows, first_confused, receptive_field
from plait.tasks import AssociativeRecall, DecodingRecall, MultiKeyRecall, Needle, SelectiveCopying
from plait.theory.reach import agreement, reach_inputs

TASKS = [
    SelectiveCopying(n_words=3, numbers=(1, 4)),
    SelectiveCopying(n_words=3, numbers=(4,)),
    DecodingRecall(n_bits=3),
    DecodingRecall(n_bits=3, variant="last"),
    AssociativeRecall(n_words=5),
    MultiKeyRecall(n_words=4, key_length=2),
    Needle(n_words=4),
]


def _model(task, pattern, window, **fields):
    return HybridLM(
        HybridConfig(task.vocab_size, pattern=pattern, d_model=4, window=window, **fields), seed=1
    )


@pytest.mark.parametrize(
    ("pattern", "window", "tokens"),
    [("TF", 1, 1), ("TF-TF", (3, 5), 7), ("TF*3", 20, 58), ("TF-TF", (3, None), None), ("SSM-TF", 3, None)],
)
def test_the_receptive_field(pattern, window, tokens):
    field = receptive_field(_model(Needle(n_words=4), pattern, window))
    assert field.tokens == tokens
    assert field.why


@pytest.mark.parametrize("window", [1, (2, 4), (3, 3)])
def test_the_field_is_what_the_output_depends_on(window):
    """Every token within it changes the logits, none before it does."""
    task = SelectiveCopying()
    model = _model(task, "TF-TF", window)
    field = receptive_field(model).tokens
    rows = torch.randint(task.vocab_size, (1, 12), generator=torch.Generator().manual_seed(3))
    last = model(rows)[0, -1]
    for back in range(12):
        changed = rows.clone()
        changed[0, -1 - back] = (rows[0, -1 - back] + 1) % task.vocab_size
        assert torch.equal(model(changed)[0, -1], last) == (back >= field)


@pytest.mark.parametrize("task", TASKS)
@pytest.mark.parametrize("seq_len", [2, 30])
def test_short_windows_are_confused(task, seq_len):
    found = attack_windows(_model(task, "TF-TF", (3, 2)), task, seq_len=seq_len)
    if task == SelectiveCopying(n_words=3, numbers=(4,)):
        assert found.field == 4
    assert found.proved
    twins = found.twins
    assert twins is not None
    assert len(twins.inputs[0]) == max(found.safe_up_to + 1, seq_len)
    assert twins.inputs[0][-twins.agree :] == twins.inputs[1][-twins.agree :]
    assert twins.agree >= found.field
    targets, scored = task.targets(torch.tensor(twins.inputs))
    assert bool(scored[:, -1].all())
    assert targets[:, -1].tolist() == list(twins.targets)
    assert twins.targets[0] != twins.targets[1]
    assert twins.difference == 0
    assert twins.answers[0] == twins.answers[1]


@pytest.mark.parametrize("task", TASKS)
def test_the_first_confused_length_is_the_first(task):
    for field in range(1, 14):
        pairs = {length: reach_inputs(task, length) for length in range(1, 30)}
        confused = [length for length, pair in pairs.items() if pair and agreement(*pair) >= field]
        assert first_confused(task, field) == min(confused, default=None)


def test_one_token_more_tells_them_apart():
    """At the first length that confuses a field of 7, a field of 8 sees the difference, and its logits show it."""
    task = SelectiveCopying()
    shorter, longer = _model(task, "TF-TF", (4, 4)), _model(task, "TF-TF", (4, 5))
    confused = attack_windows(shorter, task, seq_len=2)
    assert (confused.field, confused.safe_up_to) == (7, 7)
    logits = longer(torch.tensor(confused.twins.inputs))[:, -1]
    assert not torch.equal(logits[0], logits[1])
    assert attack_windows(longer, task, seq_len=2).safe_up_to == 8


def test_windows_that_are_long_enough():
    task = SelectiveCopying(n_words=3, numbers=(4,))
    found = attack_windows(_model(task, "TF-TF", (3, 3)), task, seq_len=40)
    assert found.twins is None
    assert found.safe_up_to >= 10_000
    other = SelectiveCopying()
    found = attack_windows(_model(other, "TF-TF", 20), other, seq_len=30)
    assert found.safe_up_to == 39
    assert len(found.twins.inputs[0]) == 40


@pytest.mark.parametrize(("pattern", "window"), [("SSM-SSM", 3), ("TF-SSM", 3), ("TF", None)])
def test_what_windows_do_not_limit(pattern, window):
    found = attack_windows(_model(Needle(n_words=4), pattern, window), Needle(n_words=4))
    assert found.field is None
    assert found.safe_up_to is None
    assert found.twins is None


def test_a_task_of_ones_own_is_searched(own_tasks):
    """Parity depends on every token; the last of three tokens on none before them."""
    parity, last = own_tasks.Parity(), own_tasks.LastTokens(back=3)
    found = attack_windows(_model(parity, "TF-TF", 3), parity, seq_len=12, seconds=2)
    assert found.proved
    assert found.twins.difference == 0
    assert found.twins.targets[0] != found.twins.targets[1]
    safe = attack_windows(_model(last, "TF-TF", 3), last, seq_len=12, seconds=1)
    assert safe.twins is None
    assert not safe.proved
    assert attack_windows(_model(parity, "TF-TF", 3), parity, seq_len=5, seconds=1).twins is None
