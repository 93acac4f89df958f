"""Experiments as values, the store of their results, and what the results say."""

from typing import TYPE_CHECKING

from plait.deferred import on_first_use
from plait.experiments.cell import Cell, by_learning_rate
from plait.experiments.cells_of_rows import cells, evaluated_cells
from plait.experiments.notes import left_out
from plait.experiments.query import aggregated, filtered, query

if TYPE_CHECKING:
    from plait.experiments.bootstrap import Interval
    from plait.experiments.choosing import choosing_part, chosen_part, run_choosing
    from plait.experiments.fields import cell_label, field_name, value_text
    from plait.experiments.folder import StoreError
    from plait.experiments.notes import Stopped
    from plait.experiments.progress import LiveProgress
    from plait.experiments.ratio import Ratio, headline_ratio, ratio_curve
    from plait.experiments.runner import run_experiment
    from plait.experiments.schema import COLUMNS, SCHEMA_VERSION
    from plait.experiments.shards import MAX_MEMBERS, Shard, plan_shards
    from plait.experiments.spec import Experiment
    from plait.experiments.statistics import Difference, Summary, paired_difference, summarise
    from plait.experiments.store import Store
    from plait.experiments.view import View
    from plait.training.identity import NUMERICS, member_id, shard_id

__all__ = [
    "COLUMNS",
    "MAX_MEMBERS",
    "NUMERICS",
    "SCHEMA_VERSION",
    "Cell",
    "Difference",
    "Experiment",
    "Interval",
    "LiveProgress",
    "Ratio",
    "Shard",
    "Stopped",
    "Store",
    "StoreError",
    "Summary",
    "View",
    "aggregated",
    "by_learning_rate",
    "cell_label",
    "cells",
    "choosing_part",
    "chosen_part",
    "evaluated_cells",
    "field_name",
    "filtered",
    "headline_ratio",
    "left_out",
    "member_id",
    "paired_difference",
    "plan_shards",
    "query",
    "ratio_curve",
    "run_choosing",
    "run_experiment",
    "shard_id",
    "summarise",
    "value_text",
]

__getattr__ = on_first_use(__name__)
