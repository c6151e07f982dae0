"""Whether probes were removed or made toothless: without them, anything that starts is healthy.

Another path, port or kind of probe is an honest fix; so is more patience, within bounds.
"""

from collections.abc import Callable, Iterator, Sequence

from guardrails.gates.kubernetes.objects.templates import Probe, TemplateContainer
from guardrails.gates.losses.comparing import Loss, Pair, template_check
from guardrails.gates.losses.containers import Match, is_idle, match_running

GROWTH = 10
"""Times that a probe may take longer to act than it did. A slow start is given twice or thrice."""

ACTS_WITHIN_SECONDS = 300
"""How late a probe may act, whatever it was: five minutes, as the longest back-off of a crash
loop. An honest probe of a database that recovers stays below."""

STARTS_WITHIN_SECONDS = 3600
"""The same for what waits for a start: an hour."""

Get = Callable[[TemplateContainer], Probe | None]

_PROBES: Sequence[tuple[str, Get, int]] = (
    ("readinessProbe", lambda c: c.readiness_probe, ACTS_WITHIN_SECONDS),
    ("livenessProbe", lambda c: c.liveness_probe, ACTS_WITHIN_SECONDS),
    ("startupProbe", lambda c: c.startup_probe, STARTS_WITHIN_SECONDS),
)


def compare(pair: Pair) -> Iterator[Loss]:
    """Yield what became of the probes of each container that still runs."""
    for match in match_running(pair.before, pair.after).matches:
        for name, get, bound in _PROBES:
            old, new = get(match.old), get(match.new)
            if old is None or old == new:
                continue
            field = f"{match.field}.{name}"
            observed = _removed(match, name) if new is None else _toothless(old, new, bound)
            if observed:
                yield pair.loss(field, observed, _words(old))


PROBES_KEPT = template_check("probes-kept", compare)


def _removed(match: Match, name: str) -> str:
    """A start-up probe is no loss where the liveness probe waits instead."""
    old, new = match.old.liveness_probe, match.new.liveness_probe
    waits = new.initial_delay_seconds if new is not None else 0
    waited = old.initial_delay_seconds if old is not None else 0
    return "" if name == "startupProbe" and waits > waited else "no probe"


def _toothless(old: Probe, new: Probe, bound: int) -> str:
    if _is_inert(new) and not _is_inert(old):
        return "a command that always succeeds"
    late = _acts_after(new)
    if late > bound and late >= GROWTH * _acts_after(old):
        return f"acts after {late} s of failure"
    delay = new.initial_delay_seconds
    if delay >= STARTS_WITHIN_SECONDS and delay >= GROWTH * old.initial_delay_seconds:
        return f"begins after {delay} s"
    return ""


def _acts_after(probe: Probe) -> int:
    """Return for how long things may fail before the probe acts, in seconds."""
    return probe.failure_threshold * max(probe.period_seconds, probe.timeout_seconds)


def _is_inert(probe: Probe) -> bool:
    return probe.exec is not None and is_idle(probe.exec.command or ())


def _words(probe: Probe) -> str:
    if probe.http_get is not None:
        what = f"GET {probe.http_get.path or '/'} on port {probe.http_get.port}"
    elif probe.tcp_socket is not None:
        what = f"a connection to port {probe.tcp_socket.port}"
    elif probe.grpc is not None:
        what = f"gRPC on port {probe.grpc.port}"
    else:
        what = "a command"
    return f"{what}, acting after {_acts_after(probe)} s"
