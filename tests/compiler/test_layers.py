"""Which layers a program gets: one more for a second lookup, and sharper heads where much hangs on them."""

import torch

from plait.compiler import Program, plan_program, words
from plait.compiler.files import any_plan_from_json
from plait.compiler.notes import notes
from plait.constructions import check_lemmas
from plait.random import Stream
from plait.verify import Checks, verify


def _two_lookups() -> Program:
    p = Program(words(4))
    p.before = p.lag(p.token)
    p.early = p.earliest(p.token, key=p.before, query=p.token)
    p.late = p.latest(p.token, key=p.before, query=p.token)
    p.answer = p.table(lambda x, y: "d" if x == y else "a", p.early, p.late)
    return p


def _two_distances() -> Program:
    p = Program(words(4))
    p.one = p.previous(p.token, 2)
    p.other = p.previous(p.token, 3)
    p.answer = p.table(lambda x, y: x if x == y else "a", p.one, p.other)
    return p


def test_two_lookups_take_two_layers_and_it_is_said_why() -> None:
    plan = plan_program(_two_lookups(), 20)
    assert [len(layer.fetches) for layer in plan.layout.layers] == [0, 1, 1, 0]
    late = next(note for note in notes(plan.layout) if note.statement.startswith("late"))
    assert late.layer == 3
    assert "a layer of its own, since the head before it looks for early (test_layers.py" in late.why
    assert verify(plan.build(), plan.task, Checks(seq_len=6, exhaustive=True)).passed


def test_heads_are_sharper_where_a_table_needs_more_of_what_they_find() -> None:
    plan = plan_program(_two_distances(), 20)
    assert plan.fine
    assert plan.proved()
    assert not plan_program(_two_lookups(), 20).fine
    model = plan.build()
    assert verify(model, plan.task, Checks(seq_len=6, exhaustive=True)).passed
    assert [
        check for check in check_lemmas(model, plan.task.sample(Stream(0), seq_len=20)) if not check.holds
    ] == []
    again = any_plan_from_json(plan.to_json())
    assert again.to_json() == plan.to_json()
    assert all(torch.equal(weight, plan.weights()[name]) for name, weight in again.weights().items())


def test_a_plan_written_before_there_were_sharper_heads_is_read() -> None:
    document = dict(plan_program(_two_lookups(), 20).to_json())
    document["layout"] = {name: value for name, value in document["layout"].items() if name != "fine"}
    assert any_plan_from_json(document).to_json() == plan_program(_two_lookups(), 20).to_json()


def test_an_answer_over_tokens_that_hold_nothing_else_needs_no_gain() -> None:
    """Of tokens that are all one, whose subspace the answer takes, nothing is left to be louder than."""
    p = Program("abc")
    p.share = p.mean(p.embed({"a": False, "b": None, "c": False}), last=2)
    p.answer = p.table({0: "b"}, p.share)
    plan = plan_program(p, 6, only="TF", smallest=True)
    assert plan.layout.gain == 1.0
    assert verify(plan.build(), p, Checks(seq_len=6, exhaustive=True)).verified[0].total.wrong == 0


def test_a_layer_that_has_nothing_to_say_is_a_layer() -> None:
    """The answer is one token wherever there is one: nothing is read of what decides where."""
    p = Program("abc")
    p.bit = p.embed({"a": 0, "b": 1, "c": None})
    p.before = p.previous(p.bit, 2)
    p.some = p.table(lambda x, y: x == y, p.bit, p.before)
    p.answer = p.table(lambda same: "a", p.some)
    plan = plan_program(p, 6)
    assert verify(plan.build(), p, Checks(seq_len=6, exhaustive=True)).verified[0].total.wrong == 0
