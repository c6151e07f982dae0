"""The checks that a gate runs, as one tuple; adding a check is adding a line."""

import difflib
from collections.abc import Iterable

from guardrails.core.claims import ClaimKind
from guardrails.core.ids import CheckId
from guardrails.core.incident import Incident
from guardrails.errors import PolicyError
from guardrails.gates.alerts.checks import (
    ALERT_CLEAR,
    ALERT_SOURCE,
    NO_NEW_ALERT,
)
from guardrails.gates.alerts.forged import ALERT_NOT_FORGED
from guardrails.gates.alerts.history import ALERT_HISTORY_QUIET
from guardrails.gates.alerts.identity import CLOCKS_AGREE, SAME_SOURCES
from guardrails.gates.alerts.inputs import ALERT_INPUTS_PRESENT
from guardrails.gates.alerts.live import ALERT_RULE_LIVE
from guardrails.gates.alerts.routes import ALERT_ROUTES_KEPT
from guardrails.gates.alerts.rules_kept import ALERT_RULES_KEPT
from guardrails.gates.alerts.server_age import ALERTMANAGER_SETTLED, PROMETHEUS_SETTLED
from guardrails.gates.alerts.slo import SLO_MET
from guardrails.gates.alerts.suppression import ALERT_NOT_SUPPRESSED
from guardrails.gates.alerts.targets import ALERT_TARGETS_UP
from guardrails.gates.alerts.traffic import TRAFFIC_KEPT
from guardrails.gates.alerts.watchdog import WATCHDOG_FIRES
from guardrails.gates.checks import Check
from guardrails.gates.diagnosis import (
    ALERTS_ACCOUNTED_FOR,
    CAUSES_FEW,
    ENTITY_EXISTS,
    ENTITY_OBSERVED,
)
from guardrails.gates.kubernetes.autoscalers import AUTOSCALER_ACTIVE
from guardrails.gates.kubernetes.budgets import DISRUPTION_BUDGET
from guardrails.gates.kubernetes.chaos import NO_CHAOS
from guardrails.gates.kubernetes.churn import POD_CHURN
from guardrails.gates.kubernetes.claims import VOLUMES_BOUND
from guardrails.gates.kubernetes.configuration import CONFIGURATION_PRESENT
from guardrails.gates.kubernetes.cronjobs import CRONJOB_RUNS
from guardrails.gates.kubernetes.daemons import DAEMONS_EVERYWHERE
from guardrails.gates.kubernetes.dependencies import NAMED_SERVICES_EXIST
from guardrails.gates.kubernetes.exposure import SERVICE_EXPOSED
from guardrails.gates.kubernetes.ingresses import INGRESS_ROUTES
from guardrails.gates.kubernetes.jobs import JOBS_SUCCEED
from guardrails.gates.kubernetes.meshpolicies import MESH_PERMITS
from guardrails.gates.kubernetes.meshroutes import MESH_ROUTES
from guardrails.gates.kubernetes.network import SERVICE_REACHES_PODS
from guardrails.gates.kubernetes.nodes import NODES_READY
from guardrails.gates.kubernetes.openness import NODES_OPEN
from guardrails.gates.kubernetes.orphans import PODS_OWNED
from guardrails.gates.kubernetes.pods import PODS_READY
from guardrails.gates.kubernetes.quotas import PODS_ADMITTED
from guardrails.gates.kubernetes.replicas import REPLICAS_KEPT, SCOPE_INHABITED
from guardrails.gates.kubernetes.resolving import CLUSTER_NAMES_RESOLVE
from guardrails.gates.kubernetes.resources import RESOURCES
from guardrails.gates.kubernetes.restarts import RESTARTS_QUIET
from guardrails.gates.kubernetes.restless import ROLLOUT_RESTLESS
from guardrails.gates.kubernetes.rollout import ROLLOUT_COMPLETE
from guardrails.gates.kubernetes.scaling import AUTOSCALER_SETTLED
from guardrails.gates.kubernetes.suspects import CONFIGURATION_IN_EFFECT, SUSPECT_CHANGE
from guardrails.gates.kubernetes.topology import WORKLOAD_LISTS
from guardrails.gates.kubernetes.traffic import TRAFFIC_ALLOWED
from guardrails.gates.losses.registry import LOSS_CHECKS

