"""What about an incident is not clear, told from its words and from what there is in the cluster.

Everything here is deterministic: the same incident on the same cluster asks the same questions.
Whatever could not be read asks nothing, because a question that a forbidden list raises would be
asked in every run; the gate names that list anyway.
"""

import difflib
import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from guardrails.actions.prose import entities_in_prose
from guardrails.core.incident import AlertMatcher, Incident, Workload
from guardrails.core.questions import Candidate, Question, QuestionKind

MOST_CANDIDATES = 12
"""Answers offered; a person does not read more, and can write any other."""

SYSTEM = re.compile(r"^(?:kube-.*|default|local-path-storage|gatekeeper-system|istio-system)$")
"""Namespaces that nobody means when naming none."""

_WORKLOAD_LABELS = {
    "deployment": "Deployment",
    "statefulset": "StatefulSet",
    "daemonset": "DaemonSet",
    "cronjob": "CronJob",
}
"""Labels of kube-state-metrics that name an object; `service` and `app` are often only words."""

_KINDS = {kind.lower(): kind for kind in _WORKLOAD_LABELS.values()}

_NAME = r"[`'\"]?([a-z0-9](?:[-a-z0-9]*[a-z0-9])?)[`'\"]?"
_NAMESPACE_FIRST = re.compile(rf"\bnamespace\s*[:=]?\s+{_NAME}", re.IGNORECASE)
_NAMESPACE_LAST = re.compile(rf"(?<!\S){_NAME}\s+namespace\b", re.IGNORECASE)
_TAKES_AWAY = re.compile(
    r"(?:^|[.;:!?\n]\s*|\b(?:please|then|and|just|to)\s+)"
    r"(?P<verb>delete|remove|drain|wipe|purge|kill|evict|uninstall|destroy|reset|terminate)\s+"
    r"(?P<what>(?:\S+\s*){0,8})",
    re.IGNORECASE,
)
_WANTS_APPROVAL = re.compile(
    r"\b(?:only\s+)?(?:after|with|upon|pending|once|until|subject\s+to)\s+(?:\w+\s+){0,3}?"
    r"(?:approv\w+|confirm\w+|sign[- ]?off)\b"
    r"|\bask\s+(?:me|us|first|before|for\s+(?:approval|confirmation))\b"
    r"|\bwithout\s+(?:\w+\s+){0,2}?(?:approval|asking|confirmation|permission)\b"
    r"|\bneeds?\s+(?:\w+\s+){0,2}?(?:approval|sign[- ]?off)\b",
    re.IGNORECASE,
)
_APPROVED = re.compile(r"\b(?:is|are|was|were|been|already|you\s+are)\s+approved\b", re.IGNORECASE)

