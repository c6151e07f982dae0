"""The process cluster: etcd, a real API server with RBAC, its controllers and simulated nodes.

Everything listens on loopback, writes into one temporary folder and is stopped by its process id.
Nothing is left when the suite ends, is interrupted, or is killed.
"""

from __future__ import annotations

import atexit
import contextlib
import os
import secrets
import shutil
import ssl
import tempfile
from pathlib import Path

import httpx2
import yaml

from e2e.clusters.build import Binaries, build, chosen_kubernetes
from e2e.clusters.certificates import make_certificates
from e2e.clusters.child import Child, answers
from e2e.clusters.cluster import MONITORING, WHOLE_RUN, Cluster, write_kubeconfig
from e2e.clusters.control_plane import USERS, ControlPlane, ControlPlanePorts
from e2e.clusters.ending import down_on_sigterm
from e2e.clusters.monitoring import Monitoring, MonitoringPorts
from e2e.clusters.ports import free_ports

RBAC = Path(__file__).resolve().parents[1] / "rbac"

NODES = 3
"""Enough for spreading, cordoning and losing one."""

FOLDER_PREFIX = "guarded-agent-e2e-"
"""Of the temporary folder of a run; the id of the process that made it follows."""

KEEP_VARIABLE = "E2E_KEEP"
"""Set to keep the folder of a run (its logs above all) after the cluster is down."""


CRASH_AFTER_SECONDS = 1.0
"""An API server that is asked to end first waits for its watches, for longer than a test wants to;
after this it is killed, which is how an outage looks."""


class ProcessCluster(Cluster):
    """The running processes."""

    def __init__(
        self,
        *,
        binaries: Binaries,
        folder: Path,
        admin_kubeconfig: Path,
        control_plane: ControlPlane,
        monitoring: Monitoring,
        http: httpx2.Client,
    ) -> None:
        super().__init__(
            kubectl_program=binaries.path("kubectl"),
            admin_kubeconfig=admin_kubeconfig,
            folder=folder,
            prometheus_url=monitoring.prometheus_url,
            alertmanager_url=monitoring.alertmanager_url,
        )
        self.control_plane = control_plane
        self.monitoring = monitoring
        self._http = http

    @property
    def pids(self) -> list[int]:
        """The ids of the processes that run."""
        children = (*self.control_plane.children, *self.monitoring.children)
        return [child.pid for child in children if child.pid is not None]

    @property
    def ports(self) -> list[int]:
        """The loopback ports they were given."""
        return [*self.control_plane.ports, *self.monitoring.ports]

    def stop_api_server(self) -> None:
        """Stop the process, as a crash would; the port is free when this returns."""
        self.control_plane.api_server.stop(timeout=CRASH_AFTER_SECONDS)

    def start_api_server(self) -> None:
        """Start the process again on the same port, over the same etcd."""
        self.control_plane.start_api_server(http=self._http)

    def stop_prometheus(self) -> None:
        """Stop the process."""
        self.monitoring.prometheus.stop()

    def start_prometheus(self) -> None:
        """Start the process again on the same port, over the same data."""
        self.monitoring.prometheus.start()
        self.monitoring.prometheus.wait_until(
            lambda: answers(f"{self.prometheus_url}/-/ready", http=self._http)
        )


