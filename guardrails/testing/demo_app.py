"""A small shop to break and mend: manifests, traffic and alert rules for demos and tests.

Users call the frontend, the frontend calls checkout and the catalog, checkout calls payment. The
rules have the names and shapes of an SRE team's, with windows short enough for a demo: seconds
where production has minutes.
"""

from guardrails.testing.sim import AlertRule, Flow
from guardrails.testing.sim.controllers.symptoms import NEEDS_MEMORY, REQUIRES_ENV
from guardrails.testing.sim.kinds import Obj

NAMESPACE = "shop"
PORT = 8080
"""What every container of the shop listens on; Services offer it as port 80."""

_RANGE = "3s"
_NEEDS = "48Mi"
"""Below this limit a container of the shop is killed; the manifests give it 128Mi."""
_CALLS: dict[str, tuple[str, ...]] = {
    "frontend": ("checkout", "catalog"),
    "checkout": ("payment",),
    "catalog": (),
    "payment": (),
}
_REPLICAS = {"frontend": 2, "checkout": 2, "catalog": 1, "payment": 2}
_RATES = {"frontend": 40.0, "checkout": 20.0, "catalog": 20.0, "payment": 20.0}


def _env_name(service: str) -> str:
    return f"{service.upper()}_URL"


def _deployment(name: str) -> Obj:
    labels = {"app": name}
    env = [
        {"name": _env_name(other), "value": f"http://{other}.{NAMESPACE}"} for other in _CALLS[name]
    ]
    annotations = {NEEDS_MEMORY: _NEEDS}
    if env:
        annotations[REQUIRES_ENV] = ",".join(one["name"] for one in env)
    container: Obj = {
        "name": name, "image": f"registry.example/{NAMESPACE}/{name}:1.4",
        "ports": [{"name": "http", "containerPort": PORT}],
        "resources": {"requests": {"cpu": "50m", "memory": "64Mi"}, "limits": {"memory": "128Mi"}},
        "readinessProbe": {"httpGet": {"path": "/ready", "port": "http"}, "periodSeconds": 1},
    }  # fmt: skip
    if env:
        container["env"] = env
    return {
        "kind": "Deployment", "apiVersion": "apps/v1",
        "metadata": {"name": name, "namespace": NAMESPACE, "labels": labels},
        "spec": {
            "replicas": _REPLICAS[name], "progressDeadlineSeconds": 20,
            "selector": {"matchLabels": labels},
            "template": {
                "metadata": {"labels": labels, "annotations": annotations},
                "spec": {"terminationGracePeriodSeconds": 1, "containers": [container]},
            },
        },
    }  # fmt: skip


def _service(name: str) -> Obj:
    return {
        "kind": "Service", "apiVersion": "v1",
        "metadata": {"name": name, "namespace": NAMESPACE, "labels": {"app": name}},
        "spec": {
            "selector": {"app": name}, "ports": [{"name": "http", "port": 80, "targetPort": "http"}]
        },
    }  # fmt: skip


def shop_app() -> list[Obj]:
    """The shop's manifests: its namespace, then a Deployment and a Service for each part."""
    found: list[Obj] = [{"kind": "Namespace", "apiVersion": "v1", "metadata": {"name": NAMESPACE}}]
    for name in _CALLS:
        found += [_deployment(name), _service(name)]
    return found


def shop_flows() -> list[Flow]:
    """The shop's traffic: users to the frontend, and each part to those it calls."""
    flows = [Flow("users", "frontend", 80, _RATES["frontend"], NAMESPACE)]
    for caller, called in _CALLS.items():
        flows += [Flow(caller, name, 80, _RATES[name], NAMESPACE) for name in called]
    return flows


def _rate(selector: str) -> str:
    return f"sum by (namespace, service) (rate(http_requests_total{selector}[{_RANGE}]))"


def shop_rules() -> list[AlertRule]:
    """The shop's alert rules; `Watchdog` fires always, so that silence is never health."""
    warning, critical = {"severity": "warning"}, {"severity": "critical"}
    errors, served, total = _rate('{code=~"5.."}'), _rate('{code="200"}'), _rate("")
    waiting = 'kube_pod_container_status_waiting_reason{reason="CrashLoopBackOff"}'
    pods = 'kube_pod_status_ready{condition="true"}'
    replicas = "kube_deployment_spec_replicas != kube_deployment_status_replicas_available"
    return [
        AlertRule(
            name="HighRequestErrorRate", group=NAMESPACE, for_seconds=1, labels=critical,
            expr=f"{errors} / {total} > 0.05",
            annotations={"summary": "{{ $labels.service }} answers more than 5% with errors"},
        ),
        AlertRule(
            name="NoRequestsReceived", group=NAMESPACE, for_seconds=2, labels=critical,
            expr=f"{served} == 0",
            annotations={"summary": "{{ $labels.service }} serves no requests"},
        ),
        AlertRule(
            name="KubePodNotReady", group=NAMESPACE, for_seconds=2, labels=warning,
            expr=f"max by (namespace, pod) ({pods}) == 0",
            annotations={"summary": "{{ $labels.pod }} is not ready"},
        ),
        AlertRule(
            name="KubePodCrashLooping", group=NAMESPACE, for_seconds=1, labels=warning,
            expr=f"max by (namespace, pod, container) (max_over_time({waiting}[{_RANGE}])) >= 1",
            annotations={"summary": "{{ $labels.pod }} restarts again and again"},
        ),
        AlertRule(
            name="KubeDeploymentReplicasMismatch", group=NAMESPACE, for_seconds=2, labels=warning,
            expr=f"max by (namespace, deployment) ({replicas})",
            annotations={"summary": "{{ $labels.deployment }} has not the replicas it asks for"},
        ),
        AlertRule(
            name="Watchdog", group=NAMESPACE, expr="vector(1)", labels={"severity": "none"},
            annotations={"summary": "The alerting pipeline works"},
        ),
    ]  # fmt: skip
