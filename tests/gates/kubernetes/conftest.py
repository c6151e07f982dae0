"""Builders of what stands around workloads: nodes, claims, quotas, Jobs, autoscalers, budgets."""

from collections.abc import Sequence
from typing import Any

import pytest


class Stock:
    """Raw objects shaped like those of a 1.36 API server; times come from the world."""

    def __init__(self, world: Any) -> None:
        self.world = world

    def node(self, name: str = "n1", **more: Any) -> Any:
        """A ready node."""
        metadata = self.world.metadata(name, labels={"kubernetes.io/hostname": name})
        del metadata["namespace"]
        return {
            "metadata": metadata,
            "spec": more,
            "status": {
                "allocatable": {"cpu": "16", "memory": "64Gi", "pods": "500"},
                "conditions": [
                    self.world.condition("MemoryPressure", "False", "KubeletHasSufficientMemory"),
                    self.world.condition("Ready", "True", "KubeletReady"),
                ],
            },
        }

    def quota(self, name: str = "memory", *, used: str = "0", hard: str = "32Mi") -> Any:
        """A quota on memory requests."""
        return {
            "metadata": self.world.metadata(name),
            "spec": {"hard": {"memory": hard}},
            "status": {"hard": {"memory": hard}, "used": {"memory": used}},
        }

    def limits(self, name: str = "bounds") -> Any:
        """A limit range with a maximum."""
        return {
            "metadata": self.world.metadata(name),
            "spec": {"limits": [{"type": "Container", "max": {"memory": "64Mi"}}]},
        }

    def claim(self, name: str = "data", phase: str = "Bound", seconds: float = -3600.0) -> Any:
        """A claim, made some seconds ago."""
        return {
            "metadata": self.world.metadata(name, creationTimestamp=self.world.stamp(seconds)),
            "spec": {"accessModes": ["ReadWriteOnce"], "storageClassName": "standard"},
            "status": {"phase": phase},
        }

    def autoscaler(self, name: str = "web", *, current: int = 3, most: int = 5) -> Any:
        """An autoscaler that works."""
        return {
            "metadata": self.world.metadata(name),
            "spec": {
                "scaleTargetRef": {"kind": "Deployment", "name": name, "apiVersion": "apps/v1"},
                "minReplicas": 2,
                "maxReplicas": most,
            },
            "status": {
                "currentReplicas": current,
                "desiredReplicas": current,
                "conditions": [
                    self.world.condition("AbleToScale", "True", "ReadyForNewScale"),
                    self.world.condition("ScalingActive", "True", "ValidMetricFound"),
                    self.world.condition("ScalingLimited", "False", "DesiredWithinRange"),
                ],
            },
        }

    def budget(self, name: str = "web", **status: Any) -> Any:
        """A disruption budget over three pods that allows one disruption."""
        return {
            "metadata": self.world.metadata(name),
            "spec": {"minAvailable": 2, "selector": {"matchLabels": {"app": name}}},
            "status": {
                "observedGeneration": 1,
                "currentHealthy": 3,
                "desiredHealthy": 2,
                "disruptionsAllowed": 1,
                "expectedPods": 3,
                "conditions": [self.world.condition("DisruptionAllowed", "True", "SufficientPods")],
                **status,
            },
        }

    def job(
        self, name: str = "import", *, end: str = "", ago: float = 600.0, cron: str = ""
    ) -> Any:
        """A Job made some seconds ago: running, or ended as `Complete` or `Failed`."""
        metadata = self.world.metadata(name, creationTimestamp=self.world.stamp(-ago))
        if cron:
            metadata["ownerReferences"] = self.world.owned_by("CronJob", cron)
        status: dict[str, Any] = {"startTime": self.world.stamp(-ago)}
        if end:
            reason = "CompletionsReached" if end == "Complete" else "BackoffLimitExceeded"
            status["conditions"] = [self.world.condition(end, "True", reason, -ago / 2)]
            status["succeeded" if end == "Complete" else "failed"] = 1
        else:
            status.update(active=1, ready=1)
        return {
            "metadata": metadata,
            "spec": {"backoffLimit": 6, "template": self.template()},
            "status": status,
        }

    def cronjob(self, name: str = "backup", **status: Any) -> Any:
        """A CronJob of every hour."""
        return {
            "metadata": self.world.metadata(name),
            "spec": {
                "schedule": "0 * * * *",
                "jobTemplate": {"spec": {"template": self.template()}},
            },
            "status": status,
        }

    def template(self, image: str = "tool:1") -> Any:
        """The pods of a Job."""
        return {
            "spec": {"restartPolicy": "Never", "containers": [{"name": "main", "image": image}]}
        }

    def on_nodes(self, app: Any, *names: str) -> Any:
        """Place the pods of an application on nodes, in turn."""
        for number, pod in enumerate(app["Pod"]):
            pod["spec"]["nodeName"] = names[number % len(names)]
        return app


@pytest.fixture(scope="session")
def stock(world: Any) -> Stock:
    """Return the builders."""
    return Stock(world)


def states(evidence: Sequence[Any]) -> list[tuple[str, str, bool]]:
    """Shorten evidence to state, name of the subject, and whether it counts."""
    return [(e.state.value, getattr(e.subject, "name", ""), e.counts) for e in evidence]
