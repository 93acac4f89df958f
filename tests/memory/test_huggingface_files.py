"""Files in which fields stand that are easily passed over: each counted, or said."""

import hf_instances as hf
import pytest
import torch

from plait.memory import read_config

KIMI_K3 = {
    "model_type": "kimi_k3",
    "dtype": "bfloat16",
    "text_config": {
        "model_type": "kimi_linear", "hidden_size": 48, "intermediate_size": 72, "num_hidden_layers": 4,
        "num_attention_heads": 3, "vocab_size": 131, "kv_lora_rank": 12, "qk_nope_head_dim": 6, "qk_rope_head_dim": 4,
        "v_head_dim": 8, "moe_intermediate_size": 20, "num_experts": 6, "num_experts_per_token": 2,
        "num_shared_experts": 2, "first_k_dense_replace": 1, "routed_expert_hidden_size": 16,
        "linear_attn_config": {
            "num_heads": 3, "head_dim": 8, "short_conv_kernel_size": 4, "full_attn_layers": [4],
            "kda_layers": [1, 2, 3],
        },
    },
}  # fmt: skip


def kimi_k3(**change: object) -> dict[str, object]:
    return KIMI_K3 | {"text_config": KIMI_K3["text_config"] | change}


class TestKimiK3:
    """By the tensors of the published checkpoint; no class of `transformers` 5.24 has them."""

    def test_experts_at_a_width_of_their_own(self) -> None:
        latent, plain = read_config(kimi_k3()), read_config(kimi_k3(routed_expert_hidden_size=None))
        routed = 3 * 6 * 3 * 20
        ways = 3 * 2 * 48 * 16
        assert plain.parameters - latent.parameters == routed * (48 - 16) - ways
        assert plain.verified
        assert not latent.verified
        assert "routed_expert_hidden_size" in " ".join(latent.notes)

    @pytest.mark.parametrize(
        ("change", "more"),
        [
            ({"latent_moe_use_norm": True}, 3 * 16),
            ({"mla_use_output_gate": True}, 48 * 3 * 8),
            ({"attn_res_block_size": 2}, 4 * 4 * 48 + 2 * 48),
        ],
    )
    def test_what_else_it_has(self, change: dict[str, object], more: int) -> None:
        assert read_config(kimi_k3(**change)).parameters - read_config(kimi_k3()).parameters == more

    def test_gates_of_full_rank(self) -> None:
        nested = KIMI_K3["text_config"]["linear_attn_config"] | {"use_full_rank_gate": True}
        full = read_config(kimi_k3(linear_attn_config=nested))
        inner = 24
        assert full.parameters - read_config(kimi_k3()).parameters == 3 * (48 * inner - 8 * (48 + inner))
        assert not full.verified

    def test_the_published_shape(self) -> None:
        attends = [*range(4, 93, 4), 93]
        linear = {"head_dim": 128, "num_heads": 96, "short_conv_kernel_size": 4, "use_full_rank_gate": True}
        config = kimi_k3(
            hidden_size=7168, num_hidden_layers=93, num_attention_heads=96, q_lora_rank=1536, kv_lora_rank=512,
            qk_nope_head_dim=128, qk_rope_head_dim=64, v_head_dim=128, num_experts=896, num_experts_per_token=16,
            moe_intermediate_size=3072, intermediate_size=33792, vocab_size=163840, routed_expert_hidden_size=3584,
            latent_moe_use_norm=True, attn_res_block_size=12, mla_use_output_gate=True,
            linear_attn_config=linear | {"full_attn_layers": attends},
        )  # fmt: skip
        assert read_config(config).parameters / 1e12 == pytest.approx(2.78, rel=0.002)

    def test_layers_named_twice_or_never(self) -> None:
        nested = KIMI_K3["text_config"]["linear_attn_config"] | {"kda_layers": [1, 2]}
        with pytest.raises(ValueError, match="must name the layers 1 to 4 between them"):
            read_config(kimi_k3(linear_attn_config=nested))


