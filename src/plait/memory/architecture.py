"""A model as numbers: its layers, and what they hold after a number of tokens."""

from collections import Counter
from dataclasses import dataclass

from plait.memory.block import TRANSFORMERS, AnyLayer, Block, Cached
from plait.memory.report import MemoryReport, check_count, dtype_name

NO_DTYPE = (
    "a dtype must be given (float32, bfloat16, float16): the config names none, nor is its checkpoint's known"
)


@dataclass(frozen=True, kw_only=True)
class Architecture:
    """A causal language model as numbers.

    Args:
        model_type: the family as a config file names it, or "plait".
        title: the family's name, or the pattern.
        convention: whose streaming state is counted: "plait" or "transformers".
        verified: every formula is tested against the real class; False for a generic reading.
        d_model: width of the residual stream.
        dtype: the config's own; None where it has none, and one must be given.
        dtype_note: what to say where that dtype is used and the config does not name it.
        layers: input to output.
        outside: embedding, last norm, unembedding.
        notes: what a reader of the figures must know.
    """

    model_type: str
    title: str
    convention: str
    verified: bool
    d_model: int
    vocab_size: int
    dtype: str | None
    layers: tuple[AnyLayer, ...]
    outside: tuple[Block, ...]
    notes: tuple[str, ...] = ()
    dtype_note: str | None = None

    @property
    def blocks(self) -> tuple[Block, ...]:
        """Every part, layer by layer, then those outside the layers."""
        return (*(block for layer in self.layers for block in layer.blocks), *self.outside)

    @property
    def parameters_by_part(self) -> dict[str, int]:
        """Stored parameters under the name of their part."""
        parts: Counter[str] = Counter()
        for block in self.blocks:
            parts[block.part] += block.weights
        return {part: n for part, n in sorted(parts.items()) if n}

    @property
    def parameters(self) -> int:
        """All stored parameters, tied ones once."""
        return sum(block.weights for block in self.blocks)

    @property
    def matrices_per_token(self) -> int:
        """Matrix entries that multiply one token, the unembedding included, idle experts left out."""
        return sum(block.matrices for block in self.blocks)

    def memory(
        self, seq_len: int, *, batch: int = 1, dtype: object = None, phase: str = "decode"
    ) -> MemoryReport:
        """What is held after `seq_len` tokens.

        Args:
            dtype: of the model; the config's own by default.
            phase: "decode" (the last token came alone) or "prefill" (all came in one pass).

        Raises:
            ValueError: a length or batch below 1, an unknown phase, an unknown or untested dtype.
        """
        check_count("seq_len", seq_len)
        check_count("batch", batch)
        if phase not in ("decode", "prefill"):
            raise ValueError(f'phase must be "decode" or "prefill", got {phase!r}')
        name = self.checked_dtype(dtype)
        cached = Cached(seq_len=seq_len, convention=self.convention, phase=phase)
        return MemoryReport(
            model=self.title,
            convention=self.convention,
            seq_len=seq_len,
            batch=batch,
            dtype=name,
            phase=phase,
            parameters_by_part=self.parameters_by_part,
            layers=tuple(layer.memory(i, cached=cached, dtype=name) for i, layer in enumerate(self.layers)),
            notes=self.notes
            if dtype is not None or self.dtype_note is None
            else (*self.notes, self.dtype_note),
        )

    def state_bytes(self, seq_len: int, *, dtype: str) -> int:
        """Bytes held for one sequence after `seq_len` tokens (0: before the first)."""
        cached = Cached(seq_len=seq_len, convention=self.convention, phase="decode")
        return sum(
            layer.memory(i, cached=cached, dtype=dtype).state_bytes for i, layer in enumerate(self.layers)
        )

    def checked_dtype(self, dtype: object) -> str:
        """The name of `dtype`, or of the config's own for None.

        Raises:
            ValueError: none is given where the config names none, an unknown dtype, or float64 for
                `transformers`, whose caches then have mixed dtypes.
        """
        if dtype is None and self.dtype is None:
            raise ValueError(NO_DTYPE)
        name = dtype_name(self.dtype if dtype is None else dtype)
        if name == "float64" and self.convention == TRANSFORMERS:
            raise ValueError("dtype must be float32, bfloat16 or float16 for a config.json, got float64")
        return name
