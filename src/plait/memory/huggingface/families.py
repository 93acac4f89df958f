"""Every family that a config file can name, with the class of `transformers` it is tested against."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from importlib import import_module

from plait.memory.huggingface.blocks import Body
from plait.memory.huggingface.fields import Fields
from plait.memory.huggingface.vocabulary import ACCEPTED, IGNORED


@dataclass(frozen=True, kw_only=True)
class ConfigFamily:
    """A family that a config file can name.

    Args:
        model_type: as in the config file.
        title: for people.
        class_name: of the causal language model of `transformers`, or of its text model where that has none with an
            unembedding; "" where `transformers` has no class.
        reader: "module.name" of what reads fields to layers, imported when a file of the family is read.
        source: where the definition stands, if it is not a class of `transformers`.
        cached: whether that class keeps something from token to token, which what is counted can be compared with.
    """

    model_type: str
    title: str
    class_name: str
    reader: str
    source: str = ""
    cached: bool = True

    @property
    def read(self) -> Callable[[Fields], Body]:
        """From fields to layers."""
        module, _, name = self.reader.partition(".")
        return getattr(import_module(f"plait.memory.huggingface.{module}"), name)

    @property
    def tested(self) -> bool:
        """Its parameters are tested against a class of `transformers`."""
        return bool(self.class_name)

    @property
    def verified(self) -> bool:
        """All its formulas are: the state's, too."""
        return self.tested and self.cached

    def fields(self, data: Mapping[str, object]) -> Fields:
        """The file's fields under this family's names."""
        aliases = getattr(self.read, "aliases", {})  # the family's names for usual fields
        fields = Fields(data, self.model_type, aliases=aliases)
        fields.ignore(*IGNORED.get(self.model_type, "").split())
        for name, values in ACCEPTED.get(self.model_type, {}).items():
            fields.accept(name, *values)
        return fields


