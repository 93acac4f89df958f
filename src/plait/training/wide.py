"""Wide models: each member's step by PyTorch's products and fused attention, one member after the other.

The same weights, tokens and dropout as `plait.training.ensemble`, so the same numbers to rounding. Products may be
taken in bfloat16 (`Train.products`); weights, norms, softmax, scan and optimiser stay as they are.
"""

from collections.abc import Mapping, Sequence
from types import MappingProxyType

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor, nn

from plait.kernels.common.plain import linear
from plait.kernels.graph import wide as graphs
from plait.kernels.graph.wide import OwnKernels
from plait.kernels.head import Scores, plain_scores
from plait.kernels.mamba import wide as mamba
from plait.kernels.neox import wide as neox
from plait.kernels.selective_scan.dispatch import Scan, selective_scan
from plait.layers import DrawnLayer, MambaLayer, TransformerLayer
from plait.layers.parts import dropout, drops_of
from plait.layers.registry import MIXERS
from plait.model import HybridConfig, HybridLM
from plait.random import Stream
from plait.training.ensemble import Ensemble


class WideEnsemble(Ensemble):
    """`Ensemble` for models of which one fills the device.

    Args:
        products: the type that products are taken in; None for that of the weights.

    Raises:
        ValueError: products of their own, and a layer that is not built in, layers side by side, or a mixer on a GPU.
    """

    scan: Scan = staticmethod(selective_scan)
    """What SSM layers scan by; another may be put in its place before the first step."""

    own: OwnKernels = graphs.FASTEST
    """What mixers run in kernels of their own on a GPU; others may be put in its place before the first step."""

    _with_own = frozenset({"GDN"})
    """Mixers that `own` is for, timed and right with it (`benchmarks/wide_gdn.py`), and compiled where it takes their
    states: what is made of PyTorch's operations is right with four heads and wrong with eight (docs/log.md)."""

    _uncompiled = frozenset({"DeltaNet", "Mamba2"})
    """Mixers that are not compiled: Mamba2's gradient is 1.5% off so and right as it stands, DeltaNet's was only seen
    to be right with up to four heads."""

    _mixers_on_gpu = frozenset({"KDA", "RWKV7"}) | _uncompiled | _with_own
    """Mixers whose products of their own were seen to be right on a GPU (`tests/gpu/test_wide_mixers.py`)."""

    def __init__(
        self,
        config: HybridConfig,
        seeds: Sequence[int],
        *,
        dtype: torch.dtype = torch.float32,
        device: torch.device | str = "cpu",
        start: Mapping[str, Tensor] | None = None,
        products: torch.dtype | None = None,
    ) -> None:
        others = sorted(set(config.layers) - {"SSM", "TF"})
        if products is not None and others:
            self._check_products(others, products, torch.device(device))
        self.products = products
        super().__init__(config, seeds, dtype=dtype, device=device, start=start)

    @classmethod
    def _check_products(cls, others: Sequence[str], products: torch.dtype, device: torch.device) -> None:
        """`others` are layers besides SSM and TF."""
        strange = [name for name in others if name not in MIXERS]
        if strange:
            words = "built-in layers, one after the other"
        elif device.type == "cpu" or cls._mixers_on_gpu.issuperset(others):
            return
        else:
            strange = sorted(set(others) - cls._mixers_on_gpu)
            words = f"SSM, TF, {', '.join(sorted(cls._mixers_on_gpu))} on {device.type}"
        raise ValueError(f"products in {products} are for {words}, and {strange[0]} computes by itself")

    def _drawn_on(self, device: torch.device | str) -> torch.device:
        return torch.device(device)

    def _hold(self, parameters: Float[Tensor, "members size"]) -> None:
        self.parameters = parameters
        self.gradients = torch.zeros_like(parameters)
        self.models = [self._model_over(row) for row in parameters]
        self._of_products = [_product_weights(self.models[0], layer) for layer in self.models[0].layers]
        self._rounded = None if self.products is None else parameters.to(self.products)
        self._views = [self._split(row.unsqueeze(0)) for row in self.gradients]

    def _model_over(self, row: Float[Tensor, " size"]) -> HybridLM:
        """A model whose weights lie in `row`."""
        with torch.device("meta"):
            model = HybridLM(self.config, seed=None, dtype=row.dtype)
        for name, view in self._split(row.unsqueeze(0)).items():
            owner, _, last = name.rpartition(".")
            setattr(model.get_submodule(owner), last, nn.Parameter(view.squeeze(0)))
        return model

    @property
    def engine(self) -> str:
        return "wide"

    def scores(
        self,
        tokens: Int[Tensor, "members batch time"],
        targets: tuple[Int[Tensor, "members batch time"], Bool[Tensor, "members batch time"]],
        *,
        dropout_stream: Stream | None = None,
    ) -> Scores:
        rows = [self._scores(i, tokens, targets, dropout_stream) for i in range(len(self))]
        return Scores(*(torch.cat(column) for column in zip(*rows, strict=True)))

    def row_counts(
        self,
        tokens: Int[Tensor, "members batch time"],
        targets: tuple[Int[Tensor, "members batch time"], Bool[Tensor, "members batch time"]],
    ) -> tuple[Int[Tensor, "members batch"], Int[Tensor, "members batch"]]:
        found: list[Scores] = []
        for index in range(len(self)):
            logits = self._logits(index, tokens[index], None)
            found.append(plain_scores(logits.unsqueeze(1), *(t[index].unsqueeze(1) for t in targets)))
        return torch.stack([s.correct for s in found]), torch.stack([s.scored for s in found])

    def learn(
        self,
        tokens: Int[Tensor, "members batch time"],
        targets: tuple[Int[Tensor, "members batch time"], Bool[Tensor, "members batch time"]],
        *,
        dropout_stream: Stream | None = None,
    ) -> Float[Tensor, "members"]:
        """Each member's activations are let go before the next one's are made."""
        losses: list[Tensor] = []
        if self._rounded is not None:
            self._rounded.copy_(self.parameters)
        for index in range(len(self)):
            leaves = self._leaves(index)
            loss = self._scores(index, tokens, targets, dropout_stream, leaves).loss
            parts = torch.autograd.grad(loss.sum(), list(leaves.values()), materialize_grads=True)
            self._gather(index, parts)
            losses.append(loss.detach())
        return torch.cat(losses)

    def _leaves(self, index: int) -> dict[str, Tensor]:
        """What a member's gradients are by: its weights, those of products as they were rounded."""
        model = self.models[index]
        leaves: dict[str, Tensor] = {name: model.get_parameter(name) for name in self.shapes}
        if self._rounded is not None:
            rounded = self._split(self._rounded[index : index + 1])
            for names in self._of_products:
                leaves |= {name: rounded[name].squeeze(0).requires_grad_() for name in names.values()}
        return leaves

    def _gather(self, index: int, parts: Sequence[Tensor]) -> None:
        """Copy a member's gradients, each in its own type, to their places: one kernel for a type."""
        views = [view.squeeze(0) for view in self._views[index].values()]
        for dtype in dict.fromkeys(part.dtype for part in parts):
            pairs = [(view, part) for view, part in zip(views, parts, strict=True) if part.dtype == dtype]
            torch._foreach_copy_(*map(list, zip(*pairs, strict=True)))  # pyright: ignore

    def _scores(
        self,
        index: int,
        tokens: Tensor,
        targets: tuple[Tensor, Tensor],
        stream: Stream | None,
        leaves: Mapping[str, Tensor] | None = None,
    ) -> Scores:
        logits = self._logits(index, tokens[index], stream, leaves)
        return plain_scores(logits.unsqueeze(0), *(t[index : index + 1] for t in targets))

    def _logits(
        self,
        index: int,
        tokens: Int[Tensor, "batch time"],
        stream: Stream | None,
        leaves: Mapping[str, Tensor] | None = None,
    ) -> Float[Tensor, "batch time vocab"]:
        """Of one member; `stream` has a seed for each, `leaves` what stands for weights of products."""
        model, config = self.models[index], self.config
        if stream is not None:
            assert isinstance(stream.seed, Tensor)
            stream = Stream(stream.seed[index : index + 1], stream.step, stream.purpose)
        hidden = nn.functional.embedding(tokens, model.embedding.weight)
        if stream is not None:
            hidden = dropout(hidden.unsqueeze(0), rate=config.dropout, stream=stream, draw=0).squeeze(0)
        for layer, kind, names in zip(model.layers, config.layers, self._of_products, strict=True):
            rounded = {} if leaves is None else {field: leaves[name] for field, name in names.items()}
            hidden = wide_layer(
                layer,
                hidden,
                stream,
                products=self.products,
                fuse=self._fuse and self.is_compiled(kind, layer),
                rounded=rounded,
                scan=self.scan,
                own=self.own if kind in self._with_own else graphs.PYTORCH_ALONE,
            )
        return linear(model.final_norm(hidden), model.embedding.weight)

    def is_compiled(self, kind: str, layer: nn.Module) -> bool:
        """Whether this layer is right when it is compiled."""
        if kind not in self._with_own or kind in self._uncompiled:
            return kind not in self._uncompiled
        assert isinstance(layer, DrawnLayer)
        return graphs.has_own_states(layer.graph, self.products, self.own)

    @property
    def _fuse(self) -> bool:
        """Whether layers are compiled: where they are trained on a GPU, at one shape for all steps."""
        return self.parameters.is_cuda and torch.is_grad_enabled()


