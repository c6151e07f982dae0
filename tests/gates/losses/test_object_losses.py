"""What namespaces lose beyond their templates, and honest differences that take nothing away."""

from collections.abc import Callable
from typing import Any

import pytest

from guardrails.core.evidence import EvidenceState
from guardrails.gates.losses.registry import LOSS_CHECKS

Change = Callable[[Any, Any], object]
"""Given the builder and the objects."""


def gone(kind: str) -> Change:
    """Every object of a kind is deleted."""
    return lambda _, o: o[kind].clear()


def put(kind: str, *makers: Callable[[Any], Any]) -> Change:
    """Other objects of a kind in place of those that were."""
    return lambda c, o: o.update({kind: [make(c) for make in makers]})


def more(kind: str, *makers: Callable[[Any], Any]) -> Change:
    """Other objects of a kind beside those that were."""
    return lambda c, o: o[kind].extend(make(c) for make in makers)


def service(**values: Any) -> Change:
    """Another spec of the Service `web`."""
    return lambda _, o: o["Service"][0]["spec"].update(values)


def cron(**values: Any) -> Change:
    """Another spec of the CronJob."""
    return lambda _, o: o["CronJob"][0]["spec"].update(values)


def replicas(count: int) -> Change:
    """Another number of replicas of `web`."""
    return lambda _, o: o["Deployment"][0]["spec"].update(replicas=count)


def both(*changes: Change) -> Change:
    """Several changes."""
    return lambda c, o: [change(c, o) for change in changes]


def metrics(*shares: tuple[str, int]) -> Change:
    """An autoscaler with other metrics."""
    rows = [
        {
            "type": "Resource",
            "resource": {"name": n, "target": {"averageUtilization": share}},
        }
        for n, share in shares
    ]
    return put("HorizontalPodAutoscaler", lambda c: c.scaler("web", metrics=rows))


EVERYBODY = [{}]
WORLD = [{"from": [{"ipBlock": {"cidr": "0.0.0.0/0"}}]}]
CLUSTER = [{"from": [{"namespaceSelector": {}}]}]
ONE_PORT = [{"ports": [{"protocol": "TCP", "port": 8080}]}]

