"""What templates lose, and honest differences that take nothing away."""

from collections.abc import Callable
from typing import Any

import pytest

Change = Callable[[Any], object]


def spec(objects: Any) -> Any:
    """The spec of the Deployment `web`."""
    return objects["Deployment"][0]["spec"]


def pod(objects: Any) -> Any:
    """Its pod spec."""
    return spec(objects)["template"]["spec"]


def app(objects: Any) -> Any:
    """Its first container."""
    return pod(objects)["containers"][0]


def on(where: Callable[[Any], Any], **values: Any) -> Change:
    """Set keys of a part; None takes them away."""

    def change(objects: Any) -> None:
        part = where(objects)
        for key, value in values.items():
            part[key] = value
            if value is None:
                del part[key]

    return change


def amounts(kind: str, **values: Any) -> Change:
    """Set limits or requests; None takes them away."""
    return on(lambda o: app(o)["resources"].setdefault(kind, {}), **values)


def probe(kind: str, **values: Any) -> Change:
    """Change a probe."""
    return on(lambda o: app(o)[kind], **values)


def rolling(**values: Any) -> Change:
    """Another strategy of rollouts."""
    return on(spec, strategy={"type": "RollingUpdate", "rollingUpdate": values})


def run(*command: str) -> Change:
    """Another command, without arguments."""
    return on(app, command=list(command), args=None)


def drop(where: Callable[[Any], list[Any]], index: int = 0) -> Change:
    """Take one of a list away."""
    return lambda objects: where(objects).pop(index)


def affinity(**rule: Any) -> Change:
    """Another anti-affinity, and no spreading over nodes."""
    return on(pod, affinity={"podAntiAffinity": rule})


def node_affinity(operator: str, *nodes: str) -> Change:
    """Needed nodes, by name."""
    rule = {"key": "kubernetes.io/hostname", "operator": operator, "values": list(nodes)}
    needed = {"nodeSelectorTerms": [{"matchExpressions": [rule]}]}
    return lambda o: pod(o)["affinity"].update(
        nodeAffinity={"requiredDuringSchedulingIgnoredDuringExecution": needed}
    )


NODE_TERM = {"topologyKey": "kubernetes.io/hostname", "labelSelector": {}}
TWO_ZONES = [{"maxSkew": 2, "topologyKey": "topology.kubernetes.io/zone", "labelSelector": {}}]