APPROVED, READ_ONLY = "approved", "read-only"
"""Answers to a question for approval."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Land:
    """What there is in the cluster, as far as it could be read."""

    namespaces: frozenset[str] | None
    """Every namespace; None when that could not be read."""
    workloads: tuple[Workload, ...] | None
    """Every workload of the namespaces that could be read; None when none could."""
    past: tuple[Workload, ...] = ()
    """Workloads of the reference: one that was deleted is no question."""

    def named(self, name: str, *, kind: str = "", within: Iterable[str] = ()) -> list[Workload]:
        """Return the workloads of a name, now or in the reference, in some namespaces or any."""
        places = frozenset(within)
        found = dict.fromkeys((*(self.workloads or ()), *self.past))
        return [
            one
            for one in found
            if one.name == name
            and (not kind or one.kind == kind)
            and (not places or one.namespace in places)
        ]


def questions_of(incident: Incident, land: Land) -> tuple[Question, ...]:
    """Return what must be asked before anything is changed, the widest question first."""
    places = list(_places(incident, land))
    if places:
        # What lies in a namespace that is not known yet cannot be told.
        return (*places, *_approval(incident))
    return (
        *_contradictions(incident, land),
        *_workloads(incident, land),
        *_alerts(incident, land),
        *_targets(incident, land),
        *_approval(incident),
    )


def _places(incident: Incident, land: Land) -> Iterator[Question]:
    if land.namespaces is None:
        return
    for namespace in incident.namespaces:
        if namespace not in land.namespaces:
            yield _question(
                QuestionKind.WHICH_NAMESPACE,
                namespace,
                text=f"There is no namespace {namespace}. Which one is meant?",
                why=f"the incident names namespace {namespace}, and the cluster has none of it",
                candidates=_namespaces(_near(namespace, land.namespaces, incident, land)),
            )
    if incident.namespaces:
        return
    known = _told_places(incident, land)
    if len(known) != 1:
        said = "several are possible" if known else "the incident names none"
        offered = known or sorted(n for n in land.namespaces if not SYSTEM.match(n))
        if len(offered) == 1:
            return
        yield _question(
            QuestionKind.WHICH_NAMESPACE,
            "",
            text="Which namespace is meant?",
            why=said,
            candidates=_namespaces(offered),
        )


def _told_places(incident: Incident, land: Land) -> list[str]:
    """Return the namespaces that workloads, alerts and words speak of."""
    told = [w.namespace for w in incident.workloads if w.namespace]
    told += [a.labels["namespace"] for a in incident.alerts if a.labels.get("namespace")]
    told += _spoken_places(incident, land)
    if not told:
        told = [
            found.namespace
            for w in incident.workloads
            for found in land.named(w.name, kind=w.kind) or land.named(w.name)
        ]
    return list(dict.fromkeys(told))


def _spoken_places(incident: Incident, land: Land) -> list[str]:
    patterns = (_NAMESPACE_FIRST, _NAMESPACE_LAST)
    said = (match[1].lower() for p in patterns for match in p.finditer(incident.task))
    return [name for name in said if name in (land.namespaces or frozenset())]


def _near(name: str, known: Iterable[str], incident: Incident, land: Land) -> list[str]:
    close = difflib.get_close_matches(name, sorted(known), n=3, cutoff=0.6)
    home = [
        found.namespace for w in incident.workloads for found in land.named(w.name, kind=w.kind)
    ]
    rest = [n for n in sorted(known) if not SYSTEM.match(n)]
    return list(dict.fromkeys((*home, *close, *rest)))


def _contradictions(incident: Incident, land: Land) -> Iterator[Question]:
    if not incident.namespaces:
        return
    asked = set(incident.namespaces)
    alerts = {a.labels["namespace"] for a in incident.alerts if a.labels.get("namespace")}
    if alerts and not alerts & asked:
        yield _question(
            QuestionKind.CONTRADICTION,
            ",".join(sorted(alerts)),
            text="The request and its alerts speak of different namespaces. Which one is meant?",
            why=f"asked for {_listed(asked)}; the alerts are of {_listed(alerts)}",
            candidates=_namespaces([*sorted(asked), *sorted(alerts)]),
        )
    spoken = [name for name in _spoken_places(incident, land) if name not in asked]
    if spoken and not asked & set(_spoken_places(incident, land)):
        yield _question(
            QuestionKind.CONTRADICTION,
            ",".join(spoken),
            text="The words of the request name another namespace than its scope. Which is meant?",
            why=f"the words name {_listed(spoken)}; the scope is {_listed(asked)}",
            candidates=_namespaces([*sorted(asked), *spoken]),
        )


def _workloads(incident: Incident, land: Land) -> Iterator[Question]:
    if land.workloads is None:
        return
    for workload in incident.workloads:
        within = (workload.namespace,) if workload.namespace else incident.namespaces
        found = land.named(workload.name, kind=workload.kind, within=within)
        # The kind has a default, so one of another kind is what is meant if there is just one.
        found = found or land.named(workload.name, within=within)
        if len(found) == 1:
            continue
        if found:
            text = f"There are several workloads named {workload.name}. Which one is meant?"
        else:
            text = f"There is no {workload.kind} {workload.name}. What is meant?"
        yield _question(
            QuestionKind.WHICH_WORKLOAD,
            f"{workload.namespace}/{workload.kind}/{workload.name}",
            text=text,
            why=f"the incident names {workload.kind} {workload.name}; found: {len(found)}",
            candidates=_offered(found or _alike(workload, land, within)),
            about=workload,
        )


def _alike(workload: Workload, land: Land, within: Sequence[str]) -> list[Workload]:
    elsewhere = land.named(workload.name)
    there = [w for w in land.workloads or () if not within or w.namespace in within]
    close = difflib.get_close_matches(workload.name, [w.name for w in there], n=5, cutoff=0.5)
    near = [w for name in close for w in there if w.name == name]
    return list(dict.fromkeys((*elsewhere, *near))) or there


def _alerts(incident: Incident, land: Land) -> Iterator[Question]:
    if land.workloads is None:
        return
    for alert in incident.alerts:
        for label, kind in _WORKLOAD_LABELS.items():
            name = alert.labels.get(label)
            if not name or _is_there(name, kind, alert, incident, land):
                continue
            workload = Workload(name=name, kind=kind, namespace=alert.labels.get("namespace", ""))
            yield _question(
                QuestionKind.WHICH_ALERT,
                f"{workload.namespace}/{kind}/{name}",
                text=f"The alert speaks of {kind} {name}, which is not there. What is meant?",
                why=f"alert {alert.labels.get('alertname', '')} has {label}={name}",
                candidates=_offered(_alike(workload, land, incident.namespaces)),
            )


def _is_there(name: str, kind: str, alert: AlertMatcher, incident: Incident, land: Land) -> bool:
    namespace = alert.labels.get("namespace")
    within = (namespace,) if namespace else incident.namespaces
    return bool(land.named(name, kind=kind, within=within))


def _targets(incident: Incident, land: Land) -> Iterator[Question]:
    """Ask what is to be taken away when the request says that something is, and not what."""
    for match in _TAKES_AWAY.finditer(incident.task):
        clause = match["what"].partition(".")[0]
        named = any(entities_in_prose(clause)) or _names_known(clause, incident, land)
        if named or incident.workloads:
            continue
        there = [w for w in land.workloads or () if w.namespace in incident.namespaces]
        yield _question(
            QuestionKind.WHICH_TARGET,
            match["verb"].lower(),
            text=f"The request says to {match['verb'].lower()} something. What exactly?",
            why=f"it says \u201c{' '.join(match[0].split())[:80]}\u201d and names no object",
            candidates=_offered(there),
        )
        return


def _names_known(clause: str, incident: Incident, land: Land) -> bool:
    words = set(re.findall(r"[a-z0-9](?:[a-z0-9-]*[a-z0-9])?", clause.lower()))
    return any(
        w.name in words
        for w in (*(land.workloads or ()), *land.past)
        if not incident.namespaces or w.namespace in incident.namespaces
    )


def _approval(incident: Incident) -> Iterator[Question]:
    found = _WANTS_APPROVAL.search(incident.task)
    if found is None or _APPROVED.search(incident.task):
        return
    yield _question(
        QuestionKind.APPROVAL,
        "",
        text="The request asks for approval before anything is changed. May changes be made?",
        why=f"it says \u201c{' '.join(found[0].split())}\u201d",
        candidates=(
            Candidate(id=APPROVED, label="Approved: make the changes that are needed"),
            Candidate(id=READ_ONLY, label="Not approved: look only"),
        ),
    )


def _namespaces(names: Iterable[str]) -> tuple[Candidate, ...]:
    distinct = list(dict.fromkeys(names))[:MOST_CANDIDATES]
    return tuple(Candidate(id=name, label=f"namespace {name}", namespace=name) for name in distinct)


def _offered(workloads: Iterable[Workload]) -> tuple[Candidate, ...]:
    return tuple(
        Candidate(
            id=f"{w.namespace}/{w.kind}/{w.name}",
            label=f"{w.kind} {w.name} in {w.namespace}",
            namespace=w.namespace,
            workload=w,
        )
        for w in list(workloads)[:MOST_CANDIDATES]
    )


def _question(
    kind: QuestionKind,
    of: str,
    *,
    text: str,
    why: str,
    candidates: tuple[Candidate, ...],
    **more: Workload,
) -> Question:
    id_ = f"{kind}:{of}" if of else kind.value
    return Question(id=id_, kind=kind, text=text, why=why, candidates=candidates, **more)


def _listed(names: Iterable[str]) -> str:
    return ", ".join(sorted(names))
