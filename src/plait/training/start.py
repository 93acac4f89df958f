"""Where training begins when not at random weights: at another model's, disturbed.

The question behind it: how far from weights that solve a task can training begin and still find back?
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, cast

from plait.checks import is_own_name, one_line, resolve, shortened, stored_name, unknown
from plait.deferred import deferred
from plait.model import HybridConfig
from plait.random import Stream
from plait.tasks import Task

if TYPE_CHECKING:
    import torch
    from jaxtyping import Float
    from torch import Tensor

    from plait.model import HybridLM
else:
    torch = deferred("torch")

DISTURB = 101
"""Purpose of the streams that the noise is drawn from."""


@dataclass(frozen=True, kw_only=True)
class Start:
    """Initial weights given by a function, then disturbed; a member's seed decides the disturbance.

    Args:
        weights: `module:function`, which called with a task and a sequence length gives a model. The name
            stands for the weights in a member's identity.
        noise: standard deviation of normal noise on every weight, over the root mean square of its tensor.
        random: parts that begin at the run's ordinary random weights instead: names of parameters up to a
            dot, such as `embedding` or `layers.0`.

    Raises:
        ValueError: a name that is not `module:function`, a noise that is not finite and at least 0, or parts
            that are not a tuple of names.
    """

    weights: str
    noise: float = 0.0
    random: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if not is_own_name(self.weights):
            raise ValueError(f"weights must be named module:function, got {shortened(self.weights)}")
        object.__setattr__(self, "weights", stored_name(self.weights))
        number = isinstance(self.noise, int | float) and not isinstance(self.noise, bool)
        if not number or not 0 <= self.noise < math.inf:
            raise ValueError(f"noise must be finite and at least 0, got {shortened(self.noise)}")
        object.__setattr__(self, "noise", float(self.noise))
        listed = isinstance(self.random, tuple | list)
        if not listed or not all(isinstance(part, str) and part for part in self.random):
            raise ValueError(f"random must be a tuple of names of parts, got {shortened(self.random)}")
        object.__setattr__(self, "random", tuple(self.random))

    def to_json(self) -> dict[str, Any]:
        return {"weights": self.weights, "noise": self.noise, "random": list(self.random)}

    @classmethod
    def from_json(cls, data: object) -> "Start":
        """The inverse of `to_json`; an unknown field is an error that lists the known ones."""
        if not isinstance(data, Mapping):
            raise ValueError(f"start must be a JSON object, got {type(data).__name__}")
        known = ("weights", "noise", "random")
        for name in data:
            if name not in known:
                raise ValueError(unknown("start field", name, known))
        if "weights" not in data:
            raise ValueError("a start needs the field 'weights', module:function")
        return cls(**data)

    def model(self, task: Task, seq_len: int) -> HybridLM:
        """The undisturbed model.

        Raises:
            ValueError: a function that cannot be found, or what it refuses.
        """
        from plait.model import HybridLM

        function = resolve(self.weights, "start weights", wanted="function", accepts=callable)
        try:
            built = cast(Any, function)(task, seq_len)
        except ValueError:
            raise
        except (Exception, SystemExit) as error:  # a user's function may fail in any way
            raise ValueError(f"start weights {self.weights} failed: {one_line(error)}") from error
        if not isinstance(built, HybridLM):
            raise ValueError(f"{self.weights} must give a HybridLM, got {type(built).__name__}")
        return built

    def parameters(
        self, task: Task, config: HybridConfig, seeds: Sequence[int], *, seq_len: int, dtype: torch.dtype
    ) -> dict[str, Float[Tensor, "members *shape"]]:
        """The initial weights of every seed, stacked.

        Raises:
            ValueError: a model of another config than `config`, or a part that it does not have.
        """
        from plait.model import initial_parameters

        model = self.model(task, seq_len)
        if model.config != config:
            raise ValueError(
                f"{self.weights} gives another model than the run's: {_changes(model.config, config)}"
            )
        fresh = initial_parameters(config, list(seeds), dtype=dtype)
        for part in self.random:
            if not any(_is_in(name, part) for name in fresh):
                raise ValueError(unknown("part", part, dict.fromkeys(_parts(fresh))))
        stream = Stream(torch.tensor(list(seeds)), 0, DISTURB)
        return {
            name: fresh[name]
            if any(_is_in(name, part) for part in self.random)
            else self._disturbed(value.detach(), stream, draw=draw).to(dtype)
            for draw, (name, value) in enumerate(model.named_parameters())
        }

    def _disturbed(self, value: Tensor, stream: Stream, *, draw: int) -> Tensor:
        scale = self.noise * value.double().square().mean().sqrt()
        return value.double() + scale * stream.normal(tuple(value.shape), draw=draw)


def _is_in(name: str, part: str) -> bool:
    return name == part or name.startswith(f"{part}.")


def _parts(names: Mapping[str, object]) -> list[str]:
    return [".".join(name.split(".")[: 2 if name.startswith("layers.") else 1]) for name in names]


def _changes(found: HybridConfig, wanted: HybridConfig) -> str:
    pairs = zip(found.to_json().items(), wanted.to_json().values(), strict=True)
    return ", ".join(f"{name} {value!r}, not {other!r}" for (name, value), other in pairs if value != other)
