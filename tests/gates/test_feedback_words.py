"""What the model is told."""

from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec
from hypothesis import given
from hypothesis import strategies as st

from guardrails.core.claims import ClaimKind
from guardrails.core.evidence import (
    AlertRef,
    Evidence,
    EvidenceState,
    GateReport,
    GateVerdict,
    ObjectRef,
    ReferenceInfo,
    ReferenceSource,
    SourceRef,
    Tier,
    Window,
)
from guardrails.core.ids import CheckId
from guardrails.core.incident import Incident, Workload
from guardrails.engine.words import refused
from guardrails.gates.feedback import LIMIT, LINE_LIMIT, describe, feedback

NOW = datetime(2026, 1, 1, 12, 0, tzinfo=UTC)


def fact(state: EvidenceState, **more: Any) -> Evidence:
    """One piece of evidence."""
    return Evidence(
        **{
            "check": CheckId("x"),
            "state": state,
            "subject": ObjectRef(kind="Deployment", name="web", namespace="shop"),
            "observed": "seen",
            "at": NOW,
            **more,
        }
    )


def report(verdict: GateVerdict, *evidence: Evidence, waiting: tuple[str, ...] = ()) -> GateReport:
    """A report with this evidence."""
    return GateReport(
        gate="evidence",
        claim=ClaimKind.MITIGATED,
        verdict=verdict,
        required_tier=Tier.FULL,
        reference=ReferenceInfo(source=ReferenceSource.NONE),
        window=Window(state_seconds=60, full_seconds=60),
        started_at=NOW,
        ended_at=NOW,
        evidence=evidence,
        waiting_for=waiting,
    )


VIOLATED, UNKNOWN = EvidenceState.VIOLATED, EvidenceState.UNKNOWN


def test_facts_come_worst_first() -> None:
    """What is wrong, then what settles, then what cannot be read; the rest is left out."""
    text = feedback(
        report(
            GateVerdict.FAIL,
            fact(EvidenceState.SATISFIED, observed="fine"),
            fact(UNKNOWN, subject=SourceRef(source="prometheus", detail="GET /x"), observed="503"),
            fact(VIOLATED, observed="slow", settles_by=NOW + timedelta(seconds=9)),
            fact(VIOLATED, field="spec.replicas", observed="0", expected="3"),
            fact(VIOLATED, observed="old", counts=False),
        )
    )
    assert text.splitlines() == [
        "The incident is not resolved. Observed in the cluster:",
        "- WRONG: Deployment shop/web spec.replicas: 0; expected 3",
        "- NOT YET: Deployment shop/web: slow",
        "- UNREADABLE: prometheus GET /x: 503",
    ]


def test_alerts_are_named_with_their_labels() -> None:
    """The name first, as people write it."""
    alert = AlertRef(labels={"alertname": "High", "service": "web"})
    text = feedback(report(GateVerdict.FAIL, fact(VIOLATED, subject=alert, observed="firing")))
    assert '- WRONG: alert High{service="web"}: firing' in text


def test_a_wait_is_told() -> None:
    """A pending end says what is still missing."""
    text = feedback(report(GateVerdict.PENDING, waiting=("objects to stay healthy: 40 s left",)))
    assert text.endswith("- WAITING: objects to stay healthy: 40 s left")


def test_what_does_not_fit_is_counted() -> None:
    """The model knows that there is more."""
    many = [
        fact(VIOLATED, subject=ObjectRef(kind="Service", name=f"s{n}"), observed="x" * 150)
        for n in range(50)
    ]
    text = feedback(report(GateVerdict.FAIL, *many))
    assert len(text) <= LIMIT
    assert text.splitlines()[-1].startswith("- and 4")


def service(**more: Any) -> Evidence:
    """A Service that selects nothing."""
    return fact(
        VIOLATED,
        subject=ObjectRef(kind="Service", name="web", namespace="shop"),
        field="spec.selector",
        observed="app=wbe selects no pods",
        expected="app=web",
        **more,
    )


