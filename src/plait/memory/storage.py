"""What states, caches and weights are kept in, where that is not what the convention has."""

from dataclasses import dataclass

from plait.checks import check_integer, shortened
from plait.memory.formats import PLAIN, Number, bits_of, long_name

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
