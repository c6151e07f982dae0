"""Losses that a policy allows: `gate.allow`.

Only what was taken away can be allowed away. That alerts fire, that a rollout is stuck or that pods
are not ready is no matter of permission.
"""

import re
from datetime import date
from typing import Annotated, Literal, get_args

from pydantic import BeforeValidator, Field, PlainSerializer, WithJsonSchema

from guardrails.errors import PolicyError
from guardrails.policy.strict import Strict

LossCheck = Literal[
    "replicas-kept",
    "service-kept",
    "objects-kept",
    "identity-kept",
    "data-kept",
    "pause-kept",
    "probes-kept",
    "resources-kept",
    "startup-steps-kept",
    "autoscaler-kept",
    "schedule-kept",
    "isolation-kept",
    "permissions-kept",
    "security-kept",
    "disruption-budget-kept",
    "strategy-kept",
    "spread-kept",
    "quotas-kept",
]
"""The checks that tell a loss; a test holds them against those that the gate runs."""

ALLOWABLE: tuple[str, ...] = get_args(LossCheck)

Said = Annotated[str, Field(min_length=1, pattern=r"\S")]

_DAY = (
    r"2[0-9]{3}-((0[13578]|1[02])-(0[1-9]|[12][0-9]|3[01])|(0[469]|11)-(0[1-9]|[12][0-9]|30)"
    r"|02-(0[1-9]|1[0-9]|2[0-8]))|2([0-9](0[48]|[2468][048]|[13579][26])|[048]00)-02-29"
)
"""A day of this millennium that there is. The schema for editors allows what loads, and no more."""


def _as_written(value: object) -> object:
    """Take a day only as text; pydantic would take a number for seconds since 1970."""
    if isinstance(value, date) or (isinstance(value, str) and re.fullmatch(_DAY, value)):
        return value
    raise ValueError(f"{value!r} is not a day like 2026-01-31")


Day = Annotated[
    date,
    BeforeValidator(_as_written),
    PlainSerializer(date.isoformat, return_type=str),
    WithJsonSchema({"type": "string", "pattern": f"^({_DAY})$"}),
]


class AllowedLoss(Strict):
    """A loss that is wanted: which check may be violated, by what, and why."""

    check: LossCheck
    """The check of the loss, as reports name it."""
    kind: Said
    """Of the object that the report names, such as `Deployment`."""
    name: Said
    """Of that object; a glob such as `canary-*` is allowed."""
    namespace: str = ""
    """Of that object; left out, any namespace of the incident."""
    reason: Said
    """Why; every report that it was used in says so."""
    until: Day | None = None
    """The last day on which it applies (UTC); left out, it applies always."""


def allowable(check: str) -> LossCheck:
    """Return a check that may be allowed away.

    Raises:
        PolicyError: There is no such check, or it tells no loss; the message lists those that do.
    """
    found = next((known for known in get_args(LossCheck) if known == check), None)
    if found is None:
        raise PolicyError(f"{check} cannot be allowed away; these can: {', '.join(ALLOWABLE)}")
    return found
