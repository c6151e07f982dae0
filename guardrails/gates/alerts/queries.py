"""All that Prometheus must be asked for the checks of one look, in one place."""

from collections.abc import Sequence

from guardrails.core.incident import Incident
from guardrails.gates.alerts.checks import known_rules
from guardrails.gates.alerts.history import history_queries
from guardrails.gates.alerts.inputs import input_queries
from guardrails.gates.alerts.slo import slo_queries
from guardrails.gates.alerts.traffic import traffic_queries
from guardrails.gates.checks import Reference
from guardrails.gates.snapshot import Snapshot


def alert_queries(
    incident: Incident, reference: Reference, seen: Snapshot | None, *, traffic: Sequence[str] = ()
) -> tuple[str, ...]:
    """Return the instant queries of a look.

    Args:
        incident: What is judged.
        reference: What it is judged against.
        seen: The look before, for the rules that are loaded; None at the first.
        traffic: Rates of requests that the policy names.
    """
    rules = known_rules(reference, seen) if seen is not None else []
    slo = [q for s in incident.slo for q in slo_queries(s.query)]
    return (
        *slo,
        *input_queries(incident, rules),
        *history_queries(incident, rules),
        *traffic_queries(incident, reference, seen, traffic),
    )
