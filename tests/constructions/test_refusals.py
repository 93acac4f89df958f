"""What a type cannot carry is refused in one line that names the limit and the type that would do."""

import pytest
import torch
from construction_cases import COPYING, RECALL

from plait.constructions import (
    CopyingLayout,
    decoding_recall,
    layouts,
    selective_copying,
    smallest,
    smallest_window,
)
from plait.constructions.rounding import UNITS
from plait.tasks import AssociativeRecall, DecodingRecall, SelectiveCopying


@pytest.mark.parametrize(
    ("n_bits", "dtype", "would"),
    [
        (5, torch.bfloat16, "float32 would do"),
        (10, torch.float32, "float64 would do"),
        (19, torch.float64, "no type up to float64 would do"),
    ],
)
def test_registers_too_wide(n_bits: int, dtype: torch.dtype, would: str) -> None:
    with pytest.raises(ValueError, match=rf"{n_bits} bits.*{str(dtype)[6:]} cannot carry it: .*{would}"):
        decoding_recall(DecodingRecall(n_bits=n_bits), 100, dtype=dtype, pattern="SSM-TF")


def test_smallest_refuses_alike() -> None:
    with pytest.raises(ValueError, match="bfloat16 cannot carry it"):
        smallest(DecodingRecall(n_bits=6), 100, dtype=torch.bfloat16)


def test_words_too_many_for_a_circle() -> None:
    task, layout = SelectiveCopying(n_words=5000), CopyingLayout(base=5000)
    with pytest.raises(ValueError, match=r"float32 cannot carry it: the copied code .* float64 would do"):
        selective_copying(task, 100, layout=layout)
    selective_copying(task, 100, layout=layout, dtype=torch.float64)


def test_numbers_too_large_for_one_frequency() -> None:
    task = SelectiveCopying(numbers=(1, 4000))
    with pytest.raises(ValueError, match="bfloat16 cannot carry it: the score of a distance"):
        selective_copying(task, 5000, layout=CopyingLayout(), dtype=torch.bfloat16)
    assert selective_copying(task, 5000).config.d_model > selective_copying(COPYING, 100).config.d_model - 1


@pytest.mark.parametrize("dtype", [torch.float16, torch.int64])
def test_other_types(dtype: torch.dtype) -> None:
    for build in (
        lambda: selective_copying(COPYING, 100, dtype=dtype),
        lambda: decoding_recall(RECALL, 100, dtype=dtype),
        lambda: smallest(COPYING, 100, dtype=dtype),
    ):
        with pytest.raises(ValueError, match="dtype must be one of bfloat16, float32, float64"):
            build()


@pytest.mark.parametrize("seq_len", [0, -3, True, 2.5])
def test_lengths(seq_len: object) -> None:
    for task in (COPYING, RECALL):
        with pytest.raises(ValueError, match="seq_len must be an integer of at least 1"):
            layouts(task, seq_len)  # type: ignore[arg-type]


@pytest.mark.parametrize("success", [-0.1, 1.5, float("nan")])
def test_success_rates(success: float) -> None:
    with pytest.raises(ValueError, match="success must be in"):
        decoding_recall(RECALL, 100, success=success)
    with pytest.raises(ValueError, match="no window succeeds"):
        smallest_window(DecodingRecall(p_bit=1.0), 0.5)


def test_patterns_and_tasks() -> None:
    with pytest.raises(ValueError, match="pattern must be one of SSM-TF-TF, SSM-TF, got 'TF-SSM'"):
        decoding_recall(RECALL, 100, pattern="TF-SSM")
    with pytest.raises(ValueError, match="AssociativeRecall none"):
        layouts(AssociativeRecall(n_words=4), 100)


@pytest.mark.parametrize("values", [{"base": 1}, {"n_frequencies": 0}, {"amplitude": 0.0}])
def test_layouts(values: dict[str, float]) -> None:
    with pytest.raises(ValueError, match="a layout needs"):
        CopyingLayout(**values)  # type: ignore[arg-type]


@pytest.mark.parametrize("dtype", UNITS)
def test_units_are_the_largest_relative_error_of_one_rounding(dtype: torch.dtype) -> None:
    assert UNITS[dtype] == torch.finfo(dtype).eps / 2
    unit = UNITS[dtype]
    just_above = torch.tensor(1.0, dtype=dtype) + torch.tensor(2.0 * unit, dtype=dtype)
    assert float(just_above) == 1.0 + 2.0 * unit
    assert float(torch.tensor(1.0 + unit / 2, dtype=torch.float64).to(dtype)) == 1.0


def test_what_no_type_carries_is_refused_before_it_is_made() -> None:
    for pattern in ("SSM-TF", "SSM-TF-TF"):
        with pytest.raises(ValueError, match=r"20 bits: .* no type up to float64 would do"):
            decoding_recall(DecodingRecall(n_bits=20), 50, pattern=pattern, dtype=torch.float64)
    with pytest.raises(ValueError, match="numbers up to 1,048,576 are built"):
        selective_copying(SelectiveCopying(numbers=(10**8,)), 50)
