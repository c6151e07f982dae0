"""Until when a violation of a custom check may still be the cluster at work, and its evidence."""

from datetime import datetime, timedelta

from guardrails.core.evidence import Evidence
from guardrails.gates.checks import Scope, Witness, aside
from guardrails.policy.custom import CustomCheck

SETTLE_SECONDS = 120.0
"""After a write, for objects and probes. The kubelet brings a changed ConfigMap to running pods
within two of its sync periods of one minute; Endpoints, Ingresses and operators are faster."""


def settles_by(check: CustomCheck, scope: Scope) -> datetime | None:
    """Return until when a violation still counts as pending; None when nothing was written."""
    if scope.last_write_at is None:
        return None
    seconds = SETTLE_SECONDS if check.settle is None else check.settle
    return scope.last_write_at + timedelta(seconds=seconds)


def still_settles(check: CustomCheck, witness: Witness, scope: Scope) -> bool:
    """Tell whether what is missing now may come by itself."""
    by = settles_by(check, scope)
    return by is not None and witness.at < by


def weighed(check: CustomCheck, evidence: Evidence) -> Evidence:
    """Return the evidence; of a check that is not required, held against nobody."""
    return evidence if check.required else aside(evidence)


def waiting(check: CustomCheck) -> str:
    """Say what a pending verdict waits for."""
    return f"custom:{check.name} to hold"
