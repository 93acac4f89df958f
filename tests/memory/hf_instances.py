"""Tiny instances of the real classes of `transformers`, and what their caches hold."""

import importlib
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor, nn

FIXTURES = Path(__file__).parent / "fixtures"
RECURRENT, CONV, KV = "ssm_state", "conv_tail", "kv_cache"


def fixture(name: str) -> dict[str, object]:
    """A small config file of that family, in float32."""
    return json.loads((FIXTURES / f"{name}.json").read_text()) | {"dtype": "float32"}


def build(config: Mapping[str, object], dtype: torch.dtype, device: str = "cpu") -> nn.Module:
    """The causal language model of a config file's content, with random weights."""
    from transformers import AutoConfig, AutoModelForCausalLM

    fields = {
        k: v for k, v in config.items() if k not in ("model_type", "architectures", "dtype", "torch_dtype")
    }
    text = AutoConfig.for_model(str(config["model_type"]), **fields).get_text_config(decoder=True)
    torch.manual_seed(0)
    with torch.device(device):
        if text.__class__ in AutoModelForCausalLM._model_mapping:
            return AutoModelForCausalLM.from_config(text, dtype=dtype).eval()
        return WithHead(text_class(text)._from_config(text, dtype=dtype)).eval()


def text_class(config: object) -> type:
    """The text model of a family that is a causal language model only beside encoders of other inputs."""
    from transformers import PreTrainedModel

    name = type(config).__module__.replace(".configuration_", ".modeling_")
    module = importlib.import_module(name)
    classes = [
        c
        for c in vars(module).values()
        if isinstance(c, type)
        and issubclass(c, PreTrainedModel)
        and c.__module__ == name
        and c.config_class is type(config)
        and c.__name__.endswith("Model")
        and "PreTrained" not in c.__name__
    ]
    return classes[0]


class WithHead(nn.Module):
    """A text model and its unembedding."""

    def __init__(self, model: nn.Module) -> None:
        super().__init__()
        self.model, self.config, self.dtype = model, model.config, model.dtype
        self.lm_head = nn.Linear(
            model.config.hidden_size, model.config.vocab_size, bias=False, dtype=model.dtype
        )
        if getattr(model.config, "tie_word_embeddings", False):
            self.lm_head.weight = model.embed_tokens.weight

    def forward(self, tokens: Tensor, **kwargs: object) -> object:
        out = self.model(tokens, **kwargs)
        self.lm_head(out.last_hidden_state)
        return out


@dataclass(frozen=True)
class Held:
    """One state tensor of one layer (None: of all layers together)."""

    layer: int | None
    kind: str
    tensor: Tensor


def prefill_then_steps(model: nn.Module, *, prefill: int, steps: int, batch: int = 1) -> list[Held]:
    """The state after a pass over `prefill` tokens and `steps` single ones."""
    tokens = torch.arange(batch * (prefill + steps)).view(batch, -1) * 7 % model.config.vocab_size
    *_, cache = _caches(model, tokens, prefill)
    return list(_held(model, cache))


def _caches(model: nn.Module, tokens: Tensor, prefill: int) -> Iterator[object]:
    """The cache after the pass, and after every step."""
    name, cache = _empty_cache(model)
    for piece in [tokens[:, :prefill], *(tokens[:, i : i + 1] for i in range(prefill, tokens.shape[1]))]:
        out = model(piece, use_cache=True, **({} if cache is None else {name: cache}))
        kept = getattr(out, name, None)  # some do not return what they are given
        cache = cache if kept is None else kept
        yield cache


def _empty_cache(model: nn.Module) -> tuple[str, object]:
    """The argument that carries the state, and its first value."""
    from transformers import DynamicCache

    match model.config.model_type:
        case "rwkv":
            return "state", None
        case "mamba" | "mamba2" | "falcon_mamba" | "xlstm":
            return "cache_params", None
        case "recurrent_gemma" | "granite4_vision_text":
            return "past_key_values", DynamicCache(config=model.config)
        case (
            "dory"
            | "lara_mini"
            | "qwen4_exp_text"
            | "inkling2_text"
            | "inkling2_loop_text"
            | "glm5_next_text"
        ):
            return "cache", None
        case _:
            return "past_key_values", None


