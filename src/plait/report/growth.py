"""How the cost of a construction grows: one quantity varied at a time from the experiments' sizes."""

from plait.constructions import growth
from plait.report.document import Column, Entry, Table

COLUMNS = (
    Column(name="varied", title="varied", numeric=False),
    Column(name="value", title="to"),
    Column(name="width", title="width"),
    Column(name="parameters", title="params"),
    Column(name="mlp_units", title="MLP units", brief=False),
    Column(name="ssm_state", title="states"),
    Column(name="states_in_use", title="in use", brief=False),
    Column(name="conv_tail", title="conv tail", brief=False),
    Column(name="kv_cache", title="keys and values"),
    Column(name="state_bits", title="bits held"),
)


def growth_table(construction: str) -> Table:
    """Costs of the default layouts of one construction in float64, in closed form.

    Args:
        construction: "selective-copying" or "decoding-recall".
    """
    rows = [row for row in growth() if row["construction"] == construction]
    return Table(
        caption="How costs grow, the rest as in the experiments (float64)",
        columns=COLUMNS,
        rows=tuple(tuple(_entry(row[column.name]) for column in COLUMNS) for row in rows),
        notes=(
            "width grows with the logarithm of the vocabulary, working memory with numbers or register, "
            "neither with the length",
        ),
    )


def _entry(value: int | str) -> Entry:
    return Entry(text=value if isinstance(value, str) else f"{value:,}", value=value)
