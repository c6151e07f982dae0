"""From what a policy writes to checks that a gate runs."""

from collections.abc import Iterable

from guardrails.errors import InternalError
from guardrails.gates.checks import Check
from guardrails.gates.custom.http import http_check
from guardrails.gates.custom.objects import object_check
from guardrails.gates.custom.promql import promql_check
from guardrails.policy.custom import CustomCheck

PREFIX = "custom:"
"""Of the ids of checks from a policy; no other check may take it."""


def custom_checks(written: Iterable[CustomCheck]) -> tuple[Check, ...]:
    """Return a check for each that a policy holds."""
    return tuple(_build(check) for check in written)


def _build(check: CustomCheck) -> Check:
    if check.http is not None:
        return http_check(check, check.http)
    if check.object is not None:
        return object_check(check, check.object)
    if check.asks_prometheus:
        return promql_check(check)
    raise InternalError(f"custom check {check.name} asks nothing")
