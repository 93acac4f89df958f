"""Experts of a recipe: how many, how wide, in which layers, and what every token visits."""

from collections.abc import Callable
from dataclasses import dataclass, field, replace

from plait.memory.block import Block, norm
from plait.memory.huggingface.blocks import Experts, mlp
from plait.memory.huggingface.fields import OFF, Fields, Flag


@dataclass(frozen=True, kw_only=True)
class Shared:
    """Experts that every token visits.

    Args:
        count: default of how many, each as wide as a routed one; 0 = none.
        count_names: its fields.
        units: default of their width together, where the file gives that instead.
        units_names: its fields.
        gated: behind a scalar gate.
    """

    count: int = 0
    count_names: tuple[str, ...] = ()
    units: int = 0
    units_names: tuple[str, ...] = ()
    gated: bool = False

    def blocks(self, f: Fields, d: int, units: int, *, bias: bool) -> tuple[Block, ...]:
        """The one feed-forward part that they make together.

        Args:
            units: of one routed expert.
        """
        if self.units_names:
            wide = f.integer(*self.units_names, default=self.units, least=0)
            n = f.renamed(*self.count_names, default=1, least=0) if self.count_names else 1
        else:
            n = f.renamed(*self.count_names, default=self.count, least=0) if self.count_names else self.count
            wide = units
        if not n * wide:
            return ()
        shared = mlp(d, n * wide, bias=bias)
        gate = d if self.gated else 0
        return (
            replace(
                shared, part="shared experts", weights=shared.weights + gate, matrices=shared.matrices + gate
            ),
        )


N_SHARED = Shared(count=1, count_names=("n_shared_experts",))
N_SHARED_2 = Shared(count=2, count_names=("n_shared_experts",))
NUM_SHARED = Shared(count=1, count_names=("num_shared_experts",))
SHARED_ANY = Shared(count=1, count_names=("n_shared_experts", "num_shared_experts"))

EXPERTS = ("num_experts",)
LOCAL = ("num_local_experts",)
EITHER = (*EXPERTS, *LOCAL)
ROUTED = ("n_routed_experts", *LOCAL)
ROUTED_NUM = ("n_routed_experts", *EXPERTS)
ROUTED_ANY = (*ROUTED, *EXPERTS)
"""Names of the number of experts: the field of a class, and what it is renamed from."""

Dense = Callable[[Fields, int], Callable[[int], bool]]
"""From fields and the number of layers: whether a layer has the plain feed-forward part in place of experts."""


@dataclass(frozen=True, kw_only=True)
class Sparse:
    """Routed experts: defaults of their fields, and which layers do without them.

    Args:
        units: of one expert; None = as the feed-forward part.
        bias: of the experts.
        shared_bias: of the shared ones.
        extra: further parameters of a router for each expert.
        norms: of the width of the model, in layers with experts alone.
    """

    experts: int
    per_token: int
    names: tuple[str, ...]
    units: int | None = None
    per_token_names: tuple[str, ...] = ("num_experts_per_tok",)
    units_names: tuple[str, ...] = ("moe_intermediate_size",)
    shared: Shared = field(default_factory=Shared)
    dense: Dense = lambda f, n: lambda i: False
    bias: Flag = OFF
    shared_bias: Flag = OFF
    extra: int = 0
    norms: int = 0

    def blocks(self, f: Fields, d: int, units: int) -> tuple[Block, ...]:
        """Routed and shared experts."""
        n = f.renamed(*self.names, default=self.experts)
        wide = units if self.units is None else f.integer(*self.units_names, default=self.units)
        routed = Experts(
            d_model=d,
            n_experts=n,
            per_token=f.renamed(*self.per_token_names, default=self.per_token),
            d_mlp=wide,
            bias=self.bias.of(f),
        ).block
        routed = replace(routed, weights=routed.weights + self.extra * n)
        shared = self.shared.blocks(f, d, wide, bias=self.shared_bias.of(f))
        return routed, *shared, *((norm(d, self.norms),) if self.norms else ())


def first_layers(default: int, *names: str) -> Dense:
    """The first layers are dense: mlp_layer_types, else their number."""

    def dense(f: Fields, n: int) -> Callable[[int], bool]:
        named = f.get("mlp_layer_types")
        first = f.integer(*names, default=default, least=0) if names else default
        if named is None:
            return lambda i: i < first
        if not isinstance(named, list) or len(named) != n or set(map(str, named)) - {"dense", "sparse"}:
            raise f.refuse(f"mlp_layer_types must name {n} layers dense or sparse, got {str(named)[:60]}")
        return lambda i: named[i] == "dense"

    return dense


def sparse_step(n_dense: tuple[int, ...] = ()) -> Callable[[Fields, int], Callable[[int], bool]]:
    """Experts in every decoder_sparse_step-th layer, but for those in mlp_only_layers (`n_dense` by default)."""

    def dense(f: Fields, n: int) -> Callable[[int], bool]:
        named = f.indices("mlp_only_layers", n)
        only = n_dense if named is None else named
        step = f.integer("decoder_sparse_step", default=1)
        return lambda i: i in only or (i + 1) % step > 0

    return dense
