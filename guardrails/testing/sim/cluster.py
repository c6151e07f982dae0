"""SimCluster: the simulated control plane as one object.

It wires the API server, the controllers, the traffic model, Prometheus and Alertmanager to one
store and one clock, and steps them in a fixed order, so that a run by hand is repeatable.
"""

import time
from collections.abc import Sequence
from pathlib import Path
from types import TracebackType
from typing import Self

import yaml

from guardrails.core.clock import Clock, SystemClock
from guardrails.testing.clock import ManualClock
from guardrails.testing.sim.alertmanager import Alertmanager
from guardrails.testing.sim.alertmanager_api import AlertmanagerApi
from guardrails.testing.sim.apiserver import ApiServer
from guardrails.testing.sim.controllers.collector import Collector
from guardrails.testing.sim.controllers.containers import Pace
from guardrails.testing.sim.controllers.daemonsets import DaemonSets
from guardrails.testing.sim.controllers.deployments import Deployments
from guardrails.testing.sim.controllers.endpoints import EndpointSlices
from guardrails.testing.sim.controllers.jobs import Jobs
from guardrails.testing.sim.controllers.kubelet import Kubelet
from guardrails.testing.sim.controllers.limits import Autoscalers, Budgets, Quotas
from guardrails.testing.sim.controllers.replicasets import ReplicaSets
from guardrails.testing.sim.controllers.runner import Runner
from guardrails.testing.sim.controllers.scheduler import Scheduler
from guardrails.testing.sim.controllers.statefulsets import StatefulSets
from guardrails.testing.sim.exporter import Exporter
from guardrails.testing.sim.faults import Faults, Part
from guardrails.testing.sim.hosting import ServerThread, Ticker
from guardrails.testing.sim.http import Handler, HttpServer
from guardrails.testing.sim.kinds import Kinds, Obj
from guardrails.testing.sim.nodes import NODES, node
from guardrails.testing.sim.prometheus import Prometheus
from guardrails.testing.sim.prometheus_api import PrometheusApi
from guardrails.testing.sim.rbac import Users
from guardrails.testing.sim.registry import DeleteOptions, Registry
from guardrails.testing.sim.requests import TOKEN_PREFIX
from guardrails.testing.sim.rules import AlertRule
from guardrails.testing.sim.store import Store, clone
from guardrails.testing.sim.traffic import Flow, Traffic

QUIET_STEPS = 3
"""Steps without a change after which `settle` calls the cluster settled."""