LOSSES: dict[str, tuple[Change, str]] = {
    "readiness probe removed": (on(app, readinessProbe=None), "probes-kept readinessProbe"),
    "liveness probe removed": (on(app, livenessProbe=None), "probes-kept livenessProbe"),
    "startup probe removed": (on(app, startupProbe=None), "probes-kept startupProbe"),
    "probe that runs true": (
        probe("livenessProbe", exec={"command": ["/bin/true"]}),
        "probes-kept livenessProbe",
    ),
    "probe that exits 0": (
        on(app, readinessProbe={"exec": {"command": ["sh", "-c", "exit 0"]}}),
        "probes-kept readinessProbe",
    ),
    "probe that acts never": (
        probe("livenessProbe", failureThreshold=1000),
        "probes-kept livenessProbe",
    ),
    "probe that hangs": (probe("livenessProbe", timeoutSeconds=200), "probes-kept livenessProbe"),
    "probe that begins never": (
        probe("livenessProbe", initialDelaySeconds=86400),
        "probes-kept livenessProbe",
    ),
    "limit removed": (amounts("limits", memory=None), "resources-kept limits.memory"),
    "CPU limit removed": (amounts("limits", cpu=None), "resources-kept limits.cpu"),
    "limit lowered": (amounts("limits", memory="512Mi"), "resources-kept limits.memory"),
    "limit just below": (amounts("limits", cpu="899m"), "resources-kept limits.cpu"),
    "request below half": (amounts("requests", cpu="249m"), "resources-kept requests.cpu"),
    "recreate": (on(spec, strategy={"type": "Recreate"}), "strategy-kept type"),
    "all at once": (rolling(maxUnavailable="100%"), "strategy-kept maxUnavailable"),
    "two of three": (rolling(maxUnavailable=2), "strategy-kept maxUnavailable"),
    "ready at once": (on(spec, minReadySeconds=0), "strategy-kept minReadySeconds"),
    "ready too soon": (on(spec, minReadySeconds=4), "strategy-kept minReadySeconds"),
    "rollout that never fails": (
        on(spec, progressDeadlineSeconds=360000),
        "strategy-kept progressDeadlineSeconds",
    ),
    "no history": (on(spec, revisionHistoryLimit=0), "strategy-kept revisionHistoryLimit"),
    "paused": (on(spec, paused=True), "pause-kept paused"),
    "init container removed": (
        drop(lambda o: pod(o)["initContainers"]),
        "startup-steps-kept initContainers[wait]",
    ),
    "init container that sleeps": (
        on(lambda o: pod(o)["initContainers"][0], command=["sleep", "1"]),
        "startup-steps-kept command",
    ),
    "sidecar removed": (
        drop(lambda o: pod(o)["containers"], 1),
        "startup-steps-kept containers[log]",
    ),
    "hook removed": (on(app, lifecycle=None), "startup-steps-kept preStop"),
    "nothing keeps apart over nodes": (on(pod, affinity=None), "spread-kept affinity"),
    "nothing keeps apart over zones": (
        on(pod, topologySpreadConstraints=None),
        "spread-kept affinity",
    ),
    "a skew that all fit into": (
        on(pod, topologySpreadConstraints=[{**TWO_ZONES[0], "maxSkew": 3}]),
        "spread-kept affinity",
    ),
    "pinned to a node": (on(pod, nodeName="node-1"), "spread-kept nodeSelector"),
    "one node selected": (
        on(pod, nodeSelector={"kubernetes.io/hostname": "node-1"}),
        "spread-kept nodeSelector",
    ),
    "one node needed": (node_affinity("In", "node-1"), "spread-kept nodeSelector"),
    "privileged": (
        on(lambda o: app(o)["securityContext"], privileged=True),
        "security-kept privileged",
    ),
    "escalation": (
        on(lambda o: app(o)["securityContext"], allowPrivilegeEscalation=None),
        "security-kept allowPrivilegeEscalation",
    ),
    "writable root": (
        on(lambda o: app(o)["securityContext"], readOnlyRootFilesystem=False),
        "security-kept readOnlyRootFilesystem",
    ),
    "root": (
        on(lambda o: app(o)["securityContext"], runAsNonRoot=False),
        "security-kept runAsNonRoot",
    ),
    "capability": (
        on(lambda o: app(o)["securityContext"], capabilities={"drop": ["ALL"], "add": ["NET_RAW"]}),
        "security-kept capabilities.add",
    ),
    "nothing dropped": (
        on(lambda o: app(o)["securityContext"], capabilities={}),
        "security-kept capabilities.drop",
    ),
    "host network": (on(pod, hostNetwork=True), "security-kept hostNetwork"),
    "privileged helper": (
        lambda o: pod(o)["containers"].append(
            {"name": "debug", "image": "tools:1", "securityContext": {"privileged": True}}
        ),
        "security-kept privileged",
    ),
    "placeholder": (on(app, image="nginx:1.27"), "identity-kept image"),
    "another workload's image": (
        on(app, image="registry.example/shop/cart:1"),
        "identity-kept image",
    ),
    "another program": (
        on(app, image="example/valkey:8", command=["valkey-server"]),
        "identity-kept image",
    ),
    "sleeps": (run("sleep", "infinity"), "identity-kept command"),
    "sleeps in a shell": (
        run("/bin/sh", "-c", "while true; do sleep 3600; done"),
        "identity-kept command",
    ),
    "tails nothing": (run("tail", "-f", "/dev/null"), "identity-kept command"),
    "dependency cut": (drop(lambda o: app(o)["env"]), "identity-kept env[CART_URL]"),
    "dependency emptied": (
        on(lambda o: app(o)["env"][0], value=""),
        "identity-kept env[CART_URL]",
    ),
    "data not mounted": (drop(lambda o: app(o)["volumeMounts"]), "data-kept volumeMounts[/data]"),
    "data in a scratch volume": (
        on(lambda o: pod(o)["volumes"][0], persistentVolumeClaim=None, emptyDir={}),
        "data-kept volumeMounts[/data]",
    ),
    "configuration not mounted": (
        drop(lambda o: app(o)["volumeMounts"], 1),
        "data-kept volumeMounts[/etc/web]",
    ),
    "default account": (on(pod, serviceAccountName=None), "permissions-kept serviceAccountName"),
    "an account of less": (
        on(pod, serviceAccountName="other"),
        "permissions-kept serviceAccountName",
    ),
}