def pod(name: str, **more: Any) -> Evidence:
    """A pod that waits."""
    return fact(
        VIOLATED,
        subject=ObjectRef(kind="Pod", name=name, namespace="shop"),
        field="status.containerStatuses[app].state.waiting",
        **{"observed": "ImagePullBackOff", "expected": "running", **more},
    )


FIRING = fact(
    VIOLATED,
    subject=AlertRef(labels={"alertname": "High"}),
    field="state",
    observed="firing",
    expected="inactive",
)


def told(*evidence: Evidence, incident: Incident | None = None) -> list[str]:
    """Give what is told of a failed end, without the head."""
    return feedback(report(GateVerdict.FAIL, *evidence), incident=incident).splitlines()[1:]


def test_the_root_comes_before_its_symptoms() -> None:
    """A Service with a wrong selector, the rollout, then the alert, whatever the order found."""
    rollout = fact(VIOLATED, field="status.updatedReplicas", observed="0", expected="3")
    lines = told(FIRING, rollout, pod("web-1"), service())
    assert [line.split()[2] for line in lines] == ["Service", "Pod", "Deployment", "alert"]


def test_what_is_missing_altogether_is_a_root() -> None:
    """A deleted Service comes before the pods that nobody calls any more."""
    gone = fact(
        VIOLATED, subject=ObjectRef(kind="Service", name="web", namespace="shop"), observed="gone"
    )
    assert told(pod("web-1"), gone)[0] == "- WRONG: Service shop/web: gone"


def test_a_lost_rule_comes_before_an_alert_that_fires() -> None:
    """Somebody took the rule away; nobody made the other alert fire by hand."""
    lost = fact(
        VIOLATED,
        subject=AlertRef(labels={"alertname": "Low"}),
        field="rule",
        observed="no such rule is loaded",
    )
    assert [line.split()[3] for line in told(FIRING, lost)] == ["Low", "High"]


def test_hard_facts_come_before_settling_ones() -> None:
    """Also when what settles is nearer to the root."""
    lines = told(service(settles_by=NOW + timedelta(seconds=9)), FIRING)
    assert [line.split(":")[0] for line in lines] == ["- WRONG", "- NOT YET"]


def test_the_incidents_own_workloads_come_first() -> None:
    """Of facts of one rank; pods belong to the workload whose name they begin with."""
    incident = Incident(
        task="x", workloads=(Workload(kind="Deployment", name="web", namespace="shop"),)
    )
    lines = told(pod("cart-1", observed="OOMKilled"), pod("web-1-a"), incident=incident)
    assert [line.split()[3] for line in lines] == ["shop/web-1-a", "shop/cart-1"]


def test_pods_with_one_trouble_are_one_line() -> None:
    """Three replicas of one mistake are one mistake."""
    (line,) = told(pod("web-1"), pod("web-2"), pod("web-3"))
    assert line == (
        "- WRONG: Pod shop/web-1 (and 2 more like it) "
        "status.containerStatuses[app].state.waiting: ImagePullBackOff; expected running"
    )


def test_services_with_one_trouble_are_two_lines() -> None:
    """People made each of them, so each has to be mended."""
    other = ObjectRef(kind="Service", name="cart", namespace="shop")
    two = [service(), msgspec.structs.replace(service(), subject=other)]
    assert len(told(*two)) == 2


def test_an_object_has_one_line() -> None:
    """Its facts stand behind each other, what can be changed first."""
    status = fact(VIOLATED, field="status.readyReplicas", observed="0", expected="3")
    spec = fact(VIOLATED, field="spec.paused", observed="true", expected="false")
    (line,) = told(status, spec, status)
    assert line == (
        "- WRONG: Deployment shop/web spec.paused: true; expected false; "
        "status.readyReplicas: 0; expected 3"
    )