def wide_layer(
    layer: nn.Module,
    hidden: Float[Tensor, "batch time d_model"],
    stream: Stream | None,
    *,
    products: torch.dtype | None,
    fuse: bool,
    rounded: Mapping[str, Tensor] = MappingProxyType({}),
    scan: Scan = selective_scan,
    own: OwnKernels = graphs.PYTORCH_ALONE,
) -> Float[Tensor, "batch time d_model"]:
    """One layer of one member.

    Args:
        stream: of its dropout, with one seed.
        products: the type that products are taken in; None for that of the weights.
        fuse: whether it is compiled.
        rounded: what stands for weights of products, by field or place.
        scan: what SSM layers scan by.
        own: what mixers, and SSM layers, run in kernels of their own.
    """
    if type(layer) is MambaLayer:
        weights = layer.weights()._replace(**rounded)
        return mamba.mamba_layer(
            hidden, weights, eps=layer.spec.norm_eps, products=products, fuse=fuse, scan=scan,
            own_convolution=own.mamba,
        )  # fmt: skip
    if type(layer) is TransformerLayer:
        spec = layer.spec
        return neox.neox_layer(
            hidden,
            layer.weights()._replace(**rounded),
            layer.heads(0, hidden.shape[-2], hidden.device),
            eps=spec.norm_eps,
            products=products,
            drops=drops_of(spec.dropout, stream, 1 + 3 * spec.index),
            fuse=fuse,
        )
    if isinstance(layer, DrawnLayer) and products is not None:
        drawn = layer.weights()
        for place, weight in rounded.items():
            drawn[int(place)] = weight
        return graphs.forward(layer.graph, drawn, hidden, products=products, fuse=fuse, own=own)
    if stream is not None and getattr(layer, "uses_dropout", False):
        assert isinstance(stream.seed, Tensor)
        return layer(hidden, Stream(int(stream.seed[0]), stream.step, stream.purpose))
    return layer(hidden)


def _product_weights(model: HybridLM, layer: nn.Module) -> dict[str, str]:
    """Fields (or places) of a layer's weights that only enter products, and their parameters' names in the model."""
    names = {id(parameter): name for name, parameter in model.named_parameters()}
    if isinstance(layer, DrawnLayer):
        drawn = layer.weights()
        return {str(place): names[id(drawn[place])] for place in graphs.product_weights(layer.graph)}
    if type(layer) is MambaLayer:
        return {field: names[id(getattr(layer.weights(), field))] for field in mamba.MAMBA_PRODUCTS}
    if type(layer) is TransformerLayer:
        return {field: names[id(getattr(layer.weights(), field))] for field in neox.NEOX_PRODUCTS}
    return {}
