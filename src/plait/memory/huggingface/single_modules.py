"""Formats that a file gives for single modules: compressed-tensors' config_groups, ModelOpt's quantized_layers."""

from fractions import Fraction

from plait.checks import shortened as shown
from plait.memory.block import Block
from plait.memory.formats import Number, bits_of
from plait.memory.huggingface.module_names import Names
from plait.memory.huggingface.packed_maps import (
    SPARED,
    UNPACKED,
    Config,
    grouped,
    linear_maps,
    listed,
    named_only,
    positive,
    unclear,
)
from plait.memory.packing import Packing


def by_layer(config: Config, layers: Config, otherwise: Packing | None, data: Config) -> Packing:
    """ModelOpt's MIXED_PRECISION: a format for each module that is named; the rest as the method has it, if any."""
    listed: dict[Number, list[object]] = {}
    for name, how in layers.items():
        algorithm = how.get("quant_algo") if isinstance(how, dict) else None
        bits = bits_by_name(str(algorithm))
        if bits is None:
            return named_only(f"quant_algo {shown(algorithm)}")
        listed.setdefault(bits, []).append(name)
    formats = [(bits, Names(names, data.get("model_type"))) for bits, names in listed.items()]

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
    spared = listed(config, "ignore", "exclude_modules", "exclude")
    label = str(config.get("format") or config.get("quant_algo") or config.get("quant_method"))
    if not isinstance(groups, dict) or not groups:
        return _algorithm(label, spared, data)
    read = [(bits, listed(group, "targets")) for group in groups.values() if (bits := _group_bits(group))]
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
    bits, size = positive(weights, "num_bits"), positive(weights, "group_size")
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
