"""Our own checks hold the facts that we ask of others', and the kit finds those that do not."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest

from guardrails.core.claims import Claim, ClaimKind, NamedEntity
from guardrails.core.evidence import Evidence, ObjectRef, SourceRef
from guardrails.core.ids import CheckId
from guardrails.core.incident import Goal, Slo
from guardrails.gates.alerts.inputs import input_queries
from guardrails.gates.alerts.slo import slo_queries
from guardrails.gates.asked import Asked, FoundObject, HttpAnswer, ObjectAnswer
from guardrails.gates.checks import Check, View, Witness
from guardrails.gates.custom.build import custom_checks
from guardrails.gates.kubernetes.objects import Deployment
from guardrails.gates.registry import DEFAULT_CHECKS
from guardrails.gates.snapshot import AlertmanagerState, PrometheusState, QueryResult, Snapshot
from guardrails.policy.custom import CustomCheck
from guardrails.testing.conformance import checks as kit

SLO = Slo(name="errors", query="sum(errors_total) < 1")
SPARED = {
    # Asked about only where a workload is gone, replaced or scaled by an autoscaler.
    "replicas-kept": {"HorizontalPodAutoscaler", "Service", "Pod", "ReplicaSet"},
}
NO_VIEW = frozenset(
    (
        *("ingress-routes", "cluster-names-resolve", "configuration-present"),
        *("configuration-in-effect", "suspect-change", "mesh-permits", "mesh-routes", "no-chaos"),
        *("same-sources", "pods-admitted", "pods-owned", "jobs-succeed", "cronjob-runs"),
        *("volumes-bound", "nodes-ready", "nodes-open", "daemons-everywhere", "disruption-budget"),
        *("alert-rules-kept", "alert-targets-up", "alert-routes-kept", "alert-history-quiet"),
        *("watchdog-fires", "clocks-agree"),
    )
)
"""Checks of what is in none of the views here. Like all of ours they are held to the kit on the
views of their own tests, too: `World.judge` does so."""


@pytest.fixture(scope="module")
def views(world: Any) -> Callable[[Check], list[View]]:
    """Return a maker of views: a shop with alerts, well and unwell."""

    def make(check: Check) -> list[View]:
        app = world.app()
        app["HorizontalPodAutoscaler"] = [autoscaler(world)]
        healthy = world.look(app, at=-3600, prometheus=prometheus(world))
        broken = world.app()
        broken["Deployment"][0]["status"]["conditions"][0]["status"] = "False"
        broken["Pod"][0]["status"]["conditions"][3]["status"] = "False"
        broken["Service"][0]["spec"]["selector"] = {"app": "other"}
        looks = [
            world.look(app, prometheus=prometheus(world), alertmanager=AlertmanagerState()),
            world.look(
                broken,
                prometheus=prometheus(world, world.firing("HighRequestErrorRate")),
                alertmanager=AlertmanagerState(),
            ),
        ]
        diagnosing = ClaimKind.MITIGATED not in check.claims
        incident = world.incident(
            alerts=(world.ALERT,),
            slo=(SLO,),
            goal=Goal.DIAGNOSIS if diagnosing else Goal.MITIGATION,
        )
        claim = Claim(
            kind=ClaimKind.DIAGNOSED if diagnosing else ClaimKind.MITIGATED,
            entities=(NamedEntity(kind="Deployment", name="web", namespace="shop"),),
        )
        scope = world.scope(incident=incident, claim=claim, observed=frozenset({"web"}))
        if not check.needs_prometheus:
            looks.append(world.look(app))
        # What existed in the reference need not be read now.
        reference = world.reference(None if diagnosing else healthy)
        return [View(reference=reference, history=(look,), scope=scope) for look in looks]

    return make


def prometheus(world: Any, *alerts: Any) -> PrometheusState:
    """Give what Prometheus says, with every query of the incident answered."""
    incident = world.incident(alerts=(world.ALERT,))
    queries = (*slo_queries(SLO.query), *input_queries(incident, [world.rule()]))
    asked = [QueryResult(query=q, values=("0.5",)) for q in queries]
    return world.alerts(*alerts, queries=tuple(asked))


def autoscaler(world: Any) -> Any:
    """Give an autoscaler that works."""
    return {
        "metadata": world.metadata("web"),
        "spec": {
            "scaleTargetRef": {"kind": "Deployment", "name": "web"},
            "minReplicas": 3,
            "maxReplicas": 5,
        },
        "status": {
            "currentReplicas": 3,
            "desiredReplicas": 3,
            "conditions": [
                world.condition("AbleToScale", "True", "ReadyForNewScale"),
                world.condition("ScalingActive", "True", "ValidMetricFound"),
            ],
        },
    }


@pytest.mark.parametrize("fact", kit.FACTS, ids=lambda fact: fact.__name__)
@pytest.mark.parametrize(
    "check", [c for c in DEFAULT_CHECKS if c.id not in NO_VIEW], ids=lambda check: check.id
)
def test_our_checks_hold_every_fact(
    world: Any, views: Any, check: Check, fact: kit.CheckFact
) -> None:
    """What is asked of others is asked of ours."""
    spared = frozenset(SPARED.get(check.id, world.SPARED.get(check.id, ())))
    kit.run_fact(fact, kit.CheckUnderTest(check=check, views=views(check), spared=spared))


CUSTOM = (
    {"promql": "up == 1"},
    {"http": {"url": "http://shop.example/", "contains": "ok"}},
    {"object": {"kind": "Deployment", "group": "apps", "name": "web", "path": "a", "equals": 1}},
)


@pytest.mark.parametrize("written", CUSTOM, ids=lambda written: next(iter(written)))
def test_custom_checks_hold_every_fact(world: Any, written: dict[str, Any]) -> None:
    """Their questions are broken as lists are."""
    (check,) = custom_checks([CustomCheck.model_validate({"name": "mine", **written})])
    look = Snapshot(
        at=world.AT,
        prometheus=PrometheusState(queries=(QueryResult(query="up{}", values=("1",)),)),
        asked=Asked(
            http=tuple(HttpAnswer(question=q, status=200, found=True) for q in check.http),
            objects=tuple(
                ObjectAnswer(question=q, objects=(FoundObject(name="web", values=("1",)),))
                for q in check.objects
            ),
        ),
    )
    view = View(reference=world.reference(), history=(look,), scope=world.scope())
    kit.hold(kit.CheckUnderTest(check=check, views=[view]))


WEB = ObjectRef(kind="Deployment", name="web", namespace="shop")
ID = CheckId("acme")


def found(view: View, **more: Any) -> Evidence:
    """Satisfied evidence."""
    return Witness(check=ID, at=view.look.at).satisfied(WEB, **{"observed": "fine", **more})


def careless(view: View) -> list[Evidence]:
    """Take an unread list for an empty one."""
    deployments = view.look.objects(Deployment, "shop")
    return [found(view, observed=f"{len(deployments)} there")]


def undeclared(view: View) -> list[Evidence]:
    """Read pods without saying so."""
    listed = view.look.list_of("Pod", "shop")
    return [found(view, observed=f"{len(listed.objects) if listed else 'no'} pods")]


def random_times(view: View) -> list[Evidence]:
    """Date evidence otherwise than its look."""
    late = Witness(check=ID, at=view.look.at + timedelta(seconds=1))
    return [late.satisfied(WEB, observed="fine")]


def borrowed(view: View) -> list[Evidence]:
    """Speak in another's name."""
    return [Witness(check=CheckId("pods-ready"), at=view.look.at).satisfied(WEB, observed="x")]