def test_more_facts_of_an_object_than_fit_are_counted() -> None:
    """The model knows that there is more to see on it."""
    many = [fact(VIOLATED, field=f"spec.f{n}", observed="x" * 60) for n in range(9)]
    (line,) = told(*many)
    assert line.endswith("; and 6 more of it")


LONG = st.text(st.characters(categories=["L", "N"]), min_size=150, max_size=400)


@given(LONG, LONG, LONG, LONG)
def test_a_clipped_line_keeps_all_of_its_parts(
    name: str, field: str, observed: str, expected: str
) -> None:
    """Object, field, observed and expected: without one of them the fact cannot be acted on."""
    subject = ObjectRef(kind="Service", name=name, namespace="shop")
    (line,) = told(
        fact(VIOLATED, subject=subject, field=field, observed=observed, expected=expected)
    )
    assert len(line) <= LINE_LIMIT + len("- WRONG: ")
    assert f"Service shop/{name[:20]}" in line
    assert f" {field[:30]}" in line
    assert f": {observed[:50]}" in line
    assert f"; expected {expected[:30]}" in line


SUBJECTS = st.one_of(
    st.builds(
        ObjectRef,
        kind=st.sampled_from(["Pod", "Service", "Node", "Widget", "Deployment"]),
        name=st.text(max_size=300),
        namespace=st.sampled_from(["", "shop"]),
    ),
    st.builds(AlertRef, labels=st.dictionaries(st.text(max_size=9), st.text(max_size=300))),
    st.builds(SourceRef, source=st.text(max_size=9), detail=st.text(max_size=300)),
)
FACTS = st.builds(
    fact,
    st.sampled_from(EvidenceState),
    subject=SUBJECTS,
    field=st.sampled_from(["", "state", "spec.selector", "status.phase", "x" * 300]),
    observed=st.text(max_size=600),
    expected=st.text(max_size=600),
    settles_by=st.sampled_from([None, NOW + timedelta(seconds=5)]),
    counts=st.booleans(),
)


@given(st.lists(FACTS, max_size=40))
def test_the_first_fact_told_is_a_violated_one(evidence: list[Evidence]) -> None:
    """And a hard one if there is any; the whole message keeps the limit."""
    found = report(GateVerdict.FAIL, *evidence)
    message = refused(found, ClaimKind.MITIGATED)
    assert len(message) <= LIMIT
    hard = [e for e in found.violated if e.settles_by is None]
    lines = message.split("\n")[2:]
    if found.violated:
        assert lines[0].startswith("- WRONG: " if hard else "- NOT YET: ")
        assert any(
            lines[0].startswith((f"- WRONG: {said}", f"- NOT YET: {said}"))
            for e in hard or found.violated
            for said in [" ".join(describe(e.subject).split())[:79]]
        )


@given(
    st.lists(
        st.builds(fact, st.sampled_from([VIOLATED, UNKNOWN]), observed=st.text(max_size=600)),
        max_size=30,
    ),
    st.integers(80, 1500),
    st.sampled_from(GateVerdict),
)
def test_feedback_keeps_its_limit(
    evidence: list[Evidence], limit: int, verdict: GateVerdict
) -> None:
    """Whatever is found, and in one line per fact."""
    text = feedback(report(verdict, *evidence), limit=limit)
    assert 0 < len(text) <= limit
    assert len(text.split("\n")) <= len(evidence) + 1


def test_the_words_speak_of_the_cluster_only() -> None:
    """No name of a check, gate, tier or setting that could be argued with."""
    text = feedback(report(GateVerdict.FAIL, fact(VIOLATED, check=CheckId("pods-ready"))))
    assert not {"gate", "tier", "pods-ready", "policy"} & set(text.lower().split())


def test_a_report_is_stored_with_its_summary() -> None:
    """Reports are values that survive JSON."""
    found = report(GateVerdict.FAIL, fact(VIOLATED))
    assert msgspec.json.decode(msgspec.json.encode(found), type=GateReport) == found
