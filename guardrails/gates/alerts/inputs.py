"""Whether the alerts of the incident are clear because all is well, and not because nobody looks.

A scrape that stops clears most alerts at once: the rules stay healthy and see no series. So each
metric of a rule must still come from the jobs that it came from when the run began, or those jobs
must still answer scrapes: the reason of a crash loop is a series that rightly ends with it.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from guardrails.core.evidence import AlertRef, Evidence, SourceRef, Tier
from guardrails.core.ids import CheckId
from guardrails.core.incident import AlertMatcher, Incident
from guardrails.gates.alerts.checks import RULES, known_rules
from guardrails.gates.alerts.freshness import intervals, stale_jobs
from guardrails.gates.alerts.rules import metrics_of, rules_for
from guardrails.gates.checks import Check, View, Witness
from guardrails.gates.snapshot import AlertingRule, QueryResult, Snapshot

ID = CheckId("alert-inputs-present")

UP = "count by (job) (up == 1)"
"""The jobs of which some target answers scrapes."""


def carriers(metric: str) -> str:
    """Return the query for the jobs that a metric comes from now."""
    return f'count by (job) ({{__name__="{metric}"}})'


def carriers_in(look: Snapshot | None) -> frozenset[str]:
    """Return the jobs that fed the incident's rules in a look, as far as it was asked."""
    asked = carriers("").partition('"')[0]
    return frozenset(
        job
        for query, answer in _answers(look).items()
        if query.startswith(asked)
        for job in _jobs(answer)
    )


def scrape_seconds(view: View) -> float:
    """Return how often what the incident's rules look at is scraped; 0 when nothing tells.

    The rules see a mend only by the next scrape.
    """
    state = view.look.prometheus
    fed = carriers_in(view.reference.start) | carriers_in(view.look)
    mine = [job for job in state.jobs if job.job in fed] if state is not None else []
    return max((seconds for job in mine for seconds in intervals(view, job)), default=0.0)


def input_queries(incident: Incident, rules: Iterable[AlertingRule]) -> tuple[str, ...]:
    """Return what must be asked to judge the inputs of the incident's alerts."""
    known = list(rules)
    metrics = dict.fromkeys(m for alert in incident.alerts for m in _metrics(alert, known))
    return (UP, *map(carriers, metrics)) if metrics else ()


def judge_inputs(view: View) -> list[Evidence]:
    """Judge whether the rules of the incident's alerts still have something to look at."""
    look = view.look
    witness = Witness(check=ID, at=look.at, tier=Tier.ALERTS)
    if look.prometheus is None or not view.scope.incident.alerts:
        return []
    if not look.prometheus.rules_read.ok:
        return [witness.unread(RULES, look.prometheus.rules_read)]
    judging = _Judging(
        witness=witness,
        rules=known_rules(view.reference, look),
        answers={q.query: q for q in look.prometheus.queries},
        began=_answers(view.reference.start),
        stale=stale_jobs(view),
    )
    return [judging.judge(matcher) for matcher in view.scope.incident.alerts]


ALERT_INPUTS_PRESENT = Check(id=ID, judge=judge_inputs, tier=Tier.ALERTS, needs_prometheus=True)


def _answers(look: Snapshot | None) -> Mapping[str, QueryResult]:
    state = look.prometheus if look is not None else None
    return {q.query: q for q in state.queries if q.read.ok} if state is not None else {}


def _metrics(matcher: AlertMatcher, rules: Sequence[AlertingRule]) -> Iterator[str]:
    for rule in rules_for(matcher, rules):
        yield from metrics_of(rule.query)


def _jobs(answer: QueryResult | None) -> frozenset[str]:
    """Return the jobs in an answer; recorded metrics may carry none, and prove nothing by it."""
    return frozenset(x["job"] for x in answer.labels if x.get("job")) if answer else frozenset()


@dataclass(frozen=True, slots=True, kw_only=True)
class _Judging:
    """All inputs of one look."""

    witness: Witness
    rules: Sequence[AlertingRule]
    answers: Mapping[str, QueryResult]
    began: Mapping[str, QueryResult]
    stale: frozenset[str]

    def judge(self, matcher: AlertMatcher) -> Evidence:
        subject = AlertRef(labels=matcher.labels)
        metrics = dict.fromkeys(_metrics(matcher, self.rules))
        for query in (UP, *map(carriers, metrics)) if metrics else ():
            answer = self.answers.get(query)
            if answer is None:
                return self.witness.unknown(
                    SourceRef(source="prometheus", detail=query),
                    observed="was not asked yet",
                    temporary=True,
                )
            if not answer.read.ok:
                return self.witness.unread(
                    SourceRef(source="prometheus", detail=query), answer.read
                )
        for metric in metrics:
            missing = self._missing(metric)
            if missing:
                return self.witness.unknown(
                    subject,
                    field=metric,
                    observed=missing,
                    expected="series for the rule to look at",
                    temporary=True,
                )
        return self.witness.satisfied(
            subject,
            field="inputs",
            observed=", ".join(metrics) or "the rule reads no metric",
            expected="series for the rule to look at",
        )

    def _missing(self, metric: str) -> str:
        answer, up = self.answers[carriers(metric)], _jobs(self.answers[UP]) - self.stale
        before = _jobs(self.began.get(carriers(metric)))
        present = _jobs(answer) - self.stale
        lost = before - present - up
        # A renamed workload is often a renamed job.
        if len(lost) > len(present - before):
            names = ", ".join(sorted(lost))
            return f"{metric} no longer comes from job {names}, which is not scraped any more"
        if not answer.values and not self.answers[UP].values:
            return f"no series of {metric}, and no target answers scrapes"
        return ""
