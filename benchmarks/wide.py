"""Wide models on one GPU: tokens a second and milliseconds a step, beside the same model written plainly.

The plain one is PyTorch under torch.compile with bfloat16 autocast, its scan the package's Triton kernel, its optimiser
the fused AdamW; its step is captured as a graph too where tokens are few. Ours draws fresh data and labels every step,
the plain one has the same tokens again. Both take turns, round by round: medians with their range. Of TF layers it also
says which share of a measured bfloat16 product's rate they reach: 6 operations a weight and token, and 12 d_model a
layer, token and key that is seen. GDN-TF x 6 has no plain one.

    python benchmarks/wide.py [--rounds 5] [--steps 10] [--seconds 200] [--only "SSM-TF x 6" ..]
"""

import argparse
import gc
import json
import statistics
import time
import warnings
from collections.abc import Callable
from dataclasses import replace

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from plait import HybridConfig
from plait.kernels.selective_scan import gpu
from plait.kernels.selective_scan.dispatch import Scan
from plait.paper import wide_models as wide
from plait.training import Run
from plait.training.trainer import Trainer
from plait.training.wide import WideEnsemble

DEVICE = torch.device("cuda")
D, HEADS = 1024, 16


class PlainMamba(nn.Module):
    def __init__(self, d_inner: int, states: int) -> None:
        super().__init__()
        self.rank, self.states = D // 16, states
        self.norm = nn.RMSNorm(D)
        self.into = nn.Linear(D, 2 * d_inner, bias=False)
        self.conv = nn.Conv1d(d_inner, d_inner, 4, groups=d_inner, padding=3)
        self.x = nn.Linear(d_inner, self.rank + 2 * states, bias=False)
        self.dt = nn.Linear(self.rank, d_inner)
        self.A_log = nn.Parameter(torch.arange(1.0, states + 1).log().repeat(d_inner, 1))
        self.D = nn.Parameter(torch.ones(d_inner))
        self.out = nn.Linear(d_inner, D, bias=False)

    def forward(self, hidden: Tensor) -> Tensor:
        x, gate = self.into(self.norm(hidden)).chunk(2, dim=-1)
        x = F.silu(self.conv(x.mT)[..., : hidden.shape[1]].mT)
        dt, B, C = self.x(x).split((self.rank, self.states, self.states), dim=-1)
        dt = F.softplus(self.dt(dt).float())
        y = _scan(x.float(), dt, -self.A_log.exp(), B.float(), C.float(), self.D)  # pyright: ignore[reportCallIssue]
        return hidden + self.out(y * F.silu(gate))


@torch.compiler.disable
def _scan(x: Tensor, dt: Tensor, A: Tensor, B: Tensor, C: Tensor, skip: Tensor) -> Tensor:
    return gpu.selective_scan(x, dt=dt, A=A, B=B, C=C, D=skip)


