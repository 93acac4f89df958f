"""A model as numbers: its layers, how its weights are packed, and what they hold after a number of tokens.

`read_model` reads one from a config file of either kind: plait's own, or Hugging Face's.
"""

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

from plait.checks.own_names import refuse_foreign
from plait.files import read_json
from plait.memory.block import TRANSFORMERS, AnyLayer, Block, Cached
from plait.memory.formats import OWN, SOURCES, Number, Storage, bits_of, scales_of, whole_bytes
from plait.memory.report import MemoryReport, check_count, dtype_bytes, dtype_name
from plait.model import HybridConfig

OUTSIDE = -1
"""In place of a layer's index, for what stands outside the layers."""

Bits = Callable[[Block, int], Number | None]
"""Of a part of a layer: bits of one entry of its matrices; None where they are not packed."""


@dataclass(frozen=True, kw_only=True)
class Packing:
    """How the matrices of linear maps are stored.

    Args:
        label: the format, for people.
        bits: what it makes of a part; None where the format is named but not understood.
        table_bits: of an entry of the embedding; None = as the rest of the model.
        kv_bits: of a cached key or value, if the file says so.
        notes: what a reader of the figures must know.
    """

    label: str
    bits: Bits | None
    table_bits: Number | None = None
    kv_bits: Number | None = None
    notes: tuple[str, ...] = ()

    def weight_bytes(
        self, layers: tuple[AnyLayer, ...], outside: tuple[Block, ...], *, dtype: str
    ) -> int | None:
        """Bytes of all weights, those that are not packed in `dtype`; None where the format is not understood."""
        if self.bits is None:
            return None
        plain: Number = bits_of(dtype)
        total: Number = 0
        parts = [(block, i) for i, layer in enumerate(layers) for block in layer.blocks]
        for block, index in (*parts, *((block, OUTSIDE) for block in outside)):
            bits = self.bits(block, index)
            packed = block.packable if bits is not None else 0
            if block.lookup and not block.matrices and self.table_bits is not None:
                bits, packed = self.table_bits, block.weights
            total += packed * (bits or 0) + (block.weights - packed) * plain
        return whole_bytes(total)


def uniform_packing(name: str) -> Packing:
    """The matrices of all layers in one format, everything else (tables, answers, norms, routers) as it is."""
    bits = bits_of(name)
    return Packing(label=name, bits=lambda block, index: None if index == OUTSIDE else bits)


MATRICES_ALONE = (
    "weights in {name}: the linear maps of the layers alone; tables, norms and routers as they are"
)

NO_DTYPE = (
    "a dtype must be given (--dtype, dtype=: float32, bfloat16, float16), for the config names none, "
    "nor is its checkpoint's known"
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
        packing: how the file stores its weights, where it says so.
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
    packing: Packing | None = None

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
        self,
        seq_len: int,
        *,
        batch: int = 1,
        dtype: object = None,
        phase: str = "decode",
        storage: Storage = OWN,
    ) -> MemoryReport:
        """What is held after `seq_len` tokens.

        Args:
            dtype: of the model; the config's own by default.
            phase: "decode" (the last token came alone) or "prefill" (all came in one pass).
            storage: formats of states, caches and weights, and a server's pages.

        Raises:
            ValueError: a length or batch below 1, an unknown phase, an unknown or untested dtype.
        """
        check_count("seq_len", seq_len)
        check_count("batch", batch)
        if phase not in ("decode", "prefill"):
            raise ValueError(f'phase must be "decode" or "prefill", got {phase!r}')
        name = self.checked_dtype(dtype)
        cached = Cached(seq_len=seq_len, convention=self.convention, phase=phase, storage=storage)
        packing = self.packing if storage.weights is None else uniform_packing(storage.weights)
        as_stored = None if packing is None else packing.weight_bytes(self.layers, self.outside, dtype=name)
        unknown = packing is not None and as_stored is None
        return MemoryReport(
            model=self.title,
            convention=storage.serving or self.convention,
            seq_len=seq_len,
            batch=batch,
            dtype=name,
            phase=phase,
            parameters_by_part=self.parameters_by_part,
            layers=tuple(layer.memory(i, cached=cached, dtype=name) for i, layer in enumerate(self.layers)),
            weight_bytes=None if unknown else as_stored or self.parameters * dtype_bytes(name),
            weights_in=name if packing is None else packing.label,
            file_kv_bits=None if self.packing is None or storage.kv else self.packing.kv_bits,
            notes=self._notes(dtype is not None, storage),
        )

    def _notes(self, dtype_given: bool, storage: Storage) -> tuple[str, ...]:
        """The model's, and what is said of a dtype that the config does not name and of formats that were asked for."""
        more = [] if dtype_given or self.dtype_note is None else [self.dtype_note]
        if self.packing is not None and storage.weights is None:
            more += self.packing.notes
        for what, name in (("weights", storage.weights), ("keys and values", storage.kv)):
            if name is not None and scales_of(name):
                more.append(f"{what} in {name}: {scales_of(name)}")
        if storage.weights is not None:
            more.append(MATRICES_ALONE.format(name=storage.weights))
        if storage.serving is not None:
            more.append(f"counted after {SOURCES[storage.serving]}")
        return (*self.notes, *more)

    def state_bytes(self, seq_len: int, *, dtype: str, storage: Storage = OWN) -> int:
        """Bytes held for one sequence after `seq_len` tokens (0: before the first)."""
        cached = Cached(seq_len=seq_len, convention=self.convention, phase="decode", storage=storage)
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


def read_model(
    path: str | Path, *, generic: bool = False, trust_code: bool = False
) -> HybridConfig | Architecture:
    """The model that a config.json describes, or the one of the folder that holds it.

    It is plait's where it has a `pattern` and no `model_type` or `architectures`.

    Args:
        generic: read an unknown Hugging Face model type by the usual field names.
        trust_code: whether plait's kind may name layers of other packages, which are imported to be counted.

    Raises:
        ValueError: no JSON object, or a config that its reader refuses.
        OSError: it cannot be read.
    """
    file = Path(path) / "config.json" if Path(path).is_dir() else Path(path)
    values = read_json(file)
    try:
        return model_of(values, generic=generic, trust_code=trust_code)
    except ValueError as error:
        raise ValueError(f"{file}: {error}") from error


def model_of(
    values: object, *, generic: bool = False, trust_code: bool = False
) -> HybridConfig | Architecture:
    """The model that the JSON of a config describes, as `read_model`.

    Raises:
        ValueError: no JSON object, or a config that its reader refuses.
    """
    if not isinstance(values, dict):
        raise ValueError(f"a config must be a JSON object, got {type(values).__name__}")
    values = cast("dict[str, Any]", values)
    own = "pattern" in values and not {"model_type", "architectures"} & values.keys()
    if own:
        config = HybridConfig.from_json(values)
        refuse_foreign(config.parts, trust_code=trust_code)
        return config
    from plait.memory.huggingface import read_config

    return read_config(values, generic=generic)
