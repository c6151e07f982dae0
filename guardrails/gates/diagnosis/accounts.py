"""A check that the named causes account for the alerts: a chain of facts leads from one to each.

The chain follows owners, Services, nodes, configuration, policies and calls, and only in the
direction in which trouble spreads. Whether the cause is the cause is not proved by it.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from guardrails.core.evidence import AlertRef, Evidence, EvidenceState
from guardrails.core.ids import CheckId
from guardrails.gates.alerts.checks import known_rules, name_of
from guardrails.gates.checks import Check, View, Witness, aside, unread_lists
from guardrails.gates.diagnosis.entities import CLAIM, HOW_TO_NAME, NO_ENTITY
from guardrails.gates.diagnosis.labels import About, about
from guardrails.gates.diagnosis.naming import DIAGNOSED, LISTS, causes_of, meant
from guardrails.gates.diagnosis.scope import alerts_in_scope
from guardrails.gates.diagnosis.traffic import complains_of_quiet
from guardrails.gates.snapshot import AlertingRule
from guardrails.gates.topology import Edge, Spread, Thing, Topology, spread, topology_seen
from guardrails.gates.topology.build import looks_of
from guardrails.gates.topology.capacity import knows_namespace
from guardrails.gates.topology.hidden import hides, upstream
from guardrails.gates.topology.templates import makers

ACCOUNTS_ID = CheckId("alerts-accounted-for")

EXPECTED = "a chain of dependencies from a named cause"

CAUSES_SHOWN = 3
"""Causes that a violation names; a reader knows what was claimed."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Case:
    """What the alerts of one claim are held against."""

    witness: Witness
    view: View
    graph: Topology
    causes: tuple[Thing, ...]
    spread: Spread
    above: frozenset[Thing]
    """What would trouble the causes themselves."""
    rules: Sequence[AlertingRule]


def judge_accounts(view: View) -> list[Evidence]:
    """Judge whether every alert in scope follows from what the claim calls the cause."""
    witness = Witness(check=ACCOUNTS_ID, at=view.look.at)
    alerts = alerts_in_scope(view)
    if not causes_of(view.scope):
        return [witness.unknown(CLAIM, observed=NO_ENTITY, expected=HOW_TO_NAME)]
    graph = topology_seen(view)
    causes = tuple(dict.fromkeys(t for e in causes_of(view.scope) for t in meant(e, graph)))
    case = _Case(
        witness=witness,
        view=view,
        graph=graph,
        causes=causes,
        spread=spread(graph, causes),
        above=upstream(graph, causes),
        rules=known_rules(view.reference, view.look),
    )
    own = [_accounted(case, labels) for labels in alerts.own]
    others = [aside(_accounted(case, labels)) for labels in alerts.others]
    unread = [witness.unread(source, read) for source, read in alerts.unread]
    if any(e.counts and e.state is not EvidenceState.SATISFIED for e in own):
        unread += unread_lists(witness, view, LISTS)
    hidden = any(e.counts for e in unread)
    return [*(_unsure(case, e) if hidden else e for e in own), *others, *unread]


ALERTS_ACCOUNTED_FOR = Check(id=ACCOUNTS_ID, judge=judge_accounts, lists=LISTS, claims=DIAGNOSED)


def _accounted(case: _Case, labels: Mapping[str, str]) -> Evidence:
    alert = AlertRef(labels=dict(labels))
    subject = about(labels, case.view, case.graph)
    if (chain := _chain(case, labels, subject)) is not None:
        return case.witness.satisfied(alert, observed=chain, expected=EXPECTED)
    if not subject.things:
        return aside(case.witness.unknown(alert, observed=_nothing_known(subject)))
    if subject.namespace and subject.namespace not in case.view.scope.namespaces:
        observed = f"{subject.things[0]} is outside the incident's scope"
        return aside(case.witness.unknown(alert, observed=observed))
    said = f"nothing leads from {_blamed(case)} to {subject.things[0]}"
    if back := _the_other_way(case, subject):
        said = f"{said}, only the other way round: {back}"
    elif why := _in_the_dark(case, subject):
        return case.witness.unknown(alert, observed=f"{said}; {why}", expected=EXPECTED)
    return case.witness.violated(alert, observed=said, expected=EXPECTED)


def _unsure(case: _Case, evidence: Evidence) -> Evidence:
    """Call a missing chain unknown: a list that was not read may hold it."""
    if evidence.state is not EvidenceState.VIOLATED:
        return evidence
    observed = f"{evidence.observed}; not every list could be read"
    return case.witness.unknown(evidence.subject, observed=observed, expected=EXPECTED)


def _chain(case: _Case, labels: Mapping[str, str], subject: About) -> str | None:
    """Return the chain from a cause to what an alert is about, in words."""
    starved = complains_of_quiet(name_of(dict(labels)), case.rules)
    paths = [p for t in subject.things if (p := case.spread.path(t, starved=starved)) is not None]
    if paths:
        shortest = min(paths, key=len)
        return _words(shortest) if shortest else f"{subject.words}: this is a named cause"
    if subject.words or not subject.namespace:
        return None
    place = subject.namespace
    inside = next((c for c in case.causes if place in {c.namespace, _as_place(c)}), None)
    return None if inside is None else f"the alert names namespace {place}, where {inside} is"


def _as_place(thing: Thing) -> str:
    return thing.name if thing.kind == "Namespace" else ""


def _words(path: Sequence[Edge]) -> str:
    return "; ".join(edge.why for edge in path)


def _nothing_known(subject: About) -> str:
    if subject.words:
        return f"nothing in scope is known by {subject.words}"
    return "its labels name no object"


def _blamed(case: _Case) -> str:
    more = len(case.causes) - CAUSES_SHOWN
    shown = ", ".join(str(cause) for cause in case.causes[:CAUSES_SHOWN])
    return f"{shown} (and {more} more)" if more > 0 else shown or "what the claim names"


def _the_other_way(case: _Case, subject: About) -> str:
    """Return the chain from what an alert is about to a cause: then that is a victim itself."""
    if case.above.isdisjoint(subject.things):
        return ""
    back = spread(case.graph, subject.things, until=frozenset(case.causes))
    paths = [path for cause in case.causes if (path := back.path(cause))]
    return _words(min(paths, key=len)) if paths else ""


def _in_the_dark(case: _Case, subject: About) -> str:
    """Return why it cannot be told whether a cause accounts for an alert, if it cannot."""
    before = case.view.reference.snapshot
    for cause in case.causes:
        holds = cause.kind == "Namespace" and cause.name in {t.namespace for t in subject.things}
        if holds and not knows_namespace(before, cause.name):
            return f"{cause} holds it, and no reference shows whether that changed"
    above = upstream(case.graph, subject.things)
    made = (
        maker
        for look in looks_of(case.view)
        for place in case.view.scope.namespaces
        for maker in makers(look, place)
        if maker.thing in above
    )
    reasons = (hides(maker) for maker in made)
    return next((reason for reason in reasons if reason), "")
