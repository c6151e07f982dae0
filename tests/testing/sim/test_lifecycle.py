"""Starting and stopping: nothing stays behind, and nothing can hold it up."""

import asyncio
import gc
import socket
import threading
from pathlib import Path

import httpx2
import pytest

from guardrails.testing import AlertRule, ManualClock, SimCluster
from guardrails.testing.sim.http import HttpServer, Request, Response


def _open_files() -> int:
    return len(list(Path("/proc/self/fd").iterdir()))


def _connect(url: str) -> socket.socket:
    return socket.create_connection(("127.0.0.1", int(url.rsplit(":", 1)[1])))


def test_stopping_leaves_no_thread_and_no_socket() -> None:
    """Also while a client watches and another never finishes its request."""
    with SimCluster():
        pass
    gc.collect()
    threads, files = threading.active_count(), _open_files()
    for _ in range(3):
        with SimCluster() as sim:
            headers = {"Authorization": f"Bearer {sim.users.token('admin')}"}
            http = httpx2.Client(base_url=sim.kubernetes_url, headers=headers)
            watch = http.stream("GET", "/api/v1/pods?watch=1")
            watch.__enter__()
            hanging = _connect(sim.kubernetes_url)
            hanging.sendall(b"GET /api HT")
        hanging.close()
        http.close()
    gc.collect()
    assert (threading.active_count(), _open_files()) == (threads, files)


def test_a_client_that_never_reads_holds_up_nobody() -> None:
    """A watcher with full buffers: writes, lists and the stop go on."""
    with SimCluster(autorun=False) as sim:
        token = sim.users.token("admin")
        deaf = _connect(sim.kubernetes_url)
        deaf.sendall(
            b"GET /api/v1/configmaps?watch=1 HTTP/1.1\r\nHost: sim\r\n"
            b"Authorization: Bearer " + token.encode() + b"\r\n\r\n"
        )
        with httpx2.Client(
            base_url=sim.kubernetes_url, headers={"Authorization": f"Bearer {token}"}
        ) as http:
            for number in range(100):
                body = {"metadata": {"name": f"c{number}"}, "data": {"a": "x" * 100_000}}
                made = http.post("/api/v1/namespaces/default/configmaps", json=body)
                assert made.status_code == 201
            assert http.get("/readyz").text == "ok"
    deaf.close()


def test_leaving_twice_is_leaving_once() -> None:
    """And a cluster that was left can be entered again."""
    sim = SimCluster(autorun=False)
    sim.__enter__()
    sim.__exit__(None, None, None)
    sim.__exit__(None, None, None)
    with sim:
        assert httpx2.get(f"{sim.prometheus_url}/-/ready").status_code == 200


def test_entering_twice_is_refused() -> None:
    """A second set of servers would never be stopped."""
    with SimCluster(autorun=False) as sim, pytest.raises(RuntimeError, match="running already"):
        sim.__enter__()


def test_two_clusters_do_not_meet() -> None:
    """Each has its ports, its objects and its tokens."""
    with SimCluster(autorun=False) as one, SimCluster(autorun=False) as two:
        assert one.kubernetes_url != two.kubernetes_url
        one.apply({"kind": "Namespace", "apiVersion": "v1", "metadata": {"name": "mine"}})
        assert two.get("Namespace", "mine") is None


def test_a_part_stops_and_comes_back_on_its_port() -> None:
    """Stopped: refused. Stopping again or starting again does nothing."""
    with SimCluster(autorun=False) as sim:
        url = sim.prometheus_url
        sim.stop("prometheus")
        sim.stop("prometheus")
        with pytest.raises(httpx2.ConnectError):
            httpx2.get(f"{url}/-/ready")
        sim.start("prometheus")
        assert sim.prometheus_url == url
        assert httpx2.get(f"{url}/-/ready").status_code == 200


def test_starting_what_runs_changes_nothing() -> None:
    """Prometheus keeps its start time and the state of its alerts."""
    with SimCluster(autorun=False) as sim:
        sim.add_rule(AlertRule(name="Always", expr="vector(1)"))
        sim.run_for(1)
        path = f"{sim.prometheus_url}/api/v1/status/runtimeinfo"
        before = httpx2.get(path).json()["data"]["startTime"]
        sim.run_for(1)
        sim.start("prometheus")
        assert httpx2.get(path).json()["data"]["startTime"] == before


def test_a_taken_port_is_an_error() -> None:
    """Coming back fails loudly when another process took the port, and the rest still stops."""
    with SimCluster(autorun=False) as sim:
        url = sim.prometheus_url
        sim.stop("prometheus")
        with socket.socket() as thief:
            thief.bind(("127.0.0.1", int(url.rsplit(":", 1)[1])))
            thief.listen()
            with pytest.raises(OSError, match="address already in use"):
                sim.start("prometheus")


def test_a_manual_clock_moves_the_cluster_and_nothing_else_does() -> None:
    """The same steps give the same objects, uids and times."""

    def states() -> list[object]:
        sim = SimCluster(autorun=False, clock=ManualClock())
        sim.apply({"kind": "Namespace", "apiVersion": "v1", "metadata": {"name": "shop"}})
        sim.run_for(5)
        return sim.objects("Namespace")

    assert states() == states()


def test_a_cluster_that_broke_says_so() -> None:
    """A step that raised is raised again at the end of the block."""
    sim = SimCluster(tick_seconds=0.001)
    broke = threading.Event()

    def step() -> bool:
        broke.set()
        raise ZeroDivisionError("step")

    sim.step = step
    with pytest.raises(ZeroDivisionError, match="step"), sim:
        broke.wait(10)


def test_a_cluster_that_broke_is_noted_on_what_the_block_raised() -> None:
    """A wait for a frozen cluster would hide the cause."""
    sim = SimCluster(tick_seconds=0.001)
    broke = threading.Event()

    def step() -> bool:
        broke.set()
        raise ZeroDivisionError("step")

    def wait_in_vain() -> None:
        with sim:
            broke.wait(10)
            raise LookupError("never ready")

    sim.step = step
    with pytest.raises(LookupError) as raised:
        wait_in_vain()
    assert raised.value.__notes__ == [
        "the simulated cluster had stopped: ZeroDivisionError('step')"
    ]


def test_a_handler_that_breaks_answers_500(caplog: pytest.LogCaptureFixture) -> None:
    """The connection stays, and the log says which request it was."""

    async def broken(request: Request) -> Response:
        raise ZeroDivisionError(request.path)

    async def ask() -> httpx2.Response:
        server = HttpServer(broken, clock=ManualClock())
        await server.start()
        async with httpx2.AsyncClient() as http:
            answer = await http.get(f"{server.url}/some/path")
        await server.stop()
        return answer

    assert asyncio.run(ask()).status_code == 500
    assert "GET /some/path broke" in caplog.text
