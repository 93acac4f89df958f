"""Weights, states and caches in other formats than the model's: as files store them, as servers do, as one asks."""

from math import ceil

import hf_instances as hf
import pytest
import torch

from plait.memory import Storage, read_config
from plait.memory.architecture import OUTSIDE
from plait.memory.formats import bits_of, long_name
from plait.memory.huggingface.module_names import Names

QWEN = {
    "model_type": "qwen3", "hidden_size": 64, "intermediate_size": 96, "num_hidden_layers": 3,
    "num_attention_heads": 4, "num_key_value_heads": 2, "head_dim": 16, "vocab_size": 160, "dtype": "bfloat16",
}  # fmt: skip
OSS = {
    "model_type": "gpt_oss", "hidden_size": 64, "intermediate_size": 32, "num_hidden_layers": 2,
    "num_attention_heads": 4, "num_key_value_heads": 2, "head_dim": 16, "num_local_experts": 4,
    "num_experts_per_tok": 2, "vocab_size": 160, "sliding_window": 8,
}  # fmt: skip
LINEAR = 3 * (64 * (64 + 2 * 32) + 64 * 64 + 3 * 64 * 96)
"""Matrix entries of the layers of QWEN."""


def stored(
    quantization: dict[str, object] | None, base: dict[str, object] = QWEN, **more: object
) -> int | None:
    config = base | more | ({} if quantization is None else {"quantization_config": quantization})
    return read_config(config).memory(10).weight_bytes


def plain() -> int:
    return 2 * read_config(QWEN).parameters


class TestWeightsOfAFile:
    def test_none_named(self) -> None:
        report = read_config(QWEN).memory(10)
        assert report.weight_bytes == report.parameter_bytes == plain()
        assert report.notes == ()

    @pytest.mark.parametrize("block", [32, 16])
    def test_fp8_byte_for_byte_as_the_library_builds_it(self, block: int) -> None:
        from transformers import FineGrainedFP8Config
        from transformers.integrations.finegrained_fp8 import replace_with_fp8_linear

        model = hf.build(QWEN, torch.bfloat16, device="meta")
        config = FineGrainedFP8Config(weight_block_size=(block, block))
        replace_with_fp8_linear(model, modules_to_not_convert=["lm_head"], quantization_config=config)
        real = sum(p.numel() * p.element_size() for p in model.parameters())
        assert stored({"quant_method": "fp8", "weight_block_size": [block, block]}) == real

    def test_mxfp4_packs_experts_alone(self) -> None:
        spared = ["model.layers.*.self_attn", "model.layers.*.mlp.router", "model.embed_tokens", "lm_head"]
        config = {"quant_method": "mxfp4", "modules_to_not_convert": spared}
        entries = 2 * 4 * 3 * 64 * 32
        whole = 2 * read_config(OSS).parameters
        assert stored(config, OSS) == whole - 2 * entries + entries // 2 + entries // 32

    def test_the_published_gpt_oss(self) -> None:
        """Bytes of the tensors in its files, by their headers."""
        sizes = {
            "hidden_size": 2880, "intermediate_size": 2880, "num_hidden_layers": 36, "num_attention_heads": 64,
            "num_key_value_heads": 8, "head_dim": 64, "num_local_experts": 128, "vocab_size": 201088,
        }  # fmt: skip
        assert stored({"quant_method": "mxfp4"}, OSS, **sizes) == 65_248_815_744

    @pytest.mark.parametrize(
        ("config", "bits"),
        [
            ({"quant_method": "gptq", "bits": 4, "group_size": 32}, 4 + 20 / 32),
            ({"quant_method": "gptq", "bits": 8, "group_size": -1}, 8),
            ({"quant_method": "awq", "w_bit": 4, "q_group_size": 64}, 4 + 20 / 64),
            ({"quant_method": "bitsandbytes", "load_in_4bit": True}, 4.5),
            ({"quant_method": "bitsandbytes", "load_in_4bit": True, "bnb_4bit_use_double_quant": True}, 4.126953125),
            ({"quant_method": "bitsandbytes", "load_in_8bit": True}, 8),
            ({"quant_method": "fbgemm_fp8"}, 8),
            ({"quant_method": "quanto", "weights": "int4"}, 4),
            ({"quant_method": "bitnet"}, 2),
            ({"quant_method": "modelopt", "quant_algo": "NVFP4", "ignore": ["lm_head"]}, 4.5),
            ({"quant_algo": "FP8", "exclude_modules": ["lm_head"]}, 8),
            ({"quant_method": "compressed-tensors", "format": "mxfp8-quantized", "ignore": ["lm_head"]}, 8.25),
        ],
    )  # fmt: skip
    def test_every_linear_map_of_the_layers(self, config: dict[str, object], bits: float) -> None:
        assert stored(config) == ceil(plain() - 2 * LINEAR + LINEAR * bits / 8)

    def test_groups_of_modules(self) -> None:
        """compressed-tensors: the answer's matrix is packed unless it is ignored."""
        weights = {"num_bits": 4, "type": "int", "group_size": 32, "symmetric": True}
        config = {
            "quant_method": "compressed-tensors",
            "config_groups": {"a": {"targets": ["Linear"], "weights": weights}},
        }
        answer = 64 * 160
        all_of_them = stored(config)
        assert all_of_them == plain() - 2 * (LINEAR + answer) + (LINEAR + answer) * 4.5 / 8
        assert stored(config | {"ignore": ["lm_head"]}) == plain() - 2 * LINEAR + LINEAR * 4.5 / 8
        attention = 3 * (64 * (64 + 2 * 32) + 64 * 64)
        kept = stored(config | {"ignore": ["lm_head", "re:.*self_attn.*"]})
        assert kept == plain() - 2 * (LINEAR - attention) + (LINEAR - attention) * 4.5 / 8

    def test_one_layer_left_out(self) -> None:
        names = [f"model.layers.1.mlp.{name}_proj" for name in ("gate", "up", "down")]
        config = {
            "quant_method": "fp8",
            "weight_block_size": None,
            "modules_to_not_convert": [*names, "lm_head"],
        }
        assert stored(config) == plain() - LINEAR + 3 * 64 * 96

    def test_mlx_packs_tables_too(self) -> None:
        config = QWEN | {"quantization": {"bits": 4, "group_size": 32}}
        entries = LINEAR + 2 * 64 * 160
        assert read_config(config).memory(10).weight_bytes == plain() - 2 * entries + entries * 5 / 8
        both = config | {"quantization_config": {"bits": 4, "group_size": 32}}
        assert read_config(both).memory(10).weight_bytes == read_config(config).memory(10).weight_bytes

    @pytest.mark.parametrize("method", ["aqlm", "vptq", "somebody's", "", None, 7])
    def test_what_is_not_understood_is_named(self, method: object) -> None:
        report = read_config(QWEN | {"quantization_config": {"quant_method": method, "x": 1}}).memory(10)
        assert (report.weight_bytes, report.total_bytes) == (None, None)
        assert report.parameter_bytes == plain()
        assert "not counted" in " ".join(report.notes)

    def test_of_a_wrapper(self) -> None:
        inner = {k: v for k, v in QWEN.items() if k != "dtype"}
        config = {"model_type": "some_vl", "text_config": inner, "dtype": "bfloat16"}
        assert stored({"quant_method": "fp8"}, config) == stored({"quant_method": "fp8"})

    @pytest.mark.parametrize("scheme", [{"num_bits": 8, "type": "float"}, "fp8_e4m3", "FP8"])
    def test_a_cache_in_eight_bits(self, scheme: object) -> None:
        report = read_config(
            QWEN | {"quantization_config": {"quant_method": "fp8", "kv_cache_scheme": scheme}}
        ).memory(64)
        assert report.state_bytes == 3 * 64 * 64 * 2
        assert report.file_kv_bytes == 3 * 64 * 64
        assert "8 bits a scalar" in " ".join(report.notes)

    def test_packed_files_stay_verified(self) -> None:
        assert read_config(QWEN | {"quantization_config": {"quant_method": "fp8"}}).verified


