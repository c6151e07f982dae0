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
from guardrails.gates.feedback import LIMIT, feedback

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
    many = [fact(VIOLATED, observed=f"{n} " + "x" * 150) for n in range(50)]
    text = feedback(report(GateVerdict.FAIL, *many))
    assert len(text) <= LIMIT
    assert text.splitlines()[-1].startswith("- and 4")


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
