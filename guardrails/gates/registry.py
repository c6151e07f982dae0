"""The checks that a gate runs, as one tuple; adding a check is adding a line."""

from collections.abc import Iterable

from guardrails.core.claims import ClaimKind
from guardrails.core.ids import CheckId
from guardrails.core.incident import Incident
from guardrails.gates.alerts.checks import (
    ALERT_CLEAR,
    ALERT_SOURCE,
    NO_NEW_ALERT,
)
from guardrails.gates.alerts.inputs import ALERT_INPUTS_PRESENT
from guardrails.gates.alerts.live import ALERT_RULE_LIVE
from guardrails.gates.alerts.slo import SLO_MET
from guardrails.gates.alerts.suppression import ALERT_NOT_SUPPRESSED
from guardrails.gates.checks import Check
from guardrails.gates.diagnosis import ENTITY_EXISTS, ENTITY_OBSERVED
from guardrails.gates.kubernetes.autoscalers import AUTOSCALER_ACTIVE
from guardrails.gates.kubernetes.network import SERVICE_REACHES_PODS
from guardrails.gates.kubernetes.pods import PODS_READY
from guardrails.gates.kubernetes.replicas import REPLICAS_KEPT, SCOPE_INHABITED
from guardrails.gates.kubernetes.restarts import RESTARTS_QUIET
from guardrails.gates.kubernetes.rollout import ROLLOUT_COMPLETE

DEFAULT_CHECKS: tuple[Check, ...] = (
    SCOPE_INHABITED,
    REPLICAS_KEPT,
    ROLLOUT_COMPLETE,
    PODS_READY,
    RESTARTS_QUIET,
    SERVICE_REACHES_PODS,
    AUTOSCALER_ACTIVE,
    ALERT_SOURCE,
    ALERT_CLEAR,
    ALERT_RULE_LIVE,
    ALERT_INPUTS_PRESENT,
    ALERT_NOT_SUPPRESSED,
    NO_NEW_ALERT,
    SLO_MET,
    ENTITY_EXISTS,
    ENTITY_OBSERVED,
)
"""Everything this package checks, most basic first; feedback ranks in this order."""

ABOUT_ALERTS = (ALERT_CLEAR, ALERT_RULE_LIVE, ALERT_INPUTS_PRESENT, ALERT_NOT_SUPPRESSED)
"""What must have evidence when the incident names an alert."""


def applicable(
    checks: Iterable[Check],
    *,
    claim: ClaimKind,
    has_prometheus: bool,
    has_alertmanager: bool,
) -> tuple[Check, ...]:
    """Return the checks to run for a claim with the sources that were given."""
    return tuple(
        check
        for check in checks
        if claim in check.claims
        and (has_prometheus or not check.needs_prometheus)
        and (has_alertmanager or not check.needs_alertmanager)
    )


def required_of(checks: Iterable[Check], incident: Incident) -> tuple[CheckId, ...]:
    """Return the checks that must have evidence whatever the world holds."""
    always = {SCOPE_INHABITED.id, ENTITY_EXISTS.id, ENTITY_OBSERVED.id, NO_NEW_ALERT.id}
    if incident.alerts:
        always |= {check.id for check in ABOUT_ALERTS}
    if incident.slo:
        always.add(SLO_MET.id)
    return tuple(check.id for check in checks if check.id in always)


def lists_of(checks: Iterable[Check]) -> tuple[str, ...]:
    """Return the kinds whose lists the checks read, once each.

    These are also the `list` rights that a verifying identity needs in every namespace of the
    scope.
    """
    return tuple(dict.fromkeys(kind for check in checks for kind in check.lists))
