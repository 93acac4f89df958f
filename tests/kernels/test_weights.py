"""The order of a layer's weights is written twice, for Python and for C++, and is the same."""

import re
from pathlib import Path
from typing import NamedTuple

import pytest

import plait.kernels
from plait.kernels.mamba import MambaWeights
from plait.kernels.neox import NeoXWeights


@pytest.mark.parametrize(("folder", "weights"), [("mamba", MambaWeights), ("neox", NeoXWeights)])
def test_the_two_orders_agree(folder: str, weights: type[NamedTuple]) -> None:
    header = Path(*plait.kernels.__path__, folder, "weights.hpp").read_text()
    (listed,) = re.findall(r"enum Weight \{(.*?)\}", header, re.DOTALL)
    names = [name.strip().removeprefix("k") for name in listed.split(",")]
    assert names.pop() == "Weights"
    assert [name.lower() for name in names] == [name.replace("_", "").lower() for name in weights._fields]
