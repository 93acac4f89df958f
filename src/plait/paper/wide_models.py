"""What Figure 8 and Table 1 share: packed rows, the three released models, others of the hybrid's size, and pairs.

As run: a hybrid of 90.4 M parameters, a Transformer of 151 M (MLP of 4 d_model), and 32 Mamba layers of 213 M, meant
as 12: layers, states and, it seems, initial weights are the defaults of transformers' Mamba. Source: the program
released with arXiv 2603.08859.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import chain
from operator import attrgetter
from typing import Any, ClassVar

from jaxtyping import Int
from torch import Tensor, nn

from plait.findings.leads import ModelPair, Score
from plait.model import HybridConfig
from plait.random import Stream
from plait.tasks import DecodingRecall, Task
from plait.tasks.base import Composition, Targets
from plait.tasks.packed import Packed
from plait.training.run import Evaluation, Run, Train


@dataclass(frozen=True, kw_only=True)
class BegunRecall(DecodingRecall):
    """Rows of `seq_len` tokens: <bos>, and `seq_len - 1` tokens of `DecodingRecall` with its targets.

    Raises:
        ValueError: as `DecodingRecall`, or another variant than interleaved.
    """

    composition: ClassVar[Composition | None] = None

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.variant != "interleaved":
            raise ValueError(f"rows behind <bos> have the variant interleaved alone, got {self.variant!r}")

    @property
    def row_tokens(self) -> int:
        return self.ordinary_tokens + 1

    def answers(self, row: Sequence[int]) -> Iterator[int | None]:
        return chain((None,), super().answers(row[1:]))

    def targets(self, tokens: Tensor) -> Targets:
        """Raises:
        ValueError: rows with <bos> elsewhere than at the beginning, or as in `DecodingRecall`.
        """
        tokens = self.check_tokens(tokens)
        begins = tokens == self.ordinary_tokens
        if not bool(begins[..., :1].all()) or bool(begins[..., 1:].any()):
            raise ValueError("rows must begin with <bos> and have no other")
        return super().targets(tokens)

    def _draw(self, stream: Stream, batch: int, seq_len: int) -> Int[Tensor, "*members batch time"]:
        tokens = super()._draw(stream, batch, seq_len)
        tokens[..., 0] = self.ordinary_tokens
        return tokens

    def _label(self, tokens: Int[Tensor, "*batch time"]) -> Targets:
        example = super()._label(tokens[..., 1:].contiguous())
        return Targets(nn.functional.pad(example.tokens, (1, 0)), nn.functional.pad(example.scored, (1, 0)))


WIDE, SMALL = 1024, 32
"""The paper's width, and that of the quick forms."""

_HEADS = {WIDE: 16, SMALL: 2}
WINDOW = 20
N_BITS = 4
"""The released program floors 26 words to 16."""

WIDE_HYBRID, WIDE_ATTENTION, DEEP, WIDE_RECURRENT = "(SSM-TF)*6", "TF*12", "SSM*32", "SSM*12"
SHORT = {WIDE_HYBRID: "SSM-TF", WIDE_ATTENTION: "TF-TF", DEEP: "SSM*4", WIDE_RECURRENT: "SSM-SSM"}
"""What stands for them at the small width."""

LATE, SINGLE, TURNED = "SSM*10-TF*2", "SSM*5-TF-SSM*6", "(TF-SSM)*6"

EQUAL_MLP = {WIDE: 1_600, SMALL: 76}
EQUAL_INNER = {WIDE_RECURRENT: {WIDE: 2_304, SMALL: 60}, LATE: {WIDE: 2_240}, SINGLE: {WIDE: 2_304}}
"""MLP units and SSM channels with which other models have the hybrid's parameters, within 1%."""

BASE_LR = 3e-4
TRIED = (1e-4, BASE_LR, 1e-3)
LRS = (3e-5, *TRIED, 3e-3)
"""The rates that models are chosen among, and one below and one above for those that choose the lowest or highest."""

SMALL_LRS = LRS[3:]
WIDE_PRODUCTS = {WIDE: "bfloat16", SMALL: "float32"}
WIDE_PROTOCOL = Train(steps=2_000, batch=8, seq_len=200, lr=BASE_LR, products=WIDE_PRODUCTS[WIDE])

TRAINING_LENGTHS = (10, 50)
WIDE_TESTED_TOKENS = 12_800
"""Of each member at each length."""

_FIELDS = (
    *("pattern", "d_model", "n_heads", "d_mlp", "d_inner", "window", "positions", "init"),
    *("dropout", "dropout_at"),
)
WIDE_VARIED = ("task", "train.products", *(f"model.{name}" for name in _FIELDS))


def packed(p_bit: float, *, separator: bool) -> Packed:
    """Rows of examples of all training lengths, one after another."""
    task = DecodingRecall(n_bits=N_BITS, p_bit=p_bit)
    return Packed(task=task, lengths=TRAINING_LENGTHS, separator=separator)


def cell(task: Packed, model: HybridConfig, products: str | None = None) -> tuple[Any, ...]:
    """A value of `WIDE_VARIED`; products as models of its width have them where none are given."""
    return (task, products or WIDE_PRODUCTS[model.d_model], *attrgetter(*_FIELDS)(model))