HONEST: dict[str, Change] = {
    "probe of another path": probe("readinessProbe", httpGet={"path": "/health", "port": 8081}),
    "probe of another kind": on(app, readinessProbe={"tcpSocket": {"port": 8080}}),
    "more patience": probe("livenessProbe", failureThreshold=9, periodSeconds=20),
    "a start of minutes": probe("startupProbe", failureThreshold=180),
    "a probe more": lambda o: pod(o)["containers"][1].update(
        livenessProbe={"tcpSocket": {"port": 1}}
    ),
    "a delay in place of a startup probe": lambda o: app(o).update(
        startupProbe=None, livenessProbe={"tcpSocket": {"port": 1}, "initialDelaySeconds": 60}
    ),
    "higher limits": amounts("limits", memory="2Gi", cpu="2"),
    "a decimal unit": amounts("limits", memory="1G"),
    "a request a little lower": amounts("requests", cpu="250m"),
    "a limit stands for the request": amounts("requests", cpu=None),
    "one pod fewer": rolling(maxUnavailable=1, maxSurge=0),
    "fewer of more": lambda o: (
        spec(o).update(replicas=6),
        rolling(maxUnavailable="50%")(o),
    ),
    "a longer deadline": on(spec, progressDeadlineSeconds=1800),
    "a shorter history": on(spec, revisionHistoryLimit=2),
    "more replicas": on(spec, replicas=5),
    "steps in another order": lambda o: pod(o)["initContainers"].reverse(),
    "a step renamed": on(lambda o: pod(o)["initContainers"][0], name="wait-for-cart"),
    "a step of another image": on(
        lambda o: pod(o)["initContainers"][0], image="registry.example/tools/probe:2"
    ),
    "a sidecar among the init containers": lambda o: pod(o)["initContainers"].append(
        {**pod(o)["containers"].pop(1), "restartPolicy": "Always"}
    ),
    "a container renamed": on(app, name="web"),
    "a wish in place of a rule": affinity(
        preferredDuringSchedulingIgnoredDuringExecution=[
            {"weight": 1, "podAffinityTerm": NODE_TERM}
        ]
    ),
    "spread in place of anti-affinity": lambda o: pod(o).update(
        affinity=None,
        topologySpreadConstraints=[
            *pod(o)["topologySpreadConstraints"],
            {"maxSkew": 1, "topologyKey": "kubernetes.io/hostname"},
        ],
    ),
    "a wider skew": on(pod, topologySpreadConstraints=TWO_ZONES),
    "away from a bad node": node_affinity("NotIn", "node-1"),
    "two nodes": node_affinity("In", "node-1", "node-2"),
    "a label of nodes": on(pod, nodeSelector={"disk": "ssd"}),
    "a user in place of the rule": lambda o: pod(o).update(securityContext={"runAsUser": 1000}),
    "more dropped": lambda o: app(o)["securityContext"].update(
        capabilities={"drop": ["ALL", "NET_RAW"]}
    ),
    "another tag and registry": on(app, image="mirror.example/web@sha256:0a1b"),
    "a renamed repository": on(app, image="ghcr.io/acme/web-frontend:2"),
    "another repository, same command": on(app, image="registry.example/storefront:2"),
    "another command": run("/app/server", "--safe-mode"),
    "a shell around the command": run("sh", "-c", "sleep 5; exec /app/server"),
    "a variable changed": on(lambda o: app(o)["env"][0], value="http://cart-v2:8080"),
    "a variable renamed": on(lambda o: app(o)["env"][0], name="CART_ADDR"),
    "a variable of no Service removed": drop(lambda o: app(o)["env"], 1),
    "variables from a ConfigMap": lambda o: app(o).update(
        env=[], envFrom=[{"configMapRef": {"name": "web-config"}}]
    ),
    "data at another path": on(lambda o: app(o)["volumeMounts"][0], mountPath="/var/data"),
    "scratch not mounted": drop(lambda o: app(o)["volumeMounts"], 2),
    "a new version without its file": lambda o: (
        app(o)["volumeMounts"].pop(1),
        app(o).update(image="registry.example/shop/web:2"),
    ),
    "a ConfigMap of another name": lambda o: (
        pod(o)["volumes"][1].update(configMap={"name": "web-config-2"}),
        o["ConfigMap"][0]["metadata"].update(name="web-config-2"),
    ),
    "an account that may do as much": lambda o: (
        pod(o).update(serviceAccountName="web-2"),
        o["ServiceAccount"].append({"metadata": {"name": "web-2", "namespace": "shop"}}),
        o["RoleBinding"][0]["subjects"].append(
            {"kind": "ServiceAccount", "name": "web-2", "namespace": "shop"}
        ),
    ),
}


