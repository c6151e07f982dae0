"""What is asked of a diagnosis: causes that exist, were looked at, are few, and explain alerts."""

from guardrails.gates.diagnosis.accounts import ACCOUNTS_ID, ALERTS_ACCOUNTED_FOR
from guardrails.gates.diagnosis.causes import CAUSES_FEW, FEW_ID
from guardrails.gates.diagnosis.entities import (
    ENTITY_EXISTS,
    ENTITY_OBSERVED,
    EXISTS_ID,
    OBSERVED_ID,
)

__all__ = [
    "ACCOUNTS_ID",
    "ALERTS_ACCOUNTED_FOR",
    "CAUSES_FEW",
    "ENTITY_EXISTS",
    "ENTITY_OBSERVED",
    "EXISTS_ID",
    "FEW_ID",
    "OBSERVED_ID",
]