def hybrid(width: int, pattern: str = WIDE_HYBRID, **more: Any) -> HybridConfig:
    """Every linear map from normal(0, 0.02), Mamba's steps overwritten, dropout on the embedding, as released."""
    inner = EQUAL_INNER.get(pattern, {}).get(width, 2 * width)
    released = {"init": "released", "dropout": 0.1, "dropout_at": "embedding"}
    return _model(width, pattern, **{"d_inner": inner, **released, **more})


def transformer(width: int, *, equal: bool = False, **more: Any) -> HybridConfig:
    """MLP of 4 d_model, or one with which it has the hybrid's parameters; no dropout."""
    return _model(width, WIDE_ATTENTION, **{"d_mlp": EQUAL_MLP[width] if equal else 4 * width, **more})


def mamba(width: int, *, equal: bool = False) -> HybridConfig:
    """32 layers that begin as transformers' Mamba, or 12 with the hybrid's parameters that begin as its authors'."""
    if equal:
        return _model(width, WIDE_RECURRENT, init="mamba", d_inner=EQUAL_INNER[WIDE_RECURRENT][width])
    return _model(width, DEEP, init="transformers")


def authors_mamba(width: int) -> HybridConfig:
    """The 32 layers from the initial weights of Mamba's authors."""
    return replace(mamba(width), init="mamba")


def as_run(width: int) -> tuple[HybridConfig, ...]:
    """The three models of the released program: hybrid, Transformer, Mamba."""
    return hybrid(width), transformer(width), mamba(width)


def equal_size(width: int, **more: Any) -> tuple[HybridConfig, ...]:
    """Hybrid, Transformer and SSM of 12 layers at equal parameters; `more` is of those with attention."""
    return hybrid(width, **more), transformer(width, equal=True, **more), mamba(width, equal=True)


def _model(width: int, pattern: str, **more: Any) -> HybridConfig:
    given = {"d_mlp": 2 * width, "d_inner": 2 * width, "window": WINDOW, **more}
    pattern = pattern if width == WIDE else SHORT[pattern]
    return HybridConfig(pattern=pattern, d_model=width, n_heads=_HEADS[width], **given)


BASE = Run(task=packed(0.2, separator=False), model=hybrid(WIDE), train=WIDE_PROTOCOL)


@dataclass(frozen=True, kw_only=True)
class OneExample(Evaluation):
    """One example of recall by itself, as the rows of training have it: behind <bos> where these have separators."""

    def of(self, task: Task) -> Evaluation:
        assert isinstance(self.task, DecodingRecall)
        begun = isinstance(task, Packed) and task.separator
        kind = BegunRecall if begun else DecodingRecall
        example = kind(n_bits=self.task.n_bits, p_bit=self.task.p_bit)
        return Evaluation(task=example, seq_len=self.seq_len, sequences=self.sequences)


def tested_at(p_bits: Iterable[float], lengths: Iterable[int]) -> tuple[Evaluation, ...]:
    """One example a row, at each bit proportion and length (tokens), `WIDE_TESTED_TOKENS` tokens for each."""
    lengths = tuple(lengths)
    return tuple(
        OneExample(
            task=DecodingRecall(n_bits=N_BITS, p_bit=p_bit),
            seq_len=length,
            sequences=WIDE_TESTED_TOKENS // length,
        )
        for p_bit in p_bits
        for length in lengths
    )


LONG, WIDE_LONGEST = 190, 1_600
MIDDLE = 100
"""The mean of the lengths 10, 20, .. 190."""

LAYOUTS = (WIDE_HYBRID, TURNED, LATE, SINGLE)


def fields_of(model: HybridConfig, *names: str) -> dict[str, Any]:
    """The model's values of these fields, by their paths in a run."""
    return {f"model.{name}": getattr(model, name) for name in names}


def at(
    model: HybridConfig,
    *,
    separator: bool,
    p_bit: float,
    tested: float | None = None,
    length: int = LONG,
    products: str = WIDE_PRODUCTS[WIDE],
) -> dict[str, Any]:
    """Where a model that was trained on packed rows is measured: in the form of rows that it was trained on."""
    return {
        "task": packed(p_bit, separator=separator),
        "train.products": products,
        **fields_of(model, "pattern", "d_model", "d_mlp", "d_inner", "window", "positions", "init"),
        "test.p_bit": p_bit if tested is None else tested,
        "test.seq_len": length,
    }


def rates_of(*, separator: bool) -> tuple[float, ...]:
    """The released rate without separators; any with them."""
    return () if separator else (BASE_LR,)


def pair(
    first: HybridConfig,
    second: HybridConfig,
    *,
    separator: bool = False,
    free: bool = False,
    score: Score = "pooled",
    **more: Any,
) -> ModelPair:
    """Two models trained alike, at the released rate unless `free`."""
    given = {"separator": separator, "p_bit": 0.2, **more}
    lrs = () if free else (BASE_LR,)
    return ModelPair(first=at(first, **given), second=at(second, **given), lrs=lrs, score=score)


def with_positions(kind: str) -> tuple[HybridConfig, ...]:
    """Hybrid and Transformer of its size, full window."""
    return equal_size(WIDE, window=None, positions=kind)[:2]


def laid_out(pattern: str) -> HybridConfig:
    """A layout of the hybrid's layers, full window."""
    return hybrid(WIDE, pattern, window=None)
