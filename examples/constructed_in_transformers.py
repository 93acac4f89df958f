"""An exported construction in transformers alone: nothing of plait is imported here.

    plait build selective-copying --seq-len 100 -o copying
    plait export copying --to hf -o copying-hf
    python examples/constructed_in_transformers.py copying-hf

First the very weights in unmodified MambaBlock and GPTNeoXLayer modules, wired as any stack of blocks is; then the
variant that AutoModelForCausalLM loads by itself. Both are held against the task's rule as a plain loop.
"""

import importlib
import json
import sys
from pathlib import Path

import torch
import torch.nn.functional as F
import transformers
from safetensors.torch import load_file
from transformers import AutoModelForCausalLM, AutoTokenizer
from transformers.models.gpt_neox.modeling_gpt_neox import GPTNeoXRotaryEmbedding


def blocks_of(folder: Path) -> list:
    """Each block with its window and, for attention, its rotary angles."""
    stack = []
    for path in sorted(folder.glob("layer-*.json")):
        about = json.loads(path.read_text())
        config = getattr(transformers, about["config"])(**about["arguments"])
        for name, value in about["attributes"].items():
            setattr(config, name, value)
        block = getattr(importlib.import_module(about["module"]), about["block"])(config, layer_idx=0)
        block.load_state_dict(load_file(path.with_suffix(".safetensors")), strict=True)
        rotary = GPTNeoXRotaryEmbedding(config) if about["block"] == "GPTNeoXLayer" else None
        stack.append((block.eval(), rotary, about["window"]))
    return stack


@torch.no_grad()
def logits_of_blocks(folder: Path, tokens: torch.Tensor) -> torch.Tensor:
    stem = load_file(folder / "stem.safetensors")
    hidden = F.embedding(tokens, stem["embedding.weight"])
    time = tokens.shape[1]
    distance = torch.arange(time)[:, None] - torch.arange(time)
    for block, rotary, window in blocks_of(folder):
        if rotary is None:
            hidden = block(hidden)
            continue
        unseen = (distance < 0) | (distance >= (window or time))
        mask = torch.zeros(time, time).masked_fill(unseen, torch.finfo(hidden.dtype).min)[None, None]
        angles = rotary(hidden, torch.arange(time)[None])
        hidden = block(hidden, attention_mask=mask, position_embeddings=angles)
    width = hidden.shape[-1]
    hidden = F.layer_norm(hidden, (width,), stem["final_norm.weight"], stem["final_norm.bias"])
    return hidden @ stem["embedding.weight"].T


def copied_back(row: list[str]) -> list[str | None]:
    """Selective copying: the token n places back, n being the latest number (5' means 5)."""
    answers, back = [], None
    for place, token in enumerate(row):
        back = int(token[:-1]) if token.endswith("'") else back
        answers.append(row[place - back] if back is not None and back <= place else None)
    return answers


def recalled(row: list[str], n_bits: int) -> list[str | None]:
    """Decoding recall: what followed the latest earlier occurrence of the word that the latest bits spell."""
    answers, follower, register = [], {}, 0
    for place, token in enumerate(row):
        if token in ("0", "1"):
            register = (2 * register + int(token)) % 2**n_bits
        if place:
            follower[row[place - 1]] = token
        answers.append(follower.get(f"w{register}"))
    return answers


def main() -> None:
    folder = Path(sys.argv[1])
    about = json.loads((folder / "plait.json").read_text())
    tokenizer = AutoTokenizer.from_pretrained(str(folder))
    model = AutoModelForCausalLM.from_pretrained(str(folder), trust_remote_code=False)
    names = about["token_names"]
    ordinary = [name for name in names if not name.startswith("<")]
    pick = torch.randint(0, len(ordinary), (about["seq_len"],), generator=torch.Generator().manual_seed(0))
    row = [ordinary[place] for place in pick.tolist()]
    copying = about["task"] == "selective-copying"
    targets = copied_back(row) if copying else recalled(row, about["params"]["n_bits"])
    tokens = tokenizer(" ".join(row), return_tensors="pt")["input_ids"]
    with torch.no_grad():
        found = {
            "MambaBlock and GPTNeoXLayer": logits_of_blocks(folder / "blocks", tokens),
            type(model).__name__: model(tokens).logits,
        }
    for name, logits in found.items():
        answers = [names[token] for token in logits[0].argmax(-1).tolist()]
        scored = [
            (answer, target) for answer, target in zip(answers, targets, strict=True) if target is not None
        ]
        right = sum(answer == target for answer, target in scored)
        print(f"{name}: {right} of {len(scored)} answers right")
        if right < len(scored):
            sys.exit(1)


if __name__ == "__main__":
    main()
