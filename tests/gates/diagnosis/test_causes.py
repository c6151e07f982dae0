"""A diagnosis blames few objects, or it has found nothing."""

from typing import Any

import pytest

from guardrails.core.claims import Claim, ClaimKind
from guardrails.core.evidence import EvidenceState
from guardrails.gates.diagnosis import CAUSES_FEW
from guardrails.gates.diagnosis.causes import MOST_CAUSES
from guardrails.gates.diagnosis.traffic import asks_for_more, complains_of_quiet

SATISFIED, VIOLATED, UNKNOWN = (
    EvidenceState.SATISFIED,
    EvidenceState.VIOLATED,
    EvidenceState.UNKNOWN,
)


def judge(shop: Any, claim: Claim) -> Any:
    """Judge how much a claim blames."""
    (found,) = CAUSES_FEW.judge(shop.view(shop.look(shop.objects()), claim))
    return found


def test_a_shot_in_every_direction_is_no_diagnosis(shop: Any) -> None:
    """Thirty names hit every alert by luck."""
    causes = [f"Deployment/part-{n}" for n in range(30)]
    assert judge(shop, shop.claim(*causes)).state is VIOLATED
    assert judge(shop, shop.claim(*causes[:MOST_CAUSES])).state is SATISFIED
    assert judge(shop, shop.claim(*causes[: MOST_CAUSES + 1])).state is VIOLATED


def test_many_victims_are_no_fault_of_a_claim(shop: Any) -> None:
    """Only what is called the cause counts."""
    victims = [f"Service/part-{n}" for n in range(30)]
    assert judge(shop, shop.claim("Deployment/payment", victims=victims)).state is SATISFIED
    found = judge(shop, shop.claim(victims=victims))
    assert found.state is VIOLATED
    assert "none of them called the root cause" in found.observed


def test_parts_of_one_application_are_one_cause(shop: Any) -> None:
    """A Deployment, its Service, its ReplicaSet and its pod."""
    names = ("Deployment/payment", "svc/payment", "rs/payment-1", "Pod/payment-1-0")
    assert judge(shop, shop.claim(*names)).observed == "1 cause named"


def test_a_claim_without_names_blames_nothing(shop: Any) -> None:
    """It cannot be judged."""
    assert judge(shop, Claim(kind=ClaimKind.DIAGNOSED)).state is UNKNOWN


@pytest.mark.parametrize(
    ("query", "quiet"),
    [
        ("sum by (service) (rate(calls_total[5m])) == 0", True),
        ("(sum(increase(calls_total[5m])) < 10)", True),
        ("absent(up{job='web'})", True),
        ("rate(a[1m]) <= 1 and on() hour() > 8", True),
        ("rate(errors[1m]) > 0.1", False),
        ("rate(good[1m]) / rate(all[1m]) < 0.9", False),
        ("max by (pod) (kube_pod_status_ready) == 0", False),
        ("rate(a[1m]) == 5", False),
        ("not promql at all (", False),
    ],
)
def test_rules_that_ask_for_more_traffic(query: str, quiet: bool) -> None:  # noqa: FBT001
    """A share of good answers is no want of traffic."""
    assert asks_for_more(query) is quiet


def test_an_unknown_rule_is_judged_by_its_name(world: Any) -> None:
    """Names are the last resort: a rule that is known decides."""
    assert complains_of_quiet("NoRequestsReceived", [])
    assert complains_of_quiet("LowTraffic", [])
    assert not complains_of_quiet("NodeNotReady", [])
    assert not complains_of_quiet("NoRequestsReceived", [world.rule("NoRequestsReceived")])
