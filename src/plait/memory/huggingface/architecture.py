"""A model read from a config file: its layers, and what they hold after a number of tokens."""

from collections import Counter
from dataclasses import dataclass

from plait.memory.huggingface.blocks import Block, Layer
from plait.memory.report import LayerMemory, MemoryReport, check_count, dtype_bytes, dtype_name

FLOAT32_BYTES = 4


def kept_tokens(seq_len: int, window: int | None) -> int:
    """Tokens whose keys and values a dynamic cache holds after `seq_len` tokens.

    A window of W keeps W - 1 of them: the query brings the last one itself. A window of 1 keeps all, because
    the slice that drops old tokens is then `[-0:]` (`DynamicSlidingWindowLayer.update`, `transformers` 5.23).
    """
    return seq_len if window is None or window == 1 else min(seq_len, window - 1)


def stored_tokens(seq_len: int, window: int | None, phase: str) -> int:
    """Tokens in the storage behind that cache: a slice keeps what it was cut from until the next step."""
    return seq_len if window is None or window == 1 or phase == "prefill" else min(seq_len, window)


@dataclass(frozen=True, kw_only=True)
class Architecture:
    """A causal language model as numbers.

    Args:
        model_type: as in the config file.
        title: the family's name.
        verified: every formula of the family is tested against the real class; False for a generic reading.
        d_model: hidden_size.
        dtype: the config's own.
        layers: input to output.
        outside: embedding, last norm, unembedding.
        notes: what a reader of the figures must know.
    """

    model_type: str
    title: str
    verified: bool
    d_model: int
    vocab_size: int
    dtype: str
    layers: tuple[Layer, ...]
    outside: tuple[Block, ...]
    notes: tuple[str, ...] = ()

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
        """What the dynamic cache of `transformers` holds after `seq_len` tokens.

        Args:
            dtype: of the model; the config's own by default.
            phase: "decode" (the last token came alone) or "prefill" (all came in one pass).

        Raises:
            ValueError: a length or batch below 1, an unknown dtype or phase.
        """
        check_count("seq_len", seq_len)
        check_count("batch", batch)
        if phase not in ("decode", "prefill"):
            raise ValueError(f'phase must be "decode" or "prefill", got {phase!r}')
        name = dtype_name(self.dtype if dtype is None else dtype)
        return MemoryReport(
            model=self.title,
            convention="transformers",
            seq_len=seq_len,
            batch=batch,
            dtype=name,
            phase=phase,
            parameters_by_part=self.parameters_by_part,
            layers=tuple(
                _layer_memory(layer, index=i, seq_len=seq_len, n_bytes=dtype_bytes(name), phase=phase)
                for i, layer in enumerate(self.layers)
            ),
            notes=self.notes,
        )


def _layer_memory(layer: Layer, *, index: int, seq_len: int, n_bytes: int, phase: str) -> LayerMemory:
    """The sums over the layer's blocks."""
    held = spare = kv = 0
    for b in layer.blocks:
        conv_bytes = FLOAT32_BYTES if b.conv_float32 else n_bytes
        cached = b.kv_per_token * kept_tokens(seq_len, b.window)
        held += b.recurrent * (FLOAT32_BYTES if b.recurrent_float32 else n_bytes) + b.conv * conv_bytes
        held += cached * n_bytes
        spare += b.kv_per_token * stored_tokens(seq_len, b.window, phase) * n_bytes - cached * n_bytes
        spare += b.conv_spare * conv_bytes if phase == "decode" else 0
        kv += cached
    return LayerMemory(
        index=index,
        kind=layer.kind,
        parameters=sum(b.weights for b in layer.blocks),
        ssm_state=sum(b.recurrent for b in layer.blocks),
        conv_tail=sum(b.conv for b in layer.blocks),
        kv_cache=kv,
        state_bytes=held,
        stored_bytes=held + spare,
    )
