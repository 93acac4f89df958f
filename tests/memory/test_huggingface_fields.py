"""No field of a family's class is counted wrongly in silence: each is changed, and class and reader are compared.

A few fields of each family in every run; all of them with PLAIT_EVERY_FIELD=1 (two minutes).
"""

import json
import os
from collections.abc import Iterator, Mapping
from pathlib import Path
from zlib import crc32

import hf_instances as hf
import pytest
import torch

from plait.memory.architecture import Architecture
from plait.memory.huggingface import FAMILIES, read_config
from plait.memory.huggingface.fields import Fields
from plait.memory.huggingface.read import NO_CACHE
from plait.memory.huggingface.vocabulary import (
    ACCEPTED,
    IGNORED,
    RENAMED_WITHOUT_TRANSFORMERS,
    is_neutral,
    renamed_layer_types,
    table_in,
)

NAMES = sorted(name for name, family in FAMILIES.items() if family.tested)
EVERY = os.environ.get("PLAIT_EVERY_FIELD") == "1"
SHARE = 12
"""Of the fields that are known to change nothing, one in so many is tried for each family."""

ELSEWHERE: dict[str, object] = {
    "head_dim": 6, "num_key_value_heads": 1, "sliding_window": 5, "attention_bias": True, "attention_chunk_size": 6,
    "tie_word_embeddings": True, "mlp_bias": True, "v_head_dim": 6, "use_qk_norm": True, "n_shared_experts": 2,
    "num_shared_experts": 2, "first_k_dense_replace": 2, "use_bias": True, "num_experts": 3, "num_local_experts": 3,
    "n_routed_experts": 3, "moe_layer_freq": 2, "q_lora_rank": 9, "kv_lora_rank": 9, "use_sliding_window": True,
    "max_window_layers": 1, "sliding_window_pattern": 2,
}  # fmt: skip
"""Fields that mean something in other families."""

WIDTHS = ("hidden_size", "d_model", "n_embd", "embedding_dim")
NEVER = ("model_type", "architectures", "dtype", "torch_dtype", "transformers_version", "vocab_size")
OWN_CACHES = ("minimax", "rwkv", "xlstm", "recurrent_gemma", "gpt_neo")


def others(name: str, value: object) -> list[object]:
    """Values that a field might have instead; none for texts, whose others are not known."""
    match value:
        case bool():
            return [not value]
        case int():
            return [2 * value] if value and name in WIDTHS else [2 * value, value + 1] if value else [1, 2]
        case float():
            return [1.5 * value + 0.25]
        case None:
            return [True, 3]
        case list() if len({str(v) for v in value}) > 1 and all(isinstance(v, str) for v in value):
            return [value[::-1]]
        case _:
            return []


def windows(model: torch.nn.Module) -> list[int | None] | None:
    """The window of every cache layer of the class."""
    from transformers import DynamicCache

    return [getattr(layer, "sliding_window", None) for layer in DynamicCache(config=model.config).layers]


def sure(read: Architecture) -> bool:
    """Whether a reading has no doubts but that its class keeps no cache."""
    family = FAMILIES[read.model_type]
    return read.verified or read.notes == (NO_CACHE.format(name=family.class_name),)


def disagreement(config: Mapping[str, object]) -> str | None:
    """What reader and class say differently; None where they agree, or one refuses, or the reader has doubts."""
    try:
        read = read_config(config)
    except ValueError:
        return None
    if not sure(read):
        return None
    try:
        model = hf.build(config, torch.float32, device="meta")
        slides = windows(model)
    except Exception:
        return None
    real = sum(p.numel() for p in model.parameters())
    if read.parameters != real:
        return f"{read.parameters} parameters, the class has {real}"
    ours = [
        max((b.window or 0 for b in layer.blocks if b.kv_per_token or b.recurrent or b.conv), default=0)
        or None
        for layer in read.layers
    ]
    if len(ours) == len(slides) and ours != slides and config["model_type"] not in OWN_CACHES:
        return f"windows {ours}, the class has {slides}"
    return None


def saved(name: str, folder: Path) -> dict[str, object]:
    """The small config with every field that its class saves."""
    hf.build(hf.fixture(name), torch.float32, device="meta").config.save_pretrained(folder)
    return hf.fixture(name) | json.loads((folder / "config.json").read_text())


