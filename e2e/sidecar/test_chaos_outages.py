"""Stores, disks, models, cluster and Prometheus fail: no end is accepted, and nothing is lost."""

from __future__ import annotations

import os
import resource
import signal
import threading
import time
from collections.abc import Callable, Iterator

import pytest

from e2e.sidecar.chaos.agents import WRITE, ApiAgent, ProxyAgent
from e2e.sidecar.chaos.checks import found_in
from e2e.sidecar.chaos.stage import Stage, proven, stage
from e2e.sidecar.chaos.table import note
from guardrails.testing.sim import Match, Respond

DOWN_SECONDS = 1.5
ROOM = 16_384
"""Bytes that a file may have on the full disk: more than the log has, less than the store."""


@pytest.fixture(scope="module", autouse=True)
def programs() -> None:
    """Build nothing of Kubernetes: the cluster is simulated here."""


@pytest.fixture(scope="module")
def chaos(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stage]:
    """Put a stage up."""
    with stage(tmp_path_factory.mktemp("chaos")) as found:
        yield found


def _once_told(agent: ApiAgent, mend: Callable[[], object]) -> threading.Thread:
    """Mend in a thread once the agent was told 503, or has waited for that as long as it does."""

    def told() -> None:
        until = time.monotonic() + agent.patience / 2
        while time.monotonic() < until and not any(one.startswith("503") for one in agent.seen):
            time.sleep(0.05)
        mend()

    thread = threading.Thread(target=told)
    thread.start()
    return thread


@pytest.mark.timeout(120)
@pytest.mark.parametrize("kind", ["redis", "postgresql"])
def test_a_database_that_is_killed_and_comes_back(chaos: Stage, kind: str) -> None:
    """Its clients are told 503 meanwhile, and go on with the same numbers."""
    store, database = chaos.store(kind), chaos.database(kind)
    with chaos.served(store) as serving:
        agent = ApiAgent(serving.url, "run", chaos.world.mend)
        agent.open()
        agent.look("c1", first="I look at the endpoints.")
        database.kill()
        back = _once_told(agent, database.start)
        agent.look("c2", first="I look again.")
        back.join()
        agent.end("It is fixed.")
        agent.fix()
        outcome = agent.end("It is fixed now.").get("outcome")
    found = proven(store, "run")
    note("database killed, and started", kind, [found], seen=agent.seen)
    assert outcome == "resolved"
    assert agent.number == 11
    assert any(one.startswith("503") for one in agent.seen)


@pytest.mark.timeout(120)
@pytest.mark.parametrize("kind", ["redis", "postgresql"])
def test_a_database_that_hangs(chaos: Stage, kind: str) -> None:
    """Whoever waits gets an answer; what was written meanwhile is not written twice."""
    store, database = chaos.store(kind), chaos.database(kind)
    pid = database.child.pid
    assert pid is not None
    with chaos.served(store) as serving:
        agent = ApiAgent(serving.url, "run", chaos.world.mend)
        agent.open()
        os.kill(pid, signal.SIGSTOP)
        back = threading.Timer(DOWN_SECONDS, os.kill, (pid, signal.SIGCONT))
        back.start()
        agent.look("c1", first="I look at the endpoints.")
        back.join()
        agent.look("c2", first="I look again.")
        agent.end("It is fixed.")
        agent.fix()
        agent.end("It is fixed now.")
    note("database hangs", kind, [proven(store, "run")], seen=agent.seen)


