"""One container's life: creating, running, crashing with a growing back-off, mended.

A small state machine that the kubelet model steps; it knows nothing about the API, only the
symptom that the spec gives the container and the time.
"""

from dataclasses import dataclass, field
from typing import Literal

from guardrails.testing.sim.controllers.symptoms import Symptom
from guardrails.testing.sim.kinds import Obj


@dataclass(frozen=True, slots=True, kw_only=True)
class Pace:
    """How fast the simulated nodes work, in seconds.

    A real kubelet waits 10 s, doubling to 5 min, between restarts; a demo that must end in well
    under a minute cannot. The order of events is the same.
    """

    start: float = 0.2
    """From scheduling to the first running container."""
    stop: float = 0.1
    """From the deletion of a pod to its end."""
    backoff: float = 0.5
    """Before the first restart; doubles each time."""
    longest_backoff: float = 4.0
    job: float = 0.3
    """How long a container runs that is meant to end."""
    recheck: float = 0.25
    """Between looks at a ConfigMap or Secret that is missing."""


Stage = Literal["creating", "waiting", "running", "terminated", "completed", "failed"]


@dataclass(slots=True, kw_only=True)
class Life:
    """Where one container stands."""

    image: str
    due: float | None
    stage: Stage = "creating"
    symptom: Symptom | None = None
    pulls: int = 0
    restarts: int = 0
    backoff: float = 0.0
    started_at: str = ""
    last: Obj = field(default_factory=dict[str, object])
    ready: bool = False
    news: list[tuple[bool, str, str]] = field(default_factory=list[tuple[bool, str, str]])
    """(is a warning, reason, message) since the last look: the kubelet turns them into events."""

    def warn(self, reason: str, message: str) -> None:
        """Note a warning."""
        self.news.append((True, reason, message))

    def note(self, reason: str, message: str) -> None:
        """Note a normal event."""
        self.news.append((False, reason, message))


@dataclass(frozen=True, slots=True, kw_only=True)
class Rules:
    """What the pod says about its containers' ends."""

    restart: str
    ends: bool
    """Whether the program is meant to end by itself."""
    ready_after: float
    """`initialDelaySeconds` of the readiness probe."""
    runs_for: float


def advance(  # every part of a container's surroundings
    life: Life,
    symptom: Symptom | None,
    *,
    name: str,
    rules: Rules,
    pace: Pace,
    now: float,
    stamp: str,
) -> None:
    """Move one container on to `now`."""
    mended = (
        life.stage in ("waiting", "terminated")
        and life.symptom is not None
        and (symptom is None or symptom.kind != life.symptom.kind)
    )
    if mended and life.symptom is not None and life.symptom.kind != "crash":
        # A missing image or ConfigMap is retried at once when mended; a crash waits its back-off.
        life.due = now
    if life.stage in ("completed", "failed"):
        return
    if life.stage == "running" and symptom is not None and symptom.kind == "crash":
        life.due = now
    if life.due is None or life.due > now:
        _probe(life, symptom, rules=rules, now=now)
        return
    match symptom:
        case Symptom(kind="config" | "mount" as kind):
            reason = "Failed" if kind == "config" else "FailedMount"
            if life.symptom != symptom:
                prefix = "Error: " if kind == "config" else ""
                life.warn(reason, prefix + symptom.message)
            life.stage, life.symptom, life.due = "waiting", symptom, now + pace.recheck
        case Symptom(kind="image"):
            _pull_failed(life, symptom, pace=pace, now=now)
        case Symptom(kind="crash"):
            _crash(life, symptom, name=name, rules=rules, pace=pace, now=now, stamp=stamp)
        case _:
            _run(life, symptom, name=name, rules=rules, now=now, stamp=stamp)
    _probe(life, symptom, rules=rules, now=now)


