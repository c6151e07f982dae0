"""Which scrape jobs are known only from samples of before: they look alive for five minutes.

A target that is taken out of the configuration gets no last sample: `up` stays 1, and so does
every series, for as long as queries look back (seen on Prometheus 2.42).
"""

from collections.abc import Iterator

from guardrails.gates.checks import View
from guardrails.gates.snapshot import JobTargets

MISSED = 3
"""Scrapes in a row that must be missing; one is lost now and then."""

SLACK_SECONDS = 2.0
"""For scrapes that come late on a busy server, where the interval is a second or less."""

SAMPLED_SECONDS = 300.0
"""Over which `JobTargets.samples` counts."""


def stale_jobs(view: View) -> frozenset[str]:
    """Return the jobs that are no longer scraped, by how often they were before."""
    state = view.look.prometheus
    if state is None:
        return frozenset()
    now = (state.server.now or view.look.at).timestamp()
    fresh: set[str] = set()
    known: set[str] = set()
    for job in state.jobs:
        seen = [x for x in _before(view, job) if x.samples > 1]
        if not seen or not job.scraped_at:
            continue
        known.add(job.job)
        interval = min(SAMPLED_SECONDS / x.samples for x in seen)
        if now - job.scraped_at <= MISSED * interval + SLACK_SECONDS:
            fresh.add(job.job)
    return frozenset(known - fresh)


def _before(view: View, job: JobTargets) -> Iterator[JobTargets]:
    for look in (view.reference.snapshot, view.reference.start, view.history[0]):
        for each in look.prometheus.jobs if look is not None and look.prometheus else ():
            if (each.job, each.namespace) == (job.job, job.namespace):
                yield each
