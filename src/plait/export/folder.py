"""`plait export --to hf`: a folder for plain `transformers`.

config.json model.safetensors ..   a BambaForCausalLM with a tokenizer, where the model is a construction
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
from plait.export.blocks import gpt_neox_arguments, mamba_arguments, need_transformers
from plait.files import write_whole
from plait.layers import LayerSpec
from plait.model import HybridLM
from plait.random import TEST, Stream
from plait.tasks import SPECIALS, Task, task_to_json

if TYPE_CHECKING:
    from transformers import BambaForCausalLM

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
    "No class of transformers stacks MambaBlock and GPTNeoXLayer in one model, so there is none to load as a whole: "
    "blocks/ holds the weights for the unmodified blocks."
)


@dataclass(frozen=True, kw_only=True)
class Exported:
    """What was written.

    Attributes:
        folder: where.
        whole: the class that loads it as a whole; None for blocks alone.
        parameters: of that class's model; of plait's where there is none.
        files: names in the folder.
        why_not: why a built model has no class that loads it as a whole; None where it has one, or was not built.
    """

    folder: Path
    whole: str | None
    parameters: int
    files: tuple[str, ...]
    why_not: str | None


def export_hf(model: HybridLM, folder: str | Path, *, plan: Plan | None = None) -> Exported:
    """Write the model's blocks, and where a plan says how it was built, a whole model that solves its task.

    Raises:
        ValueError: no transformers, layers that it has no block for, or a plan that Bamba cannot carry in float32.
        OSError: the folder cannot be written.
    """
    need_transformers()
    for name in model.config.layers:
        if name not in CLASSES:
            raise ValueError(f"transformers has blocks for SSM and TF layers, got {name!r}")
    whole, why_not = _whole(plan)
    folder = Path(folder)
    (folder / BLOCKS).mkdir(parents=True, exist_ok=True)
    _write_blocks(model, folder / BLOCKS)
    if whole is not None and plan is not None:
        _write_whole(whole, plan.task, folder)
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


def _whole(plan: Plan | None) -> "tuple[BambaForCausalLM | None, str | None]":
    """The whole model, and why there is none though the model was built."""
    if not isinstance(plan, ProgramPlan):
        return (None if plan is None else bamba(plan)), None
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


def _write_blocks(model: HybridLM, folder: Path) -> None:
    for place, (name, spec, layer) in enumerate(
        zip(model.config.layers, model.config.layer_specs(), model.layers, strict=True)
    ):
        write_whole(folder / f"layer-{place}.json", _json(block_document(name, spec)))
        write_whole(folder / f"layer-{place}.safetensors", serialise(_contiguous(layer.state_dict())))
    stem = {
        "embedding.weight": model.embedding.weight,
        "final_norm.weight": model.final_norm.weight,
        "final_norm.bias": model.final_norm.bias,
    }
    write_whole(folder / "stem.safetensors", serialise(_contiguous(stem)))


def _write_whole(model: "BambaForCausalLM", task: Task, folder: Path) -> None:
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
        model.save_pretrained(folder)
        tokenizer.save_pretrained(folder)


def _about(model: HybridLM, plan: Plan | None, whole: "BambaForCausalLM | None") -> dict[str, Any]:
    about: dict[str, Any] = {
        "what": VARIANT if whole is not None else BLOCKS_ONLY,
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
