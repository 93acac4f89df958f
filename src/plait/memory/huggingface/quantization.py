"""What a config.json says of the numbers that weights and caches are stored in: counted where it is understood.

Sources: the quantization formats of `transformers` 5.24 (utils/quantization_config.py), compressed-tensors'
config_groups, NVIDIA ModelOpt's quant_algo, MLX's `quantization` key, and the OCP microscaling formats (MX, 2023).
"""

from collections.abc import Callable, Mapping
from fractions import Fraction

from plait.checks import shortened as shown
from plait.memory.block import Block
from plait.memory.formats import Number, bits_of
from plait.memory.huggingface.module_names import Names
from plait.memory.packing import Bits, Packing

Config = Mapping[str, object]

NOT_COUNTED = (
    "the file stores its weights in a format that is not counted ({label}): figures are of weights unpacked"
)
UNPACKED = "figures of parameters are those of the class that `transformers` makes of it, unpacked"
KV = "the file keeps keys and values in {bits} bits a scalar; `transformers`' cache does not"
UNCLEAR = "names of matrices left out of it that were not understood: {names}"
OVERRIDES = "formats of single modules in the file are not counted apart"

SPARED = ("lm_head", "embed_tokens", "router", "gate", "mlp.gate", "shared_expert_gate")
"""What formats leave as it is unless the file says otherwise."""


def packing_of(data: Config) -> Packing | None:
    """How the file stores its weights; None for one that names no format."""
    for key in ("quantization_config", "compression_config"):
        config = data.get(key)
        if isinstance(config, dict) and config:
            return _with_cache(config, _packing(config, data))
    config = data.get("quantization")
    return _mlx(config) if isinstance(config, dict) and config else None


def _packing(config: Config, data: Config) -> Packing:
    method = str(config.get("quant_method") or config.get("quant_library") or "").lower()
    if not method and ("bits" in config or "group_size" in config):
        return _mlx(config)
    if not method and "quant_algo" in config:
        method = "modelopt"
    read = _METHODS.get(method)
    if read is None:
        return _named(f"quant_method {shown(method)}")
    return read(config, data)


def _named(label: str) -> Packing:
    return Packing(label=label, bits=None, notes=(NOT_COUNTED.format(label=label),))


def _with_cache(config: Config, packing: Packing) -> Packing:
    """With the bits of cached keys and values, if the file gives them."""
    scheme, algorithm = config.get("kv_cache_scheme"), config.get("kv_cache_quant_algo")
    bits: Number | None = None
    if isinstance(scheme, dict):
        bits = _integer(scheme, "num_bits")
    elif isinstance(scheme, str) or isinstance(algorithm, str):
        text = str(scheme or algorithm).lower()
        bits = 4 if "4" in text.replace("e4m3", "") else 8
    if bits is None:
        return packing
    notes = (*packing.notes, KV.format(bits=bits))
    return Packing(
        label=packing.label, bits=packing.bits, table_bits=packing.table_bits, kv_bits=bits, notes=notes
    )


def _integer(config: Config, *names: str) -> Number | None:
    """The first of these fields that is a positive integer."""
    for name in names:
        value = config.get(name)
        if isinstance(value, int) and not isinstance(value, bool) and value > 0:
            return value
    return None


def _listed(config: Config, *names: str) -> list[object]:
    """All entries of these fields that are lists."""
    return [entry for name in names if isinstance(value := config.get(name), list) for entry in value]


def _grouped(bits: Number, group: Number | None, *, scale: int, zero: Number = 0) -> Number:
    """Bits of an entry with its share of a scale and a zero point of its group."""
    return bits if group is None else bits + Fraction(scale + zero) / group


def _linear(
    label: str,
    bits: Number,
    spared: list[object],
    *,
    parts: Callable[[Block], bool] = lambda block: True,
    notes: tuple[str, ...] = (),
) -> Packing:
    """Every linear map of the layers, but for those named (by default the answer's too)."""
    names = Names([*spared, *SPARED])
    return Packing(label=label, bits=_choice(bits, names, parts), notes=(UNPACKED, *notes, *_unclear(names)))


def _choice(bits: Number, names: Names, parts: Callable[[Block], bool]) -> Bits:
    return lambda block, index: bits if parts(block) and not names.match(block.part, index) else None


def _unclear(names: Names) -> tuple[str, ...]:
    if not names.unclear:
        return ()
    return (UNCLEAR.format(names=", ".join(shown(name) for name in names.unclear[:5])),)


def _fp8(config: Config, data: Config) -> Packing:
    size = config.get("weight_block_size", [128, 128])
    block = 1
    if isinstance(size, list) and all(isinstance(n, int) and n > 0 for n in size):
        for n in size:
            block *= int(n)
    bits = 8 + (Fraction(32, block) if block > 1 else 0)
    spared = _listed(config, "modules_to_not_convert", "ignored_layers")
    expert_dtype = config.get("expert_dtype") or data.get("expert_dtype")
    if str(expert_dtype).lower() not in ("fp4", "mxfp4"):
        return _linear("fp8", bits, spared)
    names, small = Names([*spared, *SPARED]), bits_of("mxfp4")

    def chosen(part: Block, index: int) -> Number | None:
        if names.match(part.part, index):
            return None
        return small if part.part == "experts" else bits

    return Packing(label="fp8, experts in fp4", bits=chosen, notes=(UNPACKED, *_unclear(names)))


def _mxfp4(config: Config, data: Config) -> Packing:
    """Only experts are packed."""
    spared = _listed(config, "modules_to_not_convert")
    return _linear("mxfp4", bits_of("mxfp4"), spared, parts=lambda block: block.part == "experts")


