"""Layers that a published file has beside the model: those that predict further tokens ahead."""

from plait.memory.block import Layer
from plait.memory.huggingface.body import Body
from plait.memory.huggingface.fields import Fields

_COUNTS = (
    "num_nextn_predict_layers", "num_mtp_layers", "mtp_num_hidden_layers", "mtp_num_layers", "num_mtp_modules",
    "mtp_num_modules", "n_predict_layers", "num_nextn_predict", "num_draft_layers",
)  # fmt: skip
_BESIDE = (
    "use_mtp", "mtp_transformer_layers", "mtp_use_dedicated_embeddings", "mtp_loss_factor", "mtp_layers_block_type",
    "mtp_layer_types", "mtp_mlp_layer_types", "mtp_hidden_states_first", "mtp_hybrid_override_pattern",
    "mtp_local_layer_ids", "mtp_config", "keep_mtp_spec_layer",
)  # fmt: skip


def draft_notes(f: Fields, body: Body) -> tuple[str, ...]:
    """How many draft layers the file names, and about how large one is; none of them is counted."""
    count = f.get(*_COUNTS)
    f.ignore(*_COUNTS, *_BESIDE)
    if isinstance(count, list):
        count = len(count)
    if not isinstance(count, int) or isinstance(count, bool) or count < 1:
        return ()
    return (
        f"{count} draft layer{'s' if count > 1 else ''} (multi-token prediction) of the published file not "
        f"counted: about {_size(body):,} parameters each, if made as the last layer",
    )


def _size(body: Body) -> int:
    """A layer like the last one, the projection of hidden state and embedding together, and three norms."""
    last = body.layers[-1]
    blocks = last.blocks if isinstance(last, Layer) else ()
    return sum(b.weights for b in blocks) + 2 * body.d_model**2 + 3 * body.d_model