class PlainTransformer(nn.Module):
    def __init__(self, d_mlp: int, window: int | None) -> None:
        super().__init__()
        self.window = window
        self.norms = nn.ModuleList(nn.LayerNorm(D) for _ in range(2))
        self.qkv, self.dense = nn.Linear(D, 3 * D), nn.Linear(D, D)
        self.up, self.down = nn.Linear(D, d_mlp), nn.Linear(d_mlp, D)

    def forward(self, hidden: Tensor) -> Tensor:
        parts = self.qkv(self.norms[0](hidden)).unflatten(-1, (HEADS, 3 * D // HEADS)).transpose(1, 2)
        query, key, value = parts.chunk(3, dim=-1)
        place = torch.arange(hidden.shape[1], device=hidden.device)
        angle = place[:, None] * 10_000.0 ** (-torch.arange(0, 16, 2, device=hidden.device) / 16)
        query, key = (_turned(part, angle.cos(), angle.sin()) for part in (query, key))
        far = place[:, None] - place
        if self.window is None:
            mixed = F.scaled_dot_product_attention(query, key, value, is_causal=True)
        else:
            mixed = F.scaled_dot_product_attention(
                query, key, value, attn_mask=(far >= 0) & (far < self.window)
            )
        mixed = self.dense(mixed.transpose(1, 2).flatten(-2))
        return hidden + mixed + self.down(F.silu(self.up(self.norms[1](hidden))))


def _turned(vectors: Tensor, cos: Tensor, sin: Tensor) -> Tensor:
    cos, sin = cos.to(vectors.dtype), sin.to(vectors.dtype)
    first, second, rest = vectors.split((8, 8, vectors.shape[-1] - 16), dim=-1)
    return torch.cat((first * cos - second * sin, second * cos + first * sin, rest), dim=-1)


class Plain:
    """A step of the plain model."""

    def __init__(self, config: HybridConfig, batch: int, time_: int, *, capture: bool) -> None:
        layers = [
            PlainMamba(spec.d_inner, spec.d_state)
            if name == "SSM"
            else PlainTransformer(spec.d_mlp, spec.window)
            for name, spec in zip(config.layers, config.layer_specs(), strict=True)
        ]
        self.embedding = nn.Embedding(21, D)
        self.layers, self.norm = nn.ModuleList(layers), nn.LayerNorm(D)
        self.model = nn.ModuleList((self.embedding, self.layers, self.norm)).to(DEVICE)
        for layer in self.layers:
            layer.compile(dynamic=False)
        self.optimiser = torch.optim.AdamW(
            self.model.parameters(), lr=torch.tensor(3e-4, device=DEVICE), fused=True, capturable=True
        )
        self.tokens = torch.randint(0, 21, (batch, time_), device=DEVICE)
        self.graph: torch.cuda.CUDAGraph | None = None
        side = torch.cuda.Stream()
        side.wait_stream(torch.cuda.current_stream())
        with torch.cuda.stream(side):
            for _ in range(3):
                self._work()
        torch.cuda.current_stream().wait_stream(side)
        if capture:
            graph = torch.cuda.CUDAGraph()
            with torch.cuda.graph(graph):
                self._work()
            self.graph = graph

    def step(self) -> None:
        if self.graph is None:
            self._work()
        else:
            self.graph.replay()

    def _work(self) -> None:
        self.optimiser.zero_grad(set_to_none=True)
        with torch.autocast("cuda", dtype=torch.bfloat16):
            hidden = self.embedding(self.tokens)
            for layer in self.layers:
                hidden = layer(hidden)
            logits = self.norm(hidden) @ self.embedding.weight.T
        F.cross_entropy(logits.float().flatten(0, 1), self.tokens.flatten()).backward()
        nn.utils.clip_grad_norm_(self.model.parameters(), 1.0)
        self.optimiser.step()


def ours(config: HybridConfig, batch: int, time_: int, scan: Scan | None = None) -> Trainer:
    """After some steps; with another scan, if one is given."""
    protocol = replace(wide.WIDE_PROTOCOL, batch=batch, seq_len=time_)
    trainer = Trainer(
        Run(task=wide.packed(0.2, separator=False), model=config, train=protocol), device=DEVICE
    )
    if scan is not None:
        assert isinstance(trainer.ensemble, WideEnsemble)
        trainer.ensemble.scan = scan
    for _ in range(5):
        trainer.step()
    return trainer


def milliseconds(step: Callable[[], object], steps: int) -> float:
    torch.cuda.synchronize()
    began = time.perf_counter()
    for _ in range(steps):
        step()
    torch.cuda.synchronize()
    return (time.perf_counter() - began) / steps * 1e3


def product_rate() -> float:
    """Operations a second of the best of some bfloat16 products of 8,192."""
    a, b = (torch.randn(8192, 8192, device=DEVICE, dtype=torch.bfloat16) for _ in range(2))
    for _ in range(5):
        torch.mm(a, b)
    return 2 * 8192**3 / (min(milliseconds(lambda: torch.mm(a, b), 10) for _ in range(5)) * 1e-3)


CONFIGS = {
    "SSM-TF x 6": wide.hybrid(wide.WIDE),
    "SSM x 12": replace(wide.mamba(wide.WIDE), pattern="SSM*12"),
    "TF x 12": replace(wide.transformer(wide.WIDE), d_mlp=2 * D, window=None),
    "T_rope": wide.transformer(wide.WIDE),
    "GDN-TF x 6": replace(wide.transformer(wide.WIDE), pattern="(GDN-TF)*6", d_mlp=2 * D),
}
CELLS = (
    ("SSM-TF x 6", 8, 200),
    ("T_rope", 8, 200),
    ("SSM-TF x 6", 64, 256),
    ("SSM x 12", 64, 256),
    ("TF x 12", 64, 256),
    ("GDN-TF x 6", 64, 256),
)


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    for name, value in (("--rounds", 5), ("--steps", 10), ("--seconds", 200)):
        parser.add_argument(name, type=int, default=value)
    parser.add_argument("--only", nargs="+", choices=CONFIGS, default=list(CONFIGS))
    given = parser.parse_args()
    ends = time.time() + given.seconds
    warnings.simplefilter("default")
    peak = product_rate()
    print(
        f"{torch.cuda.get_device_name()}, torch {torch.__version__}, bfloat16 products {peak / 1e12:.0f} T/s",
        flush=True,
    )
    for name, batch, time_ in CELLS:
        if name not in given.only:
            continue
        if time.time() > ends - 15:
            print(f"no time for {name} at {batch} x {time_}")
            continue
        config, found = CONFIGS[name], {"ours": [], "plain": []}
        began, made = time.time(), 0.0
        contenders: dict[str, Callable[[], None]] = {}
        try:
            contenders["ours"] = ours(config, batch, time_).step
            made = time.time() - began
            if set(config.layers) <= {"SSM", "TF"}:
                contenders["plain"] = Plain(config, batch, time_, capture=batch * time_ < 4_000).step
        except Exception as error:
            who = "the plain" if contenders else "our"
            print(f"{who} {name} failed: {type(error).__name__}: {str(error).splitlines()[0][:200]}")
        for _ in range(given.rounds):
            for who, step in contenders.items():
                found[who].append(milliseconds(step, given.steps))
            if time.time() > ends:
                break
        for who, times in found.items():
            if not times:
                continue
            middle, tokens = statistics.median(times), batch * time_
            spread = f"[{min(times):.2f}, {max(times):.2f}]"
            words = f"{name} {batch} x {time_} {who}: {middle:.2f} ms {spread}, {tokens / middle * 1e3:,.0f} tokens/s"
            if name == "TF x 12":
                weights = 12 * (4 * D * D + 2 * D * 2 * D) + 21 * D
                share = (6 * weights + 12 * 12 * D * time_ / 2) * tokens / (middle * 1e-3) / peak
                words += f", {share:.1%} of the products' rate"
            print(words, flush=True)
        print(
            json.dumps(
                {
                    "cell": [name, batch, time_],
                    "made_s": round(made, 1),
                    "GB": torch.cuda.max_memory_allocated() / 1e9,
                    **found,
                }
            )
        )
        contenders.clear()
        gc.collect()
        torch.cuda.empty_cache()
        torch.cuda.reset_peak_memory_stats()


if __name__ == "__main__":
    main()
