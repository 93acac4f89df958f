"""A user's own code is part of what decides a number: what is edited is trained anew, and what moved is found."""

import dataclasses
import importlib
import sys
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from plait.checks import added_field, code_digest, neutral_fields, present_name, stored_name
from plait.checks.own_names import MOVED
from plait.experiments import member_id
from plait.model import HybridConfig
from plait.tasks import SelectiveCopying, parse_task, task_to_json
from plait.tasks.framed import Framed
from plait.tasks.packed import Packed
from plait.training.identity import identifying, unchecked_code
from plait.training.run import Run, Train

LAYER = """
from own_pkg.inner import scale
from plait.layers.transformer import TransformerLayer
class Mine(TransformerLayer):
    pass
"""


@pytest.fixture
def package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """A package with a layer that imports a module of its own."""
    folder = tmp_path / "own_pkg"
    folder.mkdir()
    (folder / "__init__.py").write_text("")
    (folder / "layer.py").write_text(LAYER)
    (folder / "inner.py").write_text("scale = 1.0\n")
    (folder / "other.py").write_text("unused = 1\n")
    monkeypatch.syspath_prepend(tmp_path)
    yield folder
    forget()


def forget() -> None:
    for name in [name for name in sys.modules if name.split(".")[0] == "own_pkg"]:
        del sys.modules[name]
    importlib.invalidate_caches()


def identity() -> str:
    forget()
    importlib.import_module("own_pkg.layer")
    model = HybridConfig(pattern="own_pkg.layer:Mine-TF", d_model=8)
    return member_id(Run(task=SelectiveCopying(), model=model, train=Train()))


def test_an_edited_layer_is_another_member(package: Path) -> None:
    first = identity()
    assert identity() == first
    (package / "layer.py").write_text(LAYER + "# another word\n")
    assert identity() != first
    (package / "layer.py").write_text(LAYER)
    assert identity() == first


def test_so_is_one_whose_own_imports_changed_and_no_other(package: Path) -> None:
    first = identity()
    (package / "other.py").write_text("unused = 2\n")
    assert identity() == first
    (package / "inner.py").write_text("scale = 2.0\n")
    assert identity() != first


def test_line_ends_do_not_count(package: Path) -> None:
    first = identity()
    (package / "layer.py").write_bytes(LAYER.replace("\n", "\r\n").encode())
    assert identity() == first


def test_code_without_source_is_said_to_be_unchecked(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "sourceless", type(sys)("sourceless"))
    run = Run(task=SelectiveCopying(), model=HybridConfig(pattern="sourceless:Mine-TF", d_model=8))
    assert code_digest("sourceless:Mine") is None
    assert unchecked_code(run) == ("sourceless:Mine",)
    assert unchecked_code(Run(task=SelectiveCopying(), model=HybridConfig(d_model=8))) == ()


def test_built_in_code_is_no_part_of_an_identity() -> None:
    assert member_id(
        Run(task=SelectiveCopying(), model=HybridConfig(d_model=8, window=20, init="paper"), train=Train())
    ) == ("48f272265941b51e9e2d")


@dataclasses.dataclass(frozen=True, kw_only=True)
class Grown(SelectiveCopying):
    """A task that got fields after its members were stored."""

    depth: int = added_field(1)
    fast: bool = added_field(False)
    word: str = added_field("none")


@given(depth=st.integers(1, 3), fast=st.booleans(), word=st.sampled_from(("none", "some")))
def test_an_added_field_changes_the_identity_exactly_where_it_is_not_neutral(depth, fast, word) -> None:
    task = Grown(depth=depth, fast=fast, word=word)
    plain = Run(task=Grown(), model=HybridConfig(d_model=8))
    same = (depth, fast, word) == (1, False, "none")
    assert (member_id(Run(task=task, model=HybridConfig(d_model=8))) == member_id(plain)) is same
    left_out = {name for name in ("depth", "fast", "word") if name in neutral_fields(task)}
    assert left_out == {
        name for name, value in (("depth", depth == 1), ("fast", not fast), ("word", word == "none")) if value
    }


NEUTRAL = st.one_of(
    st.integers(-5, 5),
    st.booleans(),
    st.none(),
    st.floats(-2.0, 2.0, allow_nan=False),
    st.text("abc", max_size=3),
)
FIELDS = st.dictionaries(st.text("qxyz_", min_size=2, max_size=6), NEUTRAL, max_size=4)


