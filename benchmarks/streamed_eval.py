"""Tokens a second of `plait eval --stream` beside the `generate` loop of transformers, for SSM layers of one size.

Both are Mamba-1 layers of the same dimensions in float32 on one device, with random weights, a vocabulary of 64. An
evaluation knows its tokens, so it reads 1,024 of them a call; `generate` makes each from the one before. Reported are
medians of the repeats, taken in turn, with their range.

    OMP_NUM_THREADS=1 python benchmarks/streamed_eval.py [--width 64 --layers 4 --sequences 1 --tokens 4096]
    python benchmarks/streamed_eval.py --device cuda --width 1024 --layers 12
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


def ours(width: int, layers: int, sequences: int, tokens: int, device: torch.device) -> Callable[[], int]:
    config = HybridConfig(VOCAB, pattern=f"SSM*{layers}", d_model=width, d_state=STATES)
    reader = StreamedAnswers(HybridLM(config).to(device).eval())
    rows = torch.randint(VOCAB, (sequences, tokens), device=device)
    return lambda: sum(part.numel() for part in reader.read(rows))


def theirs(width: int, layers: int, sequences: int, tokens: int, device: torch.device) -> Callable[[], int]:
    config = MambaConfig(
        vocab_size=VOCAB, hidden_size=width, state_size=STATES, num_hidden_layers=layers, eos_token_id=None
    )
    model = MambaForCausalLM(config).to(device).eval()
    start = torch.zeros(sequences, 1, dtype=torch.int64, device=device)

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
    parser.add_argument("--device", type=torch.device, default=torch.device("cpu"))
    given = parser.parse_args()
    size = (given.width, given.layers, given.sequences)
    runs = {
        "plait eval --stream": ours(*size, given.tokens, given.device),
        "transformers generate": theirs(*size, given.generated, given.device),
    }
    speeds: dict[str, list[float]] = {name: [] for name in runs}
    for repeat in range(given.repeats + 1):
        for name, run in runs.items():
            begun = time.perf_counter()
            tokens = run()
            if given.device.type == "cuda":
                torch.cuda.synchronize(given.device)
            if repeat:  # the first one warms up
                speeds[name].append(tokens / (time.perf_counter() - begun))
    where = f"{torch.get_num_threads()} threads"
    if given.device.type == "cuda":
        where = torch.cuda.get_device_name(given.device)
    print(f"{given.layers} SSM layers, d_model {given.width}, sequences {given.sequences}, {where}")
    medians = {name: statistics.median(found) for name, found in speeds.items()}
    for name, median in medians.items():
        least, most = min(speeds[name]), max(speeds[name])
        print(f"{name:<22} {median:>10,.0f} tokens/s [{least:,.0f}, {most:,.0f}]")
    print(f"ratio {medians['plait eval --stream'] / medians['transformers generate']:.0f}")


if __name__ == "__main__":
    main()