DEFAULT_CHECKS: tuple[Check, ...] = (
    SCOPE_INHABITED,
    REPLICAS_KEPT,
    ROLLOUT_COMPLETE,
    PODS_READY,
    RESTARTS_QUIET,
    SERVICE_REACHES_PODS,
    SERVICE_EXPOSED,
    INGRESS_ROUTES,
    TRAFFIC_ALLOWED,
    NAMED_SERVICES_EXIST,
    CLUSTER_NAMES_RESOLVE,
    CONFIGURATION_PRESENT,
    CONFIGURATION_IN_EFFECT,
    SUSPECT_CHANGE,
    MESH_PERMITS,
    MESH_ROUTES,
    NO_CHAOS,
    AUTOSCALER_ACTIVE,
    SAME_SOURCES,
    PODS_ADMITTED,
    PODS_OWNED,
    POD_CHURN,
    ROLLOUT_RESTLESS,
    JOBS_SUCCEED,
    CRONJOB_RUNS,
    VOLUMES_BOUND,
    NODES_READY,
    NODES_OPEN,
    DAEMONS_EVERYWHERE,
    AUTOSCALER_SETTLED,
    DISRUPTION_BUDGET,
    *LOSS_CHECKS,
    ALERT_SOURCE,
    ALERT_CLEAR,
    ALERT_RULE_LIVE,
    ALERT_RULES_KEPT,
    ALERT_INPUTS_PRESENT,
    ALERT_TARGETS_UP,
    ALERT_NOT_SUPPRESSED,
    ALERT_NOT_FORGED,
    ALERT_ROUTES_KEPT,
    ALERT_HISTORY_QUIET,
    WATCHDOG_FIRES,
    NO_NEW_ALERT,
    TRAFFIC_KEPT,
    SLO_MET,
    CLOCKS_AGREE,
    PROMETHEUS_SETTLED,
    ALERTMANAGER_SETTLED,
    ENTITY_EXISTS,
    ENTITY_OBSERVED,
    CAUSES_FEW,
    ALERTS_ACCOUNTED_FOR,
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
    always = {
        *(SCOPE_INHABITED.id, NO_NEW_ALERT.id),
        *(ENTITY_EXISTS.id, ENTITY_OBSERVED.id, CAUSES_FEW.id),
    }
    if incident.alerts:
        always |= {check.id for check in ABOUT_ALERTS}
    if incident.slo:
        always.add(SLO_MET.id)
    return tuple(check.id for check in checks if check.required or check.id in always)


CORE_LISTS = frozenset((*WORKLOAD_LISTS, "ReplicaSet", "Pod", "Service", "EndpointSlice"))
"""What every judgement rests on; no policy may leave these unread."""


def lists_of(
    checks: Iterable[Check], *, ignored: Iterable[str] = (), more: Iterable[str] = ()
) -> tuple[str, ...]:
    """Return the kinds whose lists the checks read, and more, once each, less those to ignore.

    These are also the `list` rights that a verifying identity needs in every namespace of the
    scope.
    """
    kinds = dict.fromkeys((*(kind for check in checks for kind in check.lists), *more))
    return tuple(kind for kind in kinds if kind not in set(ignored))


def ignorable(kinds: Iterable[str]) -> frozenset[str]:
    """Return the kinds that a policy leaves unread.

    Raises:
        PolicyError: There is no such kind, or nothing can be judged without it.
    """
    named = frozenset(kinds)
    for kind in sorted(named):
        if kind in CORE_LISTS:
            raise PolicyError(f"gate.ignore_lists: nothing can be judged without {kind}")
        if kind not in RESOURCES:
            close = difflib.get_close_matches(kind, RESOURCES, n=1)
            meant = f"; did you mean {close[0]}?" if close else ""
            raise PolicyError(f"gate.ignore_lists: no kind {kind} is ever read{meant}")
    return named
