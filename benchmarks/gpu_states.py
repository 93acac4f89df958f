"""The kernels of wide models' matrix states alone on a GPU, under several cuts: milliseconds, medians with their range.

64 sequences of 256 tokens, 8 heads of 128 keys and 256 values, as a layer GDN of width 1,024 has them, in bfloat16
products; forward and both ways, each replayed from a graph, beside PyTorch's products for all chunks together as they
stand.

    python benchmarks/gpu_states.py
"""

import statistics
import time
from collections.abc import Callable

import torch
from torch import Tensor

from plait.kernels.matrix_state.reference import Vectors
from plait.kernels.matrix_state.wide import products_together
from plait.kernels.matrix_state.wide_gpu import Cut, delta_states

SHAPE, KEYS, VALUES = (64, 256, 8), 128, 256
CUTS = [
    Cut(values=values, keys=keys, warps=(warps, warps, warps, warps))
    for values, keys, warps in (
        *((64, 64, 4), (64, 64, 8), (32, 64, 4), (64, 32, 4), (32, 32, 4)),
        *((128, 64, 8), (64, 128, 8), (16, 64, 4), (32, 64, 2)),
    )
]


def main() -> None:
    generator = torch.Generator("cuda").manual_seed(0)

    def draw(*shape: int) -> Tensor:
        return torch.randn(*SHAPE, *shape, device="cuda", generator=generator)

    key = torch.nn.functional.normalize(draw(KEYS), dim=-1).bfloat16()
    given = [-draw().exp(), key, (key * draw(1).sigmoid()).bfloat16(), draw(VALUES).bfloat16()]
    leaves = [t.requires_grad_() for t in given]
    up = draw(VALUES).bfloat16()
    print(f"{torch.cuda.get_device_name()}, torch {torch.__version__}", flush=True)

    def plain(vectors: Vectors) -> Tensor:
        exact = [None if t is None else t.float() for t in vectors]
        w = exact[3]
        assert w is not None
        return products_together(Vectors(exact[0], exact[1], w, w, *exact[4:]), products=torch.bfloat16)  # pyright: ignore

    show("PyTorch's products", plain, leaves, up)
    for cut in CUTS:
        show(
            f"values {cut.values}, keys {cut.keys}, warps {cut.warps[0]}",
            lambda vectors, cut=cut: delta_states(vectors, products=torch.bfloat16, cut=cut),
            leaves,
            up,
        )


def show(name: str, read: Callable[[Vectors], Tensor], leaves: list[Tensor], up: Tensor) -> None:
    log_a, key, written, v = leaves

    def forward() -> Tensor:
        return read(Vectors(log_a, key, written, written, v, key))

    def both() -> object:
        y = forward()
        return torch.autograd.grad(y, leaves, up.to(y.dtype))

    try:
        times = [replayed(work) for work in (forward, both)]
    except Exception as error:
        print(f"{name}: {type(error).__name__}: {str(error).splitlines()[0][:120]}", flush=True)
        return
    words = (f"{statistics.median(t):.3f} [{min(t):.3f}, {max(t):.3f}]" for t in times)
    print(f"{name}: forward {next(words)} ms, both ways {next(words)}", flush=True)


def replayed(work: Callable[[], object]) -> list[float]:
    """Milliseconds a call in nine rounds."""
    side = torch.cuda.Stream()
    side.wait_stream(torch.cuda.current_stream())
    with torch.cuda.stream(side):
        for _ in range(2):
            work()
    torch.cuda.synchronize()
    graph, times = torch.cuda.CUDAGraph(), list[float]()
    with torch.cuda.graph(graph):
        work()
    for _ in range(9):
        torch.cuda.synchronize()
        began = time.perf_counter()
        for _ in range(10):
            graph.replay()
        torch.cuda.synchronize()
        times.append((time.perf_counter() - began) / 10 * 1e3)
    return times


if __name__ == "__main__":
    main()
