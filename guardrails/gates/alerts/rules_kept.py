"""Whether every rule in scope, not only the incident's, can still fire as easily as before.

A rule that is gone or harder to meet would not tell of what an agent broke. More rules, and rules
that fire sooner, take nothing away.
"""

from collections.abc import Iterator

from guardrails.core.evidence import AlertRef, Evidence, Tier
from guardrails.core.ids import CheckId
from guardrails.gates.alerts.changes import lost
from guardrails.gates.alerts.checks import RULES, clears_by
from guardrails.gates.alerts.rules import rules_for
from guardrails.gates.alerts.selectors import speaks_of
from guardrails.gates.checks import Check, View, Witness, aside
from guardrails.gates.snapshot import AlertingRule, Snapshot

ID = CheckId("alert-rules-kept")

EXPECTED = "loaded, healthy and as easy to meet as before"


def judge_kept(view: View) -> list[Evidence]:
    """Judge every rule that was live before, other than those of the incident's own alerts."""
    state = view.look.prometheus
    if state is None:
        return []
    witness = Witness(check=ID, at=view.look.at, tier=Tier.ALERTS)
    if not state.rules_read.ok:
        return [witness.unread(RULES, state.rules_read)]
    before = list(_before(view))
    if not before:
        return []
    # Hardly any rule changes; only those that did are compared with all others.
    unchanged = {_form(rule) for rule in state.rules}
    found = [
        _judge(witness, rule, why, view, at_start=at_start)
        for rule, at_start in before
        if _form(rule) not in unchanged and (why := lost(rule, state.rules))
    ]
    if any(e.counts for e in found):
        return found
    observed = f"{len(before)} rules can fire as they could"
    return [*found, witness.satisfied(RULES, observed=observed, expected=EXPECTED)]


ALERT_RULES_KEPT = Check(id=ID, judge=judge_kept, tier=Tier.ALERTS, needs_prometheus=True)


def _before(view: View) -> Iterator[tuple[AlertingRule, bool]]:
    """Yield each rule that was live, and whether it was so at the start of the run."""
    own = view.scope.incident.alerts
    start = _live(view.reference.start)
    begun = {_form(rule) for rule in start}
    for rule in start:
        if not any(rules_for(matcher, [rule]) for matcher in own):
            yield rule, True
    for rule in _live(view.reference.snapshot):
        if _form(rule) in begun or any(rules_for(matcher, [rule]) for matcher in own):
            continue
        if lost(rule, start):
            yield rule, False


def _form(rule: AlertingRule) -> tuple[str, float, str, tuple[tuple[str, str], ...]]:
    return rule.query, rule.for_seconds, rule.health, tuple(sorted(rule.labels.items()))


def _live(look: Snapshot | None) -> list[AlertingRule]:
    state = look.prometheus if look is not None else None
    return [rule for rule in state.rules if rule.health == "ok"] if state is not None else []


def _judge(
    witness: Witness, rule: AlertingRule, why: str, view: View, *, at_start: bool
) -> Evidence:
    # An expression may fail for a moment while old and new pods carry the same labels.
    is_error = "has health" in why
    found = witness.violated(
        AlertRef(labels={"alertname": rule.name}),
        field="rule",
        observed=why,
        expected=EXPECTED,
        query=RULES.detail,
        settles_by=clears_by([rule], view.scope) if is_error else None,
        settling=f"rule {rule.name} to be evaluated without an error" if is_error else "",
    )
    # What was changed between the recording and the run is somebody else's change.
    counts = at_start or view.reference.start is None
    return found if counts and speaks_of(rule.query, view.scope.namespaces) else aside(found)
