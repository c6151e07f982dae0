"""Losses that a policy or a person allows: set aside, named, and nothing but losses."""

from datetime import UTC, date, datetime
from typing import Any

import msgspec
import pytest

from guardrails.core.allowances import Allowance
from guardrails.core.evidence import Evidence, EvidenceState, ObjectRef
from guardrails.core.ids import CheckId
from guardrails.gates.allowing import Allowed
from guardrails.gates.losses.registry import LOSS_CHECKS
from guardrails.policy.allowing import ALLOWABLE, AllowedLoss

NOW = datetime(2026, 1, 31, 23, 59, tzinfo=UTC)


def fact(check: str = "autoscaler-kept", name: str = "web", namespace: str = "shop") -> Evidence:
    """A violated fact about an autoscaler."""
    return Evidence(
        check=CheckId(check),
        state=EvidenceState.VIOLATED,
        subject=ObjectRef(kind="HorizontalPodAutoscaler", name=name, namespace=namespace),
        observed="gone",
        at=NOW,
    )


def entry(**more: Any) -> AllowedLoss:
    """An entry of a policy."""
    whole = {
        "check": "autoscaler-kept",
        "kind": "HorizontalPodAutoscaler",
        "name": "web",
        "reason": "planned",
    }
    return AllowedLoss.model_validate({**whole, **more})


def allowance(**more: Any) -> Allowance:
    """What a person allowed."""
    whole = {
        "check": "autoscaler-kept",
        "kind": "HorizontalPodAutoscaler",
        "name": "web",
        "reason": "agreed",
        "by": "the lead",
        "at": NOW,
    }
    return Allowance(**{**whole, **more})


def weighed(
    one: Evidence, *, policy: tuple[AllowedLoss, ...] = (), person: tuple[Allowance, ...] = ()
) -> list[Evidence]:
    """What becomes of a fact."""
    return list(Allowed(by_policy=policy, by_person=person).weigh([one], now=NOW))


def test_every_loss_can_be_allowed_and_nothing_else() -> None:
    """The policy's list is the gate's list; those two and no third."""
    assert set(ALLOWABLE) == {"replicas-kept", *(check.id for check in LOSS_CHECKS)}


def test_a_policy_sets_a_loss_aside_and_says_why() -> None:
    """It stays violated, and is held against nobody."""
    (found,) = weighed(fact(), policy=(entry(),))
    assert (found.state, found.counts) == (EvidenceState.VIOLATED, False)
    assert found.allowed_by == "policy: planned"


def test_a_person_allows_by_name() -> None:
    """Who it was stands beside why."""
    (found,) = weighed(fact(), person=(allowance(),))
    assert (found.counts, found.allowed_by) == (False, "approved by the lead: agreed")


@pytest.mark.parametrize(
    ("change", "fits"),
    [
        ({"name": "w*"}, True),
        ({"kind": "horizontalpodautoscaler"}, True),
        ({"namespace": "shop"}, True),
        ({"until": date(2026, 1, 31)}, True),
        ({"name": "cart"}, False),
        ({"kind": "Deployment"}, False),
        ({"namespace": "other"}, False),
        ({"check": "probes-kept"}, False),
    ],
    ids=str,
)
def test_an_entry_fits_what_it_names(change: dict[str, Any], fits: bool) -> None:  # noqa: FBT001  # a column of the table
    """A glob over names, a namespace if given, and its last day included."""
    (found,) = weighed(fact(), policy=(entry(**change),))
    assert found.counts is not fits


def test_a_persons_word_is_no_pattern() -> None:
    """One object, as the report names it."""
    (found,) = weighed(fact(), person=(allowance(name="*"),))
    assert found.counts


def test_an_entry_that_ended_applies_no_more_and_is_named() -> None:
    """The loss counts, and the report says what used to allow it."""
    lost, said = weighed(fact(), policy=(entry(until=date(2026, 1, 30)),))
    assert lost.counts
    assert (said.counts, said.observed) == (
        False,
        "ended on 2026-01-30, so it allows nothing any more: planned",
    )


def test_nothing_but_a_loss_is_set_aside() -> None:
    """Not even when somebody built an allowance for it by hand."""
    ready = fact(check="pods-ready")
    assert weighed(ready, person=(allowance(check="pods-ready"),)) == [ready]
    unread = msgspec.structs.replace(fact(), state=EvidenceState.UNKNOWN)
    assert weighed(unread, policy=(entry(),)) == [unread]


@pytest.mark.parametrize("missing", ["reason", "by", "name", "kind", "check"])
def test_an_allowance_is_whole(missing: str) -> None:
    """Without a reason or a person there is nobody to ask."""
    with pytest.raises(ValueError, match=missing):
        allowance(**{missing: " "})
