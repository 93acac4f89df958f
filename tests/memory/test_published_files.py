"""What published files say beside and around the fields of a family's own class: read, or the figures are doubted."""

import json
from pathlib import Path
from typing import Any

import hf_instances as hf
import pytest

from plait.memory import read_config
from plait.memory.formats import bits_of

M3: dict[str, Any] = {
    "hidden_size": 48, "intermediate_size": 24, "dense_intermediate_size": 96, "shared_intermediate_size": 24,
    "num_hidden_layers": 4, "num_attention_heads": 6, "num_key_value_heads": 2, "head_dim": 8, "vocab_size": 100,
    "num_local_experts": 6, "num_experts_per_tok": 2, "n_shared_experts": 1, "moe_layer_freq": [0, 1, 1, 1],
    "use_gemma_norm": True, "use_qk_norm": True, "qk_norm_type": "per_head", "use_routing_bias": True,
    "dtype": "bfloat16",
    "sparse_attention_config": {
        "use_sparse_attention": True, "sparse_index_dim": 8, "sparse_num_index_heads": 2,
        "sparse_attention_freq": [0, 0, 1, 1],
    },
}  # fmt: skip
CLASS_M3 = M3 | {"model_type": "minimax_m3_vl_text"}


def test_the_class_has_what_is_counted_for_the_published_fields() -> None:
    """Byte for byte as the class builds it from the same fields."""
    import torch

    model = hf.build(CLASS_M3, torch.bfloat16, device="meta")
    assert sum(p.numel() for p in model.parameters()) == read_config(CLASS_M3).parameters


@pytest.mark.parametrize(
    "file",
    [
        M3 | {"model_type": "minimax_m3", "architectures": ["MiniMaxM3ForCausalLM"], "first_k_dense_replace": 1},
        {
            "model_type": "minimax_m3_vl",
            "architectures": ["MiniMaxM3SparseForConditionalGeneration"],
            "text_config": M3 | {"architectures": ["MiniMaxM3SparseForCausalLM"]},
            "img_token_compression_config": {"spatial_merge_size": 2},
        },
    ],
)  # fmt: skip
def test_a_family_by_its_older_name_and_by_what_is_around_it(file: dict[str, Any]) -> None:
    read, real = read_config(file), read_config(CLASS_M3)
    assert read.verified
    assert read.parameters == real.parameters
    assert read.memory(64).state_bytes == real.memory(64).state_bytes


def test_an_unknown_model_type_of_a_known_class_is_read_and_doubted() -> None:
    real = hf.fixture("deepseek_v4")
    read = read_config(real | {"model_type": "deepseek_ref", "architectures": ["DeepseekV4ForCausalLM"]})
    assert read.parameters == read_config(real).parameters
    assert not read.verified
    assert "deepseek_ref is not known: read as DeepseekV4ForCausalLM" in " ".join(read.notes)


SAID: dict[str, dict[str, tuple[object, object]]] = {
    "qwen3_moe": {"use_qk_norm": (True, "yes")},
    "qwen3_5_moe_text": {
        "attn_output_gate": (True, "per_head"),
        "mamba_ssm_dtype": ("float32", "bfloat16"),
        "output_gate_type": ("swish", "sigmoid"),
    },
    "minimax_m2": {"attn_type_list": ([1, 1], [1, 0]), "use_routing_bias": (True, "each")},
    "glm_moe_dsa": {"moe_router_dtype": ("float32", "bfloat16")},
}


@pytest.mark.parametrize(
    ("model_type", "field"), [(name, field) for name, fields in SAID.items() for field in fields]
)
def test_a_field_is_accepted_at_the_value_that_its_class_has_and_at_no_other(
    model_type: str, field: str
) -> None:
    usual, other = SAID[model_type][field]
    config = hf.fixture(model_type)
    assert read_config(config).verified
    assert read_config(config | {field: usual}).verified
    doubted = read_config(config | {field: other})
    assert not doubted.verified
    assert field in " ".join(doubted.notes)


@pytest.mark.parametrize("model_type", ["qwen3_moe", "kimi_linear", "llama"])
def test_how_to_generate_is_no_doubt(model_type: str) -> None:
    more = {"num_beams": 1, "temperature": 1.0, "top_k": 50, "top_p": 1.0, "length_penalty": 1.0}
    assert read_config(hf.fixture(model_type) | more | {"num_return_sequences": 1}).verified


def test_experts_of_step_by_their_other_names() -> None:
    step = {"model_type": "step3p7", "num_hidden_layers": 5, "dtype": "bfloat16"}
    usual = step | {"moe_num_experts": 16, "moe_layers_enum": "2,3,4"}
    other = step | {"num_experts": 16, "first_k_dense_replace": 2, "n_shared_experts": 1}
    assert read_config(other).parameters == read_config(usual).parameters
    assert read_config(other).parameters < read_config(step).parameters