def grown(kind: type, fields: dict[str, object]) -> type:
    """The class as it would stand had these fields been added to it."""
    added = [(f"added_{name}", type(value), added_field(value)) for name, value in fields.items()]
    found = dataclasses.make_dataclass(kind.__name__, added, bases=(kind,), frozen=True, kw_only=True)
    found.__module__, found.__qualname__ = kind.__module__, kind.__qualname__
    return found


@given(task=FIELDS, model=FIELDS, train=FIELDS, other=NEUTRAL)
def test_drawn_fields_that_classes_gain_leave_every_identity(task, model, train, other) -> None:
    """Of task, model and protocol; a value other than the neutral one is another member."""
    kinds = [
        grown(kind, more) for kind, more in ((SelectiveCopying, task), (HybridConfig, model), (Train, train))
    ]
    model_of, train_of = kinds[1](d_model=8, window=20, init="paper"), kinds[2]()
    assert member_id(Run(task=SelectiveCopying(), model=model_of, train=train_of)) == "48f272265941b51e9e2d"
    run = Run(task=kinds[0](), model=model_of, train=train_of)
    before = Run(task=grown(SelectiveCopying, {})(), model=HybridConfig(d_model=8, window=20, init="paper"))
    assert member_id(run) == member_id(before), "no built-in name, as it is another class"
    for name, value in train.items():
        if other != value and isinstance(other, bool) == isinstance(value, bool):
            changed = dataclasses.replace(run.train, **{f"added_{name}": other})
            assert member_id(dataclasses.replace(run, train=changed)) != member_id(run)


@given(depth=st.integers(1, 3), word=st.sampled_from(("none", "some")))
def test_an_added_field_of_a_task_within_a_task_is_left_out_likewise(depth, word) -> None:
    """The tasks of rows frame and pack others, whose fields their members hold too."""
    inner = Grown(depth=depth, word=word)
    for outer in (Framed(task=inner), Packed(task=inner)):
        found = identifying(outer)["params"]["task"]["params"]
        told = {
            name: getattr(inner, name)
            for name in ("depth", "word")
            if getattr(inner, name) != getattr(Grown, name)
        }
        assert found == task_to_json(SelectiveCopying())["params"] | told
        assert task_to_json(outer)["params"]["task"]["params"]["fast"] is False, "it stands in the row"


@given(
    drawn=st.fixed_dictionaries({}, optional={"dropout_at": st.just("all"), "rotary_odd": st.just("paired")})
)
def test_neutral_values_given_by_hand_change_nothing(drawn) -> None:
    model = HybridConfig(d_model=8, window=20, init="paper", **drawn)
    assert member_id(Run(task=SelectiveCopying(), model=model, train=Train())) == "48f272265941b51e9e2d"


def test_false_is_not_zero() -> None:
    @dataclasses.dataclass
    class Part:
        count: int = added_field(0)

    assert neutral_fields(Part()) == {"count"}
    assert neutral_fields(Part(count=False)) == frozenset()


def test_what_moved_is_stored_under_its_old_name() -> None:
    moved = {"old.place:Thing": "new.place:Thing"}
    assert stored_name("new.place:Thing", moved) == "old.place:Thing"
    assert present_name("old.place:Thing", moved) == "new.place:Thing"
    assert stored_name("else:Thing", moved) == present_name("else:Thing", moved) == "else:Thing"


@pytest.mark.parametrize("name", MOVED)
def test_every_older_place_leads_to_what_was_there(name: str) -> None:
    module, _, inside = present_name(name).partition(":")
    found = getattr(importlib.import_module(module), inside)
    assert found.__module__ == module
    assert present_name(stored_name(present_name(name))) == present_name(name)


def test_an_alias_to_nothing_is_one_line(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("plait.checks.own_names.present_name", lambda name: "plait.nowhere:Thing")
    with pytest.raises(ValueError, match=r"^task gone:Thing: importing plait.nowhere failed: [^\n]*$"):
        parse_task("gone:Thing")


def test_an_own_task_is_stored_by_its_module() -> None:
    assert task_to_json(Grown())["task"] == f"{__name__}:Grown"
