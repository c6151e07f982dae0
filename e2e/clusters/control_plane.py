"""The Kubernetes half of the process cluster: which programs, with which flags, in which order.

Flags follow what each component needs on one machine without containers; every one that is not
a path or a port says why it is there.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

import httpx2

from e2e.clusters.build import Binaries
from e2e.clusters.certificates import Certificates
from e2e.clusters.child import Child, answers
from e2e.clusters.monitoring import python_child

USERS: Mapping[str, tuple[str, str]] = {
    "admin": ("admin", "system:masters"),
    "controller-manager": ("system:kube-controller-manager", ""),
    "scheduler": ("system:kube-scheduler", ""),
    "nodes": ("nodes", "system:masters"),
}
"""User and group by the name of the kubeconfig file. The API server binds the two system users
itself. Everyone else has a ServiceAccount, see `e2e/rbac`."""

QPS = ("--kube-api-qps=200", "--kube-api-burst=400")
"""At the defaults (20 and 30) 900 pods take 45 s."""


CONTROLLER_STOP_SECONDS = 2.0
"""They hold no state worth waiting for; after this they are killed."""


class ControlPlanePorts(NamedTuple):
    """Where each part listens."""

    etcd: int
    etcd_peer: int
    api_server: int
    controller_manager: int
    scheduler: int
    kwok: int
    kubelet_logs: int


class ControlPlane:
    """etcd, API server, controller manager, scheduler, kwok and the node simulator."""

    def __init__(
        self,
        *,
        binaries: Binaries,
        folder: Path,
        logs: Path,
        certificates: Certificates,
        ports: ControlPlanePorts,
        tokens: Mapping[str, str],
    ) -> None:
        self._binaries = binaries
        self._folder = folder
        self._logs = logs
        self._certificates = certificates
        self.ports = ports
        self.server = f"https://127.0.0.1:{ports.api_server}"
        self._etcd_url = f"http://127.0.0.1:{ports.etcd}"
        self.etcd = self._etcd()
        self.api_server = self._api_server(self._token_file(tokens))
        self.controller_manager = self._controller_manager()
        self.scheduler = self._scheduler()
        self.kwok = self._kwok()
        self.kubelet = self._kubelet()

    @property
    def children(self) -> tuple[Child, ...]:
        """In the order of starting."""
        return (
            self.etcd,
            self.api_server,
            self.controller_manager,
            self.scheduler,
            self.kwok,
            self.kubelet,
        )

    def start(self, *, http: httpx2.Client) -> None:
        """Start all of them; returns when the API server and the controllers answer."""
        self.etcd.start()
        self.etcd.wait_until(lambda: answers(f"{self._etcd_url}/readyz", http=http))
        self.api_server.start()
        self.wait_for_api_server(http=http)
        self.kubelet.start()
        self._start_controllers(http=http)
        default = f"{self.server}/api/v1/namespaces/default/serviceaccounts/default"
        # Made by the controller manager: it works once this exists.
        self.controller_manager.wait_until(lambda: answers(default, http=http))

    def start_api_server(self, *, http: httpx2.Client) -> None:
        """Start the API server after an outage, and its controllers anew.

        With an election of leaders, as real clusters have it, the controller manager and the
        scheduler end when they cannot renew their leases and are started again. Left running, each
        of their watches comes back after a back-off of its own, up to a minute after the server;
        an EndpointSlice controller that syncs meanwhile, on what it knew before, puts the Service
        off for longer each time (seen: more than 200 s). The node simulator keeps running, as
        kubelets do: it polls, and its containers must not start anew.
        """
        self.api_server.start()
        self.wait_for_api_server(http=http)
        for child in self._controllers:
            child.stop(timeout=CONTROLLER_STOP_SECONDS)
        self._start_controllers(http=http)

    def wait_for_api_server(self, *, http: httpx2.Client) -> None:
        """Wait until the API server says that it is ready."""
        self.api_server.wait_until(lambda: answers(f"{self.server}/readyz", http=http))

    @property
    def _controllers(self) -> tuple[Child, ...]:
        return (self.controller_manager, self.scheduler, self.kwok)

    def _start_controllers(self, *, http: httpx2.Client) -> None:
        # The other two serve health with certificates of their own making, hence by kwok alone.
        for child in self._controllers:
            child.start()
        kwok_url = f"http://127.0.0.1:{self.ports.kwok}/healthz"
        self.kwok.wait_until(lambda: answers(kwok_url, http=http))

    def _etcd(self) -> Child:
        peer = f"http://127.0.0.1:{self.ports.etcd_peer}"
        return self._child(
            "etcd",
            f"--data-dir={self._folder / 'etcd'}",
            f"--listen-client-urls={self._etcd_url}",
            f"--advertise-client-urls={self._etcd_url}",
            f"--listen-peer-urls={peer}",
            f"--initial-advertise-peer-urls={peer}",
            f"--initial-cluster=default={peer}",
            "--unsafe-no-fsync",  # the data is thrown away after the run
        )

    def _api_server(self, token_file: Path) -> Child:
        pki = self._certificates
        return self._child(
            "kube-apiserver",
            f"--etcd-servers={self._etcd_url}",
            "--bind-address=127.0.0.1",
            f"--secure-port={self.ports.api_server}",
            f"--cert-dir={self._folder / 'apiserver'}",
            f"--tls-cert-file={pki.serving}",
            f"--tls-private-key-file={pki.serving_key}",
            f"--client-ca-file={pki.authority}",
            f"--service-account-key-file={pki.signing_key}",
            f"--service-account-signing-key-file={pki.signing_key}",
            "--service-account-issuer=https://kubernetes.default.svc",
            f"--token-auth-file={token_file}",
            "--authorization-mode=RBAC",
            "--service-cluster-ip-range=10.96.0.0/16",
            "--endpoint-reconciler-type=none",  # it listens on loopback, which is no endpoint
            "--kubelet-preferred-address-types=InternalIP",  # for logs; node names do not resolve
            f"--kubelet-certificate-authority={pki.authority}",
            "--allow-privileged",
            "--shutdown-delay-duration=0s",
        )

    def _controller_manager(self) -> Child:
        pki = self._certificates
        return self._child(
            "kube-controller-manager",
            *self._kubeconfigs("controller-manager"),
            f"--service-account-private-key-file={pki.signing_key}",
            f"--root-ca-file={pki.authority}",
            "--use-service-account-credentials",
            "--bind-address=127.0.0.1",
            f"--secure-port={self.ports.controller_manager}",
            f"--cert-dir={self._folder / 'controller-manager'}",
            "--leader-elect=false",
            "--controllers=*,-node-ipam-controller",  # pod addresses are the node simulator's
            "--resource-quota-sync-period=5s",
            *QPS,
        )

    def _scheduler(self) -> Child:
        return self._child(
            "kube-scheduler",
            *self._kubeconfigs("scheduler"),
            "--bind-address=127.0.0.1",
            f"--secure-port={self.ports.scheduler}",
            f"--cert-dir={self._folder / 'scheduler'}",
            "--leader-elect=false",
            *QPS,
        )

    def _kwok(self) -> Child:
        return self._child(
            "kwok",
            f"--kubeconfig={self._kubeconfig('nodes')}",
            "--manage-all-nodes",
            f"--config={Path(__file__).with_name('stages.yaml')}",
            f"--server-address=127.0.0.1:{self.ports.kwok}",
            "--node-ip=127.0.0.1",
            f"--node-port={self.ports.kubelet_logs}",
            # With leases a restarted kwok idles until the old holder's lease has run out.
            "--node-lease-duration-seconds=0",
        )

    def _kubelet(self) -> Child:
        return python_child(
            "kubelet",
            module="e2e.kubelet.agent",
            arguments=[
                *("--kubeconfig", str(self._kubeconfig("nodes"))),
                *("--log-port", str(self.ports.kubelet_logs)),
                *("--tls-certificate", str(self._certificates.serving)),
                *("--tls-key", str(self._certificates.serving_key)),
            ],
            log=self._logs / "kubelet.log",
        )

    def _child(self, name: str, *flags: str) -> Child:
        program = str(self._binaries.path(name))
        return Child(name, command=[program, *flags], log=self._logs / f"{name}.log")

    def _kubeconfig(self, user: str) -> Path:
        return self._folder / f"{user}.kubeconfig"

    def _kubeconfigs(self, user: str) -> tuple[str, ...]:
        path = self._kubeconfig(user)
        kinds = ("kubeconfig", "authentication-kubeconfig", "authorization-kubeconfig")
        return tuple(f"--{kind}={path}" for kind in kinds)

    def _token_file(self, tokens: Mapping[str, str]) -> Path:
        path = self._folder / "tokens.csv"
        path.touch(mode=0o600)
        path.write_text(
            "".join(
                f'{token},{USERS[name][0]},{name},"{USERS[name][1]}"\n'
                for name, token in tokens.items()
            ),
            encoding="utf-8",
        )
        return path