_ROWS: tuple[tuple[str, str, str, str], ...] = (
    ("llama", "Llama", "LlamaForCausalLM", "transformers_only.llama"),
    ("mistral", "Mistral", "MistralForCausalLM", "transformers_only.mistral"),
    ("mixtral", "Mixtral", "MixtralForCausalLM", "transformers_only.mixtral"),
    ("qwen2", "Qwen2", "Qwen2ForCausalLM", "transformers_only.qwen2"),
    ("qwen3", "Qwen3", "Qwen3ForCausalLM", "transformers_only.qwen3"),
    ("qwen3_moe", "Qwen3-MoE", "Qwen3MoeForCausalLM", "transformers_only.qwen3_moe"),
    ("gemma2", "Gemma 2", "Gemma2ForCausalLM", "transformers_only.gemma2"),
    ("gemma3_text", "Gemma 3", "Gemma3ForCausalLM", "transformers_only.gemma3_text"),
    ("gpt_oss", "GPT-OSS", "GptOssForCausalLM", "transformers_only.gpt_oss"),
    ("gpt_neox", "GPT-NeoX", "GPTNeoXForCausalLM", "transformers_only.gpt_neox"),
    ("gemma", "Gemma", "GemmaForCausalLM", "dense_families.gemma"),
    ("granite", "Granite", "GraniteForCausalLM", "transformers_only.llama"),
    ("smollm3", "SmolLM3", "SmolLM3ForCausalLM", "dense_families.smollm3"),
    ("phi3", "Phi-3", "Phi3ForCausalLM", "dense_families.phi3"),
    ("olmo3", "OLMo 3", "Olmo3ForCausalLM", "dense_families.olmo3"),
    ("cohere2", "Cohere 2", "Cohere2ForCausalLM", "dense_families.cohere2"),
    ("mamba", "Mamba", "MambaForCausalLM", "mamba_families.mamba"),
    ("falcon_mamba", "Falcon Mamba", "FalconMambaForCausalLM", "mamba_families.mamba"),
    ("mamba2", "Mamba-2", "Mamba2ForCausalLM", "mamba_families.mamba2"),
    ("jamba", "Jamba", "JambaForCausalLM", "mamba_families.jamba"),
    ("bamba", "Bamba", "BambaForCausalLM", "mamba_families.bamba"),
    (
        "granitemoehybrid",
        "Granite 4 hybrid",
        "GraniteMoeHybridForCausalLM",
        "mamba_families.granitemoehybrid",
    ),
    ("falcon_h1", "Falcon-H1", "FalconH1ForCausalLM", "mamba_families.falcon_h1"),
    ("nemotron_h", "Nemotron-H", "NemotronHForCausalLM", "mamba_families.nemotron_h"),
    ("zamba", "Zamba", "ZambaForCausalLM", "zamba_families.zamba"),
    ("zamba2", "Zamba2", "Zamba2ForCausalLM", "zamba_families.zamba2"),
    ("qwen3_next", "Qwen3-Next", "Qwen3NextForCausalLM", "linear_families.qwen3_next"),
    ("qwen3_5_text", "Qwen3.5", "Qwen3_5ForCausalLM", "linear_families.qwen3_5"),
    ("qwen3_5_moe_text", "Qwen3.5-MoE", "Qwen3_5MoeForCausalLM", "linear_families.qwen3_5_moe"),
    ("qwen4_exp_text", "Qwen4-Exp", "Qwen4ExpForCausalLM", "mixed_stream_families.qwen4_exp"),
    ("glm5_next_text", "GLM-5-Next", "Glm5NextForCausalLM", "mixed_stream_families.glm5_next"),
    ("olmo_hybrid", "OLMo hybrid", "OlmoHybridForCausalLM", "linear_families.olmo_hybrid"),
    ("kimi_linear", "Kimi Linear", "KimiLinearForCausalLM", "linear_families.kimi_linear"),
    ("bailing_hybrid", "Bailing hybrid", "BailingHybridForCausalLM", "linear_families.bailing_hybrid"),
    ("minimax", "MiniMax", "MiniMaxForCausalLM", "linear_families.minimax"),
    ("lara_mini", "Lara 4 Mini", "LaraMiniForCausalLM", "other_families.lara_mini"),
    ("lfm2", "LFM2", "Lfm2ForCausalLM", "other_families.lfm2"),
    ("lfm2_moe", "LFM2-MoE", "Lfm2MoeForCausalLM", "other_families.lfm2_moe"),
    ("lfm3", "LFM3", "Lfm3ForCausalLM", "other_families.lfm3"),
    ("recurrent_gemma", "RecurrentGemma", "RecurrentGemmaForCausalLM", "other_families.recurrent_gemma"),
    ("rwkv", "RWKV-4", "RwkvForCausalLM", "other_families.rwkv"),
    ("xlstm", "xLSTM", "xLSTMForCausalLM", "other_families.xlstm"),
    ("zaya", "Zaya", "ZayaForCausalLM", "convolved_families.zaya"),
    ("inkling_text", "Inkling", "InklingForCausalLM", "convolved_families.inkling"),
    ("inkling2_text", "Inkling 2", "Inkling2ForCausalLM", "convolved_families.inkling2"),
    ("inkling2_loop_text", "Inkling 2 Loop", "Inkling2LoopForCausalLM", "convolved_families.inkling2_loop"),
    ("apertus", "Apertus", "ApertusForCausalLM", "dense_families.APERTUS"),
    ("apertus1p5_text", "Apertus 1.5", "Apertus1p5TextForCausalLM", "dense_families.APERTUS1P5"),
    ("arcee", "Arcee", "ArceeForCausalLM", "dense_families.ARCEE"),
    ("bitnet", "BitNet", "BitNetForCausalLM", "dense_families.BITNET"),
    ("cohere", "Cohere", "CohereForCausalLM", "dense_families.COHERE"),
    ("cwm", "CWM", "CwmForCausalLM", "dense_families.CWM"),
    ("ernie4_5", "ERNIE 4.5", "Ernie4_5ForCausalLM", "dense_families.ERNIE4_5"),
    ("exaone", "EXAONE", "LlamaForCausalLM", "dense_families.EXAONE"),
    ("exaone4", "EXAONE 4", "Exaone4ForCausalLM", "dense_families.EXAONE4"),
    ("glm", "GLM", "GlmForCausalLM", "dense_families.GLM"),
    ("glm4", "GLM-4", "Glm4ForCausalLM", "dense_families.GLM4"),
    ("granite_swa", "Granite SWA", "GraniteSWAForCausalLM", "dense_families.GRANITE_SWA"),
    ("helium", "Helium", "HeliumForCausalLM", "dense_families.HELIUM"),
    ("hunyuan_v1_dense", "HunYuan V1 dense", "HunYuanDenseV1ForCausalLM", "dense_families.HUNYUAN_DENSE"),
    ("hyperclovax", "HyperCLOVA X", "HyperCLOVAXForCausalLM", "dense_families.HYPERCLOVAX"),
    ("internlm3", "InternLM3", "LlamaForCausalLM", "dense_families.INTERNLM3"),
    ("iquestcoder", "IQuest-Coder", "LlamaForCausalLM", "dense_families.IQUESTCODER"),
    ("jais2", "Jais 2", "Jais2ForCausalLM", "dense_families.JAIS2"),
    ("ministral", "Ministral", "MinistralForCausalLM", "dense_families.MINISTRAL"),
    ("ministral3", "Ministral 3", "Ministral3ForCausalLM", "dense_families.MINISTRAL3"),
    ("nanochat", "NanoChat", "NanoChatForCausalLM", "dense_families.NANOCHAT"),
    ("nemotron", "Nemotron", "NemotronForCausalLM", "dense_families.NEMOTRON"),
    ("olmo", "OLMo", "OlmoForCausalLM", "dense_families.OLMO"),
    ("olmo2", "OLMo 2", "Olmo2ForCausalLM", "dense_families.OLMO2"),
    ("seed_oss", "Seed-OSS", "SeedOssForCausalLM", "dense_families.SEED_OSS"),
    ("starcoder2", "StarCoder2", "Starcoder2ForCausalLM", "dense_families.STARCODER2"),
    ("vaultgemma", "VaultGemma", "VaultGemmaForCausalLM", "dense_families.VAULTGEMMA"),
    ("muse_glimmer_text", "Muse Glimmer", "MuseGlimmerTextModel", "dense_families.MUSE_GLIMMER"),
    ("cosmos3_edge_text", "Cosmos 3 Edge", "Cosmos3EdgeTextModel", "dense_families.COSMOS3_EDGE"),
    ("granite_docling_text", "Granite Docling", "GraniteDoclingTextModel", "dense_families.GRANITE_DOCLING"),
    ("granite4_vision_text", "Granite 4 Vision", "Granite4VisionTextModel", "dense_families.GRANITE_VISION"),
    ("qwen3_vl_text", "Qwen3-VL", "Qwen3VLTextModel", "dense_families.QWEN3_VL"),
    ("glm4v_text", "GLM-4V", "Glm4vTextModel", "dense_families.GLM4V"),
    ("glm_ocr_text", "GLM-OCR", "GlmOcrTextModel", "dense_families.GLM_OCR"),
    ("paddleocr_vl_text", "PaddleOCR-VL", "PaddleOCRTextModel", "dense_families.PADDLEOCR_VL"),
    ("hunyuan_vl_text", "HunYuan VL", "HunYuanVLTextModel", "dense_families.HUNYUAN_VL"),
    ("afmoe", "AFMoE", "AfmoeForCausalLM", "sparse_table.AFMOE"),
    ("aria_text", "Aria", "AriaTextForCausalLM", "sparse_table.ARIA"),
    ("cohere2_moe", "Cohere 2 MoE", "Cohere2MoeForCausalLM", "sparse_table.COHERE2_MOE"),
    ("dots1", "dots.llm1", "Dots1ForCausalLM", "sparse_table.DOTS1"),
    ("ernie4_5_moe", "ERNIE 4.5 MoE", "Ernie4_5_MoeForCausalLM", "sparse_table.ERNIE4_5_MOE"),
    ("exaone_moe", "EXAONE MoE", "ExaoneMoeForCausalLM", "sparse_table.EXAONE_MOE"),
    ("flex_olmo", "FlexOLMo", "FlexOlmoForCausalLM", "sparse_table.FLEX_OLMO"),
    ("flint", "Flint", "FlintForCausalLM", "sparse_table.FLINT"),
    ("glm4_moe", "GLM-4 MoE", "Glm4MoeForCausalLM", "sparse_table.GLM4_MOE"),
    ("glm4v_moe_text", "GLM-4V MoE", "Glm4vMoeTextModel", "sparse_table.GLM4V_MOE"),
    ("granitemoe", "Granite MoE", "GraniteMoeForCausalLM", "sparse_table.GRANITEMOE"),
    (
        "granitemoeshared",
        "Granite MoE shared",
        "GraniteMoeSharedForCausalLM",
        "sparse_table.GRANITEMOE_SHARED",
    ),
    ("granitemoe_swa", "Granite MoE SWA", "GraniteMoeSWAForCausalLM", "sparse_table.GRANITEMOE_SWA"),
    ("hunyuan_v1_moe", "HunYuan V1 MoE", "HunYuanMoEV1ForCausalLM", "sparse_table.HUNYUAN_MOE"),
    ("hy_v3", "HY V3", "HYV3ForCausalLM", "sparse_table.HY_V3"),
    ("kolibri1", "Kolibri 1", "Kolibri1ForCausalLM", "sparse_table.KOLIBRI1"),
    ("llama4_text", "Llama 4", "Llama4ForCausalLM", "sparse_table.LLAMA4"),
    ("mellum", "Mellum", "MellumForCausalLM", "sparse_table.MELLUM"),
    ("minimax_m2", "MiniMax-M2", "MiniMaxM2ForCausalLM", "sparse_table.MINIMAX_M2"),
    ("olmoe", "OLMoE", "OlmoeForCausalLM", "sparse_table.OLMOE"),
    ("phimoe", "Phi-3.5-MoE", "PhimoeForCausalLM", "sparse_table.PHIMOE"),
    ("qwen2_moe", "Qwen2-MoE", "Qwen2MoeForCausalLM", "sparse_table.QWEN2_MOE"),
    ("qwen3_vl_moe_text", "Qwen3-VL-MoE", "Qwen3VLMoeTextModel", "sparse_table.QWEN3_VL_MOE"),
    ("qwen3_omni_moe_text", "Qwen3-Omni-MoE", "Qwen3OmniMoeThinkerTextModel", "sparse_table.QWEN3_OMNI_MOE"),
    ("sarvam_moe", "Sarvam MoE", "Glm4MoeForCausalLM", "sparse_table.SARVAM_MOE"),
    ("solar_open", "Solar Open", "SolarOpenForCausalLM", "sparse_table.SOLAR_OPEN"),
    ("deepseek_v2", "DeepSeek-V2", "DeepseekV2ForCausalLM", "latent_table.DEEPSEEK_V2"),
    ("deepseek_v3", "DeepSeek-V3", "DeepseekV3ForCausalLM", "latent_table.DEEPSEEK_V3"),
    ("deepseek_v32", "DeepSeek-V3.2", "DeepseekV32ForCausalLM", "latent_table.DEEPSEEK_V32"),
    ("sarvam_mla", "Sarvam MLA", "DeepseekV3ForCausalLM", "latent_table.SARVAM_MLA"),
    ("glm_moe_dsa", "GLM-5", "GlmMoeDsaForCausalLM", "latent_table.GLM_MOE_DSA"),
    ("glm4_moe_lite", "GLM-4.7-Flash", "Glm4MoeLiteForCausalLM", "latent_table.GLM4_MOE_LITE"),
    ("axk1", "A.X K1", "AXK1ForCausalLM", "latent_table.AXK1"),
    ("hy_v4", "HY V4", "HYV4ForCausalLM", "latent_table.HY_V4"),
    ("mistral4", "Mistral 4", "Mistral4Model", "latent_table.MISTRAL4"),
    ("youtu", "Youtu", "YoutuForCausalLM", "latent_table.YOUTU"),
    ("gemma3n_text", "Gemma 3n", "Gemma3nForCausalLM", "gemma.gemma3n"),
    ("gemma4_text", "Gemma 4", "Gemma4ForCausalLM", "gemma.gemma4"),
    ("gemma4_unified_text", "Gemma 4 unified", "Gemma4UnifiedForCausalLM", "gemma.gemma4_unified"),
    ("mimo_v2_flash", "MiMo-V2", "MiMoV2FlashForCausalLM", "uneven_families.mimo_v2"),
    ("step3p5", "Step-3.5", "Step3p7Model", "uneven_families.step3p5"),
    ("laguna", "Laguna", "LagunaForCausalLM", "uneven_families.laguna"),
    ("minimax_m3_vl_text", "MiniMax-M3", "MiniMaxM3VLForCausalLM", "uneven_families.minimax_m3"),
    ("axk2", "A.X K2", "AXK2ForCausalLM", "latent_families.axk2"),
    ("dots3_note_text", "dots3.note", "Dots3NoteForCausalLM", "latent_families.dots3_note"),
    ("longcat_flash", "LongCat-Flash", "LongcatFlashForCausalLM", "latent_families.longcat_flash"),
    ("mistral_large4_text", "Mistral Large 4", "MistralLarge4TextModel", "latent_families.mistral_large4"),
    ("hy_v4_vl_text", "HY V4 VL", "HYV4VLTextModel", "latent_table.HY_V4_VL"),
    ("deepseek_v4", "DeepSeek-V4", "DeepseekV4ForCausalLM", "compressed.deepseek_v4"),
    ("doge", "Doge", "DogeForCausalLM", "odd_families.doge"),
    ("jetmoe", "JetMoE", "JetMoeForCausalLM", "odd_families.jetmoe"),
    ("dbrx", "DBRX", "DbrxForCausalLM", "odd_families.dbrx"),
    ("hrm_text", "HRM Text", "HrmTextForCausalLM", "odd_families.hrm_text"),
    ("dory", "Dory", "DoryForCausalLM", "odd_families.dory"),
    ("muse_spark_text", "Muse Spark", "MuseSparkTextModel", "other_families.muse_spark"),
    ("molmo2_text", "Molmo 2", "Molmo2TextModel", "odd_families.molmo2"),
    ("ernie4_5_vl_moe_text", "ERNIE 4.5 VL", "Ernie4_5_VLMoeTextModel", "odd_families.ernie4_5_vl_moe"),
    ("diffllama", "DiffLlama", "DiffLlamaForCausalLM", "dense_families.DIFFLLAMA"),
    ("qwen2_vl_text", "Qwen2-VL", "Qwen2VLTextModel", "dense_families.QWEN2_VL"),
    ("qwen2_5_vl_text", "Qwen2.5-VL", "Qwen2_5_VLTextModel", "dense_families.QWEN2_VL"),
    ("qwen2_5_omni_text", "Qwen2.5-Omni", "Qwen2_5OmniThinkerTextModel", "dense_families.QWEN2_OMNI"),
    ("deepseek_ocr2_text", "DeepSeek-OCR 2", "DeepseekOcr2TextModel", "sparse_table.DEEPSEEK_OCR2"),
    ("cohere_compass_text", "Cohere Compass", "CohereCompassForCausalLM", "dense_families.COHERE_COMPASS"),
    ("gpt2", "GPT-2", "GPT2LMHeadModel", "older_families.gpt2"),
    ("gpt_bigcode", "GPT-BigCode", "GPTBigCodeForCausalLM", "older_families.gpt_bigcode"),
    ("gptj", "GPT-J", "GPTJForCausalLM", "older_families.gptj"),
    ("codegen", "CodeGen", "CodeGenForCausalLM", "older_families.gptj"),
    ("gpt_neo", "GPT-Neo", "GPTNeoForCausalLM", "older_families.gpt_neo"),
    (
        "gpt_neox_japanese",
        "GPT-NeoX Japanese",
        "GPTNeoXJapaneseForCausalLM",
        "older_families.gpt_neox_japanese",
    ),
    ("opt", "OPT", "OPTForCausalLM", "older_families.opt"),
    ("bloom", "BLOOM", "BloomForCausalLM", "older_families.bloom"),
    ("falcon", "Falcon", "FalconForCausalLM", "older_families.falcon"),
    ("mpt", "MPT", "MptForCausalLM", "older_families.mpt"),
    ("xglm", "XGLM", "XGLMForCausalLM", "older_families.xglm"),
    ("biogpt", "BioGPT", "BioGptForCausalLM", "older_families.biogpt"),
    ("persimmon", "Persimmon", "PersimmonForCausalLM", "older_families.persimmon"),
    ("ctrl", "CTRL", "CTRLLMHeadModel", "older_families.ctrl"),
    ("phi", "Phi", "PhiForCausalLM", "dense_families.PHI"),
    ("stablelm", "StableLM", "StableLmForCausalLM", "dense_families.STABLELM"),
    ("beam", "Beam", "BeamForCausalLM", "sparse_table.BEAM"),
    ("emu3_text_model", "Emu3", "Emu3TextModel", "dense_families.EMU3"),
    ("minicpm3", "MiniCPM3", "MiniCPM3ForCausalLM", "latent_table.MINICPM3"),
)
"""model_type, title, class, and the reader: its module in this package and its name there."""

