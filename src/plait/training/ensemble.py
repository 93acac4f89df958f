"""Many models of one config, advanced as one: all weights in one flat tensor `(members, size)`.

A member's numbers do not depend on its neighbours. The compiled kernels treat every member by itself, in an order
fixed by the shapes; where they cannot be used on a CPU, members are run one after the other. On a GPU, layers that
are too wide for the kernels and other types than float32 run in PyTorch's operations, which may sum otherwise
for another number of members: there a member's steps are the same, but not to the last bit.
"""

import copy
from collections.abc import Iterator, Mapping, Sequence

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor, nn
from torch.func import functional_call

from plait.kernels.head import Scores, embed, head_loss, plain_scores, usable
from plait.layers import DrawnLayer, MambaLayer, TransformerLayer
from plait.layers.parallel import ParallelLayer
from plait.model import HybridConfig, HybridLM, initial_parameters
from plait.random import Stream

DTYPES = {"float32": torch.float32, "float64": torch.float64, "bfloat16": torch.bfloat16}


class Ensemble:
    """One member per entry of `seeds`, with the initial weights of that seed, or those stacked in `start`.

    Attributes:
        parameters: `(members, size)`, the weights of each member in the order of `names`.
        gradients: the same shape, filled by `differentiate`.
    """

    def __init__(
        self,
        config: HybridConfig,
        seeds: Sequence[int],
        *,
        dtype: torch.dtype = torch.float32,
        device: torch.device | str = "cpu",
        start: Mapping[str, Tensor] | None = None,
    ) -> None:
        if start is None:
            start = initial_parameters(config, list(seeds), dtype=dtype, device=self._drawn_on(device))
        self.config = config
        self.shapes = {name: tensor.shape[1:] for name, tensor in start.items()}
        self._hold(torch.cat([tensor.flatten(1) for tensor in start.values()], dim=1).to(device))

    def _drawn_on(self, device: torch.device | str) -> torch.device | None:
        """Where initial weights are drawn; None for the CPU, as small ones take no time there."""
        return None

    def _hold(self, parameters: Float[Tensor, "members size"]) -> None:
        self.parameters = parameters
        self.gradients = torch.zeros_like(parameters)
        self.model = HybridLM(self.config, seed=None, dtype=parameters.dtype).to(parameters.device)
        for name, view in self._split(self.parameters).items():
            owner, _, last = name.rpartition(".")
            setattr(self.model.get_submodule(owner), last, nn.Parameter(view))

    def _split(self, flat: Tensor) -> dict[str, Tensor]:
        parts = flat.detach().split([shape.numel() for shape in self.shapes.values()], dim=1)
        return {
            name: part.view(len(part), *shape)
            for (name, shape), part in zip(self.shapes.items(), parts, strict=True)
        }

    def __len__(self) -> int:
        return self.parameters.shape[0]

    @property
    def size(self) -> int:
        """Parameters of one member."""
        return self.parameters.shape[1]

    @property
    def compiled(self) -> bool:
        """Whether embedding and head run in the compiled kernels here."""
        return usable(self.model.get_parameter("embedding.weight"))

    @property
    def engine(self) -> str:
        """What computes a step: "compiled" (C++), "triton", or "plain" where some of it is PyTorch's operations."""
        narrow = self.parameters.new_empty(len(self), 1, 1, self.config.d_model)
        built_in = all(
            isinstance(layer, MambaLayer | TransformerLayer | DrawnLayer)
            # one derived from them computes as it likes
            and (type(layer) in (MambaLayer, TransformerLayer) or isinstance(layer, DrawnLayer))
            and layer.compiled(narrow)
            for layer in self._sides()
        )
        if not (self.compiled and built_in):
            return "plain"
        return "triton" if self.parameters.is_cuda else "compiled"

    @property
    def _drops_by_member(self) -> bool:
        """Whether no layer's dropout comes from PyTorch's operations on all members at once."""
        return self.config.dropout_at == "embedding" or all(
            isinstance(layer, TransformerLayer) or not getattr(layer, "uses_dropout", False)
            for layer in self._sides()
        )

    def _sides(self) -> Iterator[nn.Module]:
        """Every layer, those side by side each by itself."""
        for layer in self.model.layers:
            yield from layer.sides if isinstance(layer, ParallelLayer) else (layer,)

    def some(self, first: int, last: int) -> "Ensemble":
        """Members `first` to `last` (not included) as an ensemble over the same weights in memory."""
        part = copy.copy(self)
        part._hold(self.parameters[first:last])
        return part

    def member(self, index: int) -> HybridLM:
        """A model of its own with the weights of one member, on the CPU, in evaluation mode."""
        model = HybridLM(self.config, seed=None, dtype=self.parameters.dtype)
        parts = self._split(self.parameters[index : index + 1].cpu())
        model.load_state_dict({name: part[0].clone() for name, part in parts.items()})
        return model.eval()

    def scores(
        self,
        tokens: Int[Tensor, "members batch time"],
        targets: tuple[Int[Tensor, "members batch time"], Bool[Tensor, "members batch time"]],
        *,
        dropout_stream: Stream | None = None,
    ) -> Scores:
        """Loss and counts of every member on its own sequences; the losses can be differentiated."""
        self.model.train(dropout_stream is not None)
        if self.compiled and (dropout_stream is None or self._drops_by_member):
            model = self.model
            hidden = model.through_layers(embed(model.embedding.weight, tokens), dropout_stream)
            norm = model.final_norm
            return head_loss(
                hidden, (norm.weight, norm.bias), model.embedding.weight, targets, eps=self.config.norm_eps
            )
        if self.parameters.device.type != "cpu":
            return plain_scores(self.model(tokens, dropout_stream), *targets)
        return self._members_in_turn(tokens, targets, dropout_stream)

    def row_counts(
        self,
        tokens: Int[Tensor, "members batch time"],
        targets: tuple[Int[Tensor, "members batch time"], Bool[Tensor, "members batch time"]],
    ) -> tuple[Int[Tensor, "members batch"], Int[Tensor, "members batch"]]:
        """Of every sequence by itself, the tokens that the largest logit got and those that are scored."""
        self.model.eval()
        rows = range(tokens.shape[1])
        if self.compiled:
            model, norm = self.model, self.model.final_norm
            hidden, table = (
                model.through_layers(embed(model.embedding.weight, tokens)),
                model.embedding.weight,
            )
            weights, eps = (norm.weight, norm.bias), self.config.norm_eps
            alone = [
                head_loss(hidden[:, i : i + 1].contiguous(), weights, table, _sequence(targets, i), eps=eps)
                for i in rows
            ]
        elif self.parameters.device.type != "cpu":
            logits = self.model(tokens)
            alone = [plain_scores(logits[:, i : i + 1], *_sequence(targets, i)) for i in rows]
        else:
            alone = [self._members_in_turn(tokens[:, i : i + 1], _sequence(targets, i), None) for i in rows]
        return torch.stack([s.correct for s in alone], dim=1), torch.stack([s.scored for s in alone], dim=1)

    def learn(
        self,
        tokens: Int[Tensor, "members batch time"],
        targets: tuple[Int[Tensor, "members batch time"], Bool[Tensor, "members batch time"]],
        *,
        dropout_stream: Stream | None = None,
    ) -> Float[Tensor, "members"]:
        """The losses, and `gradients` filled with their derivatives."""
        losses = self.scores(tokens, targets, dropout_stream=dropout_stream).loss
        self.differentiate(losses)
        return losses.detach()

    def differentiate(self, losses: Float[Tensor, "members"]) -> None:
        """Fill `gradients` with the derivatives of each member's loss."""
        weights = [self.model.get_parameter(name) for name in self.shapes]
        parts = torch.autograd.grad(losses.sum(), weights, materialize_grads=True)
        torch.cat([part.flatten(1) for part in parts], dim=1, out=self.gradients)

    def _members_in_turn(
        self, tokens: Tensor, targets: tuple[Tensor, Tensor], dropout_stream: Stream | None
    ) -> Scores:
        """The plain path on a CPU: each member alone, so that its numbers are what they are alone."""
        rows: list[Scores] = []
        for member in range(len(self)):
            own = {name: self.model.get_parameter(name)[member] for name in self.shapes}
            stream = None
            if dropout_stream is not None:
                assert isinstance(dropout_stream.seed, Tensor)
                seed = int(dropout_stream.seed[member])
                stream = Stream(seed, dropout_stream.step, dropout_stream.purpose)
            logits = functional_call(self.model, own, (tokens[member], stream))
            rows.append(plain_scores(logits.unsqueeze(0), *(t[member : member + 1] for t in targets)))
        return Scores(*(torch.cat(column) for column in zip(*rows, strict=True)))


def _sequence(targets: tuple[Tensor, Tensor], index: int) -> tuple[Tensor, Tensor]:
    return targets[0][:, index : index + 1].contiguous(), targets[1][:, index : index + 1].contiguous()
