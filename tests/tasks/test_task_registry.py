"""Tasks by name: built-in ones, a user's own, refused names and parameters, and the way to JSON and back."""

import json
import sys

import pytest

from plait.tasks import (
    MQAR,
    TASKS,
    AssociativeRecall,
    DecodingRecall,
    MultiKeyRecall,
    Needle,
    SelectiveCopying,
    parse_task,
    task_from_json,
    task_name,
    task_to_json,
)

OWN = """
from dataclasses import dataclass, field

class Base:
    vocab_size = 2
    token_names = ("x", "y")
    def sample(self, stream, batch=8, seq_len=100): return stream.integers(2, (batch, seq_len))
    def targets(self, tokens): return tokens, tokens >= 0

@dataclass(frozen=True, kw_only=True)
class Own(Base):
    must: int
    sizes: tuple = (1, 2)

class Plain(Base):
    def __init__(self, width=3): self.width = width

class Forgetful(Base):
    def __init__(self, width=3): pass

class Outer:
    class Inner(Base): pass

class Silent:
    vocab_size = 3

class Miscounted(Base):
    vocab_size = 5

class Numbered(Base):
    token_names = ("x", 3)

class Picky(Base):
    def __init__(self, width=3): raise RuntimeError("no\\nwidth")

number = 5

def make(width=3):
    return Plain(width)

def fails(width=3):
    return number

READY = Plain(7)

class Labelled(Base):
    naming = None
    def named(self, name, params): self.naming = name, params

LABELLED = Labelled()

def labelled(sizes=(1,)):
    return Labelled()
"""


@pytest.fixture(scope="module", autouse=True)
def own_module(tmp_path_factory):
    folder = tmp_path_factory.mktemp("own")
    (folder / "own_task_module.py").write_text(OWN)
    (folder / "own_broken_module.py").write_text("x = (")
    (folder / "own_leaving_module.py").write_text("raise SystemExit('bye')")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sys, "path", [path for path in sys.path if path])
        patch.chdir(folder)
        yield


def refused(name, params=None):
    with pytest.raises(ValueError, match=r".") as caught:
        parse_task(name, params)
    assert "\n" not in str(caught.value)
    return str(caught.value)


def test_names():
    for name, task_class in TASKS.items():
        assert parse_task(name) == parse_task(name, {}) == task_class()
        assert task_class.name == name


def test_parameters_may_come_from_json():
    params = json.loads('{"numbers": [1, 2], "n_words": 4, "p_number": 0.5, "variant": "repetitive"}')
    assert parse_task("selective-copying", params) == SelectiveCopying(
        numbers=(1, 2), n_words=4, p_number=0.5, variant="repetitive"
    )


@pytest.mark.parametrize("name", ["selective-coping", "SelectiveCopying", "", "needles", "x" * 500, 7, None])
def test_an_unknown_task(name):
    message = refused(name)
    assert all(known in message for known in TASKS)
    assert len(message) < 150 + len(", ".join(TASKS))


def test_the_nearest_task():
    assert "nearest: selective-copying" in refused("selective-coping")
    assert "nearest: needle" in refused("needles")


def test_an_unknown_parameter():
    message = refused("selective-copying", {"p_nubmer": 0.1})
    assert "p_nubmer" in message
    assert "known: n_words, numbers, p_number, variant" in message
    assert "nearest: p_number" in message
    assert "known: n_words; nearest: n_words" in refused("associative-recall", {"nwords": 0.1})
    assert "known: none" in refused("own_task_module:Outer.Inner", {"a": 1})


def test_a_refused_value():
    assert "p_number must be a probability in [0, 1], got 2" in refused("selective-copying", {"p_number": 2})
    assert "got 'a'" in refused("needle", {"n_words": "a"})
    assert "distinct" in refused("selective-copying", {"numbers": [5, 5]})
    assert "got {'a': 1}" in refused("selective-copying", {"numbers": {"a": 1}})
    assert "one of" in refused("selective-copying", {"variant": ["uniform"]})


def test_an_own_task_from_the_working_folder():
    task = parse_task("own_task_module:Own", {"must": 3, "sizes": [4, [5]]})
    assert (task.must, task.sizes) == (3, (4, (5,)))
    assert parse_task("own_task_module:Plain", {"width": 9}).width == 9
    assert parse_task("own_task_module:Outer.Inner").vocab_size == 2


