"""`plait export --to hf`: a folder for plain `transformers`.

config.json model.safetensors ..   a BambaForCausalLM with a tokenizer, where the model is a construction;
                                   a GPTNeoXForCausalLM, where it has TF layers alone, with open windows
blocks/layer-0.json                a block's class and the arguments of its config
blocks/layer-0.safetensors         its weights, as plait holds them
blocks/stem.safetensors            embedding (also unembedding) and final LayerNorm
plait.json                         what all this is
"""

import json
from collections.abc import Generator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
from safetensors.torch import save as serialise

from plait.compiler import ProgramPlan, program_to_json
from plait.constructions import Plan
from plait.export.bamba import bamba
from plait.export.bamba_program import bamba_program
from plait.export.bamba_stream import WindowNeededError
from plait.export.blocks import (
    check_blocks,
    gpt_neox,
    gpt_neox_arguments,
    mamba_arguments,
    need_transformers,
    why_no_class,
)
from plait.export.mixers import TAKERS
from plait.files import write_whole
from plait.layers import LayerSpec
from plait.model import HybridLM
from plait.random import TEST, Stream
from plait.tasks import SPECIALS, Task, task_to_json

if TYPE_CHECKING:
    from transformers import BambaForCausalLM, GPTNeoXForCausalLM, PreTrainedModel

BLOCKS, ABOUT = "blocks", "plait.json"

CLASSES = {
    "SSM": ("transformers.models.mamba.modeling_mamba", "MambaBlock", "MambaConfig"),
    "TF": ("transformers.models.gpt_neox.modeling_gpt_neox", "GPTNeoXLayer", "GPTNeoXConfig"),
}

VARIANT = (
    "A variant of the construction in the blocks of Bamba: Mamba-2 mixer, RMSNorm before every block and behind the "
    "gate, attention without a window, gated MLPs. Its weights are not those in blocks/."
)
BLOCKS_ONLY = (
    "No class of transformers carries these layers in one model, so there is none to load as a whole: "
    "blocks/ holds the weights for the unmodified blocks."
)
STOCK = "The model itself, weight for weight; blocks/ holds the same for its blocks alone."


@dataclass(frozen=True, kw_only=True)
class Exported:
    """What was written.

    Attributes:
        folder: where.
        whole: the class that loads it as a whole; None for blocks alone.
        parameters: of that class's model; of plait's where there is none.
        files: names in the folder.
        why_not: why it has no class that loads it as a whole; None where it has one.
    """

    folder: Path
    whole: str | None
    parameters: int
    files: tuple[str, ...]
    why_not: str | None


def export_hf(model: HybridLM, folder: str | Path, *, plan: Plan | None = None) -> Exported:
    """Write the model's blocks, and the model as a whole where a class carries it.

    Where a plan says how it was built, that is another model that solves its task.

    Raises:
        ValueError: no transformers, layers that it has no block for, or a plan that Bamba cannot carry in float32.
        OSError: the folder cannot be written.
    """
    need_transformers()
    check_blocks(model.config.layers)
    documents = [
        block_document(name, spec)
        for name, spec in zip(model.config.layers, model.config.layer_specs(), strict=True)
    ]
    whole, why_not = _stock(model) if plan is None else _whole(plan)
    folder = Path(folder)
    (folder / BLOCKS).mkdir(parents=True, exist_ok=True)
    _write_blocks(model, documents, folder / BLOCKS)
    if whole is not None:
        with quiet_transformers():
            whole.save_pretrained(folder)
    if whole is not None and plan is not None:
        _write_tokenizer(plan.task, folder)
    about = _about(model, plan, whole) | ({} if why_not is None else {"why_no_class": why_not})
    write_whole(folder / ABOUT, _json(about))
    files = sorted(str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file())
    counted: torch.nn.Module = model if whole is None else whole
    return Exported(
        folder=folder,
        whole=None if whole is None else type(whole).__name__,
        parameters=sum(parameter.numel() for parameter in counted.parameters()),
        files=tuple(files),
        why_not=why_not,
    )


def _stock(model: HybridLM) -> "tuple[GPTNeoXForCausalLM | None, str | None]":
    """The whole model that a model's own weights make, or why there is none."""
    why_not = why_no_class(model)
    if why_not is not None:
        return None, why_not
    with quiet_transformers():
        return gpt_neox(model), None


def _whole(plan: Plan) -> "tuple[BambaForCausalLM | None, str | None]":
    """The whole model that solves a construction's task, and why there is none."""
    if not isinstance(plan, ProgramPlan):
        return bamba(plan), None
    try:
        return bamba_program(plan), None
    except WindowNeededError as reason:
        return None, str(reason)


