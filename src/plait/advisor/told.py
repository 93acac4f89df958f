"""What the figures of a model say, in sentences."""

from plait.advisor.capacity import Capacity
from plait.advisor.sheets import gibibytes
from plait.advisor.sizing import Sized
from plait.memory import Crossing


def bytes_told(n: int) -> str:
    """Bytes, in GiB too from a hundredth of one on."""
    gib = gibibytes(n)
    return f"{n:,} bytes" if gib < 0.01 else f"{n:,} bytes ({gib:,.4g} GiB)"


def weights_told(one: Sized) -> str:
    """Parameters and bytes of weights, and whether the formulas are tested."""
    first = one.reports[0]
    told = f"{one.name}: {first.parameters:,} parameters, "
    if first.weight_bytes is None:
        told += f"weights of unknown size in {first.weights_in}"
    else:
        told += f"{bytes_told(first.weight_bytes)} in {first.weights_in}"
    return told if one.model.verified else f"{told} (not verified against a class: see the notes)"


def notes_of(one: Sized) -> tuple[str, ...]:
    """What a reader of the figures must know, each once."""
    notes = list(one.reports[0].notes)
    for report in one.reports:
        if report.file_kv_bytes is not None:
            notes.append(
                f"the file keeps keys and values in {float(report.file_kv_bits or 0):g} bits a scalar: "
                f"{bytes_told(report.file_kv_bytes)} after {report.seq_len:,} tokens"
            )
    notes += [one.unknown] if one.unknown else []
    notes += () if one.crossing is None else one.crossing.notes
    notes += one.capacity.notes if one.capacity is not None and _bounded(one.capacity) else ()
    return tuple(dict.fromkeys(notes))


def limits_told(one: Sized) -> tuple[str, ...]:
    """Where it crosses full attention and what it can recall, as far as that is known."""
    crosses = () if one.crossing is None else (_crossing_told(one.crossing),)
    return crosses if one.capacity is None else (*crosses, _capacity_told(one.capacity))


def fits_told(one: Sized) -> tuple[str, ...]:
    """What is not counted in what fits."""
    if one.fit is None:
        return ()
    return ("what fits: beside the weights; activations and a framework's own memory are not counted",)


def _crossing_told(crossing: Crossing) -> str:
    less = "at no length" if crossing.length is None else f"from {crossing.length:,} tokens on"
    return f"less state than with full attention in every layer: {less}"


def _bounded(capacity: Capacity) -> bool:
    return capacity.recurrent_bits + capacity.window_bits > 0


def _capacity_told(capacity: Capacity) -> str:
    if not _bounded(capacity):
        return "all that it holds grows with the text: no bound on what it can recall"
    words, tokens = capacity.recall_items, capacity.list_tokens
    return (
        f"what does not grow can recall at most {words:,} word{'s' * (words != 1)}, "
        f"or a list of {tokens:,} token{'s' * (tokens != 1)}"
    )
