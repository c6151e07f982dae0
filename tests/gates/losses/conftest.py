"""A reference and a world beside each other, to be changed by a test."""

import copy
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from guardrails.core.evidence import Evidence, EvidenceState
from guardrails.gates.losses.registry import LOSS_CHECKS

Change = Callable[[Any], object]
"""Changes objects by kind, in place."""

APP: dict[str, Any] = {
    "name": "app",
    "image": "registry.example/shop/web:1",
    "command": ["/app/server"],
    "args": ["--port=8080"],
    "env": [
        {"name": "CART_URL", "value": "http://cart:80"},
        {"name": "LOG_LEVEL", "value": "info"},
    ],
    "ports": [{"name": "http", "containerPort": 8080, "protocol": "TCP"}],
    "resources": {
        "limits": {"cpu": "1", "memory": "1Gi"},
        "requests": {"cpu": "500m", "memory": "512Mi"},
    },
    "readinessProbe": {"httpGet": {"path": "/ready", "port": "http"}, "periodSeconds": 10},
    "livenessProbe": {"exec": {"command": ["/app/alive"]}, "periodSeconds": 10},
    "startupProbe": {"tcpSocket": {"port": 8080}, "failureThreshold": 30},
    "lifecycle": {"preStop": {"exec": {"command": ["/app/drain"]}}},
    "volumeMounts": [
        {"name": "data", "mountPath": "/data"},
        {"name": "config", "mountPath": "/etc/web"},
        {"name": "tmp", "mountPath": "/scratch"},
    ],
    "securityContext": {
        "allowPrivilegeEscalation": False,
        "readOnlyRootFilesystem": True,
        "capabilities": {"drop": ["ALL"]},
    },
}

TEMPLATE: dict[str, Any] = {
    "metadata": {"labels": {"app": "web"}},
    "spec": {
        "serviceAccountName": "web",
        "securityContext": {"runAsNonRoot": True},
        "containers": [APP, {"name": "log", "image": "registry.example/shop/shipper:1"}],
        "initContainers": [
            {"name": "wait", "image": "registry.example/tools/wait:1", "command": ["/wait"]},
            {"name": "migrate", "image": "registry.example/shop/migrate:1", "args": ["up"]},
        ],
        "volumes": [
            {"name": "data", "persistentVolumeClaim": {"claimName": "web-data"}},
            {"name": "config", "configMap": {"name": "web-config"}},
            {"name": "tmp", "emptyDir": {}},
        ],
        "affinity": {
            "podAntiAffinity": {
                "requiredDuringSchedulingIgnoredDuringExecution": [
                    {"topologyKey": "kubernetes.io/hostname", "labelSelector": {}}
                ]
            }
        },
        "topologySpreadConstraints": [
            {"maxSkew": 1, "topologyKey": "topology.kubernetes.io/zone", "labelSelector": {}}
        ],
    },
}


