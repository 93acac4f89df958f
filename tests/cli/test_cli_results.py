import json

import polars as pl
import pytest

from plait.experiments import Store
from plait.experiments.shard_files import shard_bytes

SMALL = ("--steps", 2, "--train", "test_sequences=4", "--train", "select_sequences=2", "--d-model", 4)


@pytest.fixture
def store(plait, tmp_path):
    result = plait("train", *SMALL, "--seeds", "0..1", "--lrs", "0.01,0.1", "-o", "r")
    assert result.exit_code == 0, result.output
    return tmp_path / "r"


def test_results_are_the_store(plait, plait_json, store):
    found = plait_json("results", "r", "--columns", "all")
    rows = Store.for_reading(store).read().sort("lr", "seed").to_dicts()
    assert found == json.loads(json.dumps(rows))
    table = plait("results", "r").stdout
    assert all(row["member"] in table for row in rows)


def test_results_can_be_filtered_averaged_and_asked(plait_json, store):
    only = plait_json("results", "r", "--where", "seed=1", "--where", "lr=0.1", "--columns", "seed,lr")
    assert only == [{"seed": 1, "lr": 0.1}]
    means = plait_json("results", "r", "--by", "lr")
    assert [(row["lr"], row["members"]) for row in means] == [(0.01, 2), (0.1, 2)]
    sql = "SELECT seed, COUNT(*) AS n FROM members GROUP BY seed ORDER BY seed"
    assert plait_json("results", "r", "--sql", sql) == [{"seed": 0, "n": 2}, {"seed": 1, "n": 2}]
    assert plait_json("results", "r", "--where", "diverged_at=null", "--columns", "seed")


def test_members_of_edited_code_are_told_apart(plait, plait_json, store):
    """Rows that would look the same otherwise, and means over both, are said."""
    rows = Store(store).read()
    codes = ('{"own:Layer":"aaaaaaaaaaaaaaaaaaaa"}', '{"own:Layer":"bbbbbbbbbbbbbbbbbbbb"}')
    for place, code in enumerate(codes):
        changed = rows.with_columns(
            pl.lit(code).alias("code_json"), pl.col("member").str.replace("^.", str(place))
        )
        (store / f"edited{place}.parquet").write_bytes(shard_bytes(changed))
    assert "code_json" in plait("results", "r").stdout
    assert "code_json" not in plait("results", "r", "--columns", "seed,lr").stdout
    assert "averaged together" in plait("results", "r", "--by", "lr").stderr
    assert "averaged together" not in plait("results", "r", "--by", "lr,code_json").stderr


def test_long_tables_say_what_they_leave_out(plait, store):
    result = plait("results", "r", "--limit", 3)
    assert "3 of 4 rows" in result.stderr
    assert result.stdout.count("selective-copying") == 3


@pytest.mark.parametrize(
    ("args", "said"),
    [
        (("--by", "sed"), "nearest: seed"),
        (("--where", "sed=1"), "nearest: seed"),
        (("--where", "seed"), "NAME=JSON"),
        (("--where", "seed=[1"), "JSON"),
        (("--sql", "SELECT sed FROM members"), "sed"),
        (("--sql", "SELECT * FROM elsewhere"), "elsewhere"),
        (("--sql", ""), "SELECT"),
    ],
)
def test_questions_that_are_refused(refused, store, args, said):
    assert said in refused("results", "r", *args)


def test_folders_that_are_refused(refused, store, tmp_path):
    assert "nowhere" in refused("results", "nowhere")
    (tmp_path / "empty").mkdir()
    assert "no results" in refused("results", "empty")
    (shard,) = store.glob("*.parquet")
    content = shard.read_bytes()
    for broken in (b"", b"PAR1", content[:-20], content[:100] + b"\0" * (len(content) - 100)):
        shard.write_bytes(broken)
        assert shard.name in refused("results", "r")
        assert shard.name in refused("train", *SMALL, "-o", "r")


@pytest.mark.parametrize(
    "wrong",
    [
        ("--where", "typo=1"),
        ("--where", "lr=x"),
        ("--by", "patern"),
        ("--columns", "acuracy"),
        ("--sql", "DROP TABLE members"),
        ("--sql", "SELECT nope FROM members"),
        ("--sql", "SELECT 1", "--by", "seed"),
    ],
)
@pytest.mark.parametrize("action", [("--pack",), ("--into", "other")])
def test_nothing_is_packed_before_all_is_checked(plait, refused, tmp_path, wrong, action):
    plait("train", *SMALL, "-o", "out")
    before = {path: path.read_bytes() for path in tmp_path.glob("out/*.parquet")}
    refused("results", "out", *action, *wrong)
    assert {path: path.read_bytes() for path in tmp_path.glob("out/*.parquet")} == before
    assert not (tmp_path / "other").exists()


def test_stored_text_cannot_steer_a_terminal(plait, tmp_path):
    """Rows may come from anywhere; a name in them is shown as the text that it is, and cut."""
    plait("train", *SMALL, "-o", "out")
    (path,) = tmp_path.glob("out/*.parquet")
    rows = pl.read_parquet(path).with_columns(device=pl.lit("\x1b]0;owned\x07\x9b2J" + "x" * 5_000_000))
    path.write_bytes(shard_bytes(rows))
    shown = plait("results", "out", "--columns", "device").stdout
    assert "\x1b" not in shown
    assert "\x9b" not in shown
    assert r"\x1b]0;owned\x07\x9b2Jxxx" in shown
    assert len(shown) < 3000
