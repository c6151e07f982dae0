"""How one container lives: a pure step from what it was to what it is now.

Waiting, running, ended, backing off, ready or not are decided from the pod's spec, the node's
inputs and the time. The loop that reads pods and writes their status is in `agent.py`.
"""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass, replace

from e2e.kubelet.inputs import ConfigError, NodeInputs, environment, image_exists
from e2e.kubelet.program import KILLED, START_FAILED, Exits, Outcome, Runs, parse_quantity, run
from e2e.objects import (
    Container,
    ContainerState,
    Pod,
    Probe,
    StateRunning,
    StateTerminated,
    StateWaiting,
)

FIRST_BACKOFF_SECONDS = 1.0
LONGEST_BACKOFF_SECONDS = 4.0
"""A kubelet waits 10 s, doubled up to 5 min. Here a tenth and less, so a suite ends in minutes."""

LIFE_OF_A_FAILING_PROGRAM_SECONDS = 0.3
"""How long a program that exits is seen running; shorter than any probe period."""

SECOND_PULL_SECONDS = 0.6
"""From `ErrImagePull` to `ImagePullBackOff`, which a kubelet reports between its attempts."""


NOTHING = ContainerState()
"""The state of a container that has no earlier life."""


@dataclass(frozen=True, slots=True, kw_only=True)
class NodeEvent:
    """Something the kubelet would record as an Event about a container."""

    type: str
    reason: str
    message: str
    container: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ContainerLife:
    """All that is remembered about one container between two looks."""

    state: ContainerState
    last_state: ContainerState = NOTHING
    restarts: int = 0
    ready: bool = False
    outcome: Outcome | None = None
    since: float = 0.0
    """When the present state began, in seconds since the epoch."""
    log: str = ""
    previous_log: str = ""

    @property
    def done(self) -> bool:
        """Whether it ended well and stays ended (init containers, Jobs)."""
        ended = self.state.terminated
        return ended is not None and ended.exit_code == 0

    @property
    def up(self) -> bool:
        """Whether it is running and means to stay so."""
        return self.state.running is not None and isinstance(self.outcome, Runs)


Step = tuple[ContainerLife, tuple[NodeEvent, ...]]


def waiting(reason: str, *, now: float, message: str = "") -> ContainerLife:
    """Return a container that has not started."""
    return ContainerLife(
        state=ContainerState(waiting=StateWaiting(reason=reason, message=message)), since=now
    )


def step(
    life: ContainerLife, *, container: Container, pod: Pod, inputs: NodeInputs, now: float
) -> Step:
    """Return what the container is at `now`, and the events of the change."""
    if life.state.running is not None:
        return _step_running(life, container=container, pod=pod, now=now)
    if life.state.terminated is not None:
        return life, ()
    reason = life.state.waiting.reason if life.state.waiting else ""
    if reason == "CrashLoopBackOff" and now < life.since + _backoff(life.restarts):
        return life, ()
    return _start(life, container=container, pod=pod, inputs=inputs, now=now)


def _start(
    life: ContainerLife, *, container: Container, pod: Pod, inputs: NodeInputs, now: float
) -> Step:
    if not image_exists(container.image):
        return _cannot_pull(life, container=container, now=now)
    try:
        variables = environment(container, pod=pod, inputs=inputs)
    except ConfigError as error:
        held = _hold(life, reason="CreateContainerConfigError", message=str(error), now=now)
        return held, _events_of_change(
            life, held, NodeEvent(type="Warning", reason="Failed", message=f"Error: {error}",
                                  container=container.name)
        )  # fmt: skip
    limit = container.resources.limits.get("memory")
    outcome = run(
        [*container.command, *container.args],
        environment=variables,
        memory_limit=parse_quantity(limit) if limit else None,
    )
    again = life.last_state.terminated is not None
    started = replace(
        life,
        state=ContainerState(running=StateRunning(started_at=timestamp(now))),
        restarts=life.restarts + 1 if again else life.restarts,
        outcome=outcome,
        since=now,
        previous_log=life.log if again else "",
        log=outcome.log,
    )
    pulled = NodeEvent(
        type="Normal",
        reason="Pulled",
        message=f'Container image "{container.image}" already present on machine',
        container=container.name,
    )
    if isinstance(outcome, Exits) and outcome.code == START_FAILED:
        failed = NodeEvent(
            type="Warning",
            reason="Failed",
            message=f"Error: {outcome.message}",
            container=container.name,
        )
        ended, more = _end(started, exits=outcome, container=container, pod=pod, now=now)
        return ended, (pulled, failed, *more)
    begun = NodeEvent(
        type="Normal", reason="Started", message="Container started", container=container.name
    )
    return started, (pulled, begun)


def _cannot_pull(life: ContainerLife, *, container: Container, now: float) -> Step:
    reason = life.state.waiting.reason if life.state.waiting else ""
    absent = (
        f'failed to pull and unpack image "{container.image}": failed to resolve reference: '
        f"{container.image}: not found"
    )
    if reason not in {"ErrImagePull", "ImagePullBackOff"}:
        held = _hold(life, reason="ErrImagePull", message=absent, now=now)
        text = f'Failed to pull image "{container.image}": {absent}'
        return held, (
            NodeEvent(type="Warning", reason="Failed", message=text, container=container.name),
        )
    if reason == "ErrImagePull" and now >= life.since + SECOND_PULL_SECONDS:
        text = f'Back-off pulling image "{container.image}"'
        message = f"{text}: ErrImagePull: {absent}"
        held = _hold(life, reason="ImagePullBackOff", message=message, now=now)
        return held, (
            NodeEvent(type="Normal", reason="BackOff", message=text, container=container.name),
        )
    return life, ()