class TestNames:
    @pytest.mark.parametrize(
        ("pattern", "part", "layer", "named"),
        [
            ("lm_head", "unembedding", OUTSIDE, True),
            ("model.layers.*.self_attn", "attention", 5, True),
            ("model.layers.3.", "mlp", 3, True),
            ("model.layers.3", "mlp", 33, False),
            ("re:.*self_attn.*", "attention", 0, True),
            (r"re:model\.layers\.\d+\.mlp\.(gate|up|down)_proj$", "mlp", 7, True),
            (r"re:^language_model\.model\.layers\.0\.mlp.*", "mlp", 0, True),
            ("*shared_expert*", "shared experts", 2, True),
            ("model.language_model.layers.2.linear_attn.in_proj_qkvz", "recurrent", 2, True),
            ("gate", "mlp", 0, False),
            ("kv_b_proj", "attention", 0, False),
            ("visual.blocks", "attention", 0, False),
        ],
    )
    def test_patterns(self, pattern: str, part: str, layer: int, named: bool) -> None:
        assert Names([pattern]).match(part, layer) is named

    @pytest.mark.parametrize("pattern", [r"re:(a+)+$", r"re:^(?=.*x).*", "re:[a-z", "re:((a|b)|c)"])
    def test_no_expression_of_a_file_is_run(self, pattern: str) -> None:
        names = Names([pattern])
        assert names.unclear == [pattern]
        assert not names.match("attention", 0)

    def test_a_flood_of_patterns_ends(self) -> None:
        names = Names(f"*{i}*a*b*" for i in range(10_000))
        with pytest.raises(ValueError, match="at most 200,000 comparisons"):
            [names.match("attention", layer) for layer in range(10_000)]