def mute(view: View) -> list[Evidence]:
    """Say nothing of what was seen."""
    return [found(view, observed="")]


def nobody(view: View) -> list[Evidence]:
    """Say of nothing that it is fine."""
    return [Witness(check=ID, at=view.look.at).satisfied(SourceRef(source=""), observed="x")]


COUNT: list[int] = []


def unsteady(view: View) -> list[Evidence]:
    """Remember earlier judgements."""
    COUNT.append(1)
    return [found(view, observed=f"{len(COUNT)} times")]


@pytest.mark.parametrize(
    ("judge", "lists", "fact"),
    [
        (careless, ("Deployment",), "what_it_cannot_read_is_unknown"),
        (undeclared, (), "it_declares_what_it_reads"),
        (random_times, (), "it_says_what_it_saw"),
        (borrowed, (), "it_says_what_it_saw"),
        (mute, (), "it_says_what_it_saw"),
        (nobody, (), "it_says_what_it_saw"),
        (unsteady, (), "it_is_pure"),
        (lambda _: [], (), "it_has_something_to_say"),
    ],
)
def test_the_kit_finds_what_is_wrong(
    world: Any, judge: Any, lists: tuple[str, ...], fact: str
) -> None:
    """Each mistake by its own fact."""
    view = View(
        reference=world.reference(), history=(world.look(world.app()),), scope=world.scope()
    )
    under_test = kit.CheckUnderTest(check=Check(id=ID, judge=judge, lists=lists), views=[view])
    with pytest.raises(AssertionError, match=f"acme: {fact}: "):
        kit.hold(under_test)