class ProcessProvider:
    """Brings the process cluster up and takes it down."""

    def __init__(self) -> None:
        self._folder: Path | None = None
        self._children: list[Child] = []
        self._resources = contextlib.ExitStack()

    def up(self) -> Cluster:
        """Build what is missing, start everything and wait until it is ready.

        Raises:
            ClusterUnavailableError: This machine lacks a program; the message says which.
            ChildFailedError: A process died or did not get ready; the message ends with its log.
        """
        binaries = build()
        atexit.register(self.down)
        down_on_sigterm(self.down)
        try:
            return self._start(binaries)
        except BaseException:
            self.down()
            raise

    def down(self) -> None:
        """Stop the processes in reverse order and remove the folder."""
        while self._children:
            self._children.pop().stop()
        self._resources.close()
        if self._folder is not None and not os.environ.get(KEEP_VARIABLE):
            shutil.rmtree(self._folder, ignore_errors=True)
        self._folder = None
        atexit.unregister(self.down)

    def _start(self, binaries: Binaries) -> ProcessCluster:
        _remove_left_folders()
        folder = self._folder = Path(tempfile.mkdtemp(prefix=f"{FOLDER_PREFIX}{os.getpid()}-"))
        logs = folder / "logs"
        logs.mkdir()
        certificates = make_certificates(folder / "pki")
        needed = len(ControlPlanePorts._fields)
        free = free_ports(needed + len(MonitoringPorts._fields))
        ports = ControlPlanePorts(*free[:needed])
        tokens = {user: secrets.token_urlsafe(24) for user in USERS}
        server = f"https://127.0.0.1:{ports.api_server}"
        authority = certificates.authority.read_text(encoding="utf-8")
        for user, token in tokens.items():
            path = folder / f"{user}.kubeconfig"
            write_kubeconfig(path, server=server, authority_pem=authority, token=token)
        http = self._resources.enter_context(
            httpx2.Client(
                verify=ssl.create_default_context(cafile=certificates.authority),
                headers={"Authorization": f"Bearer {tokens['admin']}"},
                timeout=2.0,
                trust_env=False,
            )
        )
        control_plane = ControlPlane(
            binaries=binaries,
            folder=folder,
            logs=logs,
            certificates=certificates,
            ports=ports,
            tokens=tokens,
        )
        kubeconfig = folder / f"{MONITORING[1]}-{MONITORING[0]}.kubeconfig"
        monitoring = Monitoring(
            folder=folder,
            logs=logs,
            kubeconfig=kubeconfig,
            ports=MonitoringPorts(*free[needed:]),
        )
        self._children.extend((*control_plane.children, *monitoring.children))
        control_plane.start(http=http)
        cluster = ProcessCluster(
            binaries=binaries,
            folder=folder,
            admin_kubeconfig=folder / "admin.kubeconfig",
            control_plane=control_plane,
            monitoring=monitoring,
            http=http,
        )
        cluster.kubectl("apply", "-f", str(RBAC))
        cluster.kubectl("apply", "-f", "-", stdin=_nodes())
        cluster.kubeconfig_for(*MONITORING, duration=WHOLE_RUN)
        monitoring.start(http=http)
        return cluster


def _remove_left_folders() -> None:
    """Remove folders of runs that were killed and could not remove theirs."""
    for left in Path(tempfile.gettempdir()).glob(f"{FOLDER_PREFIX}[0-9]*-*"):
        owner = left.name.removeprefix(FOLDER_PREFIX).partition("-")[0]
        if not Path("/proc", owner).exists() and not os.environ.get(KEEP_VARIABLE):
            shutil.rmtree(left, ignore_errors=True)


def _nodes() -> str:
    """Return plain Node objects with a capacity; kwok brings them to life."""
    capacity = {"cpu": "8", "memory": "16Gi", "pods": "110", "ephemeral-storage": "50Gi"}
    # The API wants every field, and kubectl shows some of them.
    about = dict.fromkeys(
        ("machineID", "systemUUID", "bootID", "kernelVersion", "osImage"), "simulated"
    )
    about |= {
        "kubeletVersion": chosen_kubernetes().version,
        "kubeProxyVersion": "",
        "containerRuntimeVersion": "simulated://1",
        "operatingSystem": "linux",
        "architecture": "amd64",
    }
    return yaml.safe_dump_all(
        {
            "apiVersion": "v1",
            "kind": "Node",
            "metadata": {
                "name": f"node-{number}",
                "labels": {
                    "kubernetes.io/hostname": f"node-{number}",
                    "kubernetes.io/os": "linux",
                    "topology.kubernetes.io/zone": f"zone-{number}",
                },
            },
            "status": {"capacity": capacity, "allocatable": capacity, "nodeInfo": about},
        }
        for number in range(1, NODES + 1)
    )
