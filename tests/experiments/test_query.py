"""Questions to a store: SQL over its members and nothing else, filters, aggregates."""

import time

import pytest
from fake_training import FakeTrainer, small_experiment

from plait.experiments import Store, StoreError, aggregated, filtered, query, run_experiment
from plait.experiments.sql_process import run_sql


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("results")
    run_experiment(small_experiment(steps=2), folder, train=FakeTrainer())
    return folder


def test_aggregates_by_sql(folder):
    answer = query(
        folder, "SELECT pattern, count(*) AS n, max(lr) AS lr FROM members GROUP BY pattern ORDER BY pattern"
    )
    assert answer.rows() == [("SSM-TF", 24, 0.01), ("TF-TF", 24, 0.01)]


def test_a_subquery(folder):
    answer = query(
        folder, " with few as (select seed from members where d_model = 4) select count(*) as n from few"
    )
    assert answer.item() == 16


@pytest.mark.parametrize(
    ("sql", "message"),
    [
        ("", "a query starts with SELECT or WITH, got ''"),
        ("DROP TABLE members", "a query starts with SELECT or WITH, got 'DROP TABLE members'"),
        ("CREATE TABLE x AS SELECT 1", "a query starts with SELECT or WITH"),
        ("SELECT * FROM read_csv('/etc/passwd')", "the query failed: it reads a file or an address"),
        ("SELECT * FROM \"READ_parquet\"('/dev/null')", "the query failed: it reads a file or an address"),
        (
            "SELECT * FROM read_csv('https://127.0.0.1:9/x')",
            "the query failed: it reads a file or an address",
        ),
        ("x" * 2_000_000, "a query starts with SELECT or WITH, got 'xxx"),
        ("SELECT " + "1, " * 500_000 + "1", "a query of at most 1,000,000 letters is needed"),
        (
            "SELECT * FROM elsewhere",
            "the query failed: relation 'elsewhere' was not found; the table is members:",
        ),
        ("SELECT * FROM '/etc/passwd'", "the query failed: relation '/etc/passwd' was not found"),
        ("SELECT acuracy FROM members", 'the query failed: unable to find column "acuracy"'),
        ("SELECT (", "the query failed: sql parser error"),
        ("SELECT 1; SELECT 2", "the query failed: "),
    ],
)
def test_refused_in_one_line(folder, sql, message):
    with pytest.raises(StoreError) as caught:
        query(folder, sql)
    assert str(caught.value).startswith(message)
    assert "\n" not in str(caught.value)
    assert "root:" not in str(caught.value)


def test_a_text_that_looks_like_a_table_function_is_allowed(folder):
    assert query(folder, "SELECT count(*) AS n FROM members WHERE task <> 'read_csv'").item() == 48


@pytest.mark.parametrize(
    ("sql", "said"),
    [
        (
            "WITH RECURSIVE a AS (SELECT 1 AS n UNION ALL SELECT n + 1 FROM a) SELECT count(*) FROM a",
            "it takes longer than the 1 seconds that a query may take|the query failed",
        ),
        (
            "SELECT count(*) FROM members a CROSS JOIN members b CROSS JOIN members c CROSS JOIN members d "
            "CROSS JOIN members e CROSS JOIN members f",
            "it takes longer than the 1 seconds that a query may take|it needs more than 4 GiB|too large|"
            "it makes a table of more than 4,294,967,295 rows",
        ),
        (
            "SELECT seed + " + " + ".join(["1"] * 50_000) + " FROM members",
            "it takes longer than the 1 seconds that a query may take|too deep",
        ),
    ],
    ids=["recursive", "joined", "deep"],
)
def test_a_query_that_does_not_end_is_ended(folder, sql, said):
    began = time.monotonic()
    with pytest.raises(StoreError, match=said):
        run_sql(folder, sql, seconds=1)
    assert time.monotonic() - began < 600


def test_a_table_of_too_many_rows_is_said_so(folder):
    six_times = " CROSS JOIN ".join(f"members {name}" for name in "abcdef")
    with pytest.raises(
        StoreError, match=r"^the query failed: it makes a table of more than 4,294,967,295 rows$"
    ):
        run_sql(folder, f"SELECT count(*) FROM {six_times}")


def test_a_folder_without_results_is_refused(tmp_path):
    with pytest.raises(StoreError, match="holds no results"):
        query(tmp_path, "SELECT * FROM members")


def test_filters(folder):
    rows = Store(folder).read()
    kept = filtered(rows, {"pattern": "TF-TF", "d_model": 8, "diverged_at": None})
    assert len(kept) == 8
    assert kept["pattern"].unique().to_list() == ["TF-TF"]


@pytest.mark.parametrize(
    ("conditions", "message"),
    [
        ({"patern": "TF"}, "unknown column 'patern'; known: .*; nearest: pattern"),
        ({"d_model": "eight"}, "column d_model holds Int64, got 'eight'"),
        ({"losses": 3}, "column losses holds List"),
    ],
)
def test_refused_filters(folder, conditions, message):
    with pytest.raises(StoreError, match=message):
        filtered(Store(folder).read(), conditions)


def test_aggregates(folder):
    rows = Store(folder).read()
    table = aggregated(rows, ("pattern", "lr"))
    assert table["members"].to_list() == [12] * 4
    assert table["diverged"].to_list() == [0] * 4
    expected = rows.filter(pattern="SSM-TF", lr=0.001)["accuracy"]
    assert table["accuracy"][0] == pytest.approx(expected.mean())
    assert table["sd"][0] == pytest.approx(expected.std())


def test_refused_aggregates(folder):
    rows = Store(folder).read()
    with pytest.raises(StoreError, match="unknown column 'd_modl'"):
        aggregated(rows, ("d_modl",))
    with pytest.raises(StoreError, match="at least one column"):
        aggregated(rows, ())