class TestAskedFor:
    def test_formats_of_cache_and_state(self) -> None:
        model = read_config(hf.fixture("jamba") | {"dtype": "bfloat16"})
        own = model.memory(100)
        held = own.state_bytes - own.kv_bytes
        assert model.memory(100, storage=Storage(kv="fp8")).state_bytes == held + own.kv_cache
        assert model.memory(100, storage=Storage(kv="int4")).kv_bytes == -(-own.kv_cache * 33 // 64)
        half = model.memory(100, storage=Storage(state="bf16"))
        assert own.state_bytes - half.state_bytes == 2 * own.ssm_state

    def test_weights(self) -> None:
        report = read_config(QWEN).memory(10, storage=Storage(weights="int4"))
        assert report.weight_bytes == plain() - 2 * LINEAR + LINEAR * 4.125 / 8
        assert report.total_bytes == report.weight_bytes + report.batch_bytes
        assert "scale of 16 bits for 128" in " ".join(report.notes)

    def test_weights_asked_for_stand_before_the_file_s(self) -> None:
        packed = read_config(QWEN | {"quantization_config": {"quant_method": "fp8"}})
        report = packed.memory(10, storage=Storage(weights="bf16"))
        assert report.weight_bytes == plain()

    @pytest.mark.parametrize(
        ("arguments", "message"),
        [
            ({"kv": "int5"}, "keys and values must be in one of"),
            ({"state": "fp8"}, "a state must be kept in one of float64"),
            ({"serving": "other"}, "serving must be vllm"),
            ({"serving": "vllm", "page": 0}, r"page must be an integer in \[1, 1048576\]"),
        ],
    )
    def test_refused(self, arguments: dict[str, object], message: str) -> None:
        with pytest.raises(ValueError, match=message):
            Storage(**arguments)

    @pytest.mark.parametrize(("short", "name"), [("bf16", "bfloat16"), ("FP32", "float32"), ("e4m3", "fp8")])
    def test_short_names(self, short: str, name: str) -> None:
        assert long_name(short) == name
        assert bits_of(short) == bits_of(name)
        if name in ("bfloat16", "float32"):
            assert read_config(QWEN).memory(5, dtype=short).dtype == name


class TestServing:
    """Of vLLM's convention, by the plain loop that its rules are."""

    @pytest.mark.parametrize("page", [1, 4, 16])
    @pytest.mark.parametrize("window", [None, 5, 16, 33])
    def test_pages(self, page: int, window: int | None) -> None:
        model = read_config(hf.fixture("mistral") | {"sliding_window": window})
        for length in (1, 4, 5, 16, 17, 40, 100):
            pages = {t // page for t in range(length)}
            if window is not None:
                pages = {p for p in pages if p >= max(0, length - window + 1) // page}
            report = model.memory(length, storage=Storage(serving="vllm", page=page))
            assert report.kv_cache == 2 * 2 * 2 * 10 * page * len(pages), length
            assert report.stored_bytes == report.state_bytes
            assert report.convention == "vllm"

    def test_a_window_keeps_every_token_that_the_next_query_sees(self) -> None:
        model = read_config(hf.fixture("mistral") | {"sliding_window": 7})
        for length in range(1, 60):
            own = model.memory(length).kv_cache
            assert model.memory(length, storage=Storage(serving="vllm", page=4)).kv_cache >= own

    def test_states_and_convolutions(self) -> None:
        model = read_config(hf.fixture("qwen3_next") | {"dtype": "bfloat16"})
        own, served = model.memory(32), model.memory(32, storage=Storage(serving="vllm", page=16))
        taps = hf.fixture("qwen3_next").get("linear_conv_kernel_dim", 4)
        assert served.conv_tail * taps == own.conv_tail * (taps - 1)
        assert served.state_bytes == 2 * (served.ssm_state + served.conv_tail + served.kv_cache)
        assert "K - 1 columns" in " ".join(served.notes)
        exact = model.memory(32, storage=Storage(serving="vllm", page=16, state="fp32"))
        assert exact.state_bytes - served.state_bytes == 2 * own.ssm_state


class TestDtypeOfAFile:
    def test_none_named_is_that_of_the_published_checkpoints(self) -> None:
        read = read_config(OSS)
        report = read.memory(64)
        assert report.dtype == "bfloat16"
        assert "names no dtype: bfloat16" in " ".join(report.notes)
        assert report.state_bytes == 2 * report.kv_cache

    def test_nothing_is_said_beside_a_given_one(self) -> None:
        assert "dtype" not in " ".join(read_config(OSS).memory(64, dtype="float32").notes)

    def test_or_it_is_asked_for(self) -> None:
        config = {k: v for k, v in hf.fixture("flint").items() if k != "dtype"}
        with pytest.raises(ValueError, match="a dtype must be given"):
            read_config(config).memory(64)
        assert read_config(config).memory(64, dtype="bf16").dtype == "bfloat16"
