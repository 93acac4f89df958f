"""What a config.json says of the numbers that weights and caches are stored in: counted where it is understood.

Sources: the quantization formats of `transformers` 5.24 (utils/quantization_config.py), compressed-tensors'
config_groups, NVIDIA ModelOpt's quant_algo, MLX's `quantization` key, and the OCP microscaling formats (MX, 2023).
"""

from collections.abc import Callable
from fractions import Fraction

from plait.checks import shortened as shown
from plait.memory.architecture import Packing
from plait.memory.block import Block
from plait.memory.formats import Number, bits_of
from plait.memory.huggingface.module_names import Names
from plait.memory.huggingface.packed_modules import (
    SPARED,
    UNPACKED,
    Config,
    by_layer,
    compressed,
    grouped,
    linear_maps,
    module_list,
    named_only,
    positive_number,
    unclear,
)

KV = "the file keeps keys and values in {bits} bits a scalar; `transformers`' cache does not"
OVERRIDES = "formats of single modules in the file are not counted apart"


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
    layers = config.get("quantized_layers")
    if isinstance(layers, dict) and layers:
        rest = dict(data) | {"expert_dtype": None}
        return by_layer(config, layers, _fp8(config, rest) if method == "fp8" else None, data)
    if read is None:
        return named_only(f"quant_method {shown(method)}")
    return read(config, data)


def _with_cache(config: Config, packing: Packing) -> Packing:
    """With the bits of cached keys and values, if the file gives them."""
    scheme, algorithm = config.get("kv_cache_scheme"), config.get("kv_cache_quant_algo")
    bits: Number | None = None
    if isinstance(scheme, dict):
        bits = positive_number(scheme, "num_bits")
    elif isinstance(scheme, str) or isinstance(algorithm, str):
        text = str(scheme or algorithm).lower()
        bits = 4 if "4" in text.replace("e4m3", "") else 8
    if bits is None:
        return packing
    notes = (*packing.notes, KV.format(bits=bits))
    return Packing(
        label=packing.label, bits=packing.bits, table_bits=packing.table_bits, kv_bits=bits, notes=notes
    )


def _fp8(config: Config, data: Config) -> Packing:
    size = config.get("weight_block_size", [128, 128])
    block = 1
    if isinstance(size, list) and all(isinstance(n, int) and n > 0 for n in size):
        for n in size:
            block *= int(n)
    bits = 8 + (Fraction(32, block) if block > 1 else 0)
    spared = module_list(config, "modules_to_not_convert", "ignored_layers")
    expert_dtype = config.get("expert_dtype") or data.get("expert_dtype")
    if str(expert_dtype).lower() not in ("fp4", "mxfp4"):
        return linear_maps("fp8", bits, spared, data)
    names, small = Names([*spared, *SPARED], data.get("model_type")), bits_of("mxfp4")

    def chosen(part: Block, index: int) -> Number | None:
        if names.match(part.part, index):
            return None
        return small if part.part == "experts" else bits

    return Packing(label="fp8, experts in fp4", bits=chosen, notes=(UNPACKED, *unclear(names)))


def _mxfp4(config: Config, data: Config) -> Packing:
    """Only experts are packed."""
    spared = module_list(config, "modules_to_not_convert")
    return linear_maps("mxfp4", bits_of("mxfp4"), spared, data, parts=lambda block: block.part == "experts")


def _gptq(config: Config, data: Config) -> Packing:
    bits = positive_number(config, "bits", "w_bit")
    if bits is None:
        return named_only(str(config.get("quant_method")))
    group = positive_number(config, "group_size", "q_group_size")
    dynamic = (OVERRIDES,) if config.get("dynamic") or config.get("extra_config") else ()
    per_entry = grouped(bits, group, scale=16, zero=bits)
    spared = module_list(config, "modules_to_not_convert", "modules_to_not_quantize")
    return linear_maps(f"{config.get('quant_method')}, {bits} bits", per_entry, spared, data, notes=dynamic)


def _bitsandbytes(config: Config, data: Config) -> Packing:
    spared = module_list(config, "llm_int8_skip_modules")
    if config.get("load_in_8bit") or config.get("_load_in_8bit"):
        return linear_maps("bitsandbytes, 8 bits", 8, spared, data)
    if not (config.get("load_in_4bit") or config.get("_load_in_4bit")):
        return named_only("bitsandbytes")
    double = bool(config.get("bnb_4bit_use_double_quant"))
    bits = 4 + (Fraction(8, 64) + Fraction(32, 64 * 256) if double else Fraction(32, 64))
    return linear_maps("bitsandbytes, 4 bits", bits, spared, data)


def _mlx(config: Config) -> Packing:
    """MLX packs tables, answers and routers too; `affine` has a scale and a bias of 16 bits for a group."""
    bits, group = positive_number(config, "bits"), positive_number(config, "group_size") or 64
    if bits is None:
        return named_only("mlx")
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
    return linear_maps(
        str(config.get("quant_method")), 8, module_list(config, "modules_to_not_convert"), data
    )


def _quanto(config: Config, data: Config) -> Packing:
    bits = {"float8": 8, "int8": 8, "int4": 4, "int2": 2}.get(str(config.get("weights")))
    if bits is None:
        return named_only("quanto")
    return linear_maps("quanto", bits, module_list(config, "modules_to_not_convert"), data)


def _hqq(config: Config, data: Config) -> Packing:
    inner = config.get("quant_config")
    weights = inner.get("weight_quant_params") if isinstance(inner, dict) else None
    bits = positive_number(weights, "nbits") if isinstance(weights, dict) else None
    if not isinstance(weights, dict) or bits is None:
        return named_only("hqq")
    per_entry = grouped(bits, positive_number(weights, "group_size"), scale=16, zero=16)
    return linear_maps(f"hqq, {bits} bits", per_entry, module_list(config, "skip_modules"), data)


def _bitnet(config: Config, data: Config) -> Packing:
    return linear_maps("bitnet, 2 bits", 2, module_list(config, "modules_to_not_convert"), data)


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
    "compressed-tensors": compressed,
    "modelopt": compressed,
    "quanto": _quanto,
    "hqq": _hqq,
    "bitnet": _bitnet,
}
