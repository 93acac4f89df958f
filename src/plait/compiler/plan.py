"""A compiled program: its layers, its weights, what each subspace must hold, and what is proved of it."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any, ClassVar

import torch
from jaxtyping import Bool, Int
from torch import Tensor

from plait.checks import check_integer, counted
from plait.compiler.book import Book
from plait.compiler.bounds import Bounds, bounds
from plait.compiler.heads import Turns
from plait.compiler.holdings import LEMMAS, answer_stretch, held
from plait.compiler.layout import Layout
from plait.compiler.lookups import AtDistance, Fetch, Match, Previous
from plait.compiler.lower import lower
from plait.compiler.program import Program, places
from plait.compiler.program_json import program_to_json
from plait.compiler.schedule import SSM, TF, ScheduledLayer, Scheduler
from plait.compiler.statement import Statement
from plait.compiler.stream_plan import NORM_EPS
from plait.compiler.tf_ops import ByMatch
from plait.constructions.plan import Gaze, Holding, Margins, NormFactor, Plan
from plait.constructions.residual import Residual
from plait.constructions.rounding import Allowance, Rounding
from plait.model import HybridConfig

_LONGEST = 2**20
"""Tokens of a sequence, at most."""


@dataclass(frozen=True, kw_only=True)
class ProgramPlan(Plan):
    """A program for sequences of `seq_len` tokens.

    Args:
        base: digits of all codes; 2 takes a coordinate a bit.
        n_frequencies: rotary frequencies that tell distances apart.
        kinds: of layers that may be used; of equally many layers, those with the earlier kind first are taken.
        key_gain: how loud keys are that an SSM layer copies.
        flat: tables of tables become one.
        reuse: signals take the subspaces of those that are no longer read.
        fine: all heads but the last layer's are as sharp as those whose find is a distance.
    """

    kind: ClassVar[str] = "program"
    theorem: ClassVar[str] = "12.15"

    task: Program
    base: int = 2
    n_frequencies: int = 1
    kinds: tuple[str, ...] = (TF, SSM)
    key_gain: float = 1.0
    flat: bool = False
    reuse: bool = False
    fine: bool = False

    def __post_init__(self) -> None:
        check_integer("seq_len", self.seq_len, least=1, most=_LONGEST)
        # What a file may ask for; every plan that is made has far less.
        check_integer("base", self.base, least=2, most=2**24)
        check_integer("n_frequencies", self.n_frequencies, least=1, most=64)
        if not set(self.kinds) <= {SSM, TF} or not self.kinds:
            raise ValueError(f"layers are of the kinds {SSM} and {TF}, got {self.kinds!r}")
        if not isinstance(self.key_gain, float) or not 1.0 <= self.key_gain <= 2.0**20:
            raise ValueError(f"key_gain must be a number from 1 to 2^20, got {self.key_gain!r}")

    @cached_property
    def layout(self) -> Layout:
        """Layers, codes, stream and weights."""
        states, attention = SSM in self.kinds, TF in self.kinds
        lowered = lower(self.task, flat=self.flat, states=states, attention=attention, seq_len=self.seq_len)
        layers = Scheduler(lowered, kinds=self.kinds).layers()
        book = Book(lowered=lowered, base=self.base, seq_len=self.seq_len)
        turns = Turns(
            heads=tuple(one for layer in layers for one in layer.fetches),
            seq_len=self.seq_len,
            n_frequencies=self.n_frequencies,
            misses=misses(book, layers, fine=self.fine),
        )
        return Layout(
            lowered=lowered, layers=layers, book=book, turns=turns, vocab_size=self.task.vocab_size,
            key_gain=self.key_gain,
            reuse=self.reuse,
        )  # fmt: skip

    @property
    def residual(self) -> Residual:
        return self.layout.stream.residual

    def config(self) -> HybridConfig:
        return self.layout.config

    def weights(self) -> dict[str, Tensor]:
        return self.layout.weights()

    def bounds(self, rounding: Rounding) -> Bounds:
        """What holds with this rounding."""
        if rounding not in self._known:
            self._known[rounding] = bounds(self.layout, rounding, self.seq_len)
        return self._known[rounding]

    @cached_property
    def _known(self) -> dict[Rounding, Bounds]:
        return {}

    def margins(self) -> Margins:
        """Theorem 12.15: of the last attention, and of the logits, with the part kept for rounding taken off."""
        layout = self.layout
        exact = self.bounds(self._exact)
        code = layout.book.tokens
        # 12.15: 3 lead/4 - c e' - m/G.
        signal = 0.75 * layout.lead - code.chord * exact.answer - layout.murmur / layout.gain
        last = self.residual.layer_factor(self.squares()[-1], eps=NORM_EPS)
        attention, mass = self._attention()
        return Margins(
            attention=attention,
            target_mass=mass,
            logit_gap=layout.final_gain * self.residual.amplitude * last * layout.gain * signal,
        )

    @property
    def _exact(self) -> Rounding:
        return Rounding(unit=0.0, d_model=self.residual.d_model)

    def _attention(self) -> tuple[float, float]:
        """The least lead in score and the least mass at the place looked at, of the last head; infinite without one."""
        heads = [one for layer in self.layout.layers for one in layer.fetches if isinstance(one, Fetch)]
        if not heads:
            return float("inf"), 1.0
        return self._look(heads[-1])

    def _look(self, statement: Fetch) -> tuple[float, float]:
        """A head's least lead in score that rounding leaves, and least mass."""
        turns, op = self.layout.turns, self.layout.planned[0][statement]
        miss = turns.miss(statement)
        if isinstance(op, ByMatch):
            return turns.look_for_match(op.match, op.lead).kept, 1.0 - miss
        assert isinstance(statement, AtDistance | Previous)
        look = turns.look_at(statement)
        # 12.9: rounding leaves a third of the margin.
        return look.sharpness * look.margin / 3.0, 1.0 / (1.0 + miss)

    def factors(self) -> tuple[NormFactor, ...]:
        """Lemma 6.1: all norms are quiet; weights assume that nothing is in the stream."""
        assumed, factors = self.layout.factors, []
        for index, layer in enumerate(self.layout.layers):
            rms = layer.kind == SSM
            factor = assumed[0] if rms else assumed[1]
            most = self.residual.rms_factor if rms else self.residual.layer_factor
            low = most(self.squares()[index], eps=NORM_EPS) / factor
            name = "norm" if rms else "input_layernorm"
            factors.append(NormFactor(layer=index + 1, norm=name, assumed=factor, high=1.0, low=low))
        return tuple(factors)

    def squares(self) -> tuple[float, ...]:
        constant = self.residual.d_model * self.residual.bias**2
        return tuple(max(length**2 - constant, 0.0) for length in self.bounds(self._exact).lengths)

    def noise(self, rounding: Rounding) -> dict[tuple[int, str], float]:
        exact, rounded = self.bounds(self._exact), self.bounds(rounding)
        layout, found = self.layout, dict[tuple[int, str], float]()
        for layer, (one, other) in enumerate(zip(rounded.errors, exact.errors, strict=True)):
            for statement, error in one.items():
                for name in layout.stream.names[statement]:
                    found[layer, name] = error - other[statement]
        more = layout.gain * (rounded.answer - exact.answer) * answer_stretch(layout)
        for name in layout.stream.names[layout.lowered.token]:
            found[len(layout.layers), name] += more
        return found

    def allowances(self, rounding: Rounding) -> tuple[Allowance, ...]:
        """What exact arithmetic changes already has to fit whole; the rest is rounding."""
        pairs = zip(self.bounds(rounding).allowances, self.bounds(self._exact).allowances, strict=True)
        return tuple(
            replace(one, error=max(0.0, one.error - exact.error), certain=exact.error) for one, exact in pairs
        )

    def holdings(self, tokens: Int[Tensor, "*batch time"]) -> tuple[Holding, ...]:
        return held(self.layout, self.bounds(self._exact), tokens)

    def gazes(self, tokens: Int[Tensor, "*batch time"]) -> tuple[Gaze, ...]:
        found: list[Gaze] = []
        for index, layer in enumerate(self.layout.layers):
            for statement in layer.fetches[:1]:
                if isinstance(statement, Fetch):
                    signals = statement.inputs[1:] or statement.inputs
                    values = places(tokens, *signals)
                    distance = statement.distances(*(values[signal] for signal in signals))
                    margin, mass = self._look(statement)
                    found.append(
                        Gaze(
                            layer=index + 1, lemma=LEMMAS[type(statement), TF], distance=distance.clamp(min=0),
                            known=distance >= 0, margin=margin, mass=mass,
                        )
                    )  # fmt: skip
        return tuple(found)

    def legend(self) -> Mapping[str, str]:
        """The statement and line behind every subspace."""
        layout, found = self.layout, dict[str, str]()
        for statement, names in layout.stream.names.items():
            made = layout.stream.of if statement is layout.lowered.token else [statement] * len(names)
            for name, one in zip(names, made, strict=True):
                called = layout.lowered.called(one)
                found[name] = f"{found[name]}, then {called}" if name in found else called
        return found

    def answered(self, tokens: Int[Tensor, "*batch time"]) -> Bool[Tensor, "*batch time"]:
        """Everywhere."""
        return torch.ones_like(tokens, dtype=torch.bool)

    @property
    def name(self) -> str:
        """The choices of this layout."""
        codes = "a coordinate a bit" if self.base == 2 else f"digits of base {self.base}"
        turns = "" if self.n_frequencies == 1 else f", {self.n_frequencies} frequencies"
        return f"{codes}{turns}"

    def describe(self) -> str:
        n = sum(len(layer.makes) for layer in self.layout.layers)
        return f"a program of {counted(n, 'statement')} in layers over {counted(self.seq_len, 'token')}"

    def to_json(self) -> Mapping[str, Any]:
        return {
            "kind": self.kind,
            "program": program_to_json(self.task),
            "seq_len": self.seq_len,
            "dtype": str(self.dtype).removeprefix("torch."),
            "layout": {
                "base": self.base,
                "n_frequencies": self.n_frequencies,
                "kinds": list(self.kinds),
                "key_gain": self.key_gain,
                "flat": self.flat,
                "reuse": self.reuse,
                "fine": self.fine,
            },
        }


FINE = 2.0**-16
"""The mass beside a head's place whose find is a distance, or a key: cosines of neighbouring distances are close, and
keys that differ a little look like keys at different places."""


def misses(book: Book, layers: tuple[ScheduledLayer, ...], *, fine: bool = False) -> tuple[float, ...]:
    """The mass that may fall beside each head's place: little where others build on it."""
    # 6.6: mu rho <= e/64 for the answer; a value that others build on may be off by a 128th of half its lead.
    last = book.tokens.chord / 64.0
    inner = FINE if fine else book.tokens.lead / 256.0
    exact: set[Statement] = set()
    for one in (one for layer in layers for one in layer.fetches):
        if isinstance(one, AtDistance):
            exact.add(one.inputs[1])
        elif isinstance(one, Match):
            exact.update(one.keys)

    def miss(layer: ScheduledLayer, one: Statement) -> float:
        if one in exact:
            return FINE
        return last if layer is layers[-1] else inner

    return tuple(miss(layer, one) for layer in layers for one in layer.fetches)
