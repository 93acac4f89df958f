from dataclasses import replace

import pytest
import torch

from plait import HybridConfig, HybridLM, constructions
from plait.attack import attack, attack_state, certified_contents, choose_family, known_contents, play
from plait.attack.play import MOST_SCALARS, ask_model, draw_contents
from plait.attack.state import found_contents
from plait.tasks import MQAR, TASKS, Needle, SelectiveCopying
from plait.theory import search, ssm_state_bits
from plait.theory.families import has_family
from plait.theory.recurrent import table_state_bits
from plait.training import Run, Train, train

COPYING = SelectiveCopying(n_words=4, numbers=(1, 2, 3))


def _model(task, pattern="SSM-TF", **fields):
    config = HybridConfig(task.vocab_size, **({"pattern": pattern, "d_model": 4, "window": 3} | fields))
    return HybridLM(config, seed=2).eval()


@pytest.mark.parametrize("pattern", ["SSM-TF", "TF-TF", "SSM-SSM"])
def test_answers_come_from_the_carried_state_as_from_whole_inputs(pattern):
    task = SelectiveCopying()
    model, contents = _model(task, pattern), known_contents(task, 40)
    game = contents.game
    prefixes = [game.encode(index) for index in draw_contents(game.size, 5, 0)]
    given = ask_model(model, game, prefixes, answers=contents.answers)
    for prefix, row in zip(prefixes, given.tolist(), strict=True):
        for (suffix, position), answer in zip(game.queries, row, strict=True):
            tokens = torch.tensor([[*prefix, *game.suffixes[suffix][: position + 1]]])
            logits = model(tokens)[0, -1, list(contents.answers)]
            assert contents.answers[int(logits.argmax())] == answer


def test_contents_are_uniform_and_repeat_with_the_seed():
    drawn = draw_contents(10, 5000, 3)
    assert drawn == draw_contents(10, 5000, 3)
    assert drawn != draw_contents(10, 5000, 4)
    assert min(drawn.count(value) for value in range(10)) > 400
    large = draw_contents(31**40, 200, 0)
    assert len(set(large)) == 200
    assert max(large) > 31**40 * 9 // 10 > 31**40 // 10 > min(large)


