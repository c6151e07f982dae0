"""What the reader owes to the client's transport and auth: plugins, proxies, and hung servers."""

import asyncio
import socket
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Self

import pytest
import yaml
from kubernetes import client as kubernetes_client

from guardrails.errors import PermanentSourceError
from guardrails.gates.kubernetes.client import KubernetesReader
from guardrails.gates.kubernetes.connect import connect
from guardrails.gates.snapshot import ListKey, ReadStatus
from guardrails.testing import SimCluster
from guardrails.testing.demo_app import shop_app

KINDS = ("Deployment", "ReplicaSet", "Pod", "Service", "EndpointSlice", "StatefulSet", "DaemonSet")

PLUGIN = """
import json, pathlib, sys
ran = pathlib.Path({ran!r})
first = not ran.exists()
with ran.open("a") as file:
    file.write("ran\\n")
print(json.dumps({{
    "apiVersion": "client.authentication.k8s.io/v1",
    "kind": "ExecCredential",
    "status": {{
        "token": "stale" if first else {token!r},
        "expirationTimestamp": "2020-01-01T00:00:00Z" if first else "2999-01-01T00:00:00Z",
    }},
}}))
"""


@pytest.fixture
def cluster() -> Iterator[SimCluster]:
    """A shop at rest."""
    with SimCluster(autorun=False) as made:
        made.apply(shop_app())
        made.settle()
        yield made


def with_plugin(path: Path, server: str, *command: str) -> Path:
    """Write a kubeconfig whose user is given credentials by a program."""
    plugin = {
        "apiVersion": "client.authentication.k8s.io/v1",
        "command": command[0],
        "args": list(command[1:]),
        "interactiveMode": "Never",
    }
    config = {
        "apiVersion": "v1",
        "kind": "Config",
        "current-context": "x",
        "clusters": [{"name": "c", "cluster": {"server": server}}],
        "users": [{"name": "u", "user": {"exec": plugin}}],
        "contexts": [{"name": "x", "context": {"cluster": "c", "user": "u"}}],
    }
    path.write_text(yaml.safe_dump(config))
    return path


async def test_an_expired_token_of_a_plugin_is_renewed_once(
    cluster: SimCluster, tmp_path: Path
) -> None:
    """All lists of a look find it expired at the same time; one of them runs the plugin."""
    token = cluster.add_user(
        "guard", rules=[{"apiGroups": ["*"], "resources": ["*"], "verbs": ["*"]}]
    )
    ran, program = tmp_path / "ran", tmp_path / "plugin.py"
    program.write_text(PLUGIN.format(ran=str(ran), token=token))
    path = with_plugin(tmp_path / "config", cluster.kubernetes_url, sys.executable, str(program))
    reader = connect(path, timeout_seconds=10.0)
    keys = [ListKey(kind=kind, namespace="shop") for kind in KINDS]
    found = await asyncio.gather(*map(reader.list, keys))
    reader.close()
    assert [x.read for x in found if not x.read.ok] == []
    assert ran.read_text().count("ran") == 2


@pytest.mark.parametrize("command", [["/no/such/program"], [sys.executable, "-c", "exit(3)"]])
def test_a_plugin_that_gives_nothing_is_named(tmp_path: Path, command: list[str]) -> None:
    """An expired login is the usual cause; the 401 that would follow says nothing of it."""
    path = with_plugin(tmp_path / "config", "http://127.0.0.1:1", *command)
    with pytest.raises(PermanentSourceError, match="credentials plugin of context 'x' failed"):
        connect(path)


def test_a_proxy_of_the_environment_is_used(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As kubectl does, and not for hosts that are excepted."""
    config = {
        "apiVersion": "v1",
        "kind": "Config",
        "current-context": "x",
        "clusters": [{"name": "c", "cluster": {"server": "http://kube.example"}}],
        "users": [{"name": "u", "user": {"token": "t"}}],
        "contexts": [{"name": "x", "context": {"cluster": "c", "user": "u"}}],
    }
    path = tmp_path / "config"
    path.write_text(yaml.safe_dump(config))
    with Dripper() as proxy:
        monkeypatch.setenv("http_proxy", f"http://127.0.0.1:{proxy.port}")
        monkeypatch.delenv("no_proxy", raising=False)
        monkeypatch.delenv("NO_PROXY", raising=False)
        reader = connect(path, timeout_seconds=0.3)
        asyncio.run(reader.list(ListKey(kind="Pod", namespace="shop")))
        reader.close()
        assert proxy.requests[0].startswith(b"GET http://kube.example/api/v1/namespaces/shop/pods")


class Dripper:
    """A server that promises a long answer and sends a byte now and then."""

    HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 99999\r\n\r\n"
    PAUSE_SECONDS = 0.02

    def __init__(self) -> None:
        self.requests: list[bytes] = []
        self.left = threading.Event()
        self._over = threading.Event()
        self._socket = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._socket.getsockname()[1]
        self._thread = threading.Thread(target=self._serve)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        self._thread.join()
        self._socket.close()

    def _serve(self) -> None:
        connection, _ = self._socket.accept()
        with connection:
            self.requests.append(connection.recv(65536))
            try:
                connection.sendall(self.HEAD)
                while not self._over.wait(self.PAUSE_SECONDS):
                    connection.sendall(b" ")
            except OSError:
                self.left.set()


@pytest.mark.parametrize("how", ["late", "cancelled"])
async def test_a_server_that_drips_holds_no_thread(how: str) -> None:
    """Its every byte comes in time; whoever gives up the list ends the read as well."""
    with Dripper() as server:
        configuration = kubernetes_client.Configuration()
        configuration.host = f"http://127.0.0.1:{server.port}"
        reader = KubernetesReader(configuration, timeout_seconds=0.3 if how == "late" else 30.0)
        listing = asyncio.ensure_future(reader.list(ListKey(kind="Pod", namespace="shop")))
        if how == "late":
            assert (await listing).read.status is ReadStatus.TIMEOUT
        else:
            await asyncio.to_thread(_wait_for, server)
            listing.cancel()
            with pytest.raises(asyncio.CancelledError):
                await listing
        assert await asyncio.to_thread(server.left.wait, 10.0)
        reader.close()


def _wait_for(server: Dripper) -> None:
    arrived = threading.Event()
    while not server.requests:
        arrived.wait(0.01)
