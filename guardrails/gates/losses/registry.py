"""Every check that tells a loss; adding one is adding a line."""

from guardrails.gates.checks import Check
from guardrails.gates.losses.autoscaler import AUTOSCALER_KEPT
from guardrails.gates.losses.data import DATA_KEPT
from guardrails.gates.losses.disruption import DISRUPTION_BUDGET_KEPT
from guardrails.gates.losses.identity import IDENTITY_KEPT
from guardrails.gates.losses.isolation import ISOLATION_KEPT
from guardrails.gates.losses.objects import OBJECTS_KEPT
from guardrails.gates.losses.pause import PAUSE_KEPT
from guardrails.gates.losses.permissions import PERMISSIONS_KEPT
from guardrails.gates.losses.probes import PROBES_KEPT
from guardrails.gates.losses.quotas import QUOTAS_KEPT
from guardrails.gates.losses.resources import RESOURCES_KEPT
from guardrails.gates.losses.schedule import SCHEDULE_KEPT
from guardrails.gates.losses.security import SECURITY_KEPT
from guardrails.gates.losses.services import SERVICE_KEPT
from guardrails.gates.losses.spread import SPREAD_KEPT
from guardrails.gates.losses.steps import STARTUP_STEPS_KEPT
from guardrails.gates.losses.strategy import STRATEGY_KEPT

LOSS_CHECKS: tuple[Check, ...] = (
    SERVICE_KEPT,
    OBJECTS_KEPT,
    IDENTITY_KEPT,
    DATA_KEPT,
    PAUSE_KEPT,
    PROBES_KEPT,
    RESOURCES_KEPT,
    STARTUP_STEPS_KEPT,
    AUTOSCALER_KEPT,
    SCHEDULE_KEPT,
    ISOLATION_KEPT,
    PERMISSIONS_KEPT,
    SECURITY_KEPT,
    DISRUPTION_BUDGET_KEPT,
    STRATEGY_KEPT,
    SPREAD_KEPT,
    QUOTAS_KEPT,
)
"""Gravest first: what is not the application any more, then what guards it."""