class SimCluster:
    """A Kubernetes cluster with monitoring, simulated faithfully enough to be judged.

    Args:
        clock: Where the time comes from; the machine's, or a `ManualClock` if `autorun` is off.
        tick_seconds: Between two steps; with a `ManualClock`, how far each step moves it.
        autorun: Step in the background. If off, nothing moves but by `step` and `settle`.

    Example:
        >>> with SimCluster(autorun=False) as cluster:
        ...     cluster.get("Namespace", "default")["status"]["phase"]
        'Active'
    """

    def __init__(
        self, *, clock: Clock | None = None, tick_seconds: float = 0.05, autorun: bool = True
    ) -> None:
        self.clock: Clock = clock or (SystemClock() if autorun else ManualClock())
        self.faults = Faults()
        self.users = Users()
        self._tick_seconds = tick_seconds
        self._autorun = autorun
        self._kinds = Kinds()
        self.store = Store(self.clock, kinds=self._kinds)
        self.registry = Registry(self.store, kinds=self._kinds)
        self._kubelet = Kubelet(self.registry, pace=Pace())
        self._runner = self._controllers()
        self._traffic = Traffic(self.store)
        self._alertmanager = Alertmanager(self.clock)
        self._prometheus = Prometheus(self.clock, send=self._send_alerts)
        self._prometheus.targets += [Exporter(self.store), self._traffic]
        self._servers: dict[Part, HttpServer] = {}
        self._thread: ServerThread | None = None
        self._ticker: Ticker | None = None
        self.users.add("admin", token=self._new_token("admin"), rules=None)
        self._furnish()

    def _controllers(self) -> Runner:
        registry = self.registry
        return Runner(
            self.store,
            [
                Collector(registry),
                Deployments(registry),
                ReplicaSets(registry),
                StatefulSets(registry),
                DaemonSets(registry),
                Jobs(registry),
                Scheduler(registry),
                self._kubelet,
                EndpointSlices(registry),
                Quotas(registry),
                Budgets(registry),
                Autoscalers(registry),
            ],
        )

    def _furnish(self) -> None:
        for name in ("default", "kube-system"):
            self.apply({"kind": "Namespace", "apiVersion": "v1", "metadata": {"name": name}})
        for number in range(NODES):
            self.apply(node(f"node-{number + 1}"))

    def _new_token(self, name: str) -> str:
        return f"sim-{name.replace(':', '-')}-{self.store.random.getrandbits(64):016x}"

    # Starting and stopping

    def __enter__(self) -> Self:
        if self._thread is not None:
            raise RuntimeError("SimCluster is running already: enter it once, or build another")
        self._thread = ServerThread()
        handlers: dict[Part, Handler] = {
            "kubernetes": ApiServer(self.registry, users=self.users, faults=self.faults),
            "prometheus": PrometheusApi(self._prometheus, faults=self.faults),
            "alertmanager": AlertmanagerApi(self._alertmanager, faults=self.faults),
        }
        for part, handler in handlers.items():
            self._servers[part] = HttpServer(handler, clock=self.clock)
            self._thread.call(self._servers[part].start())
        if self._autorun:
            self._ticker = Ticker(self.step, seconds=self._tick_seconds)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        ticker, self._ticker = self._ticker, None
        if ticker is not None:
            ticker.close()
        thread, self._thread = self._thread, None
        if thread is not None:
            for server in self._servers.values():
                thread.call(server.stop())
            thread.close()
        if ticker is None or ticker.error is None:
            return
        if error is None:
            raise ticker.error
        # What the block raised is most likely a wait for a cluster that no longer moved.
        error.add_note(f"the simulated cluster had stopped: {ticker.error!r}")

    def _server(self, part: Part) -> tuple[ServerThread, HttpServer]:
        if self._thread is None:
            raise RuntimeError(
                "SimCluster is not running: use it as `with SimCluster() as cluster`"
            )
        return self._thread, self._servers[part]

    def stop(self, part: Part) -> None:
        """Make one server unreachable: its port refuses, its open requests are cut."""
        thread, server = self._server(part)
        if not server.running:
            return
        thread.call(server.stop())
        with self.store.lock:
            if part == "prometheus":
                self._prometheus.halt()
            elif part == "alertmanager":
                self._alertmanager.restart()

    def start(self, part: Part) -> None:
        """Bring a stopped server back on the same port; one that runs is left alone.

        Raises:
            OSError: If another process took the port meanwhile.
        """
        thread, server = self._server(part)
        if server.running:
            return
        thread.call(server.start())
        if part == "prometheus":
            with self.store.lock:
                self._prometheus.resume()

    def restart_prometheus(self) -> None:
        """Restart Prometheus: samples stay, the state of alerts is lost, the start time is new."""
        with self.store.lock:
            self._prometheus.halt()
            self._prometheus.resume()

    def restart_alertmanager(self) -> None:
        """Restart Alertmanager: alerts are lost until they are sent again, silences stay."""
        with self.store.lock:
            self._alertmanager.restart()

    def configure_alertmanager(self, text: str) -> None:
        """Load an Alertmanager configuration; `inhibit_rules` and `group_by` take effect.

        Raises:
            AlertmanagerError: If a matcher is malformed.
        """
        self._alertmanager.configure(text)

    # Addresses and users

    @property
    def kubernetes_url(self) -> str:
        """Base URL of the Kubernetes API."""
        return self._server("kubernetes")[1].url

    @property
    def prometheus_url(self) -> str:
        """Base URL of Prometheus."""
        return self._server("prometheus")[1].url

    @property
    def alertmanager_url(self) -> str:
        """Base URL of Alertmanager."""
        return self._server("alertmanager")[1].url

    def add_user(self, name: str, *, rules: Sequence[Obj]) -> str:
        """Let a user in with RBAC rules; its token.

        Args:
            name: As errors show it, such as `system:serviceaccount:ops:agent`.
            rules: Policy rules as in a Role, each with an optional `namespaces` list.
        """
        token = self._new_token(name)
        self.users.add(name, token=token, rules=rules)
        return token

    def write_kubeconfig(self, path: Path, user: str = "admin") -> Path:
        """Write a kubeconfig for one user; its context is `sim`."""
        token = self.users.token(user)
        server = f"{self.kubernetes_url}{TOKEN_PREFIX}{token}"
        config = {
            "apiVersion": "v1",
            "kind": "Config",
            "current-context": "sim",
            "clusters": [{"name": "sim", "cluster": {"server": server}}],
            "users": [{"name": user, "user": {"token": token}}],
            "contexts": [{"name": "sim", "context": {"cluster": "sim", "user": user}}],
        }
        path.write_text(yaml.safe_dump(config, sort_keys=False), encoding="utf-8")
        path.chmod(0o600)
        return path

    # Objects

    def apply(self, manifest: Obj | Sequence[Obj]) -> None:
        """Apply whole manifests as `kubectl apply --server-side --force-conflicts` would.

        Namespaces that do not exist are made.
        """
        manifests = [manifest] if isinstance(manifest, dict) else list(manifest)
        for one in manifests:
            if one.get("kind") == "List":
                self.apply(one["items"])
                continue
            kind = self._kinds.named(one["kind"])
            obj = clone(one)
            obj.setdefault("apiVersion", kind.api_version)
            namespace = ""
            if kind.namespaced:
                namespace = obj["metadata"].setdefault("namespace", "default")
                if self.store.get("Namespace", namespace) is None:
                    self.apply(
                        {"kind": "Namespace", "apiVersion": "v1", "metadata": {"name": namespace}}
                    )
            self.registry.patch(
                kind,
                obj,
                name=obj["metadata"]["name"],
                namespace=namespace,
                manager="sim",
                content_type="application/apply-patch+yaml",
                force=True,
            )

    def _home(self, kind: str, namespace: str | None) -> str:
        return (namespace or "default") if self._kinds.named(kind).namespaced else ""

    def get(self, kind: str, name: str, namespace: str | None = None) -> Obj | None:
        """A copy of an object, or None; a namespaced kind without namespace is in `default`."""
        one = self._kinds.named(kind)
        found = self.store.get(one.kind, name, namespace=self._home(kind, namespace))
        return None if found is None else clone(found)

    def objects(self, kind: str, namespace: str | None = None) -> list[Obj]:
        """Copies of all objects of a kind, of one namespace or of all."""
        one = self._kinds.named(kind)
        return [clone(obj) for obj in self.store.objects(one.kind, namespace=namespace)]

    def patch(self, kind: str, name: str, patch: Obj, namespace: str | None = None) -> Obj:
        """Change an object by strategic merge patch; a copy of the result."""
        done, _ = self.registry.patch(
            self._kinds.named(kind),
            clone(patch),
            name=name,
            namespace=self._home(kind, namespace),
            content_type="application/strategic-merge-patch+json",
        )
        return clone(done)

    def delete(self, kind: str, name: str, namespace: str | None = None) -> None:
        """Delete an object in the background; its dependents go with the next steps."""
        self.registry.delete(
            self._kinds.named(kind),
            name,
            namespace=self._home(kind, namespace),
            options=DeleteOptions(),
        )

    def add_flow(self, flow: Flow) -> None:
        """Let traffic flow from now on."""
        with self.store.lock:
            self._traffic.flows.append(flow)

    def remove_flow(self, flow: Flow) -> None:
        """Stop a flow, as a load generator that was switched off."""
        with self.store.lock:
            self._traffic.flows.remove(flow)

    def add_rule(self, rule: AlertRule) -> None:
        """Load an alerting rule; one with the same name and group is replaced.

        Raises:
            ValueError: If its expression is no PromQL.
        """
        with self.store.lock:
            self._prometheus.load(rule)

    def remove_rule(self, name: str) -> None:
        """Unload the rules of this name."""
        with self.store.lock:
            self._prometheus.unload(name)

    def scrape(self, job: str, *, answers: bool) -> None:
        """Let the targets of a job answer scrapes or not.

        Raises:
            KeyError: If no target has this job.
        """
        with self.store.lock:
            found = {target.job: target for target in self._prometheus.targets}
            found[job].up = answers

    # Time

    def step(self) -> bool:
        """Move everything on by one tick; whether any object changed."""
        if isinstance(self.clock, ManualClock):
            self.clock.advance(self._tick_seconds)
        with self.store.lock:
            now = self.clock.monotonic()
            changed = self._runner.step(now)
            self._traffic.step(now)
            self._prometheus.step(now)
            return changed

    def settle(self, max_steps: int = 2000) -> int:
        """Step until no object changes any more; how many steps it took.

        Crash loops count as settled between two restarts.

        Raises:
            TimeoutError: If `max_steps` were not enough.
        """
        quiet = 0
        for count in range(max_steps):
            quiet = 0 if self.step() or self._kubelet.busy else quiet + 1
            if quiet >= QUIET_STEPS:
                return count + 1
            if not isinstance(self.clock, ManualClock):
                time.sleep(self._tick_seconds)
        raise TimeoutError(f"the simulated cluster still changes after {max_steps} steps")

    def run_for(self, seconds: float) -> None:
        """Step through a span of virtual time; needs a `ManualClock`.

        Raises:
            RuntimeError: If the clock is not ours to move.
        """
        if not isinstance(self.clock, ManualClock):
            raise RuntimeError("run_for moves the clock: build SimCluster(autorun=False)")  # noqa: TRY004  # a state, not a type
        for _ in range(round(seconds / self._tick_seconds)):
            self.step()

    def send_alerts(self, alerts: list[Obj]) -> None:
        """POST alerts to Alertmanager as anyone on the network can."""
        self._alertmanager.receive(alerts)

    def _send_alerts(self, alerts: list[Obj]) -> None:
        server = self._servers.get("alertmanager")
        if server is not None and server.running:
            self._alertmanager.receive(alerts)
