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
        seen = list(intervals(view, job))
        if not seen or not job.scraped_at:
            continue
        known.add(job.job)
        interval = max(seen)
        if now - job.scraped_at <= MISSED * interval + SLACK_SECONDS:
            fresh.add(job.job)
    return frozenset(known - fresh)


def intervals(view: View, job: JobTargets) -> Iterator[float]:
    """Yield how often a job was scraped, by each look at which it was known.

    A server that had just started had no five minutes to count in; one that had just started
    again counts samples of before, so the longest interval is believed.
    """
    for look in (view.reference.snapshot, view.reference.start, view.history[0]):
        state = look.prometheus if look is not None else None
        if look is None or state is None:
            continue
        started = state.server.started_at
        ran = (look.at - started).total_seconds() if started is not None else SAMPLED_SECONDS
        span = min(SAMPLED_SECONDS, max(ran, 1.0))
        for each in state.jobs:
            same = (each.job, each.namespace) == (job.job, job.namespace)
            if same and each.samples > 1:
                yield span / each.samples
