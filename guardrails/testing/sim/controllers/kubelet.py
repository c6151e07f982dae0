"""The kubelet model: turns scheduled pods into running ones, or into what their spec deserves.

Pod statuses have the shape of a real kubelet's: conditions with their transition times,
container states with `lastState`, restart counts, and the events that go with them.
"""

from dataclasses import dataclass, field
from typing import Any

from guardrails.testing.sim.controllers.containers import Life, Pace, Rules, advance, state_of
from guardrails.testing.sim.controllers.ownership import controller_of, set_condition, update_status
from guardrails.testing.sim.controllers.recorder import Recorder
from guardrails.testing.sim.controllers.symptoms import PREFIX, annotations_of, diagnose
from guardrails.testing.sim.kinds import Obj, part, parts
from guardrails.testing.sim.registry import Registry

RUNS_FOR = PREFIX + "runs-for"
"""Pod annotation: seconds that a container of a Job runs."""
_WAITING_INIT: Obj = {"waiting": {"reason": "PodInitializing"}}


@dataclass(slots=True, kw_only=True)
class _Pod:
    """What the node remembers about one pod."""

    ip: str
    started: str
    lives: dict[str, Life] = field(default_factory=dict[str, Life])
    seen: str = ""
    due: float | None = None
    stopping: float | None = None