def _gptq(config: Config, data: Config) -> Packing:
    bits = _integer(config, "bits", "w_bit")
    if bits is None:
        return _named(str(config.get("quant_method")))
    group = _integer(config, "group_size", "q_group_size")
    dynamic = (OVERRIDES,) if config.get("dynamic") or config.get("extra_config") else ()
    per_entry = _grouped(bits, group, scale=16, zero=bits)
    spared = _listed(config, "modules_to_not_convert", "modules_to_not_quantize")
    return _linear(f"{config.get('quant_method')}, {bits} bits", per_entry, spared, notes=dynamic)


def _bitsandbytes(config: Config, data: Config) -> Packing:
    spared = _listed(config, "llm_int8_skip_modules")
    if config.get("load_in_8bit") or config.get("_load_in_8bit"):
        return _linear("bitsandbytes, 8 bits", 8, spared)
    if not (config.get("load_in_4bit") or config.get("_load_in_4bit")):
        return _named("bitsandbytes")
    double = bool(config.get("bnb_4bit_use_double_quant"))
    bits = 4 + (Fraction(8, 64) + Fraction(32, 64 * 256) if double else Fraction(32, 64))
    return _linear("bitsandbytes, 4 bits", bits, spared)


def _compressed(config: Config, data: Config) -> Packing:
    """config_groups: formats and the modules that they are for."""
    groups = config.get("config_groups")
    spared = _listed(config, "ignore", "exclude_modules", "exclude")
    label = str(config.get("format") or config.get("quant_algo") or config.get("quant_method"))
    if not isinstance(groups, dict) or not groups:
        return _algorithm(label, spared)
    read = [(bits, _listed(group, "targets")) for group in groups.values() if (bits := _group_bits(group))]
    if len(read) != len(groups):
        return _named(label)
    everywhere = [bits for bits, targets in read if "Linear" in targets or not targets]
    named = [(bits, Names(targets)) for bits, targets in read if targets and "Linear" not in targets]
    # Here the answer's matrix is spared only where the file says so.
    names = Names([*spared, "embed_tokens", *(n for n in SPARED[2:] if everywhere)])

    def chosen(block: Block, index: int) -> Number | None:
        if names.match(block.part, index):
            return None
        found = next((bits for bits, targets in named if targets.match(block.part, index)), None)
        return found if found is not None else everywhere[0] if everywhere else None

    unclear = [note for n in (names, *(n for _, n in named)) for note in _unclear(n)]
    return Packing(label=label, bits=chosen, notes=(UNPACKED, *unclear[:1]))


def _group_bits(group: object) -> Number | None:
    """Bits of an entry by a group's `weights`."""
    weights = group.get("weights") if isinstance(group, dict) else None
    if not isinstance(weights, dict):
        return None
    bits, size = _integer(weights, "num_bits"), _integer(weights, "group_size")
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
    return _grouped(bits, size, scale=16, zero=zero)


def _algorithm(label: str, spared: list[object]) -> Packing:
    """A format by its name alone."""
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
    if name is None or "mixed" in text:
        return _named(label)
    parts = (lambda block: block.part == "experts") if name == "mxfp4" else (lambda block: True)
    return _linear(label, bits_of(name), spared, parts=parts)


def _mlx(config: Config) -> Packing:
    """MLX packs tables, answers and routers too; `affine` has a scale and a bias of 16 bits for a group."""
    bits, group = _integer(config, "bits"), _integer(config, "group_size") or 64
    if bits is None:
        return _named("mlx")
    mode = str(config.get("mode") or "affine")
    per_entry = bits + Fraction(32 if mode == "affine" else 8) / group
    single = [value for value in config.values() if isinstance(value, dict | bool)]
    return Packing(
        label=f"mlx, {bits} bits",
        bits=lambda block, index: per_entry if block.part != "norm" else None,
        table_bits=per_entry,
        notes=(UNPACKED, *((OVERRIDES,) if single else ())),
    )


def _eight(config: Config, data: Config) -> Packing:
    return _linear(str(config.get("quant_method")), 8, _listed(config, "modules_to_not_convert"))


def _quanto(config: Config, data: Config) -> Packing:
    bits = {"float8": 8, "int8": 8, "int4": 4, "int2": 2}.get(str(config.get("weights")))
    if bits is None:
        return _named("quanto")
    return _linear("quanto", bits, _listed(config, "modules_to_not_convert"))


def _hqq(config: Config, data: Config) -> Packing:
    inner = config.get("quant_config")
    weights = inner.get("weight_quant_params") if isinstance(inner, dict) else None
    bits = _integer(weights, "nbits") if isinstance(weights, dict) else None
    if not isinstance(weights, dict) or bits is None:
        return _named("hqq")
    per_entry = _grouped(bits, _integer(weights, "group_size"), scale=16, zero=16)
    return _linear(f"hqq, {bits} bits", per_entry, _listed(config, "skip_modules"))


def _bitnet(config: Config, data: Config) -> Packing:
    return _linear("bitnet, 2 bits", 2, _listed(config, "modules_to_not_convert"))


_METHODS: dict[str, Callable[[Config, Config], Packing]] = {
    "fp8": _fp8,
    "fbgemm_fp8": _eight,
    "eetq": _eight,
    "mxfp4": _mxfp4,
    "gptq": _gptq,
    "awq": _gptq,
    "auto-round": _gptq,
    "intel/auto-round": _gptq,
    "bitsandbytes": _bitsandbytes,
    "compressed-tensors": _compressed,
    "modelopt": _compressed,
    "quanto": _quanto,
    "hqq": _hqq,
    "bitnet": _bitnet,
}