LOSSES: dict[str, tuple[Change, str]] = {
    "Service deleted": (gone("Service"), "service-kept"),
    "port removed": (
        service(ports=[]),
        "service-kept spec.ports",
    ),
    "Ingress deleted": (gone("Ingress"), "objects-kept"),
    "route removed": (
        put("Ingress", lambda c: c.named("web", spec=c.ingress("/other"))),
        "objects-kept spec.rules",
    ),
    "certificate removed": (
        lambda c, o: o["Ingress"][0]["spec"].pop("tls"),
        "objects-kept spec.tls",
    ),
    "ConfigMap deleted": (gone("ConfigMap"), "objects-kept"),
    "ConfigMap emptied": (lambda _, o: o["ConfigMap"][0].pop("data"), "objects-kept data"),
    "CronJob deleted": (gone("CronJob"), "objects-kept"),
    "CronJob suspended": (cron(suspend=True), "schedule-kept spec.suspend"),
    "CronJob rarer": (cron(schedule="0 0 * * *"), "schedule-kept spec.schedule"),
    "CronJob never": (cron(schedule="0 0 31 2 *"), "schedule-kept spec.schedule"),
    "CronJob that may not start": (
        cron(startingDeadlineSeconds=5),
        "schedule-kept spec.startingDeadlineSeconds",
    ),
    "Job suspended": (
        lambda _, o: o["Job"][0]["spec"].update(suspend=True),
        "schedule-kept spec.suspend",
    ),
    "claim deleted": (gone("PersistentVolumeClaim"), "data-kept"),
    "claim made anew": (
        lambda c, o: o.update(
            PersistentVolumeClaim=[
                {
                    **c.claim("web-data", volume="pv-2"),
                    "metadata": c.world.metadata("web-data", uid="other"),
                }
            ]
        ),
        "data-kept spec.volumeName",
    ),
    "policy deleted": (gone("NetworkPolicy"), "isolation-kept NetworkPolicy.ingress"),
    "policy for everybody": (
        put("NetworkPolicy", lambda c: c.policy("web", ingress=EVERYBODY)),
        "isolation-kept NetworkPolicy.ingress",
    ),
    "policy for the world": (
        put("NetworkPolicy", lambda c: c.policy("web", ingress=WORLD)),
        "isolation-kept NetworkPolicy.ingress",
    ),
    "policy for the cluster beside": (
        more("NetworkPolicy", lambda c: c.policy("open", ingress=CLUSTER)),
        "isolation-kept NetworkPolicy.ingress",
    ),
    "policy of others": (
        put("NetworkPolicy", lambda c: c.policy("web", app="nobody")),
        "isolation-kept NetworkPolicy.ingress",
    ),
    "autoscaler deleted": (gone("HorizontalPodAutoscaler"), "autoscaler-kept"),
    "maximum lowered": (
        put("HorizontalPodAutoscaler", lambda c: c.scaler("web", maxReplicas=5)),
        "autoscaler-kept spec.maxReplicas",
    ),
    "minimum lowered": (
        put("HorizontalPodAutoscaler", lambda c: c.scaler("web", minReplicas=None)),
        "autoscaler-kept spec.minReplicas",
    ),
    "metric removed": (metrics(("cpu", 70)), "autoscaler-kept spec.metrics"),
    "target out of reach": (
        metrics(("cpu", 300), ("memory", 70)),
        "autoscaler-kept spec.metrics[cpu]",
    ),
    "autoscaler of another": (
        put("HorizontalPodAutoscaler", lambda c: c.scaler("web", target="cart")),
        "autoscaler-kept",
    ),
    "budget deleted": (gone("PodDisruptionBudget"), "disruption-budget-kept spec"),
    "budget weaker": (
        put("PodDisruptionBudget", lambda c: c.budget("web", minAvailable=1)),
        "disruption-budget-kept spec",
    ),
    "budget the other way": (
        put("PodDisruptionBudget", lambda c: c.budget("web", maxUnavailable="60%")),
        "disruption-budget-kept spec",
    ),
    "budget of others": (
        put("PodDisruptionBudget", lambda c: c.budget("web", app="x", minAvailable=2)),
        "disruption-budget-kept spec",
    ),
    "quota deleted": (gone("ResourceQuota"), "quotas-kept spec.hard[requests.cpu]"),
    "quota lowered": (
        put("ResourceQuota", lambda c: c.named("room", spec={"hard": {"requests.cpu": "9"}})),
        "quotas-kept spec.hard[requests.cpu]",
    ),
    "limit range deleted": (gone("LimitRange"), "quotas-kept"),
    "account deleted": (gone("ServiceAccount"), "permissions-kept"),
    "role deleted": (gone("Role"), "permissions-kept rules"),
    "role narrowed": (put("Role", lambda c: c.role("web", ["get"])), "permissions-kept rules"),
    "binding deleted": (gone("RoleBinding"), "permissions-kept rules"),
    "binding of another role": (
        lambda _, o: o["RoleBinding"][0]["roleRef"].update(name="missing"),
        "permissions-kept rules",
    ),
}

HONEST: dict[str, Change] = {
    "port moved": service(ports=[{"name": "http", "port": 8080, "targetPort": "http"}]),
    "a Service more": more("Service", lambda c: c.world.service("web-api")),
    "a balancer": service(type="LoadBalancer"),
    "a wider route": put("Ingress", lambda c: c.named("web", spec=c.ingress("/"))),
    "routes elsewhere": put("Ingress", lambda c: c.named("all", spec=c.ingress("/api", "/new"))),
    "ConfigMap renamed": put(
        "ConfigMap", lambda c: c.named("settings", data={"web.yaml": "port: 8080", "x": "1"})
    ),
    "ConfigMap changed": put(
        "ConfigMap", lambda c: c.named("web-config", data={"web.yaml": "port: 9090"})
    ),
    "CronJob renamed": lambda _, o: o["CronJob"][0]["metadata"].update(name="report-2"),
    "CronJob more often": cron(schedule="*/30 * * * *"),
    "CronJob at another minute": cron(schedule="17 * * * *", timeZone="Europe/Berlin"),
    "CronJob that waits for itself": cron(concurrencyPolicy="Forbid"),
    "Job gone": gone("Job"),
    "volume claimed anew": put("PersistentVolumeClaim", lambda c: c.claim("web-data-2")),
    "claim grown": put("PersistentVolumeClaim", lambda c: c.claim("web-data", size="20Gi")),
    "policy renamed": put("NetworkPolicy", lambda c: c.policy("web-2")),
    "policy for one port": put("NetworkPolicy", lambda c: c.policy("web", ingress=ONE_PORT)),
    "a policy beside": more(
        "NetworkPolicy",
        lambda c: c.policy("checkout", ingress=[{"from": [{"podSelector": {}}]}]),
    ),
    "nobody let in": put("NetworkPolicy", lambda c: c.policy("web", ingress=[])),
    "higher bounds": put(
        "HorizontalPodAutoscaler", lambda c: c.scaler("web", minReplicas=4, maxReplicas=12)
    ),
    "autoscaler renamed": put("HorizontalPodAutoscaler", lambda c: c.scaler("web-2")),
    "as many as the maximum": both(gone("HorizontalPodAutoscaler"), replicas(6)),
    "another metric": metrics(("cpu", 70), ("requests", 50)),
    "a target tuned": metrics(("cpu", 90), ("memory", 70)),
    "budget renamed": put("PodDisruptionBudget", lambda c: c.budget("web-2", minAvailable=2)),
    "budget the other way": put("PodDisruptionBudget", lambda c: c.budget("web", maxUnavailable=1)),
    "budget in percent": put("PodDisruptionBudget", lambda c: c.budget("web", minAvailable="50%")),
    "quota raised": put(
        "ResourceQuota", lambda c: c.named("room", spec={"hard": {"requests.cpu": "12000m"}})
    ),
    "quota renamed": put(
        "ResourceQuota", lambda c: c.named("room-2", spec={"hard": {"requests.cpu": "10"}})
    ),
    "role widened": put("Role", lambda c: c.role("web", ["*"])),
    "role renamed": both(
        put("Role", lambda c: c.role("web-2", ["get", "list"])),
        put("RoleBinding", lambda c: c.binding("web-2", "web", role="web-2")),
    ),
}