def test_rows_are_read_in_chunks_to_the_same_end():
    task = SelectiveCopying()
    model, contents = _model(task), known_contents(task, 40)
    whole = play(model, contents.game, answers=contents.answers, samples=12)
    parts = play(model, contents.game, answers=contents.answers, samples=12, state_scalars=MOST_SCALARS // 5)
    assert whole == parts


@pytest.mark.parametrize("name", [name for name, task in TASKS.items() if has_family(task())])
def test_an_untrained_ssm_carries_next_to_nothing(name):
    task = TASKS[name](**({"n_words": 16} if name == "associative-recall" else {}))
    found = attack(_model(task, "SSM-SSM"), task, samples=200).state
    assert found.carried_bits < 1
    assert found.content_bits > 6
    assert found.needed_bits == ssm_state_bits(task, seq_len=100).value
    assert found.held["kv_cache"] == 0
    assert found.held_bits > found.content_bits


def test_contents_of_a_task_without_an_exact_count_are_those_of_its_table_if_a_search_finds_fewer():
    task = MQAR()
    found = attack(_model(task, "SSM-SSM"), task, samples=200, seconds=1).state
    assert (found.content, found.needed_bits) == ("contents of a table", 64)
    assert found.carried_bits < 1
    assert 60 < found.content_bits < found.held_bits


def test_where_the_better_bound_has_no_contents_those_of_the_other_are_played(monkeypatch):
    """A table that is too long for a certificate, say."""
    task = MQAR(n_keys=3, n_values=2, n_pairs=1)
    table = table_state_bits(task, 20)
    assert table is not None
    longer = replace(table, value=table.value + 1, certificate=None, certified=None)
    for both in ((longer, table), (table, longer), (longer, None)):
        monkeypatch.setattr(search, "best_state_bits", lambda *_, both=both, **__: both)
        found = found_contents(task, seq_len=20, seconds=1, seed=0)
        assert (None if found is None else found.needed_bits) == (table.value if table in both else None)


@pytest.mark.usefixtures("counted_seconds")
def test_contents_of_a_task_of_ones_own_are_searched():
    """How many bits a search finds depends on the time that it gets, so only what it must be is asked."""
    task = _Own()
    found = attack(_model(task, "SSM-SSM"), task, samples=200, seconds=2).state
    assert found.content == "contents found by search"
    assert found.carried_bits < 1
    assert 1 < found.content_bits < found.held_bits


class _Own(MQAR):
    """Of another class, so that nothing is known of it."""


def test_a_constructed_hybrid_carries_the_whole_content():
    task = SelectiveCopying()
    found = attack(constructions.selective_copying(task, 40), task, seq_len=40).state
    assert found.error == 0
    assert found.played.recovered == found.played.drawn == 1000
    assert found.content_bits - found.carried_bits < 0.02
    assert found.carried_bits <= found.content_bits <= found.needed_bits


def test_a_trained_ssm_carries_a_part():
    run = Run(
        task=COPYING,
        model=HybridConfig(pattern="SSM-SSM", d_model=6),
        train=Train(steps=150, seq_len=30, lr=3e-2, test_sequences=8, select_sequences=8),
    )
    found = attack(train(run, device="cpu").model(0), COPYING, samples=342).state
    assert 1 < found.carried_bits < found.content_bits
    assert found.error_limits[0] < found.error < found.error_limits[1]
    assert found.confidence < 1


def test_few_contents_are_all_played():
    task = Needle(n_words=20)
    found = attack(_model(task), task, samples=20).state
    assert found.played.every
    assert found.played.drawn == 20
    assert found.confidence == 1
    assert attack(_model(task), task, samples=19).state.confidence < 1


def test_what_is_held_is_what_the_model_holds():
    model, contents = _model(COPYING, "SSM-TF", window=4), known_contents(COPYING, 30)
    found = attack_state(model, contents, samples=5)
    state = model.init_state(1)
    for token in contents.game.encode(0):
        _, state = model.step(torch.tensor([token]), state)
    tensors = [tensor for layer in state for tensor in layer.values()]
    assert found.held_bits == 8 * sum(tensor.numel() * tensor.element_size() for tensor in tensors)
    assert sum(found.held.values()) == sum(tensor.numel() for tensor in tensors)


def test_a_model_without_state_carries_nothing():
    found = attack(_model(COPYING, "TF", window=1), COPYING, samples=200)
    assert found.state.held_bits == 0
    assert found.state.carried_bits == 0
    assert found.windows.field == 1


def test_the_game_of_a_certificate():
    certificate = ssm_state_bits(COPYING, seq_len=30).certificate
    contents = certified_contents(COPYING, certificate)
    model = constructions.selective_copying(COPYING, 30)
    found = attack(model, COPYING, seq_len=30, samples=300, certificate=certificate).state
    assert found.content_bits > known_contents(COPYING, 30).game.size.bit_length() - 1
    assert found.played.size == contents.game.size
    assert found.error == 0
    assert found.needed_bits is None
    assert found.carried_bits > float(found.content_bits) - 0.1
    with pytest.raises(ValueError, match="certificate"):
        attack(model, SelectiveCopying(n_words=3, numbers=(1, 2, 3, 4)), certificate=certificate)


@pytest.mark.parametrize(
    ("task", "options", "said"),
    [
        (Needle(n_words=9), {}, "vocab_size, 14, got 10"),
        (COPYING, {"samples": 0}, "samples"),
        (COPYING, {"seq_len": 1}, "seq_len"),
        (COPYING, {"certificate": "{}"}, "certificate"),
        (SelectiveCopying(n_words=4, numbers=(5, 6, 7)), {"seq_len": 4}, "two contents"),
    ],
)
def test_what_is_refused(task, options, said):
    with pytest.raises(ValueError, match=said):
        attack(_model(COPYING), task, **options)


def test_the_contents_of_a_task_of_ones_own_are_searched(own_tasks):
    task = own_tasks.LastTokens(back=3)
    found = attack(_model(task), task, seq_len=12, samples=100, seconds=3).state
    assert found.content_bits > 5
    assert found.needed_bits <= found.content_bits
    assert found.carried_bits < 3


def test_the_family_of_least_waste():
    """Needle: the word alone, for the pending marker costs a second query; recall: the trees that ask each key once."""
    assert len(choose_family(Needle(), 100).queries) == 1
    assert len(choose_family(TASKS["multi-key-recall"](), 100).queries) == 63