def _held(model: nn.Module, cache: object) -> Iterator[Held]:
    if cache is None:  # a class that keeps nothing: `families.py` says so of its family
        return
    if isinstance(cache, list):  # RWKV: one tensor a kind of state, layers along the last axis
        for i, tensor in enumerate(cache):
            yield Held(None, CONV if i < 2 else RECURRENT, tensor)
        return
    if hasattr(cache, "rnn_state"):  # xLSTM
        for i, state in cache.rnn_state.items():
            yield from (Held(i, RECURRENT, tensor) for tensor in state)
        return
    for i, layer in enumerate(cache.layers):
        for name in ("keys", "values", "indexer_keys", "idx_keys"):
            if getattr(layer, name, None) is not None and not (
                name == "values" and layer.values is layer.keys
            ):
                yield Held(i, KV, getattr(layer, name))
        for name in ("buffer_kv", "buffer_gate", "compressed_kv", "overlap_kv", "overlap_gate"):
            yield from (Held(i, KV, t) for t in getattr(layer, name, {}).values() if t is not None)
        for name, kind in (("conv_states", CONV), ("recurrent_states", RECURRENT)):
            for tensor in getattr(layer, name, {}).values():
                if tensor is not None:
                    yield Held(i, kind, tensor)
    for i, tensor in enumerate(getattr(cache, "linear_cache", [])):  # MiniMax
        if len(tensor):
            yield Held(i, RECURRENT, tensor)
    if model.config.model_type == "recurrent_gemma":
        for i, layer in enumerate(model.model.layers):
            if hasattr(layer.temporal_block, "rg_lru"):
                yield Held(i, CONV, layer.temporal_block.conv1d_state)
                yield Held(i, RECURRENT, layer.temporal_block.rg_lru.recurrent_states)


def totals(held: list[Held], layer: int | None = None) -> dict[str, int]:
    """Scalars by kind, bytes of the scalars and bytes of the storage, of one layer or of all."""
    mine = [h for h in held if layer is None or h.layer == layer]
    sums = {k: sum(h.tensor.numel() for h in mine if h.kind == k) for k in (RECURRENT, CONV, KV)}
    sums["state_bytes"] = sum(h.tensor.numel() * h.tensor.element_size() for h in mine)
    sums["stored_bytes"] = sum(h.tensor.untyped_storage().nbytes() for h in mine)
    return sums


_NOT_MATRICES = (
    "A_log",
    "time_mix",
    "D",
    "temp",
    "scale",
    "static_weight",
    "query",
    "index_kpool_compress_ape",
)


_PER_TOKEN = ("num_experts_per_tok", "top_k_experts", "moe_topk", "moe_top_k")


def matrices_of_one_token(model: nn.Module) -> int:
    """Entries of matrices that multiply the third token of a sequence: those of the modules it visits."""
    seen: list[nn.Module] = []
    caches = _caches(model, torch.tensor([[1, 2, 3]]), prefill=2)
    next(caches)
    hooks = [m.register_forward_hook(lambda m, *_: seen.append(m)) for m in model.modules()]
    next(caches)
    for hook in hooks:
        hook.remove()
    # Some weights are read without calling their module: dt_proj's of Mamba-1, a router's.
    read = ("dt_proj", "router.classifier")
    seen += [m for name, m in model.named_modules() if name.endswith(read) and m not in seen]
    return sum(_matrices(module, model.config) for module in seen)


def matrices_once(model: nn.Module) -> int:
    """The same for a model that visits every module once, without running it."""
    return sum(_matrices(module, model.config) for module in model.modules())


def _matrices(module: nn.Module, config: object) -> int:
    if isinstance(module, nn.Embedding | nn.Conv1d):
        return 0
    matrices = [
        p
        for name, p in module.named_parameters(recurse=False)
        if p.ndim >= 2 and not name.startswith(_NOT_MATRICES) and "bias" not in name
    ]
    if type(module).__name__ == "DbrxExpertGLU":
        return sum(p.numel() for p in matrices) // config.ffn_config.moe_num_experts
    if type(module).__name__.endswith("Experts") and matrices:
        visited = next(getattr(config, name) for name in _PER_TOKEN if hasattr(config, name))
        return sum(p.numel() // len(p) * min(visited, len(p)) for p in matrices)
    return sum(p.numel() for p in matrices)