@pytest.mark.parametrize("name", LOSSES)
def test_a_loss_is_told_by_its_name(comparing: Any, name: str) -> None:
    """With the field that it shows in, and by no other check; put back, it is told no more."""
    change, told = LOSSES[name]
    found = comparing.losses(lambda o: change(comparing, o))
    assert set(found) == {told}
    assert comparing.losses() == []


@pytest.mark.parametrize("name", HONEST)
def test_an_honest_difference_is_no_loss(comparing: Any, name: str) -> None:
    """It takes nothing away that the reference had."""
    assert comparing.losses(lambda o: HONEST[name](comparing, o)) == []


def test_the_least_that_a_budget_forbids_may_be_given_up(comparing: Any) -> None:
    """A budget that allows no eviction blocks the drain of a node."""

    def budget(**bound: Any) -> Any:
        return lambda o: o.update(PodDisruptionBudget=[comparing.budget("web", **bound)])

    strict, loose, none = budget(minAvailable=3), budget(minAvailable=2), budget(minAvailable=1)
    assert comparing.losses(loose, before=strict) == []
    assert comparing.losses(none, before=strict) == ["disruption-budget-kept spec"]


@pytest.mark.parametrize(
    ("variable", "lost"),
    [
        ({"name": "PORT", "value": "8080"}, []),
        ({"name": "PORT", "valueFrom": {"fieldRef": {"fieldPath": "metadata.name"}}}, []),
        ({"name": "PORT"}, ["objects-kept"]),
        ({"name": "OTHER", "value": "8080"}, ["objects-kept"]),
    ],
)
def test_a_config_map_whose_values_are_literals_now_is_not_missed(
    comparing: Any, variable: Any, lost: list[str]
) -> None:
    """Each variable that came from it must still be set; what was mounted must still be there."""

    def by_key(objects: Any) -> None:
        objects["ConfigMap"].append(comparing.named("ports", data={"web": "8080"}))
        source = {"configMapKeyRef": {"name": "ports", "key": "web"}}
        env_of(objects).append({"name": "PORT", "valueFrom": source})

    def literal(objects: Any) -> None:
        by_key(objects)
        objects["ConfigMap"].pop()
        env_of(objects)[-1] = variable

    def env_of(objects: Any) -> list[Any]:
        return objects["Deployment"][0]["spec"]["template"]["spec"]["containers"][0]["env"]

    def mounted(objects: Any) -> None:
        by_key(objects)
        template = objects["Deployment"][0]["spec"]["template"]["spec"]
        template["volumes"].append({"name": "ports", "configMap": {"name": "ports"}})

    assert comparing.losses(literal, before=by_key) == lost
    assert comparing.losses(literal, before=mounted) == ["objects-kept"]


