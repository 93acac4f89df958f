"""The layer around a module that knows no plait: RMSNorm, the module, residual; a step runs it over all that was read.

So a step costs as much as a pass over the tokens so far, and the state holds their normed inputs. Who wants a state of
fixed size writes `step` (`plait.layers.protocol`), or draws the mixer (`plait.layers.mixer`).
"""

import functools
from collections.abc import Generator
from contextlib import contextmanager
from typing import Any, ClassVar, cast

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.func import functional_call, vmap

from plait.layers.mixer import ModuleMixer, read_options
from plait.layers.parts import RMSNorm
from plait.layers.protocol import State
from plait.layers.spec import LayerSpec
from plait.random import Stream


class ModuleLayer(nn.Module):
    """The layer of one class of module mixers (see `around`).

    Its state counts as `kv_cache`, for it grows by `d_model` scalars a token. Dropout inside the module is shut: it
    would draw from PyTorch's generator, which no seed of plait's reaches. Buffers are constants, and in no file.
    """

    members_axis: ClassVar[bool] = False
    mixer_class: ClassVar[type[ModuleMixer]]

    def __init__(self, spec: LayerSpec) -> None:
        super().__init__()
        self.spec = spec
        self._options = read_options(self.mixer_class, type(self).__name__, spec.options)
        self.norm = RMSNorm(spec.d_model, eps=spec.norm_eps)
        self.mixer = self._built(0)
        for module in self.mixer.modules():
            module._non_persistent_buffers_set.update(module._buffers)  # pyright: ignore[reportPrivateUsage]
            for name, parameter in module._parameters.items():  # pyright: ignore[reportPrivateUsage]
                if parameter is not None and torch.get_default_device().type == "meta":
                    setattr(module, name, nn.Parameter(parameter.to("meta")))
        self.train(self.training)

    def forward(
        self, hidden: Float[Tensor, "*members batch time d_model"]
    ) -> Float[Tensor, "*members batch time d_model"]:
        return hidden + self._mixed(self.norm(hidden))

    def train(self, mode: bool = True) -> "ModuleLayer":
        """As `nn.Module.train`, but that the module stays as it is evaluated: see the class."""
        super().train(mode)
        for module in self.mixer.modules():
            # cuDNN differentiates a recurrent network in training mode alone.
            module.training = mode and isinstance(module, nn.RNNBase) and module.dropout == 0.0
        return self

    def init_state(self, batch: int | tuple[int, ...], *, dtype: torch.dtype, device: torch.device) -> State:
        """Nothing read; `batch` may be `(members, batch)` where members run together."""
        axes = (batch,) if isinstance(batch, int) else batch
        return {"kv_cache": torch.zeros(*axes, 0, self.spec.d_model, dtype=dtype, device=device)}

    def step(
        self, hidden: Float[Tensor, "*members batch d_model"], state: State
    ) -> tuple[Float[Tensor, "*members batch d_model"], State]:
        """The module over all inputs so far: slow, and slower with every token."""
        read = torch.cat((state["kv_cache"], self.norm(hidden.unsqueeze(-2))), dim=-2)
        return hidden + self._mixed(read)[..., -1, :], {"kv_cache": read}

    def state_size(self, seq_len: int) -> dict[str, int]:
        """Measured: what the state holds when so many tokens were read."""
        state = self.init_state(1, dtype=torch.float32, device=torch.device("meta"))
        read = torch.empty(1, seq_len, self.spec.d_model, device="meta")
        return {name: torch.cat((held, read), dim=-2).numel() for name, held in state.items()}

    @torch.no_grad()
    def reset_parameters(self, stream: Stream) -> None:
        """The values that `build` gives, drawn by PyTorch's own generator from a seed that the stream gives."""
        self.norm.reset()
        high, low = (int(word) for word in stream.bits((2,)).flatten())
        built = self._built((high << 31) + low)
        for parameter, first in zip(self.mixer.parameters(), built.parameters(), strict=True):
            parameter.copy_(first)

    def _mixed(
        self, x: Float[Tensor, "*members batch time d_model"]
    ) -> Float[Tensor, "*members batch time d_model"]:
        if x.ndim == 3:
            return _answer(self.mixer(x))

        def alone(weights: dict[str, Tensor], own: Tensor) -> Tensor:
            found: Any = functional_call(self.mixer, weights, (own,))
            return _answer(found)

        return vmap(alone)(dict(self.mixer.named_parameters()), x)

    def _built(self, seed: int) -> nn.Module:
        with _seeded(seed), torch.device("cpu"):
            return self._options.build(self.spec).to(torch.get_default_dtype())


@functools.cache
def layer_around(mixer: type[ModuleMixer]) -> type[ModuleLayer]:
    """The class of layers around this mixer, under the mixer's name."""
    attributes = {"mixer_class": mixer, "members_axis": mixer.together, "__doc__": mixer.__doc__}
    return type(mixer.__name__, (ModuleLayer,), attributes)


def _answer(found: Any) -> Tensor:
    """The first of several, as modules of transformers and recurrent ones of PyTorch give them."""
    return cast(tuple[Any, ...], found)[0] if isinstance(found, tuple) else found


@contextmanager
def _seeded(seed: int) -> Generator[None, None, None]:
    """PyTorch's generator begins at a seed inside, and is outside as it was."""
    generator: Any = torch.random
    with generator.fork_rng(devices=[]):
        generator.manual_seed(seed)
        yield


class Placed(nn.Module):
    """Called with the places of the tokens, without a cache."""

    def __init__(self, mixer: nn.Module) -> None:
        super().__init__()
        self.mixer = mixer

    def forward(self, x: Tensor) -> Tensor:
        places = torch.arange(x.shape[1], device=x.device).expand(len(x), -1)
        return self.mixer(x, places, None, False)[0]


class Unplaced(nn.Module):
    """Called without positions and mask."""

    def __init__(self, mixer: nn.Module) -> None:
        super().__init__()
        self.mixer = mixer

    def forward(self, x: Tensor) -> Tensor:
        return self.mixer(x, None, None)[0]


class Rotary(nn.Module):
    """Attention with the family's rotary angles, and a mask of the layer's window."""

    def __init__(self, mixer: nn.Module, rotary: nn.Module, window: int | None) -> None:
        super().__init__()
        self.mixer, self.rotary, self.window = mixer, rotary, window

    def forward(self, x: Tensor) -> Tensor:
        time = x.shape[1]
        places = torch.arange(time, device=x.device)
        distance = places.unsqueeze(1) - places
        unseen = (distance < 0) | (distance >= (time if self.window is None else self.window))
        mask = torch.zeros(1, 1, time, time, dtype=x.dtype, device=x.device)
        mask = mask.masked_fill(unseen, torch.finfo(x.dtype).min)
        return self.mixer(x, position_embeddings=self.rotary(x, places.unsqueeze(0)), attention_mask=mask)[0]
