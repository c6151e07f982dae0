"""Named causes account for the alerts, through the topology and in its direction."""

from typing import Any

import pytest

from guardrails.core.evidence import EvidenceState
from guardrails.core.incident import AlertMatcher
from guardrails.gates.diagnosis import ALERTS_ACCOUNTED_FOR
from guardrails.gates.snapshot import AlertmanagerState, PrometheusState, RoutedAlert

SATISFIED, VIOLATED, UNKNOWN = (
    EvidenceState.SATISFIED,
    EvidenceState.VIOLATED,
    EvidenceState.UNKNOWN,
)
QUIET = "sum by (service) (rate(calls_total[5m])) == 0"


def counted(evidence: Any) -> list[EvidenceState]:
    """The states of what counts."""
    return [e.state for e in evidence if e.counts]


@pytest.mark.parametrize(
    "cause", ["Deployment/payment", "deploy/payment", "svc/payment", "Pod/payment-1-0", "/payment"]
)
@pytest.mark.parametrize("service", ["payment", "checkout", "frontend"])
def test_a_fault_explains_the_errors_of_its_callers(shop: Any, cause: str, service: str) -> None:
    """However the cause is named, and however far up the alert is."""
    look = shop.look(shop.objects(), shop.alert(service=service))
    assert counted(shop.judge(look, cause)) == [SATISFIED]


def test_the_chain_is_quoted(shop: Any) -> None:
    """Whoever reads the report sees which facts tie the cause to the alert."""
    look = shop.look(shop.objects(), shop.alert(service="frontend"))
    (found,) = shop.judge(look, "Deployment/payment")
    assert found.observed.split("; ") == [
        "Service payment selects the pods of Deployment payment",
        "env PAYMENT_URL of Deployment checkout names Service payment",
        "Service checkout selects the pods of Deployment checkout",
        "env CHECKOUT_URL of Deployment frontend names Service checkout",
        "Service frontend selects the pods of Deployment frontend",
    ]


def test_a_caller_does_not_explain_the_errors_of_what_it_calls(shop: Any) -> None:
    """Then it is a victim, and the report says by which chain."""
    look = shop.look(shop.objects(), shop.alert(service="payment"))
    (found,) = shop.judge(look, "Deployment/frontend")
    assert found.state is VIOLATED
    assert "only the other way round" in found.observed
    assert "env PAYMENT_URL of Deployment checkout names Service payment" in found.observed


def test_an_unrelated_cause_explains_nothing(shop: Any) -> None:
    """Of three alerts the one that nothing leads to is named."""
    alerts = [shop.alert(service=name) for name in ("checkout", "payment", "catalog")]
    found = shop.judge(shop.look(shop.objects(), *alerts), "Deployment/payment")
    assert {e.subject.labels["service"]: e.state for e in found} == {
        "checkout": SATISFIED,
        "payment": SATISFIED,
        "catalog": VIOLATED,
    }


def test_causes_account_for_the_alerts_together(shop: Any) -> None:
    """Two faults may lie behind one incident."""
    alerts = [shop.alert(service=name) for name in ("payment", "catalog")]
    look = shop.look(shop.objects(), *alerts)
    assert counted(shop.judge(look, "Service/catalog", "Deployment/payment")) == [SATISFIED] * 2


def test_a_want_of_requests_is_explained_by_who_stopped_calling(shop: Any, world: Any) -> None:
    """Only for alerts whose rule asks for more traffic; errors do not run that way."""
    rules = (world.rule(), world.rule("NoRequestsReceived", query=QUIET))
    quiet = AlertMatcher(labels={"alertname": "NoRequestsReceived"})
    alert = shop.alert("NoRequestsReceived", service="payment")
    look = shop.look(shop.objects(), prometheus=world.alerts(alert, rules=rules))
    assert counted(shop.judge(look, "Deployment/frontend", alerts=(quiet,))) == [SATISFIED]
    errors = shop.look(shop.objects(), shop.alert(service="payment"))
    assert counted(shop.judge(errors, "Deployment/frontend")) == [VIOLATED]


@pytest.mark.parametrize(
    "labels",
    [
        {"deployment": "payment", "service": "kube-state-metrics", "container": "ksm"},
        {"pod": "payment-1-0", "container": "app"},
        {"service_name": "payment"},
        {"app": "payment"},
        {"container": "payment-server"},
        {"exported_namespace": "shop", "namespace": "monitoring", "deployment": "payment"},
        {"destination_workload": "payment"},
        {"pod": "payment-1-x8kzq"},
    ],
)
def test_labels_of_many_exporters_are_understood(shop: Any, labels: dict[str, str]) -> None:
    """Also of a pod that is gone, by its ReplicaSet's name in its own."""
    look = shop.look(shop.objects(), shop.alert(**labels))
    assert counted(shop.judge(look, "Deployment/payment")) == [SATISFIED]
    assert counted(shop.judge(look, "Deployment/catalog")) == [VIOLATED]


@pytest.mark.parametrize(
    ("labels", "said"),
    [
        ({}, "names namespace shop, where Deployment catalog is"),
        ({"namespace": ""}, "its labels name no object"),
        ({"service_name": "browser"}, "nothing in scope is known by service_name=browser"),
        ({"namespace": "infra", "service": "kafka"}, "nothing in scope is known"),
    ],
)
def test_alerts_about_nothing_known_are_reported(
    shop: Any, labels: dict[str, str], said: str
) -> None:
    """No claim could ever account for them, so they are held against none."""
    look = shop.look(shop.objects(), shop.alert(**labels))
    (found,) = shop.judge(look, "Deployment/catalog")
    assert said in found.observed
    assert found.state is SATISFIED or not found.counts