def _step_running(life: ContainerLife, *, container: Container, pod: Pod, now: float) -> Step:
    outcome = life.outcome
    if isinstance(outcome, Exits):
        if now < life.since + LIFE_OF_A_FAILING_PROGRAM_SECONDS:
            return life, ()
        return _end(life, exits=outcome, container=container, pod=pod, now=now)
    if outcome is None:  # its node was restarted under it; what it runs was found out at once
        return life, ()
    for kind, probe in (
        ("Startup", container.startup_probe),
        ("Liveness", container.liveness_probe),
    ):
        if probe is not None and _gives_up(probe, life=life, container=container, now=now):
            killed = Exits(code=KILLED, reason="Error", log=outcome.log)
            text = f"Container {container.name} failed {kind.lower()} probe, will be restarted"
            event = NodeEvent(
                type="Normal", reason="Killing", message=text, container=container.name
            )
            ended, more = _end(life, exits=killed, container=container, pod=pod, now=now)
            return ended, (event, *more)
    return _look_ready(life, container=container, now=now)


def _look_ready(life: ContainerLife, *, container: Container, now: float) -> Step:
    probe = container.readiness_probe
    if probe is None:
        return replace(life, ready=True), ()
    failure = _probe_failure(probe, life=life, container=container)
    if failure is None:
        return replace(life, ready=now >= life.since + probe.initial_delay_seconds), ()
    unhealthy = NodeEvent(
        type="Warning",
        reason="Unhealthy",
        message=f"Readiness probe failed: {failure}",
        container=container.name,
    )
    due = now >= life.since + probe.initial_delay_seconds
    return replace(life, ready=False), (unhealthy,) if due else ()


def _gives_up(probe: Probe, *, life: ContainerLife, container: Container, now: float) -> bool:
    patience = probe.initial_delay_seconds + probe.period_seconds * probe.failure_threshold
    if now < life.since + patience:
        return False
    return _probe_failure(probe, life=life, container=container) is not None


def _probe_failure(probe: Probe, *, life: ContainerLife, container: Container) -> str | None:
    """Return why a probe fails, or `None` when it succeeds."""
    if not isinstance(life.outcome, Runs):
        return "container is not running"
    action = probe.http_get or probe.tcp_socket
    if action is None:
        argv = probe.exec_.command if probe.exec_ else []
        outcome = run(argv, environment={}, memory_limit=None)
        return None if isinstance(outcome, Exits) and outcome.code == 0 else "command failed"
    port = _port_number(action.port, container=container)
    if port is None:
        return f"couldn't find port {action.port!r} in container {container.name}"
    if port not in life.outcome.ports:
        return f"dial tcp :{port}: connect: connection refused"
    if probe.http_get is not None and probe.http_get.path not in life.outcome.paths:
        return "HTTP probe failed with statuscode: 404"
    return None


def _port_number(port: int | str, *, container: Container) -> int | None:
    if isinstance(port, int):
        return port
    return next((each.container_port for each in container.ports if each.name == port), None)


def _end(life: ContainerLife, *, exits: Exits, container: Container, pod: Pod, now: float) -> Step:
    """End a running container: it stays ended, or waits to be started again."""
    terminated = ContainerState(
        terminated=StateTerminated(
            exit_code=exits.code,
            reason=exits.reason,
            message=exits.message,
            started_at=timestamp(life.since),
            finished_at=timestamp(now),
        )
    )
    ended = replace(life, ready=False, since=now, log=exits.log)
    if not _restarts(exits, container=container, pod=pod):
        return replace(ended, state=terminated), ()
    delay = _backoff(life.restarts)
    identity = f"{pod.metadata.name}_{pod.metadata.namespace}({pod.metadata.uid})"
    text = f"back-off {delay:.0f}s restarting failed container={container.name} pod={identity}"
    backing_off = replace(
        ended,
        last_state=terminated,
        state=ContainerState(waiting=StateWaiting(reason="CrashLoopBackOff", message=text)),
    )
    event = NodeEvent(
        type="Warning",
        reason="BackOff",
        message=f"Back-off restarting failed container {container.name} in pod {identity}",
        container=container.name,
    )
    return backing_off, (event,)


def _restarts(exits: Exits, *, container: Container, pod: Pod) -> bool:
    if container in pod.spec.init_containers:
        return exits.code != 0 and pod.spec.restart_policy != "Never"
    match pod.spec.restart_policy:
        case "Never":
            return False
        case "OnFailure":
            return exits.code != 0
        case _:
            return True


def _backoff(restarts: int) -> float:
    # The exponent is bounded, so that a container that crashed for hours does not overflow.
    return min(FIRST_BACKOFF_SECONDS * 2 ** min(restarts, 10), LONGEST_BACKOFF_SECONDS)


def _hold(life: ContainerLife, *, reason: str, message: str, now: float) -> ContainerLife:
    """Keep waiting, for a reason; the time of the first such look is kept."""
    state = ContainerState(waiting=StateWaiting(reason=reason, message=message))
    return replace(life, state=state, since=life.since if life.state == state else now)


def _events_of_change(
    before: ContainerLife, after: ContainerLife, event: NodeEvent
) -> tuple[NodeEvent, ...]:
    return () if before.state == after.state else (event,)


def timestamp(seconds: float) -> str:
    """Return a time as the API writes it, to the second."""
    return dt.datetime.fromtimestamp(seconds, tz=dt.UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
