"""`hf:NAME` in a pattern: the token mixer of a family of `transformers`, unmodified, between plait's norm and residual.

NAME is the family's `model_type` or the name of the mixer's class, as in `hf:qwen3_next-TF` and
`hf:Qwen3NextGatedDeltaNet-TF`. Its first weights are those that its family's pretrained model would draw. It is a
module that knows no plait (`plait.layers.module_layer`): streamed by running it anew, members in turn.
"""

from __future__ import annotations

import functools
import importlib
import importlib.util
from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass, make_dataclass
from typing import TYPE_CHECKING, Any, ClassVar

from plait.checks import check_integer, one_line, unknown
from plait.layers.hf_families import MIXER_FAMILIES, PLACED, ROTARY, UNPLACED, Family, probe
from plait.layers.mixer import ModuleMixer
from plait.layers.registry import HF
from plait.layers.spec import LayerSpec

if TYPE_CHECKING:
    from torch import nn


def check_family(name: str) -> str:
    """The `model_type` behind `hf:NAME`; imports nothing.

    Raises:
        ValueError: transformers has no token mixer of that name that plait can run.
    """
    wanted = name.removeprefix(HF)
    by_class = {family.mixer: model_type for model_type, family in MIXER_FAMILIES.items()}
    if wanted in MIXER_FAMILIES:
        return wanted
    if wanted not in by_class:
        said = unknown("token mixer of transformers", wanted, MIXER_FAMILIES)
        raise ValueError(f"{said} (or the name of its class, as {MIXER_FAMILIES['qwen3_next'].mixer})")
    return by_class[wanted]


def hf_mixer(name: str) -> type[ModuleMixer]:
    """The mixer behind `hf:NAME`; its options are the arguments of the family's config that say sizes.

    Raises:
        ValueError: no such token mixer, or no transformers.
    """
    model_type = check_family(name)
    if importlib.util.find_spec("transformers") is None:
        raise ValueError(f"layer {name} needs Hugging Face transformers: pip install 'plait[hf]'")
    return _mixer_of(model_type)


@dataclass(frozen=True, kw_only=True)
class _HfMixer(ModuleMixer):
    """A family's mixer; options that are None follow the layer's dimensions."""

    family: ClassVar[Family]
    model_type: ClassVar[str]

    def __post_init__(self) -> None:
        for name, usual in self.family.arguments(probe()).items():
            value = getattr(self, name)
            if value is not None and isinstance(usual, int) and not isinstance(usual, bool):
                check_integer(name, value, least=1)

    def build(self, spec: LayerSpec) -> nn.Module:
        from plait.layers.module_layer import Placed, Rotary, Unplaced

        family = self.family
        given = {name: value for name, value in vars(self).items() if value is not None}
        try:
            with _quiet():
                modeling: Any = importlib.import_module(
                    f"transformers.models.{self.model_type}.modeling_{self.model_type}"
                )
                kind: Any = getattr(importlib.import_module("transformers"), f"{family.prefix}Config")
                sizes = {"hidden_size": spec.d_model} | family.arguments(spec) | given
                config = kind(**{"num_hidden_layers": 1, **family.fixed, **sizes})
                config._attn_implementation = "eager"
                mixer = getattr(modeling, family.mixer)(config, 0)
                owner = getattr(modeling, f"{family.prefix}PreTrainedModel")(config)
                if hasattr(modeling, "compute_mup_vector"):  # Falcon-H1's model gives it to its mixers
                    mixer.register_buffer("mup_vector", modeling.compute_mup_vector(config))
                for module in mixer.modules():
                    owner._init_weights(module)
        except (AttributeError, ImportError) as error:
            raise ValueError(
                f"this transformers does not have {family.mixer} as plait knows it: {one_line(error)}"
            ) from error
        if family.called == ROTARY:
            return Rotary(mixer, getattr(modeling, f"{family.prefix}RotaryEmbedding")(config), spec.window)
        around = {PLACED: Placed, UNPLACED: Unplaced}.get(family.called)
        return mixer if around is None else around(mixer)


@functools.cache
def _mixer_of(model_type: str) -> type[ModuleMixer]:
    family = MIXER_FAMILIES[model_type]
    options = [(option, Any, None) for option in family.arguments(probe())]
    return make_dataclass(
        HF + model_type,
        options,
        bases=(_HfMixer,),
        namespace={"family": family, "model_type": model_type, "__doc__": f"{family.mixer} of transformers."},
        frozen=True,
        kw_only=True,
    )


@contextmanager
def _quiet() -> Generator[None, None, None]:
    """No remarks of transformers on kernels that are not installed."""
    from transformers.utils import logging

    before = logging.get_verbosity()
    logging.set_verbosity_error()
    try:
        yield
    finally:
        logging.set_verbosity(before)