def test_claims_that_come_and_go_are_no_loss(comparing: Any) -> None:
    """One that was never bound holds nothing, and an ephemeral one goes with its pod."""

    def claims(objects: Any) -> None:
        waiting, scratch = comparing.claim("waiting"), comparing.claim("scratch")
        waiting["status"] = {"phase": "Pending"}
        scratch["metadata"]["ownerReferences"] = [{"kind": "Pod", "name": "web-1-0"}]
        objects["PersistentVolumeClaim"] += [waiting, scratch]

    assert comparing.losses(before=claims) == []


def test_a_claim_on_its_way_out_is_gone(comparing: Any) -> None:
    """It is kept only for as long as pods use it."""

    def going(objects: Any) -> None:
        claim = objects["PersistentVolumeClaim"][0]
        claim["metadata"]["deletionTimestamp"] = comparing.world.stamp(-1)

    assert comparing.losses(going) == ["data-kept"]


@pytest.mark.parametrize(
    ("before", "after", "lost"),
    [
        ("LoadBalancer", "NodePort", ["service-kept spec.type"]),
        ("NodePort", "ClusterIP", ["service-kept spec.type"]),
        ("ClusterIP", "NodePort", []),
    ],
)
def test_a_way_from_outside_is_kept(
    comparing: Any, before: str, after: str, lost: list[str]
) -> None:
    """A Service of another type still reaches its pods, from inside."""

    def of_type(type_: str) -> Any:
        return lambda o: o["Service"][0]["spec"].update(type=type_)

    assert comparing.losses(of_type(after), before=of_type(before)) == lost


def test_a_service_deleted_during_the_run_is_told_by_its_start(comparing: Any, world: Any) -> None:
    """Also without a reference; beside one that knew all Services it may be the trouble itself."""
    start = world.look(world.join(world.app("web"), world.app("surge")), at=-60)
    (check,) = [c for c in LOSS_CHECKS if c.id == "service-kept"]
    counted: list[bool] = []
    for healthy in (None, comparing.look(at=-3600)):
        reference = world.reference(healthy, start=start)
        found = world.judge(check, comparing.look(), reference=reference)
        counted += [e.counts for e in found if e.state is EvidenceState.VIOLATED]
    assert counted == [True, False]


def test_a_partial_reference_speaks_only_of_what_it_holds(comparing: Any) -> None:
    """Its budgets and policies are about workloads that it need not hold."""
    kept = {"PodDisruptionBudget", "NetworkPolicy"}

    def only_rules(objects: Any) -> None:
        for kind in set(objects) - kept:
            objects[kind] = []

    assert comparing.losses(before=only_rules, partial=True) == []
    without = [lambda o, kind=kind: o[kind].clear() for kind in sorted(kept)]
    found = comparing.losses(*without, before=only_rules, partial=True)
    assert found == ["isolation-kept NetworkPolicy.ingress", "disruption-budget-kept spec"]


@pytest.mark.parametrize("kind", ["PersistentVolumeClaim", "NetworkPolicy", "Ingress", "CronJob"])
def test_what_cannot_be_read_is_unknown_and_not_gone(comparing: Any, world: Any, kind: str) -> None:
    """A list that failed holds nothing, and proves nothing."""
    found = comparing.evidence(lambda o: o[kind].clear(), failed={kind: world.TIMEOUT})
    told = [e for e in found if e.counts and e.state is not EvidenceState.SATISFIED]
    assert {e.state for e in told} == {EvidenceState.UNKNOWN}
    assert all(kind in e.subject.detail for e in told)


def test_a_list_that_the_reference_lacks_is_named(comparing: Any, world: Any) -> None:
    """Nothing in it can be missed; that is said, and held against nobody."""
    then = comparing.look(at=-3600, failed={"ConfigMap": world.FORBIDDEN})
    look = comparing.look(lambda o: o["ConfigMap"].clear())
    found = [
        e
        for check in LOSS_CHECKS
        for e in world.judge(check, look, reference=world.reference(then))
        if e.state is not EvidenceState.SATISFIED
    ]
    assert [(e.counts, e.subject.detail) for e in found] == [(False, "list ConfigMap in shop")]


def test_without_a_reference_nothing_is_lost_and_that_is_said_once(
    comparing: Any, world: Any
) -> None:
    """The start of the run may already hold the fault."""
    start = world.reference(start=comparing.look(at=-60))
    look = comparing.look(lambda o: o["ConfigMap"].clear())
    found = [e for check in LOSS_CHECKS for e in world.judge(check, look, reference=start)]
    assert [(e.check, e.state, e.counts) for e in found] == [
        ("objects-kept", EvidenceState.UNKNOWN, False)
    ]
