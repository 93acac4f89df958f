"""Which entries a quantized file packs: every linear map but those that it names, in so many bits."""

from collections.abc import Callable, Mapping
from fractions import Fraction

from plait.checks import shortened as shown
from plait.memory.block import Block
from plait.memory.formats import Number
from plait.memory.huggingface.module_names import Names
from plait.memory.packing import Bits, Packing

Config = Mapping[str, object]

NOT_COUNTED = (
    "the file stores its weights in a format that is not counted ({label}): figures are of weights unpacked"
)
UNPACKED = "figures of parameters are those of the class that `transformers` makes of it, unpacked"
UNCLEAR = "names of matrices left out of it that were not understood: {names}"

SPARED = ("lm_head", "embed_tokens", "router", "gate", "mlp.gate", "shared_expert_gate")
"""What formats leave as it is unless the file says otherwise."""


def named_only(label: str) -> Packing:
    return Packing(label=label, bits=None, notes=(NOT_COUNTED.format(label=label),))


def positive(config: Config, *names: str) -> Number | None:
    """The first of these fields that is a positive integer."""
    for name in names:
        value = config.get(name)
        if isinstance(value, int) and not isinstance(value, bool) and value > 0:
            return value
    return None


def listed(config: Config, *names: str) -> list[object]:
    """All entries of these fields that are lists."""
    return [entry for name in names if isinstance(value := config.get(name), list) for entry in value]


def grouped(bits: Number, group: Number | None, *, scale: int, zero: Number = 0) -> Number:
    """Bits of an entry with its share of a scale and a zero point of its group."""
    return bits if group is None else bits + Fraction(scale + zero) / group


def linear_maps(
    label: str,
    bits: Number,
    spared: list[object],
    data: Config,
    *,
    parts: Callable[[Block], bool] = lambda block: True,
    notes: tuple[str, ...] = (),
) -> Packing:
    """Every linear map of the layers, but for those named (by default the answer's too)."""
    names = Names([*spared, *SPARED], data.get("model_type"))
    return Packing(label=label, bits=_choice(bits, names, parts), notes=(UNPACKED, *notes, *unclear(names)))


def _choice(bits: Number, names: Names, parts: Callable[[Block], bool]) -> Bits:
    return lambda block, index: bits if parts(block) and not names.match(block.part, index) else None


def unclear(names: Names) -> tuple[str, ...]:
    if not names.unclear:
        return ()
    return (UNCLEAR.format(names=", ".join(shown(name) for name in names.unclear[:5])),)