def test_an_own_task_that_is_refused():
    assert "importing no_such_module failed: ModuleNotFoundError" in refused("no_such_module:Own")
    assert "importing own_broken_module failed: SyntaxError" in refused("own_broken_module:Own")
    assert "importing own_leaving_module failed: SystemExit: bye" in refused("own_leaving_module:Own")
    message = refused("own_task_module:Onw")
    assert "unknown class or task 'Onw'" in message
    assert "nearest: Own" in message
    assert "unknown class or task 'number'" in refused("own_task_module:number")
    assert "lacks token_names, sample, targets" in refused("own_task_module:Silent")
    assert "got 5 and 2" in refused("own_task_module:Miscounted")
    assert "token_names must be strings, got 3" in refused("own_task_module:Numbered")
    assert "needs the parameter must" in refused("own_task_module:Own")
    assert "known: must, sizes; nearest: sizes" in refused("own_task_module:Own", {"size": 1})
    assert "RuntimeError: no width" in refused("own_task_module:Picky")


def test_a_task_that_stands_in_a_module_and_a_function_that_makes_one():
    assert parse_task("own_task_module:READY").width == 7
    assert parse_task("own_task_module:make", {"width": 5}).width == 5
    assert task_to_json(parse_task("own_task_module:make", {"width": 5})) == {
        "task": "own_task_module:Plain",
        "params": {"width": 5},
    }
    assert "takes no parameters, got {'width': 3}" in refused("own_task_module:READY", {"width": 3})
    assert "known: width; nearest: width" in refused("own_task_module:make", {"widht": 3})
    assert "lacks vocab_size" in refused("own_task_module:fails")


def test_a_task_that_says_its_own_name():
    task = parse_task("own_task_module:LABELLED")
    assert task_name(task) == "own_task_module:LABELLED"
    assert task_from_json(task_to_json(task)) is task
    made = parse_task("own_task_module:labelled", {"sizes": [2, 3]})
    assert task_to_json(made) == {"task": "own_task_module:labelled", "params": {"sizes": [2, 3]}}


@pytest.mark.parametrize("name", [":", "a:", ":B", "a:b:c", "a/b.py:C", "a b:C", ".a:B", "a:B()", "a..b:C"])
def test_an_own_task_named_otherwise(name):
    assert "module:Class" in refused(name)


@pytest.mark.parametrize(
    "task",
    [
        SelectiveCopying(),
        SelectiveCopying(n_words=3, numbers=(2, 1), p_number=1.0, variant="adversarial"),
        DecodingRecall(n_bits=2, variant="last"),
        AssociativeRecall(n_words=9),
        MultiKeyRecall(key_length=3),
        Needle(score_marker=True),
        MQAR(n_pairs=3, p_query=1.0, keep="first", variant="repeated"),
    ],
    ids=repr,
)
def test_json_and_back(task):
    document = task_to_json(task)
    assert document["task"] == type(task).name
    again = task_from_json(json.loads(json.dumps(document)))
    assert again == task
    assert json.dumps(task_to_json(again)) == json.dumps(document)


def test_json_of_a_built_in_task_names_every_parameter():
    assert task_to_json(SelectiveCopying()) == {
        "task": "selective-copying",
        "params": {"n_words": 26, "numbers": [5, 6, 7, 8, 9], "p_number": 0.2, "variant": "uniform"},
    }


def test_equal_tasks_are_written_alike():
    one = parse_task("selective-copying", {"p_number": 1, "numbers": [3]})
    other = SelectiveCopying(p_number=1.0, numbers=(3,))
    assert one == other
    assert json.dumps(task_to_json(one)) == json.dumps(task_to_json(other))


def test_json_of_an_own_task():
    own = parse_task("own_task_module:Own", {"must": 3})
    document = task_to_json(own)
    assert document == {"task": "own_task_module:Own", "params": {"must": 3, "sizes": [1, 2]}}
    assert task_from_json(json.loads(json.dumps(document))) == own
    plain = task_from_json(task_to_json(parse_task("own_task_module:Plain", {"width": 8})))
    assert plain.width == 8
    inner = task_to_json(parse_task("own_task_module:Outer.Inner"))
    assert inner["task"] == "own_task_module:Outer.Inner"


def test_what_has_no_json():
    class Local(AssociativeRecall):
        pass

    with pytest.raises(ValueError, match="top of a module"):
        task_name(Local())
    with pytest.raises(ValueError, match="as attributes"):
        task_to_json(parse_task("own_task_module:Forgetful"))


@pytest.mark.parametrize(
    "document", [{}, {"task": 5}, {"task": "needle", "params": [1]}, {"task": "needle", "x": 1}]
)
def test_a_document_that_is_no_task(document):
    with pytest.raises(ValueError, match="a task must read"):
        task_from_json(document)
