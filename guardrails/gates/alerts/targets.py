"""Whether the scrape targets of the reference still answer: a target that is gone raises no alert.

Judged by job, for pods come and go and their targets with them. Only jobs that bear on the scope
count: those with targets in its namespaces, and those that feed the incident's rules.
"""

from collections.abc import Iterator

from guardrails.core.evidence import Evidence, SourceRef, Tier
from guardrails.core.ids import CheckId
from guardrails.gates.alerts.checks import clears_by
from guardrails.gates.alerts.freshness import stale_jobs
from guardrails.gates.alerts.inputs import carriers_in
from guardrails.gates.checks import Check, View, Witness, aside
from guardrails.gates.snapshot import PrometheusState, Snapshot

ID = CheckId("alert-targets-up")

TARGETS = SourceRef(source="prometheus", detail="up")


def judge_targets(view: View) -> list[Evidence]:
    """Judge whether each job that answered scrapes before has a target that answers now."""
    state = view.look.prometheus
    if state is None:
        return []
    witness = Witness(check=ID, at=view.look.at, tier=Tier.ALERTS)
    if not state.jobs_read.ok:
        return [witness.unread(TARGETS, state.jobs_read)]
    before = _up_before(view)
    if not before:
        return []
    now = frozenset(job.job for job in state.jobs if job.up) - stale_jobs(view)
    lost = sorted(before - now)
    # A renamed workload is often a renamed job.
    known = before | _up(view.reference.start) | _up(view.reference.snapshot)
    if len(lost) <= len(_relevant(view, state) - known):
        shown = f"{len(before)} jobs answer" if not lost else f"{', '.join(lost)} under new names"
        return [*_down(witness, state, before), witness.satisfied(TARGETS, observed=shown)]
    return [
        witness.violated(
            SourceRef(source="prometheus", detail=f"job {job}"),
            field="up",
            observed=_seen(state, job),
            expected="a target that answers scrapes, as before",
            query="up",
            settles_by=clears_by([], view.scope),
            settling=f"targets of job {job} to answer",
        )
        for job in lost
    ]


ALERT_TARGETS_UP = Check(id=ID, judge=judge_targets, tier=Tier.ALERTS, needs_prometheus=True)


def _up_before(view: View) -> frozenset[str]:
    """Return the jobs that must answer: by the reference, or by the start for the rules' inputs.

    What was scraped when the run began may be part of the trouble, and rightly go with it.
    """
    healthy = view.reference.snapshot
    feeding = carriers_in(view.reference.start)
    state = healthy.prometheus if healthy is not None else None
    if state is None:
        return feeding & _up(view.reference.start)
    return _relevant(view, state) | (feeding & _up(healthy))


def _relevant(view: View, state: PrometheusState) -> frozenset[str]:
    feeding = carriers_in(view.look)
    return frozenset(
        job.job
        for job in state.jobs
        if job.up and (job.namespace in view.scope.namespaces or job.job in feeding)
    )


def _up(look: Snapshot | None) -> frozenset[str]:
    state = look.prometheus if look is not None else None
    return frozenset(j.job for j in state.jobs if j.up) if state is not None else frozenset()


def _seen(state: PrometheusState, job: str) -> str:
    down = sum(x.down for x in state.jobs if x.job == job)
    if any(x.up for x in state.jobs if x.job == job):
        return "not scraped any more; its last samples still show"
    return f"{down} targets, none answers" if down else "no target any more"


def _down(witness: Witness, state: PrometheusState, jobs: frozenset[str]) -> Iterator[Evidence]:
    """Report the jobs of which only some targets answer; their rules still see the others."""
    for job in sorted(jobs):
        down = sum(x.down for x in state.jobs if x.job == job)
        if down:
            source = SourceRef(source="prometheus", detail=f"job {job}")
            yield aside(
                witness.violated(
                    source, field="up", observed=f"{down} targets down", expected="all up"
                )
            )