class Kubelet:
    """All nodes' kubelets in one."""

    reads = ("Pod", "ConfigMap", "Secret", "Node")

    def __init__(self, registry: Registry, *, pace: Pace) -> None:
        self._registry = registry
        self._store = registry.store
        self._kind = registry.kinds.named("Pod")
        self._pace = pace
        self._events = Recorder(registry.store, "kubelet")
        self._pods: dict[str, _Pod] = {}
        self._next_ip = 0
        self._config_seen = -1

    @property
    def busy(self) -> bool:
        """Whether a container is about to start or a pod about to stop."""
        return any(
            pod.stopping is not None or any(life.stage == "creating" for life in pod.lives.values())
            for pod in self._pods.values()
        )

    def step(self, now: float) -> float | None:
        """Move every pod on whose spec changed or whose time has come."""
        config = self._store.touched(("ConfigMap", "Secret", "Node"))
        all_due = config != self._config_seen
        self._config_seen = config
        alive: set[str] = set()
        for pod in self._store.objects("Pod"):
            uid = pod["metadata"]["uid"]
            alive.add(uid)
            if not pod["spec"].get("nodeName"):
                continue
            known = self._pods.get(uid)
            late = known is not None and known.due is not None and known.due <= now
            if known is None or late or all_due or known.seen != pod["metadata"]["resourceVersion"]:
                self._sync(pod, now)
        for uid in self._pods.keys() - alive:
            del self._pods[uid]
        return min((pod.due for pod in self._pods.values() if pod.due is not None), default=None)

    def _sync(self, pod: Obj, now: float) -> None:
        meta = pod["metadata"]
        known = self._pods.get(meta["uid"])
        if known is None:
            known = self._pods[meta["uid"]] = _Pod(ip=self._new_ip(), started=self._store.now())
        if meta.get("deletionTimestamp"):
            if known.stopping is None:
                grace = float(meta.get("deletionGracePeriodSeconds") or 0)
                known.stopping = now + min(self._pace.stop, grace)
                self._events.normal(pod, "Killing", "Stopping container")
            if known.stopping <= now:
                self._finish(pod)
                return
            known.due, known.seen = known.stopping, meta["resourceVersion"]
            return
        if not self._node_ready(pod["spec"]["nodeName"]):
            return
        status = self._status(pod, known, now)
        known.due = min(
            (life.due for life in known.lives.values() if life.due is not None), default=None
        )
        known.seen = update_status(self._registry, self._kind, pod, status)["metadata"][
            "resourceVersion"
        ]

    def _finish(self, pod: Obj) -> None:
        meta = pod["metadata"]
        self._pods.pop(meta["uid"], None)
        self._store.remove("Pod", meta["name"], namespace=meta["namespace"])

    def _node_ready(self, name: str) -> bool:
        return self._store.get("Node", name) is not None

    def _new_ip(self) -> str:
        self._next_ip += 1
        return f"10.1.{self._next_ip // 250 % 250}.{self._next_ip % 250 + 1}"

    def _rules(self, pod: Obj, container: Obj, *, init: bool) -> Rules:
        probe: Obj = part(container, "readinessProbe")
        restart: str = pod["spec"].get("restartPolicy", "Always")
        owner = controller_of(pod) or {}
        return Rules(
            restart="OnFailure" if init and restart == "Always" else restart,
            ends=init or restart != "Always" or owner.get("kind") == "Job",
            ready_after=0.0 if init else float(probe.get("initialDelaySeconds") or 0),
            runs_for=0.0 if init else float(annotations_of(pod).get(RUNS_FOR, self._pace.job)),
        )

    def _advance(self, pod: Obj, known: _Pod, container: Obj, now: float, *, init: bool) -> Life:
        name, image = container["name"], container["image"]
        life = known.lives.get(name)
        if life is None:
            life = known.lives[name] = Life(image=image, due=now + self._pace.start)
        elif life.image != image:
            # The only change that a running pod's spec allows: start the container anew.
            life.image, life.pulls, life.due, life.stage = image, 0, now, "waiting"
        before = len(life.news)
        advance(
            life,
            diagnose(pod, container, store=self._store),
            name=name,
            rules=self._rules(pod, container, init=init),
            pace=self._pace,
            now=now,
            stamp=self._store.now(),
        )
        news, life.news = life.news[before:], []
        for is_warning, reason, message in news:
            record = self._events.warning if is_warning else self._events.normal
            record(pod, reason, message)
        return life

    def _status(self, pod: Obj, known: _Pod, now: float) -> Obj:
        spec = pod["spec"]
        with_ip = {**pod, "status": {**pod["status"], "podIP": known.ip}}
        init_statuses: list[Obj] = []
        initialized = True
        for container in parts(spec, "initContainers"):
            if not initialized:
                init_statuses.append(self._waiting(container))
                continue
            life = self._advance(with_ip, known, container, now, init=True)
            init_statuses.append(self._container_status(container, life, init=True))
            initialized = life.stage == "completed"
        statuses: list[Obj] = []
        lives: list[Life] = []
        for container in spec["containers"]:
            if not initialized:
                statuses.append(self._waiting(container))
                continue
            life = self._advance(with_ip, known, container, now, init=False)
            lives.append(life)
            statuses.append(self._container_status(container, life, init=False))
        phase = _phase(lives) if initialized else "Pending"
        status: Obj = {
            **pod["status"],
            "phase": phase,
            "observedGeneration": pod["metadata"]["generation"],
            "conditions": self._conditions(pod, statuses, phase, initialized=initialized),
            "hostIP": "192.0.2.10",
            "hostIPs": [{"ip": "192.0.2.10"}],
            "podIP": known.ip,
            "podIPs": [{"ip": known.ip}],
            "startTime": known.started,
            "containerStatuses": statuses,
            "qosClass": _qos(spec),
        }
        if init_statuses:
            status["initContainerStatuses"] = init_statuses
        return status

    @staticmethod
    def _waiting(container: Obj) -> Obj:
        return {
            "name": container["name"],
            "state": dict(_WAITING_INIT),
            "lastState": {},
            "ready": False,
            "restartCount": 0,
            "image": container["image"],
            "imageID": "",
            "started": False,
        }

    @staticmethod
    def _container_status(container: Obj, life: Life, *, init: bool) -> Obj:
        ended = life.stage in ("terminated", "failed", "completed")
        running = life.stage == "running"
        # A finished init container counts as ready, a finished main container does not.
        ready = life.ready or (init and life.stage == "completed")
        return {
            "name": container["name"],
            "state": state_of(life),
            "lastState": {} if ended else dict(life.last),
            "ready": ready,
            "restartCount": life.restarts,
            "image": life.image,
            "imageID": f"sim://{life.image}" if running or life.last else "",
            "started": running,
        }

    def _conditions(
        self, pod: Obj, statuses: list[Obj], phase: str, *, initialized: bool
    ) -> list[Obj]:
        found: list[Obj] = list(parts(pod["status"], "conditions"))
        now = self._store.now()
        unready = [one["name"] for one in statuses if not one["ready"]]
        not_ready: dict[str, Any] = {}
        if phase in ("Succeeded", "Failed"):
            not_ready = {"reason": "PodCompleted" if phase == "Succeeded" else "PodFailed"}
        elif unready:
            not_ready = {
                "reason": "ContainersNotReady",
                "message": f"containers with unready status: [{' '.join(unready)}]",
            }
        wanted: list[Obj] = [
            {"type": "PodReadyToStartContainers", "status": "True"},
            {"type": "Initialized", "status": "True"}
            if initialized
            else {
                "type": "Initialized",
                "status": "False",
                "reason": "ContainersNotInitialized",
                "message": "containers with incomplete status",
            },
            {"type": "Ready", "status": "False" if not_ready else "True", **not_ready},
            {"type": "ContainersReady", "status": "False" if not_ready else "True", **not_ready},
        ]
        for one in wanted:
            found = set_condition(found, {"lastProbeTime": None, **one}, now=now)
        return found


def _phase(lives: list[Life]) -> str:
    stages = [life.stage for life in lives]
    if all(stage == "completed" for stage in stages):
        return "Succeeded"
    if "failed" in stages and all(stage in ("failed", "completed") for stage in stages):
        return "Failed"
    started = any(life.stage == "running" or life.last for life in lives)
    # As in the real kubelet: Pending until a container has run at least once.
    waiting = any(life.stage in ("creating", "waiting") and not life.last for life in lives)
    return "Running" if started and not waiting else "Pending"


def _qos(spec: Obj) -> str:
    resources: list[Obj] = [part(one, "resources") for one in spec["containers"]]
    if not any(one.get("requests") or one.get("limits") for one in resources):
        return "BestEffort"
    for one in resources:
        limits: Obj = part(one, "limits")
        requests: Obj = one.get("requests") or limits
        if not {"cpu", "memory"} <= limits.keys() or requests != limits:
            return "Burstable"
    return "Guaranteed"
