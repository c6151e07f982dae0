"""SQL texts by the gravest of their statements."""

import pytest

from guardrails.actions.sql import looks_like_sql, sql_effect
from guardrails.core.toolaction import Effect


@pytest.mark.parametrize(
    ("text", "effect"),
    [
        ("select * from t", Effect.READ),
        ("SELECT 'drop table x' FROM t", Effect.READ),
        ("-- delete from x\nselect 1", Effect.READ),
        ("show tables", Effect.READ),
        ("explain select 1", Effect.READ),
        ("explain delete from t", Effect.READ),
        ("with a as (select 1) select * from a", Effect.READ),
        ("(select 1) union (select 2)", Effect.READ),
        ("select * into b from a", Effect.WRITE),
        ("with a as (insert into t values (1) returning *) select * from a", Effect.WRITE),
        ("explain analyze update t set a=1", Effect.WRITE),
        ("select pg_terminate_backend(1)", Effect.WRITE),
        ("insert into t values (1)", Effect.WRITE),
        ("update t set a = 1", Effect.WRITE),
        ("frobnicate", Effect.WRITE),
        ("", Effect.WRITE),
        ("select 'unclosed", Effect.WRITE),
        ("select 1; drop table t", Effect.DESTRUCTIVE),
        ("delete from t", Effect.DESTRUCTIVE),
        ("TRUNCATE t", Effect.DESTRUCTIVE),
        ("explain analyze delete from t", Effect.DESTRUCTIVE),
        ("with a as (delete from t returning *) select * from a", Effect.DESTRUCTIVE),
        ("alter table t drop column a", Effect.DESTRUCTIVE),
    ],
)
def test_effect_of_sql(text: str, effect: Effect) -> None:
    """The first word of each statement and the words inside it decide."""
    assert sql_effect(text) is effect


def test_promql_does_not_look_like_sql() -> None:
    """A PromQL `sum by` or a metric name is no statement."""
    assert not looks_like_sql("sum by (pod) (rate(http_requests_total[5m]))")
    assert looks_like_sql("SELECT 1")