@pytest.mark.parametrize("name", LOSSES)
def test_a_loss_is_told_once_and_by_its_name(comparing: Any, name: str) -> None:
    """With the field that it shows in; the reference itself has lost nothing."""
    change, told = LOSSES[name]
    (found,) = comparing.losses(change)
    check, field = told.split(" ", 1)
    assert found.startswith(check)
    assert found.endswith(field)


@pytest.mark.parametrize("name", HONEST)
def test_an_honest_difference_is_no_loss(comparing: Any, name: str) -> None:
    """It takes nothing away that the reference had."""
    assert comparing.losses(HONEST[name]) == []


@pytest.mark.parametrize("name", LOSSES)
def test_what_the_reference_had_lost_already_is_no_loss(comparing: Any, name: str) -> None:
    """The way back is no loss either: an honest fix may leave it or mend it."""
    change, _ = LOSSES[name]
    assert comparing.losses(change, before=change) == []


def test_a_rename_hides_nothing(comparing: Any) -> None:
    """A workload that replaces another is compared with it."""

    def replace(objects: Any) -> None:
        objects["Deployment"][0]["metadata"]["name"] = "web-v2"
        objects["HorizontalPodAutoscaler"][0]["spec"]["scaleTargetRef"]["name"] = "web-v2"
        app(objects)["readinessProbe"] = None

    def honest(objects: Any) -> None:
        replace(objects)
        app(objects)["readinessProbe"] = {"tcpSocket": {"port": 8080}}

    (found,) = comparing.losses(replace)
    assert found.startswith("probes-kept")
    assert comparing.losses(honest) == []


def test_another_kind_hides_nothing(comparing: Any) -> None:
    """A StatefulSet in place of a Deployment keeps the data, the limits and the probes."""

    def change(objects: Any) -> None:
        objects["StatefulSet"] = [objects["Deployment"].pop(0)]
        made = objects["StatefulSet"][0]["spec"]
        made["updateStrategy"] = {"type": "RollingUpdate"}
        objects["HorizontalPodAutoscaler"][0]["spec"]["scaleTargetRef"]["kind"] = "StatefulSet"
        del made["template"]["spec"]["containers"][0]["resources"]["limits"]["memory"]

    (found,) = comparing.losses(change)
    assert found.endswith("limits.memory")


@pytest.mark.parametrize(
    ("before", "after", "lost"),
    [
        (
            {"type": "RollingUpdate"},
            {"type": "OnDelete"},
            ["strategy-kept spec.updateStrategy.type"],
        ),
        (
            {"type": "RollingUpdate", "rollingUpdate": {"partition": 0}},
            {"type": "RollingUpdate", "rollingUpdate": {"partition": 3}},
            ["strategy-kept spec.updateStrategy.rollingUpdate.partition"],
        ),
        (
            {"type": "RollingUpdate", "rollingUpdate": {"partition": 3}},
            {"type": "RollingUpdate", "rollingUpdate": {"partition": 0}},
            [],
        ),
    ],
    ids=["on delete", "partition", "partition lifted"],
)
def test_a_statefulset_goes_on_updating(
    comparing: Any, before: Any, after: Any, lost: list[str]
) -> None:
    """Pods that are never updated keep what was wrong with them."""

    def with_strategy(strategy: Any) -> Change:
        def change(objects: Any) -> None:
            whole = objects["Deployment"].pop(0)
            whole["spec"].update(updateStrategy=strategy)
            objects["StatefulSet"] = [whole]
            ref = objects["HorizontalPodAutoscaler"][0]["spec"]["scaleTargetRef"]
            ref["kind"] = "StatefulSet"

        return change

    assert comparing.losses(with_strategy(after), before=with_strategy(before)) == lost