class Comparing:
    """Builds a rich reference, and judges a changed copy of it."""

    def __init__(self, world: Any) -> None:
        self.world = world

    def named(self, name: str, **more: Any) -> dict[str, Any]:
        """An object of some kind."""
        return {"metadata": self.world.metadata(name), **more}

    def objects(self) -> Any:
        """Everything that a reference may hold."""
        found = self.world.join(self.world.app("web"), self.world.app("cart"))
        web, cart = found["Deployment"]
        web["spec"].update(
            template=copy.deepcopy(TEMPLATE),
            minReadySeconds=10,
            revisionHistoryLimit=10,
            strategy={
                "type": "RollingUpdate",
                "rollingUpdate": {"maxUnavailable": "25%", "maxSurge": "25%"},
            },
        )
        cart["spec"]["template"] = {
            "metadata": {"labels": {"app": "cart"}},
            "spec": {"containers": [{"name": "app", "image": "registry.example/shop/cart:1"}]},
        }
        for pod in found["Pod"]:
            if pod["metadata"]["labels"]["app"] == "web":
                pod["spec"]["containers"][0]["image"] = APP["image"]
        return {**found, **self._around()}

    def _around(self) -> Any:
        job = {"spec": {"template": {"spec": {"containers": [{"name": "r", "image": "report:1"}]}}}}
        return {
            "CronJob": [self.named("report", spec={"schedule": "0 * * * *", "jobTemplate": job})],
            "Job": [self.named("import", spec={"template": {}})],
            "Ingress": [self.named("web", spec=self.ingress())],
            "ConfigMap": [self.named("web-config", data={"web.yaml": "port: 8080"})],
            "PersistentVolumeClaim": [self.claim("web-data")],
            "NetworkPolicy": [self.policy("web")],
            "HorizontalPodAutoscaler": [self.scaler("web")],
            "PodDisruptionBudget": [self.budget("web", minAvailable=2)],
            "ResourceQuota": [self.named("room", spec={"hard": {"requests.cpu": "10"}})],
            "LimitRange": [self.named("bounds", spec={"limits": [{"type": "Container"}]})],
            "ServiceAccount": [self.named("web")],
            "Role": [self.role("web", ["get", "list"])],
            "RoleBinding": [self.binding("web", "web")],
        }

    def ingress(self, *paths: str, host: str = "shop.example") -> Any:
        """The spec of an Ingress to `web`."""
        backend = {"service": {"name": "web", "port": {"number": 80}}}
        rows = [{"path": p, "pathType": "Prefix", "backend": backend} for p in paths or ("/api",)]
        return {
            "rules": [{"host": host, "http": {"paths": rows}}],
            "tls": [{"hosts": [host], "secretName": "tls"}],
        }

    def claim(self, name: str, *, volume: str = "pv-1", size: str = "10Gi") -> Any:
        """A bound claim."""
        spec = {"volumeName": volume, "resources": {"requests": {"storage": size}}}
        return self.named(name, spec=spec, status={"phase": "Bound"})

    def policy(self, name: str, app: str = "web", **spec: Any) -> Any:
        """A policy that lets in only the gateway."""
        gateway = {"from": [{"podSelector": {"matchLabels": {"app": "gateway"}}}]}
        about = {"podSelector": {"matchLabels": {"app": app}}, "policyTypes": ["Ingress"]}
        return self.named(name, spec={**about, "ingress": [gateway], **spec})

    def scaler(self, name: str, target: str = "web", **spec: Any) -> Any:
        """An autoscaler of 3 to 6 replicas, by CPU and memory."""
        metrics = [
            {
                "type": "Resource",
                "resource": {
                    "name": kind,
                    "target": {"type": "Utilization", "averageUtilization": 70},
                },
            }
            for kind in ("cpu", "memory")
        ]
        ref = {"kind": "Deployment", "name": target}
        whole = {"scaleTargetRef": ref, "minReplicas": 3, "maxReplicas": 6, "metrics": metrics}
        return self.named(name, spec={**whole, **spec})

    def budget(self, name: str, app: str = "web", **bound: Any) -> Any:
        """A disruption budget."""
        return self.named(name, spec={"selector": {"matchLabels": {"app": app}}, **bound})

    def role(self, name: str, verbs: list[str]) -> Any:
        """A role over ConfigMaps."""
        rule = {"apiGroups": [""], "resources": ["configmaps"], "verbs": verbs}
        return self.named(name, rules=[rule])

    def binding(self, name: str, account: str, role: str = "web") -> Any:
        """A binding of a role to an account."""
        subject = {"kind": "ServiceAccount", "name": account, "namespace": self.world.NS}
        return self.named(name, roleRef={"kind": "Role", "name": role}, subjects=[subject])

    def look(self, *changes: Change, **more: Any) -> Any:
        """A look at a changed copy."""
        objects = self.objects()
        for change in changes:
            change(objects)
        return self.world.look(objects, **more)

    def evidence(
        self, *changes: Change, before: Change | None = None, failed: Any = None, **reference: Any
    ) -> list[Evidence]:
        """Judge every loss of a changed world against the reference."""
        then = self.look(*((before,) if before else ()), at=-3600)
        given = self.world.reference(then)
        if reference:
            given = replace(given, **reference)
        look = self.look(*changes, failed=failed)
        return [e for check in LOSS_CHECKS for e in self.world.judge(check, look, reference=given)]

    def losses(self, *changes: Change, **more: Any) -> list[str]:
        """Return what is lost, as `check field`."""
        return [
            f"{e.check} {e.field}".strip()
            for e in self.evidence(*changes, **more)
            if e.state is EvidenceState.VIOLATED and e.counts
        ]


@pytest.fixture(scope="session")
def comparing(world: Any) -> Comparing:
    """Return the builder."""
    return Comparing(world)
