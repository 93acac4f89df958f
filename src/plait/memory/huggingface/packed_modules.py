"""Which entries a quantized file packs: every linear map but those that it names, or single modules one by one.

The latter are compressed-tensors' config_groups and ModelOpt's quantized_layers.
"""

from collections.abc import Callable, Mapping
from fractions import Fraction

from plait.checks import shortened as shown
from plait.memory.architecture import Bits, Packing
from plait.memory.block import Block
from plait.memory.formats import Number, bits_of
from plait.memory.huggingface.module_names import Names

Config = Mapping[str, object]

NOT_COUNTED = (
    "the file stores its weights in a format that is not counted ({label}): figures are of weights unpacked"
)
UNPACKED = "figures of parameters are those of the class that `transformers` makes of it, unpacked"
UNCLEAR = "names of matrices left out of it that were not understood: {names}"

SPARED = ("lm_head", "embed_tokens", "router", "gate", "mlp.gate", "shared_expert_gate")
"""What formats leave as it is unless the file says otherwise."""


def named_only(label: str) -> Packing:
    """A format that is named and not counted."""
    return Packing(label=label, bits=None, notes=(NOT_COUNTED.format(label=label),))


def positive_number(config: Config, *names: str) -> Number | None:
    """The first of these fields that is a positive integer."""
    for name in names:
        value = config.get(name)
        if isinstance(value, int) and not isinstance(value, bool) and value > 0:
            return value
    return None


def module_list(config: Config, *names: str) -> list[object]:
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
    """A note of up to five names that were not understood; none where all were."""
    if not names.unclear:
        return ()
    return (UNCLEAR.format(names=", ".join(shown(name) for name in names.unclear[:5])),)


def by_layer(config: Config, layers: Config, otherwise: Packing | None, data: Config) -> Packing:
    """ModelOpt's MIXED_PRECISION: a format for each module that is named; the rest as the method has it, if any."""
    module_list: dict[Number, list[object]] = {}
    for name, how in layers.items():
        algorithm = how.get("quant_algo") if isinstance(how, dict) else None
        bits = bits_by_name(str(algorithm))
        if bits is None:
            return named_only(f"quant_algo {shown(algorithm)}")
        module_list.setdefault(bits, []).append(name)
    formats = [(bits, Names(names, data.get("model_type"))) for bits, names in module_list.items()]

    def chosen(block: Block, index: int) -> Number | None:
        found = next((bits for bits, names in formats if names.match(block.part, index)), None)
        if found is not None or otherwise is None or otherwise.bits is None:
            return found
        return otherwise.bits(block, index)

    doubts = [note for _, names in formats for note in unclear(names)]
    return Packing(label="mixed precision", bits=chosen, notes=(UNPACKED, *doubts[:1]))


def compressed(config: Config, data: Config) -> Packing:
    """config_groups: formats and the modules that they are for."""
    groups = config.get("config_groups")
    spared = module_list(config, "ignore", "exclude_modules", "exclude")
    label = str(config.get("format") or config.get("quant_algo") or config.get("quant_method"))
    if not isinstance(groups, dict) or not groups:
        return _algorithm(label, spared, data)
    read = [
        (bits, module_list(group, "targets")) for group in groups.values() if (bits := _group_bits(group))
    ]
    if len(read) != len(groups):
        return named_only(label)
    everywhere = [bits for bits, targets in read if "Linear" in targets or not targets]
    named = [
        (bits, Names(targets, data.get("model_type")))
        for bits, targets in read
        if targets and "Linear" not in targets
    ]
    # Here the answer's matrix is spared only where the file says so.
    model_type = data.get("model_type")
    names = Names([*spared, "embed_tokens", *(n for n in SPARED[2:] if everywhere)], model_type)

    def chosen(block: Block, index: int) -> Number | None:
        if names.match(block.part, index):
            return None
        found = next((bits for bits, targets in named if targets.match(block.part, index)), None)
        return found if found is not None else everywhere[0] if everywhere else None

    doubts = [note for n in (names, *(n for _, n in named)) for note in unclear(n)]
    return Packing(label=label, bits=chosen, notes=(UNPACKED, *doubts[:1]))


def _group_bits(group: object) -> Number | None:
    """Bits of an entry by a group's `weights`."""
    weights = group.get("weights") if isinstance(group, dict) else None
    if not isinstance(weights, dict):
        return None
    bits, size = positive_number(weights, "num_bits"), positive_number(weights, "group_size")
    if bits is None:
        return None
    if weights.get("type") == "float" and size is not None:
        return bits + Fraction(8) / size
    zero = 0 if weights.get("symmetric", True) else bits
    block = weights.get("block_structure")
    if (
        size is None
        and isinstance(block, list)
        and len(block) == 2
        and all(isinstance(n, int) and n > 0 for n in block)
    ):
        return bits + Fraction(32, block[0] * block[1])
    return grouped(bits, size, scale=16, zero=zero)


def _algorithm(label: str, spared: list[object], data: Config) -> Packing:
    """A format by its name alone."""
    bits = None if "mixed" in label.lower() else bits_by_name(label)
    if bits is None:
        return named_only(label)
    only_experts = bits == bits_of("mxfp4") and "mxfp4" in label.lower()
    parts = (lambda block: block.part == "experts") if only_experts else (lambda block: True)
    return linear_maps(label, bits, spared, data, parts=parts)


def bits_by_name(label: str) -> Number | None:
    """Bits of an entry in a format of this name; None for one that is not known."""
    text = label.lower().replace("-", "").replace("_", "")
    known = {
        "nvfp4": "nvfp4",
        "mxfp4": "mxfp4",
        "mxfp8": "mxfp8",
        "fp8": "fp8",
        "floatquantized": "fp8",
        "int8": "int8",
    }
    name = next((fmt for key, fmt in known.items() if key in text), None)
    if name is None and ("int4" in text or "w4a16" in text or "packquantized" in text):
        name = "int4"
    return None if name is None else bits_of(name)
