"""Small plait configs, drawn by hypothesis."""

from hypothesis import strategies as st

from plait import HybridConfig
from plait.layers.registry import MIXERS


@st.composite
def configs(draw: st.DrawFn) -> HybridConfig:
    layers = draw(st.lists(st.sampled_from(["SSM", "TF", *MIXERS]), min_size=1, max_size=4))
    n_heads = draw(st.integers(1, 3))

    def one_or_each(values: st.SearchStrategy[int | None]) -> object:
        each = st.lists(values, min_size=len(layers), max_size=len(layers)).map(tuple)
        return draw(st.one_of(values, each))

    return HybridConfig(
        draw(st.integers(1, 12)),
        pattern="-".join(layers),
        d_model=n_heads * draw(st.integers(1, 6)),
        window=one_or_each(st.one_of(st.none(), st.integers(1, 7))),
        d_state=draw(st.integers(1, 5)),
        expand=draw(st.integers(1, 3)),
        d_inner=draw(st.one_of(st.none(), st.integers(1, 9))),
        dt_rank=draw(st.one_of(st.none(), st.integers(1, 4))),
        d_conv=draw(st.integers(1, 5)),
        n_heads=n_heads,
        rotary_fraction=0.0,
        options={"MLP": {"units": draw(st.integers(1, 5))}} if "MLP" in layers else None,
        mlp_factor=draw(st.integers(0, 3)),
        d_mlp=one_or_each(st.one_of(st.none(), st.integers(0, 9))),
    )