_WITHOUT_CACHE: tuple[tuple[str, str, str, str], ...] = (
    ("openai-gpt", "GPT", "OpenAIGPTLMHeadModel", "older_families.openai_gpt"),
)
"""The same, of classes that keep no cache: each token is computed from all before it. What keys and values would take
is counted, and compared with nothing."""

_BEYOND: tuple[tuple[str, str, str, str], ...] = (
    ("rwkv7", "RWKV-7", "beyond_hybrids.rwkv7", "arXiv 2503.14456, and the RWKV-7 of flash-linear-attention"),
    ("mamba_ssm", "Mamba (mamba_ssm)", "mamba_ssm.mamba_ssm", "mamba_ssm 2.2, models/mixer_seq_simple.py"),
    ("minimax_text_01", "MiniMax-Text-01", "beyond_hybrids.minimax_text_01", "arXiv 2501.08313"),
    ("minimax_m1", "MiniMax-M1", "beyond_hybrids.minimax_text_01", "arXiv 2506.13585"),
    ("phi4flash", "Phi-4-mini-flash", "beyond_hybrids.phi4flash", "arXiv 2507.06607, and vLLM's class"),
    ("plamo2", "PLaMo 2", "beyond_hybrids.plamo2", "vLLM's Plamo2ForCausalLM"),
    ("bailing_moe", "Ling", "beyond_attention.bailing_moe", "the class published with Ling-lite"),
    ("bailing_moe_v2", "Ling 2.0", "beyond_attention.bailing_moe", "vLLM's BailingMoeV2ForCausalLM"),
    ("bailing_moe_linear", "Ring-linear 2.0", "beyond_attention.bailing_moe", "arXiv 2510.19338"),
    ("nemotron-nas", "Nemotron-NAS", "beyond_attention.nemotron_nas", "arXiv 2411.19146, vLLM's class"),
    ("deci", "DeciLM", "beyond_attention.decilm", "the class published with DeciLM-7B"),
    ("step3_text", "Step-3", "beyond_attention.step3", "arXiv 2507.19427, and vLLM's class"),
    ("deepseek", "DeepSeekMoE", "beyond_attention.DEEPSEEK", "arXiv 2401.06066"),
    ("internlm2", "InternLM2", "beyond_attention.INTERNLM2", "arXiv 2403.17297"),
    ("minicpm", "MiniCPM", "beyond_attention.MINICPM", "arXiv 2404.06395"),
    ("mimo", "MiMo", "beyond_attention.MIMO", "arXiv 2505.07608"),
    ("baichuan", "Baichuan", "beyond_attention.BAICHUAN", "arXiv 2309.10305"),
)
"""Those of which `transformers` has no class: model_type, title, reader, and where the definition stands."""

FAMILIES: dict[str, ConfigFamily] = {
    model_type: ConfigFamily(
        model_type=model_type, title=title, class_name=class_name, reader=reader, cached=rows is _ROWS
    )
    for rows in (_ROWS, _WITHOUT_CACHE)
    for model_type, title, class_name, reader in rows
} | {
    model_type: ConfigFamily(model_type=model_type, title=title, class_name="", reader=reader, source=source)
    for model_type, title, reader, source in _BEYOND
}
