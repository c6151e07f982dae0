import json
from datetime import UTC, datetime
from pathlib import Path
from textwrap import dedent

import pytest
from inline_snapshot import snapshot

from guardrails.core.incident import AlertMatcher, Goal, Incident, Slo, Workload
from guardrails.errors import IncidentError
from guardrails.policy.incidents import load_incident


def write(directory: Path, text: str, *, name: str = "incident.yaml") -> Path:
    path = directory / name
    path.write_text(dedent(text), encoding="utf-8")
    return path


def refused(path: Path, *, task: str | None = None, namespaces: tuple[str, ...] = ()) -> str:
    with pytest.raises(IncidentError) as caught:
        load_incident(path, task=task, namespaces=namespaces)
    return str(caught.value).replace(str(path), path.name)


def test_a_whole_incident_is_read(tmp_path: Path) -> None:
    """Every key, in both its forms."""
    path = write(
        tmp_path,
        """\
        task: Checkout fails for half of the users.
        goal: diagnosis
        namespaces: [shop, data]
        workloads:
          - cart
          - deploy/checkout
          - data/sts/orders
          - {kind: DaemonSet, name: agent, namespace: shop}
        alerts:
          - labels: {alertname: HighErrorRate, service: checkout}
            startsAt: 2026-11-23T10:00:00+01:00
          - labels: {alertname: Slow}
        slo:
          - sum(rate(errors_total[5m])) / sum(rate(requests_total[5m])) < 0.01
          - name: traffic
            query: (sum(rate(requests_total[5m])) > 1)
        """,
    )
    assert load_incident(path) == Incident(
        task="Checkout fails for half of the users.",
        goal=Goal.DIAGNOSIS,
        namespaces=("shop", "data"),
        workloads=(
            Workload(name="cart"),
            Workload(name="checkout"),
            Workload(name="orders", kind="StatefulSet", namespace="data"),
            Workload(name="agent", kind="DaemonSet", namespace="shop"),
        ),
        alerts=(
            AlertMatcher(
                labels={"alertname": "HighErrorRate", "service": "checkout"},
                starts_at=datetime(2026, 11, 23, 9, tzinfo=UTC),
            ),
            AlertMatcher(labels={"alertname": "Slow"}),
        ),
        slo=(
            Slo(
                name="slo-1",
                query="sum(rate(errors_total[5m])) / sum(rate(requests_total[5m])) < 0.01",
            ),
            Slo(name="traffic", query="(sum(rate(requests_total[5m])) > 1)"),
        ),
    )


def test_json_reads_like_yaml(tmp_path: Path) -> None:
    """The same incident in JSON."""
    text = json.dumps({"task": "x", "alerts": [{"labels": {"namespace": "shop"}}]}, indent="\t")
    incident = load_incident(write(tmp_path, text, name="incident.json"))
    assert incident.namespaces == ("shop",)


def test_the_command_line_wins(tmp_path: Path) -> None:
    """Task and namespaces given beside the file replace the file's."""
    path = write(tmp_path, "task: a\nnamespaces: [one]\n")
    incident = load_incident(path, task="b", namespaces=["two", "two"])
    assert (incident.task, incident.namespaces) == ("b", ("two",))


def test_without_namespaces_alerts_and_workloads_name_them(tmp_path: Path) -> None:
    """The object's namespace is preferred to that of the exporter that reported it."""
    path = write(
        tmp_path,
        """\
        task: x
        workloads: [data/sts/orders]
        alerts:
          - labels: {alertname: A, namespace: monitoring, exported_namespace: shop}
          - labels: {alertname: B, namespace: shop}
          - labels: {alertname: C}
        """,
    )
    assert load_incident(path).namespaces == ("shop", "data")


def test_every_error_is_reported_in_file_order(tmp_path: Path) -> None:
    """One line per wrong value, with what would have been right."""
    path = write(
        tmp_path,
        """\
        namespaces: [shop, Shop_1]
        workloads:
          - deploy/checkout
          - {name: x, kind: Deplyment}
          - a/b/c/d
          - nmae: x
        alerts:
          - labels: {alertname: HighErr, code: 500}
            startsAt: 2026-11-23 09:00:00
          - labels: {}
          - startsAt: tomorrow
        slo:
          - name: b
            query: rate(x[5m] <
          - up
        tsak: y
        """,
    )
    assert refused(path) == snapshot("""\
incident.yaml:1: namespaces[1]: 'Shop_1' is no namespace name: lower-case letters, digits and '-'
incident.yaml:4: workloads[1].kind: 'Deplyment' is no workload kind; known: CronJob, DaemonSet, Deployment, Job, Pod, ReplicaSet, ReplicationController, Service, StatefulSet
incident.yaml:5: workloads[2]: 'a/b/c/d' is no workload; write kind/name or namespace/kind/name
incident.yaml:6: workloads[3].name: missing
incident.yaml:6: workloads[3].nmae: unknown key; did you mean 'name'?
incident.yaml:8: alerts[0].labels.code: 500 is not text (in quotes if it looks like something else)
incident.yaml:9: alerts[0].startsAt: '2026-11-23 09:00:00' is not a time with a zone; add Z or an offset
incident.yaml:10: alerts[1].labels: must not be empty
incident.yaml:11: alerts[2].labels: missing
incident.yaml:11: alerts[2].startsAt: 'tomorrow' is not a time like 2026-01-31T09:00:00Z
incident.yaml:14: slo[0].query: 'rate(x[5m] <' is not PromQL: unclosed left parenthesis
incident.yaml:15: slo[1]: 'up' is no comparison; write one that holds when all is well, such as 'rate(errors_total[5m]) < 0.01' (several are several SLOs)
incident.yaml:16: tsak: unknown key; did you mean 'task'?\
""")  # noqa: E501  # a message is one line


