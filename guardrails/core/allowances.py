"""A loss that a person allows: who, when, why, and exactly what.

Only the program that runs the agent can make one. No model text and no tool result is ever read
as an allowance.
"""

from datetime import datetime

import msgspec

from guardrails.core.ids import CheckId


class Allowance(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, tag="allowance"):
    """One loss of one object, allowed by one person.

    Raises:
        ValueError: A name, a reason or a person is missing.
    """

    check: CheckId
    """A check of a loss, such as `autoscaler-kept`."""
    kind: str
    name: str
    """Of the object that the report names; no pattern."""
    namespace: str = ""
    """Empty means: in any namespace of the incident."""
    reason: str
    by: str
    """Who answers for it."""
    at: datetime

    def __post_init__(self) -> None:
        """Refuse an allowance that nobody could be asked about."""
        for field in ("check", "kind", "name", "reason", "by"):
            if not str(getattr(self, field)).strip():
                raise ValueError(f"an allowance needs a {field}")
