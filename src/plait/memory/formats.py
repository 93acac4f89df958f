"""Number formats, bits that one scalar takes with scales of groups included, and what states and caches are kept in."""

from dataclasses import dataclass
from fractions import Fraction

from plait.checks import check_integer, shortened

Number = int | Fraction
"""Bits: an integer where it is one, which is quicker to add."""

_BITS: dict[str, tuple[Number, str]] = {
    "float64": (64, ""),
    "float32": (32, ""),
    "bfloat16": (16, ""),
    "float16": (16, ""),
    "fp8": (8, "scales of whole rows or blocks of 128 x 128 left out"),
    "int8": (8, "scales of whole rows left out"),
    "int4": (4 + Fraction(16, 128), "with a scale of 16 bits for 128"),
    "mxfp8": (8 + Fraction(8, 32), "with a scale of 8 bits for 32"),
    "mxfp6": (6 + Fraction(8, 32), "with a scale of 8 bits for 32"),
    "mxfp4": (4 + Fraction(8, 32), "with a scale of 8 bits for 32"),
    "nvfp4": (4 + Fraction(8, 16), "with a scale of 8 bits for 16"),
    "nf4": (4 + Fraction(32, 64), "with a scale of 32 bits for 64"),
}
_SHORT = {
    "f64": "float64", "fp64": "float64", "double": "float64", "f32": "float32", "fp32": "float32", "float": "float32",
    "bf16": "bfloat16", "f16": "float16", "fp16": "float16", "half": "float16", "float8": "fp8", "f8": "fp8",
    "e4m3": "fp8", "e5m2": "fp8", "fp8_e4m3": "fp8", "fp8_e5m2": "fp8", "float8_e4m3fn": "fp8", "float8_e5m2": "fp8",
    "i8": "int8", "i4": "int4", "fp4": "nvfp4",
}  # fmt: skip

PLAIN = ("float64", "float32", "bfloat16", "float16")
"""Formats that weights, states and caches of a whole model can have."""


def whole_bytes(bits: Number) -> int:
    """Bytes that hold so many bits."""
    return int(-(-bits // 8))


def long_name(name: object) -> str:
    """`bfloat16` for "bf16", "torch.bfloat16" or a torch dtype; anything else as it is."""
    text = str(name).removeprefix("torch.").lower()
    return _SHORT.get(text, text)


def bits_of(name: object, *, what: str = "a format") -> Number:
    """Bits of one scalar in a format.

    Args:
        what: is kept in it, for the message.

    Raises:
        ValueError: no known format.
    """
    found = _BITS.get(long_name(name))
    if found is None:
        raise ValueError(f"{what} must be in one of {', '.join(_BITS)}, got {shortened(name)}")
    return found[0]


def scales_of(name: object) -> str:
    """What is said of the scales of a format; "" where it has none."""
    bits_of(name)
    return _BITS[long_name(name)][1]


VLLM = "vllm"
PAGE = 16
"""Tokens of a page of vLLM's cache by default."""

SOURCES = {
    VLLM: "vLLM 0.11 and later, after vllm/v1/core/single_type_kv_cache_manager.py (pages, and those that a window has "
    "left are freed), model_executor/layers/mamba/mamba_utils.py (convolutions keep K - 1 columns) and "
    "config/cache.py (states in the model's dtype); padding that makes pages of states and of attention alike, and "
    "pages kept for prefixes, are not counted",
}


@dataclass(frozen=True, kw_only=True)
class Storage:
    """Formats and pages of what is held.

    Args:
        kv: of cached keys and values; None = as the convention has them.
        state: of recurrent states.
        weights: of the matrices of linear maps within the layers; None = as the file has them.
        serving: "vllm" counts as that server does; None = the model's own convention.
        page: tokens of a page, in which a server holds keys and values.

    Raises:
        ValueError: an unknown format, a state in anything but a whole float, an unknown server, a page below 1.
    """

    kv: str | None = None
    state: str | None = None
    weights: str | None = None
    serving: str | None = None
    page: int = PAGE

    def __post_init__(self) -> None:
        for what, name in (("keys and values", self.kv), ("weights", self.weights)):
            if name is not None:
                bits_of(name, what=what)
        if self.state is not None and long_name(self.state) not in PLAIN:
            raise ValueError(
                f"a state must be kept in one of {', '.join(PLAIN)}, got {shortened(self.state)}"
            )
        if self.serving not in (None, VLLM):
            raise ValueError(f"serving must be {VLLM}, got {shortened(self.serving)}")
        check_integer("page", self.page, least=1, most=1 << 20)

    @property
    def kv_bits(self) -> Number | None:
        """Bits of a cached scalar, if they are set."""
        return None if self.kv is None else bits_of(self.kv)

    @property
    def state_bits(self) -> Number | None:
        """Bits of a scalar of recurrent state, if they are set."""
        return None if self.state is None else bits_of(self.state)


OWN = Storage()
"""As the convention has everything."""
