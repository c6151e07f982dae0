"""Whether the look came from the same cluster and monitoring as the reference, by like clocks.

Another Prometheus is quiet about this cluster, and clocks that differ make "before" and "after"
meaningless; neither is a fault of the run, and neither proves anything.
"""

from collections.abc import Iterator
from datetime import datetime, timedelta

from guardrails.core.evidence import Evidence, SourceRef, Tier
from guardrails.core.ids import CheckId
from guardrails.gates.checks import Check, View, Witness
from guardrails.gates.snapshot import PrometheusState, Snapshot

SAME_ID = CheckId("same-sources")
CLOCKS_ID = CheckId("clocks-agree")

REPLICA_LABELS = frozenset({"replica", "prometheus_replica", "__replica__"})
"""Tell the members of a highly available pair apart; a load balancer answers by either."""

SKEW = timedelta(seconds=60)
"""A look takes up to a list's time limit (10 s) between its own time and the server's answer, and
`Date` has whole seconds; past a minute, times of the two cannot be compared."""


def judge_same(view: View) -> list[Evidence]:
    """Judge whether cluster and Prometheus are those of the reference."""
    return [*_same_cluster(view), *_same_prometheus(view)]


SAME_SOURCES = Check(id=SAME_ID, judge=judge_same)


def _references(view: View) -> list[Snapshot]:
    looks = (view.reference.start, view.reference.snapshot)
    return [look for look in looks if look is not None]


def _same_cluster(view: View) -> Iterator[Evidence]:
    known = [look.cluster for look in _references(view) if look.cluster]
    now = view.look.cluster
    if not now or not known:
        return
    witness = Witness(check=SAME_ID, at=view.look.at)
    subject = SourceRef(source="kubernetes", detail="uid of namespace kube-system")
    other = next((uid for uid in known if uid != now), None)
    if other is not None:
        yield witness.unknown(subject, observed=f"another cluster: {now}", expected=other)
        return
    yield witness.satisfied(subject, observed=now, expected="the cluster of the reference")


def _same_prometheus(view: View) -> Iterator[Evidence]:
    now = _labels(view.look)
    known = [labels for look in _references(view) if (labels := _labels(look))]
    if now is None or not known:
        return
    witness = Witness(check=SAME_ID, at=view.look.at, tier=Tier.ALERTS)
    subject = SourceRef(source="prometheus", detail="external labels")
    for before in known:
        if not before.items() <= now.items():
            yield witness.unknown(
                subject, observed=f"another Prometheus: {_shown(now)}", expected=_shown(before)
            )
            return
    yield witness.satisfied(
        subject, observed=_shown(now), expected="the Prometheus of the reference"
    )


def _labels(look: Snapshot) -> dict[str, str] | None:
    labels = look.prometheus.server.labels if look.prometheus is not None else None
    if labels is None:
        return None
    return {name: value for name, value in labels.items() if name not in REPLICA_LABELS}


def _shown(labels: dict[str, str]) -> str:
    return ", ".join(f"{k}={v}" for k, v in sorted(labels.items())) or "no external labels"


def judge_clocks(view: View) -> list[Evidence]:
    """Judge whether the clock of Prometheus and ours agree well enough to compare times."""
    state = view.look.prometheus
    if state is None:
        return []
    told = _told(state)
    if told is None:
        return []
    witness = Witness(check=CLOCKS_ID, at=view.look.at, tier=Tier.ALERTS)
    what, time = told
    subject = SourceRef(source="prometheus", detail=what)
    apart = time - view.look.at
    if abs(apart) <= SKEW:
        return [
            witness.satisfied(
                subject,
                observed=f"{abs(apart).total_seconds():.0f} s apart",
                expected=f"at most {SKEW.total_seconds():.0f} s",
            )
        ]
    ahead = "ahead of" if apart > timedelta(0) else "behind"
    return [
        witness.unknown(
            subject,
            observed=f"{abs(apart).total_seconds():.0f} s {ahead} this machine's clock",
            expected=f"at most {SKEW.total_seconds():.0f} s apart; set the clocks",
            temporary=True,
        )
    ]


CLOCKS_AGREE = Check(id=CLOCKS_ID, judge=judge_clocks, tier=Tier.ALERTS, needs_prometheus=True)


def _told(state: PrometheusState) -> tuple[str, datetime] | None:
    """Return what tells the server's time: its own clock, or an evaluation that lies ahead of it.

    An evaluation in the past may only be old, so without a clock it tells one thing: that the
    server is not behind it.
    """
    evaluated = max((r.last_evaluation for r in state.rules if r.last_evaluation), default=None)
    now = state.server.now
    if evaluated is not None and now is not None and evaluated - now > SKEW:
        return "lastEvaluation", evaluated
    return ("Date", now) if now is not None else None
