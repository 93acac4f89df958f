"""Tables as staircases: the levels, the steps, and the mixes of several inputs."""

from fractions import Fraction

import pytest
import torch
import torch.nn.functional as F

from plait.compiler import Program, plan_program
from plait.compiler.bounds import bounds
from plait.compiler.encoding import Code, digits, narrowed, number, spanned
from plait.compiler.pointwise import ValueTable
from plait.compiler.ssm_op import SsmOp
from plait.compiler.staircase import BEND_DISTANCE, Scalar, Staircase, staircase
from plait.compiler.statement import Statement
from plait.compiler.tf_ops import Steps
from plait.constructions.rounding import Rounding


def evaluated(stairs: Staircase, number: float) -> torch.Tensor:
    """What units of one hidden layer give for a number."""
    total = stairs.lowest.clone()
    for bias, height in stairs.units():
        total += (
            F.silu(torch.tensor(stairs.slope * number + bias, dtype=torch.float64)) * height / BEND_DISTANCE
        )
    return total


def numbers(statement: Statement, spread: float = 0.0) -> Scalar:
    column = torch.tensor([[float(value)] for value in statement.domain], dtype=torch.float64)  # type: ignore[arg-type]
    return Scalar(statement=statement, column=column, spacing=1.0, spread=spread)


def test_a_staircase_gives_its_entries() -> None:
    p = Program("abcde")
    number = p.embed({name: place for place, name in enumerate("abcde")})
    table = p.table(lambda n: "aabbe"[n], number)
    assert isinstance(table, ValueTable)
    points = torch.tensor([[1.0, 0.0], [0.0, 1.0], [-1.0, 2.0]], dtype=torch.float64)
    stairs = staircase(table, [numbers(number)], points, clean=True)
    assert stairs.n_units == 4
    for place, entry in enumerate((0, 0, 1, 1, 2)):
        for off in (-0.24 * stairs.third, 0.0, 0.24 * stairs.third):
            assert torch.allclose(evaluated(stairs, place + off), points[entry], atol=1e-9)
    assert torch.allclose(evaluated(stairs, 50.0), points[2], atol=1e-9)


def test_two_biases_of_a_step_lie_on_a_grid_that_float32_carries() -> None:
    p = Program("abcdefghij")
    number = p.embed({name: place for place, name in enumerate("abcdefghij")})
    table = p.table(lambda n: "ab"[n % 2], number)
    assert isinstance(table, ValueTable)
    stairs = staircase(table, [numbers(number)], torch.eye(2, dtype=torch.float64), clean=True)
    biases = [bias for bias, _ in stairs.units()]
    assert len(biases) == 18
    assert all(float(torch.tensor(bias).float()) == bias for bias in biases)
    assert all(
        first - second == BEND_DISTANCE for first, second in zip(biases[::2], biases[1::2], strict=True)
    )


def test_a_mix_of_two_inputs_takes_the_fewest_steps() -> None:
    p = Program("ab")
    bit, before = p.embed({"a": 0, "b": 1}), p.lag(p.embed({"a": 0, "b": 1}))
    table = p.table(lambda one, other: one != other, bit, before)
    assert isinstance(table, ValueTable)
    signs = torch.tensor([[-1.0], [1.0]], dtype=torch.float64)
    scalars = [Scalar(statement=one, column=signs, spacing=2.0) for one in (bit, before)]
    points = torch.tensor([[0.0], [1.0]], dtype=torch.float64)
    stairs = staircase(table, scalars, points, clean=True)
    assert stairs.n_units == 4
    for one, other, expected in ((-1, -1, 0), (-1, 1, 1), (1, -1, 1), (1, 1, 0), (1, 0, 0), (-1, 0, 0)):
        level = one * stairs.weights[0] + other * stairs.weights[1]
        assert abs(float(evaluated(stairs, level)) - expected) < 1e-9, (
            "nothing before the start gives nothing"
        )


def test_codes() -> None:
    code = digits(list("abcdefgh"), 2, [[name in "ab" for name in "abcdefgh"]])
    assert code.points.shape == (8, 3), "a condition of a quarter of the values leaves no digit of its own"
    code = digits(list("abcdefgh"), 2, [[name in "abcd" for name in "abcdefgh"]])
    assert code.points.shape == (8, 3)
    assert code.points[:4, 0].eq(1.0).all()
    assert code.points[4:, 0].eq(-1.0).all()
    assert (round(code.norm**2, 9), code.chord, code.lead) == (3.0, 2.0, 2.0)
    some = narrowed(code, list("abcd"))
    assert some.points.shape == (4, 2)
    neighbours = (digits(list(range(13)), 2).points.diff(dim=0) != 0).sum(-1)
    assert neighbours.eq(1).all(), "Gray's code"
    circle = digits(list(range(7)), 7)
    assert circle.points.shape == (7, 2)
    one = Code(values=("a",), points=torch.ones(1, 1, dtype=torch.float64))
    assert one.lead == 1.0


def test_columns_that_are_spanned() -> None:
    basis = torch.tensor([[1.0, 0.0], [1.0, 1.0], [0.0, 0.0]], dtype=torch.float64)
    weights = spanned(basis, torch.tensor([[2.0], [5.0], [0.0]], dtype=torch.float64))
    assert weights is not None
    assert torch.allclose(weights, torch.tensor([[2.0], [3.0]], dtype=torch.float64))
    assert spanned(basis, torch.tensor([[0.0], [0.0], [1.0]], dtype=torch.float64)) is None


def test_what_levels_and_bends_are_rounded_by_is_counted_in_exact_arithmetic() -> None:
    """Lemma 12.3: a sum of columns may be half a unit of the ninth digit from its level, and bends lie on a grid."""
    p = Program("abc")
    third = Fraction(1, 3)
    share = p.mean(p.embed({"a": 1, "b": 0, "c": 0}), last=3)
    p.said = p.table(lambda one: "abc"[int(one > third) + int(one > 2 * third)], share)
    p.answer = p.said
    layout = plan_program(p, 20).layout
    (op,) = [
        one
        for one in layout.planned[0].values()
        if isinstance(one, SsmOp | Steps) and one.statement.kind == "table"
    ]
    stairs = op.stairs if isinstance(op, Steps) else op.fed[0].staircase
    assert stairs is not None
    sums = (stairs.weights[0] * number(share.domain)[:, 0]).tolist()
    off = max(min(abs(level - one) for level in stairs.levels.tolist()) for one in sums)
    assert off > 1e-10
    assert stairs.rounded == pytest.approx(off, abs=1e-15)
    middles = (stairs.levels[stairs.changes] + stairs.levels[stairs.changes - 1]) / 2.0
    shifted = ((BEND_DISTANCE / 2.0 - stairs.biases) / stairs.slope - middles).abs().max()
    assert off + float(shifted) <= stairs.slack
    exact = bounds(layout, Rounding(unit=0.0, d_model=layout.stream.residual.d_model), 20)
    (read,) = [one for one in exact.allowances if one.what.startswith("the number that")]
    assert read.error >= stairs.slack