@pytest.mark.timeout(120)
def test_a_disk_that_is_full(chaos: Stage) -> None:
    """Nothing is decided that is not on it; when there is room again the run goes on."""
    store = chaos.store("sqlite")
    with chaos.served(store) as serving:
        agent = ApiAgent(serving.url, "run", chaos.world.mend)
        agent.open()
        agent.look("c1", first="I look at the endpoints.")
        usual = resource.prlimit(serving.pid, resource.RLIMIT_FSIZE)
        resource.prlimit(serving.pid, resource.RLIMIT_FSIZE, (ROOM, usual[1]))
        room = (serving.pid, resource.RLIMIT_FSIZE, usual)
        back = _once_told(agent, lambda: resource.prlimit(*room))
        agent.look("c2", first="I look again.")
        back.join()
        agent.end("It is fixed.")
        agent.fix()
        agent.end("It is fixed now.")
    note("disk full, then not", "sqlite", [proven(store, "run")], seen=agent.seen)
    assert any(one.startswith("503") and "disk" in one for one in agent.seen)


@pytest.mark.timeout(120)
@pytest.mark.parametrize(
    "faults",
    [["500"] * 4, ["slow"], ["garbage", "garbage"], ["cut", "cut"], ["reset", "reset"]],
    ids=lambda faults: faults[0],
)
def test_a_model_that_fails(chaos: Stage, faults: list[str]) -> None:
    """Its client is told, repeats the request, and the run goes on where it stood."""
    store = chaos.store("sqlite")
    with chaos.served(store, model=chaos.model.url) as serving:
        chaos.model.faults = list(faults)
        agent = ProxyAgent(serving.url, chaos.world.mend)
        said = agent.work()
    note(f"model: {faults[0]}", "sqlite", [proven(store, agent.run)], seen=agent.seen)
    assert chaos.model.faults == []
    assert said == "It is fixed now."
    assert agent.ran.count(WRITE) == 1


@pytest.mark.timeout(120)
@pytest.mark.parametrize(
    ("what", "respond"),
    [
        ("500", Respond(status=500)),
        ("403", Respond(status=403)),
        ("hangs", Respond(delay=1.6)),
        ("garbage", Respond(garbage=True)),
        ("reset", Respond(reset=True)),
    ],
)
def test_a_cluster_that_cannot_be_read(chaos: Stage, what: str, respond: Respond) -> None:
    """An end is refused for want of evidence, though all is well; then it is read, and accepted."""
    store, faults = chaos.store("sqlite"), chaos.world.cluster.faults
    with chaos.served(store) as serving:
        agent = ApiAgent(serving.url, "run", chaos.world.mend)
        agent.prepare()
        fault = faults.add(Match(server="kubernetes", verb="list"), respond)
        try:
            refused = agent.end("It is fixed now.")
        finally:
            faults.remove(fault)
        assert not found_in(store, "run").accepted
        agent.look("c5", first="I look once more.")
        accepted = agent.end("I say it again: it is fixed.")
    seen = [*agent.seen, f"{refused.get('reason')}: {refused.get('to_person')}"]
    note(f"cluster: {what}", "sqlite", [proven(store, "run")], seen=seen)
    assert fault.hits
    assert refused["reason"] == "gate-unknown"
    assert accepted.get("outcome") == "resolved"


@pytest.mark.timeout(120)
def test_a_prometheus_that_is_down(chaos: Stage) -> None:
    """Whether alerts fire is not known, so nothing is accepted; the end of it is a person."""
    store, cluster = chaos.store("sqlite"), chaos.world.cluster
    options = ["--prometheus", cluster.prometheus_url]
    with chaos.served(store, options=options) as serving:
        agent = ApiAgent(serving.url, "run", chaos.world.mend)
        agent.prepare()
        cluster.stop("prometheus")
        try:
            ends = [agent.end(f"It is fixed, {at}.") for at in range(4)]
        finally:
            cluster.start("prometheus")
    found = found_in(store, "run")
    last = next(end for end in ends if end.get("next") == "end")
    seen = [*agent.seen, f"{last.get('reason')}: {last.get('outcome')}"]
    note("Prometheus down", "sqlite", [found], seen=seen)
    assert found.accepted == found.lost == found.doubled == 0
    assert found.ended
    assert last.get("outcome") in {"escalated", "unverifiable"}
