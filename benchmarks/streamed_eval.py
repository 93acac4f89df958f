"""Tokens a second of `plait eval --stream` beside the `generate` loop of transformers, for SSM layers of one size.

Both are Mamba-1 layers of the same dimensions in float32 on a CPU, with random weights, a vocabulary of 64. An
evaluation knows its tokens, so it reads 1,024 of them a call; `generate` makes each from the one before. Reported are
medians of the repeats, taken in turn.

    OMP_NUM_THREADS=1 python benchmarks/streamed_eval.py [--width 64 --layers 4 --sequences 1 --tokens 4096]
"""

import argparse
import statistics
import time
from collections.abc import Callable

import torch
from transformers import MambaConfig, MambaForCausalLM

from plait import HybridConfig
from plait.model import HybridLM
from plait.training.measure import StreamedAnswers

VOCAB, STATES = 64, 16


def ours(width: int, layers: int, sequences: int, tokens: int) -> Callable[[], int]:
    config = HybridConfig(VOCAB, pattern=f"SSM*{layers}", d_model=width, d_state=STATES)
    reader = StreamedAnswers(HybridLM(config))
    rows = torch.randint(VOCAB, (sequences, tokens))
    return lambda: sum(part.numel() for part in reader.read(rows))


def theirs(width: int, layers: int, sequences: int, tokens: int) -> Callable[[], int]:
    config = MambaConfig(
        vocab_size=VOCAB, hidden_size=width, state_size=STATES, num_hidden_layers=layers, eos_token_id=None
    )
    model = MambaForCausalLM(config).eval()
    start = torch.zeros(sequences, 1, dtype=torch.int64)

    def run() -> int:
        made = model.generate(start, max_new_tokens=tokens, do_sample=False, use_cache=True, pad_token_id=0)
        return sequences * (made.shape[1] - 1)

    return run


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    sizes = {"width": 64, "layers": 4, "sequences": 1, "tokens": 4096, "generated": 256, "repeats": 5}
    for name, value in sizes.items():
        parser.add_argument(f"--{name}", type=int, default=value)
    given = parser.parse_args()
    runs = {
        "plait eval --stream": ours(given.width, given.layers, given.sequences, given.tokens),
        "transformers generate": theirs(given.width, given.layers, given.sequences, given.generated),
    }
    speeds: dict[str, list[float]] = {name: [] for name in runs}
    for repeat in range(given.repeats + 1):
        for name, run in runs.items():
            begun = time.perf_counter()
            tokens = run()
            if repeat:  # the first one warms up
                speeds[name].append(tokens / (time.perf_counter() - begun))
    size = f"{given.layers} SSM layers, d_model {given.width}, sequences {given.sequences}"
    print(f"{size}, threads {torch.get_num_threads()}")
    medians = {name: statistics.median(found) for name, found in speeds.items()}
    for name, median in medians.items():
        print(f"{name:<22} {median:>10,.0f} tokens/s")
    print(f"ratio {medians['plait eval --stream'] / medians['transformers generate']:.0f}")


if __name__ == "__main__":
    main()
