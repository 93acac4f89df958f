"""What a model holds: parameters, and working memory by layer and in total."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

from plait.checks import check_integer, shortened
from plait.memory.formats import PLAIN, Number, bits_of, long_name, whole_bytes


def dtype_name(dtype: object) -> str:
    """`float32` for `torch.float32`, "float32", "torch.float32" or "fp32".

    Raises:
        ValueError: not one of float64, float32, bfloat16, float16.
    """
    name = long_name(dtype)
    if name not in PLAIN:
        raise ValueError(f"dtype must be one of {', '.join(PLAIN)}, got {shortened(dtype)}")
    return name


def dtype_bytes(dtype: object) -> int:
    """Bytes of one scalar of `dtype`."""
    return whole_bytes(bits_of(dtype_name(dtype)))


def check_count(name: str, value: object, *, least: int = 1) -> int:
    """`value`, which must be an integer of at least `least`."""
    return check_integer(name, value, least=least)


@dataclass(frozen=True, kw_only=True)
class LayerMemory:
    """What one layer holds, for one sequence.

    Args:
        index: place in the stack, 0 at the input.
        kind: the layer's name in the pattern or in the config file.
        parameters: scalars that this layer owns (weights shared with an earlier layer are counted there).
        ssm_state: scalars of recurrent state.
        conv_tail: scalars of the convolutions' memory of the last tokens.
        kv_cache: scalars of cached keys and values.
        state_bytes: bytes of these scalars.
        kv_bytes: bytes of the cached keys and values alone.
        stored_bytes: bytes of the storage that holds them: more where a tensor is a view of a larger one.
    """

    index: int
    kind: str
    parameters: int
    ssm_state: int
    conv_tail: int
    kv_cache: int
    state_bytes: int
    kv_bytes: int
    stored_bytes: int


@dataclass(frozen=True, kw_only=True)
class MemoryReport:
    """Parameters and working memory of a model after `seq_len` tokens.

    Scalars and bytes are those of one sequence; `batch_bytes` is for the whole batch.

    Args:
        model: the pattern, or the family's name.
        convention: whose streaming state is counted: "plait" or "transformers".
        dtype: the model's; a state kept in another one says so in its bytes.
        phase: "decode" after a step of one token, "prefill" after one pass over all tokens.
        weight_bytes: bytes of all weights as they are stored; None where the file's format is not understood.
        weights_in: what they are stored in.
        file_kv_bits: bits of a cached scalar by the file, where it says so and `dtype` is another.
        notes: what a reader of the figures must know.
    """

    model: str
    convention: str
    seq_len: int
    batch: int
    dtype: str
    phase: str
    parameters_by_part: Mapping[str, int]
    layers: tuple[LayerMemory, ...]
    weight_bytes: int | None
    weights_in: str
    file_kv_bits: Number | None = None
    notes: tuple[str, ...] = field(default=())

    @property
    def parameters(self) -> int:
        """Scalars that do not depend on the input."""
        return sum(self.parameters_by_part.values())

    @property
    def parameter_bytes(self) -> int:
        """Bytes of the parameters in `dtype`."""
        return self.parameters * dtype_bytes(self.dtype)

    @property
    def total_bytes(self) -> int | None:
        """Bytes of the weights and of what all sequences of the batch hold."""
        return None if self.weight_bytes is None else self.weight_bytes + self.batch_bytes

    @property
    def ssm_state(self) -> int:
        """Scalars of recurrent state of one sequence."""
        return sum(layer.ssm_state for layer in self.layers)

    @property
    def conv_tail(self) -> int:
        """Scalars that the convolutions keep of the last tokens of one sequence."""
        return sum(layer.conv_tail for layer in self.layers)

    @property
    def kv_cache(self) -> int:
        """Scalars of cached keys and values of one sequence."""
        return sum(layer.kv_cache for layer in self.layers)

    @property
    def state_bytes(self) -> int:
        """Bytes of recurrent state, convolution tail and cache of one sequence."""
        return sum(layer.state_bytes for layer in self.layers)

    @property
    def kv_bytes(self) -> int:
        """Bytes of cached keys and values of one sequence: the part that grows with it."""
        return sum(layer.kv_bytes for layer in self.layers)

    @property
    def file_kv_bytes(self) -> int | None:
        """Bytes of the cached keys and values of one sequence in the format that the file keeps them in."""
        return None if self.file_kv_bits is None else whole_bytes(self.kv_cache * self.file_kv_bits)

    @property
    def state_bits(self) -> int:
        """Eight times `state_bytes`: a state of B bits takes at most 2^B values."""
        return 8 * self.state_bytes

    @property
    def stored_bytes(self) -> int:
        """Bytes of the storage behind the state of one sequence."""
        return sum(layer.stored_bytes for layer in self.layers)

    @property
    def batch_bytes(self) -> int:
        """`state_bytes` for all sequences of the batch."""
        return self.batch * self.state_bytes

    def to_json(self) -> dict[str, object]:
        """Every figure, as plain JSON."""
        totals = ("parameters", "parameter_bytes", "ssm_state", "conv_tail", "kv_cache")
        totals += (
            "state_bytes",
            "state_bits",
            "kv_bytes",
            "stored_bytes",
            "batch_bytes",
            "total_bytes",
            "file_kv_bytes",
        )
        plain = asdict(self)
        plain["parameters_by_part"] = dict(self.parameters_by_part)
        plain["layers"] = [asdict(layer) for layer in self.layers]
        plain["notes"] = list(self.notes)
        plain["file_kv_bits"] = None if self.file_kv_bits is None else float(self.file_kv_bits)
        return plain | {name: getattr(self, name) for name in totals}

    def rows(self) -> list[dict[str, object]]:
        """One row a run of like layers and one for the total: columns of a table."""
        table: list[dict[str, object]] = []
        for first, last in _runs(self.layers):
            layer, n = self.layers[first], last - first + 1
            where = str(first) if n == 1 else f"{first}-{last}"
            table.append(
                {"layers": where, "kind": layer.kind, **{k: n * getattr(layer, k) for k in _COLUMNS}}
            )
        outside = self.parameters - sum(layer.parameters for layer in self.layers)
        beside = dict.fromkeys(_COLUMNS, 0) | {"parameters": outside}
        table.append({"layers": "", "kind": "outside the layers", **beside})
        table.append({"layers": "", "kind": "total", **{k: getattr(self, k) for k in _COLUMNS}})
        return table


_COLUMNS = ("parameters", "ssm_state", "conv_tail", "kv_cache", "kv_bytes", "state_bytes", "stored_bytes")


def _runs(layers: tuple[LayerMemory, ...]) -> list[tuple[int, int]]:
    """First and last index of every run of layers that differ in their index alone."""
    runs: list[tuple[int, int]] = []
    for i, layer in enumerate(layers):
        if runs and all(getattr(layer, k) == getattr(layers[i - 1], k) for k in ("kind", *_COLUMNS)):
            runs[-1] = (runs[-1][0], i)
        else:
            runs.append((i, i))
    return runs


@dataclass(frozen=True, kw_only=True)
class BuiltCost:
    """Scalars of one model, and of its working memory for one sequence of `seq_len` tokens.

    Args:
        width: channels of the residual stream.
        states_in_use: recurrent states that are ever written.
        mlp_units: hidden units of all MLPs.
        parameters: weights, the tied embedding once.
        ssm_state: recurrent states held.
        conv_tail: inputs that convolutions hold.
        kv_cache: keys and values that attention holds.
        state_bits: all of these in bits: recurrent states in float32 at least, the rest in the model's type.
    """

    width: int
    states_in_use: int
    mlp_units: int
    parameters: int
    ssm_state: int
    conv_tail: int
    kv_cache: int
    state_bits: int

    def to_json(self) -> Mapping[str, Any]:
        return asdict(self)