@pytest.mark.parametrize(
    ("query", "trouble"),
    [
        ("''", "the query is empty"),
        ("'a >'", "'a >' is not PromQL: "),
        ("a", "'a' is no comparison"),
        ("a < 1 and b < 2", "is no comparison"),
        ("a > bool 1", "'bool' returns a sample either way"),
        ("vector(1) > 0", "reads no series"),
        ("1 < 2", "is not PromQL"),
        ("'{'", "is not PromQL"),
    ],
)
def test_an_slo_must_be_able_to_fail(tmp_path: Path, query: str, trouble: str) -> None:
    """Queries that prove nothing are refused where they are written."""
    said = refused(write(tmp_path, f"task: x\nslo:\n  - {query}\n"))
    assert said.startswith("incident.yaml:3: slo[0]")
    assert trouble in said


def test_two_slos_may_not_share_a_name(tmp_path: Path) -> None:
    """Reports tell SLOs apart by name, the numbered ones included."""
    text = "task: x\nslo:\n  - {name: slo-2, query: up == 1}\n  - up == 1\n"
    assert refused(write(tmp_path, text)).startswith("incident.yaml:4: slo[1].name: 'slo-2'")


def test_a_task_is_needed_from_somewhere(tmp_path: Path) -> None:
    """An agent that is told nothing can do nothing."""
    path = write(tmp_path, "namespaces: [shop]\n")
    assert refused(path) == (
        "incident.yaml: task: missing; say in the file, or with --task, what the agent is asked"
    )
    assert load_incident(path, task="look").task == "look"


def test_a_workload_must_lie_in_scope(tmp_path: Path) -> None:
    """What is never read can never be shown to be healthy."""
    path = write(tmp_path, "task: x\nnamespaces: [shop]\nworkloads:\n  - data/sts/orders\n")
    assert refused(path) == (
        "incident.yaml:4: workloads[0]: namespace 'data' is not in scope (shop); "
        "add it to namespaces"
    )


def test_a_wrong_namespace_beside_the_file_is_named(tmp_path: Path) -> None:
    """Namespaces of the command line are held to the same rule."""
    path = write(tmp_path, "task: x\n")
    assert refused(path, namespaces=("Shop",)) == (
        "namespace: 'Shop' is no namespace name: lower-case letters, digits and '-'"
    )


def test_a_webhook_body_is_sent_to_its_own_option(tmp_path: Path) -> None:
    """Both are called an incident's alerts, and people mix them up."""
    path = tmp_path / "hook.json"
    path.write_text('{"version": "4", "receiver": "guard", "alerts": []}', encoding="utf-8")
    with pytest.raises(IncidentError, match="give it with --alert-payload"):
        load_incident(path)


def test_a_zero_time_in_a_file_is_no_time(tmp_path: Path) -> None:
    """People copy alerts from Alertmanager; no reference is older than the year 1."""
    path = tmp_path / "i.yaml"
    path.write_text(
        "task: x\nalerts: [{labels: {a: b}, startsAt: 0001-01-01T00:00:00Z}]\n", encoding="utf-8"
    )
    assert load_incident(path).began_at is None


def test_a_namespace_that_stands_twice_counts_once(tmp_path: Path) -> None:
    """Each list is read once."""
    path = tmp_path / "i.yaml"
    path.write_text("task: x\nnamespaces: [a, b, a]\n", encoding="utf-8")
    assert load_incident(path).namespaces == ("a", "b")


def test_a_key_that_is_nearly_right_is_not_sent_elsewhere(tmp_path: Path) -> None:
    """`namespace` may stand in a workload, but at the top the plural was meant."""
    path = tmp_path / "i.yaml"
    path.write_text("task: x\nnamespace: shop\n", encoding="utf-8")
    with pytest.raises(IncidentError, match="namespace: unknown key; did you mean 'namespaces'"):
        load_incident(path)
