"""Builders of objects shaped like the ones that a 1.36 API server returns."""

import copy
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from types import MappingProxyType
from typing import Any

import msgspec
import pytest
from catalogue import Catalogue

from guardrails.core.evidence import Evidence, ReferenceInfo, ReferenceSource
from guardrails.core.incident import AlertMatcher, Incident
from guardrails.gates.checks import Check, Reference, Scope, View
from guardrails.gates.kubernetes.reduction import slim
from guardrails.gates.kubernetes.resources import RESOURCES
from guardrails.gates.registry import DEFAULT_CHECKS, lists_of
from guardrails.gates.snapshot import (
    AlertingRule,
    AlertmanagerState,
    FiringAlert,
    ListKey,
    ObjectList,
    PrometheusState,
    Read,
    ReadStatus,
    Snapshot,
)
from guardrails.testing.conformance import checks as kit

Objects = dict[str, list[dict[str, Any]]]
"""Raw objects by kind, to be changed by a test before they are decoded."""

ERRORS = {"HighRequestErrorRate"}


HELD_VIEWS = 3
"""Of each check and process: every view would take an hour, and any three show a careless read."""


class World:
    """What tests build their looks from."""

    SPARED = MappingProxyType(
        {
            # An object that was found, or that another one names, needs no list of its kind.
            "entity-exists": frozenset(RESOURCES),
            # How many are named is counted on the claim.
            "causes-few": frozenset(RESOURCES),
            # They tell only which pods are left to another check, which says so itself.
            "pods-ready": frozenset({"Job"}),
            "restarts-quiet": frozenset({"Job"}),
            # They tell only how long a refusal lasts; `pods-admitted` says when they are unread.
            "rollout-complete": frozenset({"ReplicaSet", "ResourceQuota", "LimitRange"}),
        }
    )
    """Lists that a check may find unread without a word, by its id."""
    NS = "shop"
    AT = datetime(2026, 1, 1, 12, 0, tzinfo=UTC)
    LONG_AGO = AT - timedelta(hours=1)
    ALERT = AlertMatcher(labels={"alertname": "HighRequestErrorRate"})
    FORBIDDEN = Read(status=ReadStatus.FORBIDDEN, message="403 forbidden")
    OK = Read()
    UNAUTHORIZED = Read(status=ReadStatus.UNAUTHORIZED, message="401 unauthorized")
    TIMEOUT = Read(status=ReadStatus.TIMEOUT, message="no answer in 10 s", temporary=True)

    def __init__(self) -> None:
        self.held: Counter[str] = Counter()
        """How many views each check was held to the conformance kit on."""
        self.catalogue: Catalogue | None = None
        """What checks are known to say, while a test is held to it."""

    def stamp(self, seconds: float = -3600.0) -> str:
        """Write a time relative to now as the API does."""
        return (self.AT + timedelta(seconds=seconds)).strftime("%Y-%m-%dT%H:%M:%SZ")

    def metadata(self, name: str, **more: Any) -> dict[str, Any]:
        """Identity of an object."""
        return {
            "name": name,
            "namespace": self.NS,
            "uid": f"uid-{name}",
            "resourceVersion": "7",
            "generation": 1,
            "creationTimestamp": self.stamp(),
            **more,
        }

    def owned_by(self, kind: str, name: str) -> list[dict[str, Any]]:
        """One controlling owner reference."""
        return [{"kind": kind, "name": name, "uid": f"uid-{name}", "controller": True}]

    def pod(self, name: str, *, app: str = "web", owner: tuple[str, str] | None = None) -> Any:
        """A ready pod of a workload."""
        kind, parent = owner or ("ReplicaSet", f"{app}-1")
        return {
            "metadata": self.metadata(
                name,
                labels={"app": app, "pod-template-hash": "1"},
                ownerReferences=self.owned_by(kind, parent),
            ),
            "spec": {
                "restartPolicy": "Always",
                "containers": [
                    {
                        "name": "app",
                        "image": f"{app}:1",
                        "ports": [{"name": "http", "containerPort": 8080, "protocol": "TCP"}],
                    }
                ],
            },
            "status": {
                "phase": "Running",
                "startTime": self.stamp(),
                "conditions": [
                    {
                        "type": kind_,
                        "status": "True",
                        "lastProbeTime": None,
                        "lastTransitionTime": self.stamp(),
                    }
                    for kind_ in ("PodScheduled", "Initialized", "ContainersReady", "Ready")
                ],
                "containerStatuses": [
                    {
                        "name": "app",
                        "state": {"running": {"startedAt": self.stamp()}},
                        "lastState": {},
                        "ready": True,
                        "restartCount": 0,
                    }
                ],
            },
        }

    def deployment(self, name: str = "web", replicas: int = 3) -> Any:
        """A Deployment that finished its rollout long ago."""
        counts = {
            key: replicas
            for key in ("replicas", "updatedReplicas", "readyReplicas", "availableReplicas")
            if replicas
        }
        return {
            "metadata": self.metadata(
                name, annotations={"deployment.kubernetes.io/revision": "1", "other": "x"}
            ),
            "spec": {
                "replicas": replicas,
                "selector": {"matchLabels": {"app": name}},
                "progressDeadlineSeconds": 600,
            },
            "status": {
                "observedGeneration": 1,
                **counts,
                "conditions": [
                    self.condition("Available", "True", "MinimumReplicasAvailable"),
                    self.condition("Progressing", "True", "NewReplicaSetAvailable"),
                ],
            },
        }

    def condition(self, kind: str, status: str, reason: str, seconds: float = -3600.0) -> Any:
        """A condition that changed some seconds ago."""
        return {
            "type": kind,
            "status": status,
            "reason": reason,
            "message": f"{reason} said",
            "lastUpdateTime": self.stamp(seconds),
            "lastTransitionTime": self.stamp(seconds),
        }

    def service(self, name: str = "web", target: Any = "http") -> Any:
        """A Service on port 80."""
        return {
            "metadata": self.metadata(name),
            "spec": {
                "type": "ClusterIP",
                "clusterIP": "10.0.0.1",
                "selector": {"app": name},
                "ports": [{"name": "http", "protocol": "TCP", "port": 80, "targetPort": target}],
            },
        }

    def endpoints(self, name: str, pods: Sequence[str], port: Any = 8080) -> Any:
        """The EndpointSlice of a Service; nulls as real servers send them."""
        return {
            "addressType": "IPv4",
            "metadata": self.metadata(f"{name}-abcde", labels={"kubernetes.io/service-name": name}),
            "endpoints": [
                {
                    "addresses": ["10.1.0.1"],
                    "conditions": {"ready": True, "serving": True, "terminating": False},
                    "targetRef": {"kind": "Pod", "name": pod, "uid": f"uid-{pod}"},
                }
                for pod in pods
            ]
            or None,
            "ports": [{"name": "http", "protocol": "TCP", "port": port}] if pods and port else None,
        }

    def app(self, name: str = "web", replicas: int = 3) -> Objects:
        """A whole healthy application: Deployment, ReplicaSet, pods, Service and slice."""
        pods = [f"{name}-1-{n}" for n in range(replicas)]
        replicaset = self.deployment(f"{name}-1", replicas)
        replicaset["metadata"]["ownerReferences"] = self.owned_by("Deployment", name)
        return {
            "Deployment": [self.deployment(name, replicas)],
            "ReplicaSet": [replicaset],
            "Pod": [self.pod(pod, app=name) for pod in pods],
            "Service": [self.service(name)],
            "EndpointSlice": [self.endpoints(name, pods)],
        }

    def join(self, *parts: Objects) -> Objects:
        """Put applications beside each other."""
        whole: Objects = {}
        for part in parts:
            for kind, items in part.items():
                whole.setdefault(kind, []).extend(copy.deepcopy(items))
        return whole

    def look(
        self,
        objects: Objects,
        *,
        at: float = 0.0,
        failed: Mapping[str, Read] | None = None,
        prometheus: PrometheusState | None = None,
        alertmanager: AlertmanagerState | None = None,
        cluster: str = "",
    ) -> Snapshot:
        """Decode raw objects into a snapshot, some of whose lists may have failed."""
        lists = [
            self.listed(kind, objects.get(kind, []), (failed or {}).get(kind, Read()))
            for kind in lists_of(DEFAULT_CHECKS)
        ]
        return Snapshot(
            at=self.AT + timedelta(seconds=at),
            cluster=cluster,
            lists=tuple(lists),
            prometheus=prometheus,
            alertmanager=alertmanager,
        )

    def listed(self, kind: str, items: Sequence[Any], read: Read) -> ObjectList:
        """Decode one list as the reader does."""
        key = ListKey(kind=kind, namespace=self.NS if RESOURCES[kind].namespaced else "")
        if not read.ok:
            return ObjectList(key=key, read=read)
        type_ = RESOURCES[kind].type
        return ObjectList(
            key=key,
            objects=tuple(
                slim(msgspec.json.decode(msgspec.json.encode(x), type=type_)) for x in items
            ),
        )

    def incident(self, **more: Any) -> Incident:
        """An incident in the shop."""
        return Incident(task="mend it", **{"namespaces": (self.NS,), **more})

    def scope(self, **more: Any) -> Scope:
        """What is judged."""
        return Scope(**{"incident": self.incident(), **more})

    def reference(
        self, healthy: Snapshot | None = None, *, start: Snapshot | None = None
    ) -> Reference:
        """A reference of a recorded snapshot, or of the start of the run."""
        source = ReferenceSource.SNAPSHOT if healthy else ReferenceSource.RUN_START
        return Reference(info=ReferenceInfo(source=source), snapshot=healthy, start=start)

    def judge(
        self,
        check: Check,
        *history: Snapshot,
        reference: Reference | None = None,
        **scope: Any,
    ) -> list[Evidence]:
        """Run one check over looks."""
        given = reference or Reference(info=ReferenceInfo(source=ReferenceSource.NONE))
        view = View(reference=given, history=history, scope=self.scope(**scope))
        self._hold_to_the_kit(check, view)
        found = check.judge(view)
        if self.catalogue is not None and check.judge.__module__.startswith("guardrails."):
            self.catalogue.hold(found, view.look.at)
        return found

    def _hold_to_the_kit(self, check: Check, view: View) -> None:
        """Hold a check to what every check must hold, on the first views that its tests make."""
        self.held[check.id] += 1
        if self.held[check.id] <= HELD_VIEWS:
            spared = self.SPARED.get(check.id, frozenset())
            under_test = kit.CheckUnderTest(check=check, views=[view], spared=spared)
            for fact in kit.FACTS:
                if fact is not kit.it_has_something_to_say:
                    kit.run_fact(fact, under_test)

    def rule(self, name: str = "HighRequestErrorRate", **more: Any) -> AlertingRule:
        """A live alerting rule with a range of 2 minutes, evaluated every 30 s."""
        return AlertingRule(
            **{
                "name": name,
                "query": "sum(rate(errors_total[2m])) > 0",
                "for_seconds": 180.0,
                "interval_seconds": 30.0,
                "health": "ok",
                "last_evaluation": self.AT - timedelta(seconds=10),
                **more,
            }
        )

    def firing(self, name: str, *, state: str = "firing", **labels: str) -> FiringAlert:
        """An alert as Prometheus lists it."""
        return FiringAlert(
            labels={"alertname": name, **labels}, state=state, active_at=self.LONG_AGO
        )

    def alerts(self, *alerts: FiringAlert, **more: Any) -> PrometheusState:
        """What Prometheus says, with the incident's rule loaded."""
        return PrometheusState(**{"alerts": alerts, "rules": (self.rule(),), **more})


@pytest.fixture(scope="session")
def world() -> World:
    """Return the builders."""
    return World()


@pytest.fixture(scope="session")
def said(request: pytest.FixtureRequest) -> Iterator[Catalogue]:
    """Return what checks say, written down at the end when that is asked for."""
    writing: bool = request.config.getoption("--write-said")
    found = Catalogue(writing=writing)
    yield found
    if writing:
        found.write()


@pytest.fixture(autouse=True)
def _heard(request: pytest.FixtureRequest, world: World, said: Catalogue) -> Iterator[None]:
    """Hold what checks say in a test; what chance makes up cannot be known before."""
    by_chance = hasattr(getattr(request.node, "obj", None), "hypothesis")
    world.catalogue = None if by_chance else said
    yield
    world.catalogue = None
