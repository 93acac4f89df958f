"""The causal classes of the installed `transformers` that are not read, with the reason for each.

python tests/memory/unread_classes.py
"""

from plait.memory import known_model_types

ENCODER = "an encoder with a causal mask: published files are encoders', which keep no cache"
BESIDE_ENCODER = "the decoder of an encoder-decoder: its cache also holds what the encoder made of the input"
NO_CACHE = "it keeps no cache of keys and values: hash buckets, memories of hidden states, or nothing"
OTHER_STREAMS = (
    "it does not read one sequence of tokens: several streams, patches of bytes, pictures in every layer"
)
NEEDS_TARGET = "a draft model that reads the cache of another model"

EXPLAINED: dict[str, str] = {
    reason_name: reason
    for reason, names in {
        ENCODER: "bert bert-generation big_bird camembert data2vec-text electra ernie megatron-bert modernbert-decoder "
        "rembert roberta roberta-prelayernorm roc_bert roformer xlm-roberta xlm-roberta-xl xmod",
        BESIDE_ENCODER: "bart bigbird_pegasus blenderbot blenderbot-small marian mbart mvp pegasus plbart "
        "prophetnet trocr whisper",
        NO_CACHE: "reformer xlm xlnet",
        OTHER_STREAMS: "blt cpmant git mllama moshi musicgen musicgen_melody",
        NEEDS_TARGET: "gemma4_assistant gemma4_unified_assistant",
    }.items()
    for reason_name in names.split()
}


def unread_classes() -> dict[str, str]:
    """Class by model type, of the causal language models that no reader knows."""
    from transformers.models.auto.modeling_auto import MODEL_FOR_CAUSAL_LM_MAPPING_NAMES as CLASSES

    known = set(known_model_types())
    return {
        name: str(class_name)
        for name, class_name in sorted(CLASSES.items())
        if not {name, name.replace("-", "_")} & known
    }


def main() -> None:
    """One line a class."""
    unread = unread_classes()
    for name, class_name in unread.items():
        print(f"{name:24} {class_name:40} {EXPLAINED.get(name, 'no reason given')}")
    print(f"{len(unread)} causal classes are not read")


if __name__ == "__main__":
    main()