class TestFieldsThatAClassDoesNotRead:
    """Then the class decides the figures, and the file's other word is told."""

    MIMO = hf.fixture("mimo_v2_flash")

    def test_heads_of_sliding_layers(self) -> None:
        plain, other = read_config(self.MIMO), read_config(self.MIMO | {"swa_num_key_value_heads": 2})
        assert plain.layers == other.layers
        assert not plain.notes
        assert "takes 4 for swa_num_key_value_heads, where the file has 2" in other.notes[0]

    def test_a_pattern_that_says_the_same(self) -> None:
        same = {
            "hybrid_layer_pattern": [0, 1, 1, 0],
            "moe_layer_freq": [0, 1, 1, 1],
            "swa_num_key_value_heads": 4,
        }
        read = read_config(self.MIMO | same)
        assert (read.notes, read.verified) == ((), True)
        assert (
            "hybrid_layer_pattern" in read_config(self.MIMO | {"hybrid_layer_pattern": [1, 1, 1, 0]}).notes[0]
        )


class TestZamba2:
    def test_heads_and_their_width_must_fill_the_mixer(self) -> None:
        config = hf.fixture("zamba2")
        assert read_config(config | {"mamba_headdim": 8}).verified
        with pytest.raises(ValueError, match=r"n_mamba_heads \* mamba_headdim must be .* = 48, got 6 \* 4"):
            read_config(config | {"mamba_headdim": 4})

    def test_the_class_cannot_run_them(self) -> None:
        model = hf.build(hf.fixture("zamba2") | {"mamba_headdim": 4}, torch.float32)
        with pytest.raises(RuntimeError, match="shape"):
            model(torch.tensor([[1, 2, 3]]))

    def test_a_file_with_their_width_alone(self) -> None:
        """As a public benchmark has Zamba2 7B: 112 heads of 64, where the class would take 8 of 896."""
        config = hf.fixture("zamba2") | {"n_mamba_heads": None, "mamba_headdim": 4}
        read = read_config(config)
        assert read.layers == read_config(config | {"n_mamba_heads": 12}).layers
        assert not read.verified
        assert "12 Mamba heads taken" in read.notes[0]

    def test_the_published_seven_billions(self) -> None:
        sizes = {
            "model_type": "zamba2", "hidden_size": 3584, "num_hidden_layers": 81, "num_attention_heads": 32,
            "intermediate_size": 14336, "mamba_d_state": 64, "mamba_ngroups": 2, "num_mem_blocks": 2,
            "adapter_rank": 128, "vocab_size": 32000, "dtype": "bfloat16",
            "layers_block_type": ["hybrid" if i in (6, *range(11, 78, 6)) else "mamba" for i in range(81)],
        }  # fmt: skip
        heads = [
            read_config(sizes | change).parameters
            for change in ({"n_mamba_heads": 112}, {"mamba_headdim": 64})
        ]
        assert heads[0] == heads[1] == 7_356_749_648
        real = hf.build(sizes | {"n_mamba_heads": 112}, torch.bfloat16, device="meta")
        assert heads[0] == sum(p.numel() for p in real.parameters())


class TestWrappedModels:
    @pytest.mark.parametrize(
        "key", ["text_config", "llm_config", "language_config", "lm_config", "text_model_config", "llm_cfg"]
    )
    def test_under_any_usual_key(self, key: str) -> None:
        inner = hf.fixture("qwen3")
        read = read_config({"model_type": "some_vl_chat", key: inner, "vision_config": {"depth": 3}})
        assert read.layers == read_config(inner).layers
        assert (read.title, read.verified) == ("Qwen3", False)  # nobody looked at some_vl_chat
        assert "only the language model" in read.notes[0]

    def test_twice_within(self) -> None:
        inner = hf.fixture("qwen3_omni_moe_text")
        read = read_config({"model_type": "qwen3_omni_moe", "thinker_config": {"text_config": inner}})
        assert read.layers == read_config(inner).layers

    def test_dtype_and_tied_embeddings_of_the_wrapper(self) -> None:
        inner = {k: v for k, v in hf.fixture("qwen3_vl_text").items() if k != "dtype"}
        outer = {
            "model_type": "qwen3_vl",
            "text_config": inner,
            "dtype": "bfloat16",
            "tie_word_embeddings": True,
        }
        read = read_config(outer)
        assert read.dtype == "bfloat16"
        assert read.parameters == read_config(inner | {"tie_word_embeddings": True}).parameters

    def test_every_wrapper_of_the_library_leads_to_its_own_family(self) -> None:
        from transformers import AutoConfig

        from plait.memory.huggingface import FAMILIES
        from plait.memory.huggingface.wrappers import WRAPPERS

        for name, family in WRAPPERS.items():
            assert family in FAMILIES
            try:
                text = AutoConfig.for_model(name).get_text_config(decoder=True)
            except ValueError:
                continue
            if name != "phi4_multimodal":  # one flat class, whose language model is Phi-3's
                assert text.model_type == family, name