def test_labels_that_only_the_incident_gives_are_used(shop: Any) -> None:
    """The alert may have cleared, or there may be no Prometheus to ask."""
    matcher = AlertMatcher(labels={"alertname": "X", "namespace": "shop", "service": "checkout"})
    look = shop.look(shop.objects())
    assert counted(shop.judge(look, "Deployment/payment", alerts=(matcher,))) == [SATISFIED]
    assert counted(shop.judge(look, "Deployment/catalog", alerts=(matcher,))) == [VIOLATED]


def test_alertmanager_alone_is_enough(shop: Any, world: Any) -> None:
    """It knows the labels as well."""
    routed = RoutedAlert(labels=shop.alert(service="payment").labels, state="active")
    alertmanager = AlertmanagerState(alerts=(routed,))
    look = world.look(shop.objects(), alertmanager=alertmanager)
    assert counted(shop.judge(look, "Deployment/catalog")) == [VIOLATED]


def test_other_alerts_of_the_namespace_are_reported_only(shop: Any) -> None:
    """The incident is not about them."""
    alerts = (shop.alert(service="payment"), shop.alert("DiskSlow", service="catalog"))
    found = shop.judge(shop.look(shop.objects(), *alerts), "Deployment/payment")
    assert [(e.subject.labels["alertname"], e.state, e.counts) for e in found] == [
        ("HighRequestErrorRate", SATISFIED, True),
        ("DiskSlow", VIOLATED, False),
    ]


def test_an_incident_without_alerts_is_about_what_is_new(shop: Any, world: Any) -> None:
    """What fired in the reference already is no part of it."""
    old, new = shop.alert("DiskSlow", service="catalog"), shop.alert(service="payment")
    before = world.reference(shop.look(shop.objects(), old, at=-3600))
    look = shop.look(shop.objects(), old, new)
    found = shop.judge(look, "Deployment/payment", alerts=(), reference=before)
    assert [e.subject.labels["alertname"] for e in found] == ["HighRequestErrorRate"]


def test_a_deleted_service_accounts_by_the_reference(shop: Any, world: Any) -> None:
    """Its dependents are known from the time when it was there."""
    before = world.reference(shop.look(shop.objects(), at=-3600))
    now = shop.objects()
    now["Service"] = [s for s in now["Service"] if s["metadata"]["name"] != "payment"]
    shop.container(now, "checkout")["env"] = []
    look = shop.look(now, shop.alert(service="checkout"))
    assert counted(shop.judge(look, "Service/payment", reference=before)) == [SATISFIED]


def test_alerts_that_cannot_be_read_are_unknown(shop: Any, world: Any) -> None:
    """Their labels might tell more than the incident does."""
    state = PrometheusState(alerts_read=world.TIMEOUT)
    found = shop.judge(shop.look(shop.objects(), prometheus=state), "Deployment/payment")
    assert counted(found) == [UNKNOWN]
    assert all(e.temporary for e in found if e.counts)


def test_a_missing_chain_is_unknown_while_a_list_is_unread(shop: Any, world: Any) -> None:
    """The chain may run through what could not be read, which is named beside it."""
    look = shop.look(
        shop.objects(), shop.alert(service="payment"), failed={"Ingress": world.FORBIDDEN}
    )
    found = shop.judge(look, "Deployment/catalog")
    assert counted(found) == [UNKNOWN, UNKNOWN]
    assert "not every list could be read" in found[0].observed
    assert counted(shop.judge(look, "Deployment/payment")) == [SATISFIED]


@pytest.mark.parametrize(
    ("hidden", "kind"),
    [
        ({"envFrom": [{"configMapRef": {"name": "addresses"}}]}, "ConfigMap"),
        ({"envFrom": [{"secretRef": {"name": "addresses"}}]}, "Secret"),
        (
            {
                "env": [
                    {
                        "name": "PAYMENT_ADDR",
                        "valueFrom": {"configMapKeyRef": {"name": "addresses", "key": "payment"}},
                    }
                ]
            },
            "ConfigMap",
        ),
    ],
)
def test_calls_that_cannot_be_seen_are_unknown(
    shop: Any, hidden: dict[str, Any], kind: str
) -> None:
    """Addresses in a ConfigMap are not kept, so a missing call proves nothing."""
    objects = shop.objects()
    shop.container(objects, "checkout").update({"env": [], **hidden})
    look = shop.look(objects, shop.alert(service="frontend"))
    (found,) = shop.judge(look, "Deployment/payment")
    assert found.state is UNKNOWN
    assert "addresses" in found.observed
    assert counted(shop.judge(look, f"{kind}/addresses")) == [SATISFIED]


def test_a_claim_without_a_cause_is_unknown(shop: Any) -> None:
    """Nothing can be held against the alerts."""
    look = shop.look(shop.objects(), shop.alert(service="payment"))
    assert counted(shop.judge(look)) == [UNKNOWN]


def test_victims_are_not_causes(shop: Any) -> None:
    """Naming the alerting Service as a victim does not account for its alert."""
    look = shop.look(shop.objects(), shop.alert(service="payment"))
    claim = shop.claim("Deployment/catalog", victims=["Service/payment"])
    assert counted(ALERTS_ACCOUNTED_FOR.judge(shop.view(look, claim))) == [VIOLATED]
