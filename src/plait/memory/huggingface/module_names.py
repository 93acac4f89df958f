"""Names of modules as quantized files speak of them: which parts of which layers a list of patterns leaves out.

Patterns come from a file: none is run as a regular expression. What is more than wildcards and alternatives is not
understood, and said.
"""

import re
from collections.abc import Iterable
from fnmatch import fnmatchcase

from plait.memory.architecture import OUTSIDE

MOST_PATTERNS = 20_000
MOST_WILDCARDS = 200
MOST_COMPARISONS = 200_000
_MOST_STARS = 6
"""What is read of a file's list: patterns, those with stars, comparisons of a name with one, and stars of one."""

_MODULES: dict[str, tuple[str, ...]] = {
    "attention": (
        "mixer.q_proj", "mixer.k_proj", "mixer.v_proj", "mixer.o_proj",
        "self_attn.q_proj", "self_attn.k_proj", "self_attn.v_proj", "self_attn.o_proj", "self_attn.qkv_proj",
        "self_attn.q_a_proj", "self_attn.q_b_proj", "self_attn.kv_a_proj_with_mqa", "self_attn.kv_b_proj",
    ),
    "mlp": ("mlp.gate_proj", "mlp.up_proj", "mlp.down_proj", "feed_forward.up_proj", "mixer.up_proj"),
    "experts": (
        "mlp.experts.0.gate_proj", "block_sparse_moe.experts.0.w1", "feed_forward.experts.gate_up_proj",
        "mixer.experts.0.up_proj", "ffn.experts.0.w1",
    ),
    "shared experts": (
        "mlp.shared_experts.gate_proj", "mlp.shared_expert.gate_proj", "mlp.shared_experts.up_proj",
        "mixer.shared_experts.up_proj", "ffn.shared_experts.w1", "block_sparse_moe.shared_experts.gate_proj",
    ),
    "recurrent": (
        "linear_attn.in_proj_qkvz", "linear_attn.in_proj_qkv", "linear_attn.out_proj", "mamba.in_proj",
        "mamba.out_proj", "mixer.in_proj", "mixer.out_proj", "self_attn.f_a_proj", "self_attn.b_proj",
    ),
    "convolution": ("conv.in_proj", "conv.out_proj"),
    "adapters": ("shared_transf.feed_forward.gate_up_proj_adapter_list.0",),
    "unembedding": ("lm_head",),
}  # fmt: skip
_MODULES["ssm"] = _MODULES["recurrent"]
_OWN: dict[str, dict[str, tuple[str, ...]]] = {
    model_type: {"experts": ("experts.0.gate_proj", "experts.gate_up_proj")}
    for model_type in ("gemma4", "gemma4_text", "gemma4_unified", "gemma4_unified_text")
}
"""Of families whose experts stand beside the feed-forward part, not within it."""
_PREFIX = re.compile(r"^(?:model\.|language_model\.|backbone\.|transformer\.|text_model\.)+")


def modules_of(part: str, index: int, model_type: str = "") -> tuple[str, ...]:
    """Usual names of the linear maps of a part of layer `index`."""
    names = _OWN.get(model_type, {}).get(part, _MODULES.get(part, ()))
    return names if index == OUTSIDE else tuple(f"layers.{index}.{name}" for name in names)


class Names:
    """A list of patterns of module names.

    Args:
        patterns: exact names, names with `*`, or `re:` and a regular expression.
        model_type: of the file, for families that name parts otherwise.
    """

    def __init__(self, patterns: Iterable[object], model_type: object = "") -> None:
        self._model_type = str(model_type)
        listed = [str(p) for p in patterns][:MOST_PATTERNS]
        self.unclear: list[str] = []
        self._exact: set[str] = set()
        self._globs: dict[str, list[str]] = {}
        n_globs = 0
        self._comparisons = 0
        self._known: dict[tuple[str, int], bool] = {}
        for pattern in listed:
            for glob in _globs(pattern) or self._not_understood(pattern):
                plain = _PREFIX.sub("", glob)
                if "*" not in plain:
                    self._exact.add(plain.strip("."))
                elif n_globs < MOST_WILDCARDS and plain.count("*") <= _MOST_STARS:
                    self._globs.setdefault(_layer_of(plain), []).append(plain)
                    n_globs += 1
                else:
                    self.unclear.append(pattern)

    def _not_understood(self, pattern: str) -> tuple[str, ...]:
        self.unclear.append(pattern)
        return ()

    def match(self, part: str, index: int) -> bool:
        """Whether the part's usual modules are named."""
        if (part, index) not in self._known:
            named = sum(self._named(name) for name in modules_of(part, index, self._model_type))
            # A single matrix of attention (such as kv_b_proj alone) does not leave attention out.
            self._known[part, index] = named >= (3 if part == "attention" else 1)
        return self._known[part, index]

    def _named(self, name: str) -> bool:
        pieces = name.split(".")
        runs = (".".join(pieces[i:j]) for i in range(len(pieces)) for j in range(i + 1, len(pieces) + 1))
        globs = (glob for layer in ("", _layer_of(name)) for glob in self._globs.get(layer, ()))
        return any(run in self._exact for run in runs) or any(self._fits(name, glob) for glob in globs)

    def _fits(self, name: str, glob: str) -> bool:
        """The pattern is the whole name, or that of a module around it.

        Raises:
            ValueError: more comparisons than any published file needs.
        """
        self._comparisons += 1
        if self._comparisons > MOST_COMPARISONS:
            raise ValueError(
                f"a quantized file's patterns must need at most {MOST_COMPARISONS:,} comparisons"
            )
        return any(fnmatchcase(name, g) for g in (glob, f"{glob}.*", f"*.{glob}", f"*.{glob}.*"))


def _layer_of(name: str) -> str:
    """The layer that a name or pattern begins with and can only be of; "" if it says none."""
    found = re.match(r"layers\.[0-9]+\.", name)
    return found[0] if found else ""


def _globs(pattern: str) -> tuple[str, ...]:
    """A pattern as wildcards; nothing where it is more than that."""
    text = pattern
    if text.startswith("re:"):
        text = text[3:]
        text = re.sub(r"\\d\+|\[0-9\]\+|\(\\d\+\)|\[\^\.\]\+|\.\*\??|\.\+", "*", text.strip("^$"))
        text = text.replace("\\.", ".").strip("^$")
    for alternatives in _alternatives(text):
        if re.search(r"[\\^$+?{}|()\[\]]", alternatives):
            return ()
    return _alternatives(text)


def _alternatives(text: str) -> tuple[str, ...]:
    """`a.(b|c)` as `a.b` and `a.c`, for one pair of brackets."""
    found = re.fullmatch(r"([^()]*)\((?:\?:)?([^()]*)\)([^()]*)", text)
    if found is None:
        return (text,)
    return tuple(f"{found[1]}{middle}{found[3]}" for middle in found[2].split("|"))
