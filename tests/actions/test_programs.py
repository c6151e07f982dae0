"""Targets and methods of the programs other than kubectl."""

import pytest

from guardrails.actions.shell import analyse
from guardrails.core.toolaction import Effect, Target


@pytest.mark.parametrize(
    ("line", "verb", "target"),
    [
        (
            "helm rollback web 2 -n shop",
            "rollback",
            Target(kind="release", name="web", namespace="shop"),
        ),
        ("helm upgrade web ./chart", "upgrade", Target(kind="release", name="web")),
        ("helm get values web", "get values", Target(kind="release", name="web")),
        ("argocd app sync web", "app sync", Target(kind="application", name="web")),
        ("curl -XPUT http://x/y", "PUT", Target(kind="url", name="http://x/y")),
        ("curl -d @f http://x/y", "POST", Target(kind="url", name="http://x/y")),
        ("systemctl restart web", "restart", Target(kind="unit", name="web")),
        ("psql -c 'drop table t'", "sql", Target(kind="query", name="drop table t")),
    ],
)
def test_verb_and_target(line: str, verb: str, target: Target) -> None:
    """Each program names its verb and what it touches."""
    operation = analyse(line).operations[0]
    assert operation.verb == verb
    assert operation.targets == (target,)


def test_a_release_is_not_confused_with_its_chart() -> None:
    """`helm upgrade web ./chart` touches one release."""
    assert len(analyse("helm upgrade web ./chart -n x").operations[0].targets) == 1


def test_a_post_that_only_asks_is_a_read_with_its_reason() -> None:
    """Long PromQL is sent by POST."""
    operation = analyse("curl http://p/api/v1/query_range -d query=up").operations[0]
    assert (operation.verb, operation.effect, operation.why) == (
        "POST",
        Effect.READ,
        "a query endpoint",
    )


def test_a_dry_run_of_helm_is_noted() -> None:
    """Version 3 takes `--dry-run` as a switch, version 4 a value."""
    for flag in ("--dry-run", "--dry-run=server"):
        operation = analyse(f"helm uninstall web {flag}").operations[0]
        assert (operation.effect, operation.dry_run) == (Effect.READ, True)