def _pull_failed(life: Life, symptom: Symptom, *, pace: Pace, now: float) -> None:
    life.pulls += 1
    if life.pulls == 1:
        text = f'Failed to pull image "{life.image}": not found'
        life.note("Pulling", f'Pulling image "{life.image}"')
        life.warn("Failed", text)
        life.warn("Failed", "Error: ErrImagePull")
        symptom = Symptom(kind="image", reason="ErrImagePull", message=text)
        life.due = now + pace.backoff
    else:
        life.note("BackOff", symptom.message)
        life.warn("Failed", "Error: ImagePullBackOff")
        # Nothing changes until the spec does, and that calls for a look by itself.
        life.due = None
    life.stage, life.symptom = "waiting", symptom


def _terminated(life: Life, symptom: Symptom, *, stamp: str) -> Obj:
    return {
        "exitCode": symptom.exit_code,
        "reason": symptom.reason,
        "startedAt": life.started_at or stamp,
        "finishedAt": stamp,
        "containerID": f"containerd://{life.restarts:064x}",
    }


def _crash(  # every part of a container's surroundings
    life: Life, symptom: Symptom, *, name: str, rules: Rules, pace: Pace, now: float, stamp: str
) -> None:
    if life.stage == "terminated":
        life.stage, life.symptom = "waiting", symptom
        life.backoff = min(pace.longest_backoff, (life.backoff * 2) or pace.backoff)
        life.due = now + life.backoff
        life.warn("BackOff", f"Back-off restarting failed container {name}")
        return
    if life.stage == "waiting" and life.last:
        life.restarts += 1
    if symptom.message:
        life.warn("Unhealthy", symptom.message)
    life.started_at = stamp
    life.last = {"terminated": _terminated(life, symptom, stamp=stamp)}
    life.symptom = symptom
    life.stage = "failed" if rules.restart == "Never" else "terminated"
    life.due = None if life.stage == "failed" else now + pace.stop


def _run(  # every part of a container's surroundings
    life: Life, symptom: Symptom | None, *, name: str, rules: Rules, now: float, stamp: str
) -> None:
    if life.stage == "running" and rules.ends:
        life.stage, life.due = "completed", None
        life.last = {
            "terminated": {
                "exitCode": 0,
                "reason": "Completed",
                "startedAt": life.started_at,
                "finishedAt": stamp,
            }
        }
        return
    if life.stage == "running":
        life.due = None
        return
    if life.last:
        life.restarts += 1
    life.stage, life.symptom, life.started_at = "running", symptom, stamp
    life.note("Pulled", f'Container image "{life.image}" already present on machine')
    life.note("Created", f"Created container: {name}")
    life.note("Started", f"Started container {name}")
    if rules.ends:
        life.due = now + rules.runs_for
    else:
        life.due = now + rules.ready_after if rules.ready_after else None


def _probe(life: Life, symptom: Symptom | None, *, rules: Rules, now: float) -> None:
    life.ready = False
    if life.stage != "running":
        return
    if symptom is not None and symptom.kind == "unready":
        if life.symptom != symptom:
            life.symptom = symptom
        life.warn("Unhealthy", symptom.message)
        return
    waiting = rules.ready_after and life.due is not None and life.due > now and not rules.ends
    life.ready = not waiting


def state_of(life: Life) -> Obj:
    """The container's `state`."""
    match life.stage:
        case "creating":
            return {"waiting": {"reason": "ContainerCreating"}}
        case "running":
            return {"running": {"startedAt": life.started_at}}
        case "terminated" | "failed" | "completed":
            return dict(life.last)
        case "waiting":
            symptom = life.symptom
            if symptom is None or symptom.kind != "crash":
                found: Obj = {"reason": symptom.reason if symptom else "ContainerCreating"}
                if symptom and symptom.kind != "mount":
                    found["message"] = symptom.message
                return {"waiting": found}
            message = f"back-off {life.backoff:g}s restarting failed container"
            return {"waiting": {"reason": "CrashLoopBackOff", "message": message}}