def changes(name: str, full: Mapping[str, object]) -> Iterator[tuple[str, object]]:
    """Changed fields: all, or those that are said to change nothing in this family and a few more."""
    known = {*IGNORED.get(name, "").split(), *ACCEPTED.get(name, {})}
    for field in sorted({*full, *ELSEWHERE} - {*NEVER}):
        drawn = crc32(f"{name}.{field}".encode()) % SHARE == 0
        if "token_id" in field or not (EVERY or drawn or field in known):
            continue
        values = others(field, full[field]) if field in full else [ELSEWHERE[field]]
        yield from ((field, value) for value in (values if EVERY else values[:1]))


@pytest.mark.parametrize("name", NAMES)
def test_fields_change_what_they_change_in_the_class(name: str, tmp_path: Path) -> None:
    full = saved(name, tmp_path)
    assert sure(read_config(full)), read_config(full).notes
    assert disagreement(full) is None
    wrong = {
        f"{field}: {full.get(field)!r} -> {value!r}": found
        for field, value in changes(name, full)
        if (found := disagreement({**full, field: value}))
    }
    assert not wrong


class TestUnread:
    @pytest.mark.parametrize("value", [True, 3, 0.5, "other", [1], {"a": 1}])
    def test_an_unknown_field_is_named_and_nothing_is_promised(self, value: object) -> None:
        read = read_config(hf.fixture("llama") | {"expert_choice": value})
        assert not read.verified
        assert "expert_choice" in " ".join(read.notes)
        assert read.parameters == read_config(hf.fixture("llama")).parameters

    @pytest.mark.parametrize("value", [None, False, 0, "", [], {}])
    def test_a_field_that_switches_nothing_on_is_not(self, value: object) -> None:
        assert read_config(hf.fixture("llama") | {"expert_choice": value}).verified

    def test_fields_within_fields_too(self) -> None:
        nested = {"num_heads": 3, "head_dim": 6, "mystery": 2}
        read = read_config(hf.fixture("kimi_linear") | {"linear_attn_config": nested})
        assert "linear_attn_config.mystery" in " ".join(read.notes)

    def test_two_names_of_one_field_must_agree(self) -> None:
        config = hf.fixture("gpt_oss") | {"num_local_experts": 4}
        assert read_config(config | {"num_experts": 4}).verified
        assert not read_config(config | {"num_experts": 3}).verified

    def test_a_long_list_of_names_is_cut(self) -> None:
        many = {f"mystery_{i}": 1 for i in range(50)}
        (note,) = read_config(hf.fixture("llama") | many).notes
        assert "mystery_11 and 38 more" in note
        assert len(note) < 400

    def test_asked_and_ignored(self) -> None:
        fields = Fields({"a": 1, "b": 2, "c": 3, "rope_theta": 4}, "new")
        fields.integer("a", default=0)
        fields.accept("b", 2)
        fields.accept("c", 4)
        assert fields.unread() == ("c",)
        assert is_neutral("rope_theta")


class TestRenamedLayerTypes:
    def test_all_of_the_installed_library(self) -> None:
        """Read from its source, which is not imported."""
        from transformers.configuration_utils import _LEGACY_LAYER_TYPE_REMAP as TABLE

        assert TABLE.items() <= dict(renamed_layer_types()).items()

    def test_without_the_library_those_of_the_tested_version(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
        assert renamed_layer_types.__wrapped__() == RENAMED_WITHOUT_TRANSFORMERS

    def test_a_table_is_found_in_a_source(self) -> None:
        assert table_in('x = 1\n_LEGACY_LAYER_TYPE_REMAP = {\n    "old": "new",  # why\n}\ny = 2\n') == {
            "old": "new"
        }
        assert table_in("_LEGACY_LAYER_TYPE_REMAP = {\n    f(): 1,\n}\n") == table_in("") == {}

    @pytest.mark.parametrize("name", ["glm5_next_text", "qwen4_exp_text", "deepseek_v32", "glm_moe_dsa"])
    @pytest.mark.parametrize("old", ["deepseek_sparse_attention", "qwen_sparse_attention"])
    def test_old_names_of_indexed_layers(self, name: str, old: str) -> None:
        new = read_config(hf.fixture(name))
        named = [old if layer.kind == "indexed_attention" else layer.kind for layer in new.layers]
        assert old in named
        assert read_config(hf.fixture(name) | {"layer_types": named}).layers == new.layers