@torch.no_grad()
def right_answers(folder: str | Path, task: Task, *, seq_len: int, sequences: int = 16) -> tuple[int, int]:
    """Right and scored answers of the folder's whole model, loaded as anyone loads it, on samples of the task."""
    from transformers import AutoModelForCausalLM

    tokens = task.sample(Stream(0, 0, TEST), batch=sequences, seq_len=seq_len)
    targets = task.targets(tokens)
    with quiet_transformers():
        model = AutoModelForCausalLM.from_pretrained(str(folder), trust_remote_code=False)
        answers = model(tokens).logits.argmax(-1)
    right = (answers == targets.tokens) & targets.scored
    return int(right.sum()), int(targets.scored.sum())


def block_document(name: str, spec: LayerSpec) -> dict[str, Any]:
    """How to make the block: its class, the arguments of its config, and what is set on the config afterwards."""
    if name in TAKERS:
        taker = TAKERS[name]
        return {
            "module": taker.module,
            "block": taker.block,
            "config": taker.config,
            "arguments": taker.arguments(spec),
            "attributes": {},
            "window": None,
            "around": None if taker.is_layer else f"hidden + mixer(RMSNorm(hidden)), eps {spec.norm_eps:g}",
        }
    module, block, config = CLASSES[name]
    is_mamba = name == "SSM"
    return {
        "module": module,
        "block": block,
        "config": config,
        "arguments": mamba_arguments(spec) if is_mamba else gpt_neox_arguments(spec),
        "attributes": {"intermediate_size": spec.d_inner} if is_mamba else {"_attn_implementation": "eager"},
        "window": None if is_mamba else spec.window,
    }


def _write_blocks(model: HybridLM, documents: list[dict[str, Any]], folder: Path) -> None:
    for place, (document, layer) in enumerate(zip(documents, model.layers, strict=True)):
        write_whole(folder / f"layer-{place}.json", _json(document))
        write_whole(folder / f"layer-{place}.safetensors", serialise(_contiguous(layer.state_dict())))
    stem = {
        "embedding.weight": model.embedding.weight,
        "final_norm.weight": model.final_norm.weight,
        "final_norm.bias": model.final_norm.bias,
    }
    write_whole(folder / "stem.safetensors", serialise(_contiguous(stem)))


def _write_tokenizer(task: Task, folder: Path) -> None:
    from tokenizers import Tokenizer
    from tokenizers.models import WordLevel
    from tokenizers.pre_tokenizers import WhitespaceSplit
    from transformers import PreTrainedTokenizerFast

    bos, eos, null = SPECIALS
    words = Tokenizer(WordLevel({name: token for token, name in enumerate(task.token_names)}, unk_token=null))
    words.pre_tokenizer = WhitespaceSplit()  # type: ignore[assignment]
    tokenizer = PreTrainedTokenizerFast(
        tokenizer_object=words, bos_token=bos, eos_token=eos, pad_token=null, unk_token=null
    )
    with quiet_transformers():
        tokenizer.save_pretrained(folder)


def _about(model: HybridLM, plan: Plan | None, whole: "PreTrainedModel | None") -> dict[str, Any]:
    about: dict[str, Any] = {
        "what": BLOCKS_ONLY if whole is None else STOCK if plan is None else VARIANT,
        "class": None if whole is None else type(whole).__name__,
        "model": model.config.to_json(),
    }
    if plan is not None:
        about |= {
            **_task_of(plan),
            "seq_len": plan.seq_len,
            "construction": plan.name,
            "token_names": list(plan.task.token_names),
        }
    return about


def _task_of(plan: Plan) -> dict[str, Any]:
    return (
        {"program": program_to_json(plan.task)} if isinstance(plan, ProgramPlan) else task_to_json(plan.task)
    )


@contextmanager
def quiet_transformers() -> Generator[None, None, None]:
    """No progress bars of transformers inside, nor its remarks on kernels that are not installed."""
    from transformers.utils import logging

    shown, verbosity = logging.is_progress_bar_enabled(), logging.get_verbosity()
    logging.disable_progress_bar()
    logging.set_verbosity_error()
    try:
        yield
    finally:
        logging.set_verbosity(verbosity)
        if shown:
            logging.enable_progress_bar()


def _contiguous(tensors: Mapping[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    return {name: tensor.detach().cpu().contiguous() for name, tensor in tensors.items()}


def _json(document: object) -> bytes:
    return (json.dumps(document, indent=2, ensure_ascii=False) + "\n").encode()
