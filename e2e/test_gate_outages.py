"""What the gate cannot read it does not believe: a right that is missing, a server that is gone."""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path

import pytest

from e2e.app import NAMESPACE
from e2e.clusters.cluster import Cluster
from e2e.scenarios.runs import (
    Ended,
    guarded_agent,
    monitoring_options,
    prepare,
)
from e2e.scenarios.scripts import SCENARIOS
from guardrails.core.decisions import Reason
from guardrails.core.evidence import GateVerdict, SourceRef
from guardrails.core.outcome import Outcome

STORY = SCENARIOS["mends-and-insists"]
"""An agent that mends the fault, claims it, and claims it again each time it is refused."""

Outage = Callable[[Cluster], AbstractContextManager[None]]

LONG_WAIT = {"gate.stable_for": "12s", "gate.window": "12s"}
"""Keeps the gate looking for longer than an outage needs to be brought about."""

BLIND_GUARD = """
apiVersion: v1
kind: ServiceAccount
metadata: {name: blind-guard, namespace: sre}
---
apiVersion: rbac.authorization.k8s.io/v1
kind: ClusterRole
metadata: {name: blind-guard}
rules:
- apiGroups: ["", apps, autoscaling, batch, policy, networking.k8s.io, rbac.authorization.k8s.io]
  resources: ["*"]
  verbs: [get, list, watch]
---
apiVersion: rbac.authorization.k8s.io/v1
kind: ClusterRoleBinding
metadata: {name: blind-guard}
roleRef: {apiGroup: rbac.authorization.k8s.io, kind: ClusterRole, name: blind-guard}
subjects:
- {kind: ServiceAccount, name: blind-guard, namespace: sre}
"""
"""May list everything that the gate needs but EndpointSlices."""


@pytest.fixture
def blind_guard(app: Cluster) -> Iterator[Path]:
    """Make an identity without a right that the gate needs, and take it away again."""
    app.kubectl("apply", "-f", "-", stdin=BLIND_GUARD)
    yield app.kubeconfig_for("blind-guard", "sre")
    app.kubectl("delete", "-f", "-", "--wait=false", stdin=BLIND_GUARD)


@pytest.mark.timeout(240)
def test_missing_right_is_unknown_and_escalates(
    app: Cluster, blind_guard: Path, tmp_path: Path
) -> None:
    """A 403 on one list: the mend is real, yet nothing is accepted, and a person is called."""
    with prepare(app, STORY, tmp_path).start(guard=blind_guard) as underway:
        ended = underway.ended()

    is_refused_then_escalated(ended)
    (forbidden,) = {subject.detail for subject in unread(ended)}
    assert forbidden == f"list EndpointSlice in {NAMESPACE}"
    assert all("forbidden" in e.observed for e in ended.report.unknown)


def test_doctor_names_the_missing_right(app: Cluster, blind_guard: Path) -> None:
    """`doctor` says which verb on which resource is missing, and how to grant it."""
    printed = guarded_agent(
        *("doctor", "-n", NAMESPACE, "--kubeconfig", str(blind_guard)),
        *monitoring_options(app),
        code=7,
    )

    assert "endpointslices" in printed
    assert "discovery.k8s.io" in printed


@contextmanager
def without_api_server(cluster: Cluster) -> Generator[None]:
    """Stop the API server, as a crash would, and start it again."""
    cluster.stop_api_server()
    try:
        yield
    finally:
        cluster.start_api_server()


@contextmanager
def without_prometheus(cluster: Cluster) -> Generator[None]:
    """Stop Prometheus, and start it again with the data it had."""
    cluster.stop_prometheus()
    try:
        yield
    finally:
        cluster.start_prometheus()


@pytest.mark.timeout(240)
@pytest.mark.parametrize(
    ("outage", "source"), [(without_api_server, "kubernetes"), (without_prometheus, "prometheus")]
)
def test_server_that_stops_in_the_gate_is_unknown(
    app: Cluster, outage: Outage, source: str, tmp_path: Path
) -> None:
    """It dies while the gate waits: the end is refused, then escalated, naming what is gone."""
    with prepare(app, STORY, tmp_path).start(settings=LONG_WAIT) as underway:
        underway.wait_until_judged(GateVerdict.PENDING)
        with outage(app):
            ended = underway.ended()

    is_refused_then_escalated(ended)
    assert {subject.source for subject in unread(ended)} == {source}


@pytest.mark.timeout(240)
def test_api_server_that_comes_back_costs_only_time(app: Cluster, tmp_path: Path) -> None:
    """An outage shorter than the gate's patience: the window begins again, and the end passes."""
    settings = {**LONG_WAIT, "gate.unknown_grace": "60s"}
    with prepare(app, STORY, tmp_path).start(settings=settings) as underway:
        underway.wait_until_judged(GateVerdict.PENDING)
        with without_api_server(app):
            underway.wait_until_judged(GateVerdict.UNKNOWN)
        ended = underway.ended()

    assert (ended.printed.outcome, ended.printed.refusals) == (Outcome.RESOLVED, 0), ended.narrated
    (*_, blind) = (x.at for x in ended.report.trail if x.verdict is GateVerdict.UNKNOWN)
    good = [x.at for x in ended.report.trail if x.verdict is GateVerdict.PASS and x.at > blind]
    assert (good[-1] - good[0]).total_seconds() >= ended.report.window.full_seconds


def is_refused_then_escalated(ended: Ended) -> None:
    """Hold a run to it: unknown evidence refuses twice, and then a person is called."""
    found = (ended.printed.outcome, ended.printed.reason, ended.code)
    assert found == (Outcome.ESCALATED, Reason.GATE_UNKNOWN, 4), ended.narrated
    assert ended.printed.refusals == 2
    assert {report.verdict for report in ended.reports} == {GateVerdict.UNKNOWN}
    assert len(ended.reports) == 3


def unread(ended: Ended) -> list[SourceRef]:
    """Return the sources that the last report could not read."""
    return [e.subject for e in ended.report.unknown if isinstance(e.subject, SourceRef)]