class TestQuantizationBesideTheConfig:
    def write(self, folder: Path, config: dict[str, Any], told: object) -> Path:
        (folder / "config.json").write_text(json.dumps(config))
        (folder / "hf_quant_config.json").write_text(json.dumps(told))
        return folder

    def test_it_is_read_as_in_the_config(self, tmp_path: Path) -> None:
        config = hf.fixture("llama") | {"dtype": "bfloat16"}
        algorithm = {"quant_algo": "FP8", "kv_cache_quant_algo": "FP8", "exclude_modules": ["lm_head"]}
        folder = self.write(tmp_path, config, {"producer": {"name": "modelopt"}, "quantization": algorithm})
        within = read_config(config | {"quantization_config": {"quant_method": "modelopt", **algorithm}})
        for source in (folder, folder / "config.json"):
            report = read_config(source).memory(10)
            assert report.weight_bytes == within.memory(10).weight_bytes
            assert report.weight_bytes is not None
            assert report.weight_bytes < report.parameter_bytes
            assert report.file_kv_bytes == report.kv_bytes // 2

    def test_what_the_config_says_itself_stands_before_it(self, tmp_path: Path) -> None:
        config = hf.fixture("llama") | {"dtype": "bfloat16", "quantization_config": {"quant_method": "fp8"}}
        folder = self.write(tmp_path, config, {"quantization": {"quant_algo": "NVFP4"}})
        assert read_config(folder).memory(10).weight_bytes == read_config(config).memory(10).weight_bytes

    @pytest.mark.parametrize("told", [[], {}, {"quantization": 7}, {"quantization": {}}])
    def test_what_says_nothing_changes_nothing(self, tmp_path: Path, told: object) -> None:
        config = hf.fixture("llama") | {"dtype": "bfloat16"}
        report = read_config(self.write(tmp_path, config, told)).memory(10)
        assert report.weight_bytes in (report.parameter_bytes, None)


class TestWhichModules:
    """The parts that ModelOpt's files name, by the names of each family."""

    def packed(self, config: dict[str, Any], quantization: dict[str, Any]) -> dict[str, int]:
        """Parts of all layers, and the entries of each that are packed."""
        packing = read_config(config | {"quantization_config": quantization}).packing
        read = read_config(config)
        assert packing is not None
        assert packing.bits is not None
        found: dict[str, int] = {}
        for index, layer in enumerate(read.layers):
            for block in layer.blocks:
                if packing.bits(block, index) is not None:
                    found[block.part] = found.get(block.part, 0) + block.packable
        return {part: n for part, n in found.items() if n}

    def test_experts_beside_the_feed_forward_part_are_not_spared_with_it(self) -> None:
        config = hf.fixture("gemma4_text") | {"enable_moe_block": True, "dtype": "bfloat16"}
        config |= {"num_experts": 4, "top_k_experts": 2, "moe_intermediate_size": 16}
        spared = ["model.language_model.layers.*.mlp*", "*self_attn*", "*router*", "lm_head"]
        packed = self.packed(config, {"quant_algo": "NVFP4", "ignore": spared})
        assert {"experts", "mlp", "attention"} & set(packed) == {"experts"}

    def test_parts_of_a_family_that_calls_them_all_mixer(self) -> None:
        config = hf.fixture("nemotron_h") | {"dtype": "bfloat16"}
        spared = [f"backbone.layers.{i}.mixer.{name}_proj" for i in range(40) for name in "qkvo"]
        packed = self.packed(config, {"quant_algo": "NVFP4", "exclude_modules": spared})
        assert "attention" in self.packed(config, {"quant_algo": "NVFP4"})
        assert "attention" not in packed
        assert "recurrent" in packed

    def test_a_format_for_each_module(self) -> None:
        config = hf.fixture("qwen3_moe") | {"dtype": "bfloat16"}
        n = len(read_config(config).layers)
        layers = {f"model.layers.{i}.mlp.experts": {"quant_algo": "W4A16_NVFP4"} for i in range(n)}
        layers |= {
            f"model.layers.{i}.self_attn.{x}_proj": {"quant_algo": "FP8"} for i in range(n) for x in "qkv"
        }
        mixed = {"quant_method": "modelopt", "quant_algo": "MIXED_PRECISION", "quantized_layers": layers}
        report = read_config(config | {"quantization_config": mixed}).memory(10)
        packed = self.packed(config, mixed)
        assert set(packed) == {"experts", "attention"}
        saved = packed["experts"] * (16 - bits_of("nvfp4")) + packed["attention"] * 8
        assert report.weight_bytes == -(-(8 * report.parameter_bytes - saved) // 8)

    def test_a_format_of_a_module_that_is_not_known_is_named(self) -> None:
        layers = {"model.layers.0.mlp.experts": {"quant_algo": "somebody's"}}
        config = hf.fixture("qwen3_moe") | {"quantization_config": {"quantized_layers": layers}}
        report = read_config(config | {"dtype": "bfloat16"}).memory(10)
        assert report.weight_bytes is None
        assert "somebody's" in " ".join(report.notes)

    def test_many_wildcards_of_single_layers_are_few_comparisons(self) -> None:
        """A published file spares one module in each of its 78 layers, by a wildcard of its own for each."""
        spared = [f"model.layers.{i}.self_attn*" for i in range(78)] + [
            f"model.layers.{i}.x*" for i in range(78)
        ]
        config = hf.fixture("llama") | {"num_hidden_layers": 78, "dtype": "bfloat16"}
        assert "attention" not in self.packed(config, {"quant_algo": "NVFP4", "exclude_modules": spared})