class TestAroundTheLanguageModel:
    """What a file says outside its language model can make the figures those of another model."""

    def test_a_draft_model_is_not_its_text_model(self) -> None:
        text = hf.fixture("gemma4_unified_text")
        draft = read_config(
            {"model_type": "gemma4_unified_assistant", "backbone_hidden_size": 64, "text_config": text}
        )
        assert not draft.verified
        assert any("draft model" in note for note in draft.notes)
        assert any("backbone_hidden_size" in note for note in draft.notes)

    @pytest.mark.parametrize(
        "change",
        [
            {"architectures": ["LlamaForCausalLMEagle3"]},
            {"architectures": ["LlamaForSequenceClassification"]},
            {"architectures": ["LlamaForCausalLM", "MLPSpeculatorPreTrainedModel"]},
        ],
    )
    def test_another_class_of_a_known_model_type(self, change: dict[str, object]) -> None:
        llama = hf.fixture("llama")
        assert read_config(llama | {"architectures": ["LlamaForCausalLM"]}).verified
        assert not read_config(llama | change).verified
        assert not read_config({"model_type": "llava", "text_config": llama | change}).verified

    def test_a_wrapper_that_nobody_knows(self) -> None:
        llama = hf.fixture("llama")
        assert read_config({"model_type": "llava", "text_config": llama}).verified
        unknown = read_config({"model_type": "new_kind", "text_config": llama})
        assert not unknown.verified
        assert any("new_kind" in note for note in unknown.notes)

    def test_a_field_around_it(self) -> None:
        llama = hf.fixture("llama")
        outer = {"model_type": "llava", "text_config": llama, "hidden_size": llama["hidden_size"]}
        assert read_config(outer).verified
        assert not read_config(outer | {"hidden_size": 7}).verified
        assert not read_config(outer | {"num_centroids": 7}).verified

    def test_no_known_wrapper_of_the_library_is_doubted_for_its_own_fields(self) -> None:
        from transformers import AutoConfig

        from plait.memory.huggingface.wrappers import WRAPPERS, doubts_around, language_model

        sizes = {"hidden_size", "vocab_size", "dtype"}  # differ from the language model's only in defaults
        for name in WRAPPERS:
            try:
                config = AutoConfig.for_model(name).to_dict()
            except ValueError:
                continue
            outer = {field: value for field, value in config.items() if field not in sizes}
            assert doubts_around(outer, language_model(outer)[0]) == (), name


class TestDraftLayers:
    def test_are_named_and_not_counted(self) -> None:
        config = hf.fixture("deepseek_v3")
        plain, drafted = read_config(config), read_config(config | {"num_nextn_predict_layers": 1})
        assert plain.parameters == drafted.parameters
        assert drafted.verified
        last = sum(b.weights for b in plain.layers[-1].blocks)
        assert f"{last + 2 * 24 * 24 + 3 * 24:,} parameters" in drafted.notes[0]

    def test_in_the_published_size(self) -> None:
        """DeepSeek-V3 has 671 billion parameters, and 14 more for its module with a copy of both tables (its card)."""
        read = read_config({"model_type": "deepseek_v3", "num_nextn_predict_layers": 1, "dtype": "bfloat16"})
        assert read.parameters == 671_026_404_352
        assert "about 11,610,067,968 parameters" in read.notes[0]
        assert pytest.approx(14, abs=0.6) == (11_610_067_968 + 2 * 129280 * 7168) / 1e9
