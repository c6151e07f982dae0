"""Two services over one store, at one run at the same time: as if there were one."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest

from e2e.sidecar.chaos.agents import ApiAgent, ProxyAgent
from e2e.sidecar.chaos.checks import found_in
from e2e.sidecar.chaos.stage import Stage, proven, stage
from e2e.sidecar.chaos.table import note

LASTING = ["sqlite", "redis", "postgresql"]


@pytest.fixture(scope="module", autouse=True)
def programs() -> None:
    """Build nothing of Kubernetes: the cluster is simulated here."""


@pytest.fixture(scope="module")
def chaos(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stage]:
    """Put a stage up."""
    with stage(tmp_path_factory.mktemp("chaos")) as found:
        yield found


@pytest.mark.timeout(120)
@pytest.mark.parametrize("kind", LASTING)
def test_two_that_are_told_the_same(chaos: Stage, kind: str) -> None:
    """Both answer alike, and judge one end; it is accepted once."""
    store = chaos.store(kind)
    with chaos.served(store) as one, chaos.served(store) as two:
        agents = [ApiAgent(each.url, "run", chaos.world.mend) for each in (one, two)]
        with ThreadPoolExecutor(2) as pool:
            outcomes = list(pool.map(ApiAgent.work, agents))
    found = proven(store, "run")
    seen = [*agents[0].seen, *agents[1].seen]
    note("two replicas, same numbers", kind, [found], seen=seen)
    assert outcomes == ["resolved", "resolved"]
    assert agents[0].decisions == agents[1].decisions


@pytest.mark.timeout(120)
@pytest.mark.parametrize("kind", LASTING)
def test_two_that_are_told_different_facts(chaos: Stage, kind: str) -> None:
    """Each fact is taken when those before it are; whoever comes early is told which is next."""
    store, facts = chaos.store(kind), 24
    with chaos.served(store) as one, chaos.served(store) as two:
        agents = [ApiAgent(each.url, "run", chaos.world.mend) for each in (one, two)]
        agents[0].open()

        def state(at: int) -> None:
            agent = agents[at]
            for number in range(1 + at, facts + 1, 2):
                agent.number = number - 1
                agent.state({"type": "model_replied", "text": f"Word {number}."})

        with ThreadPoolExecutor(2) as pool:
            list(pool.map(state, (0, 1)))
    found = found_in(store, "run")
    seen = sorted({one[:3] for agent in agents for one in agent.seen})
    note("two replicas, numbers in turns", kind, [found], seen=seen)
    assert found.lost == found.doubled == found.accepted == 0
    assert found.records == facts + 1


@pytest.mark.timeout(120)
@pytest.mark.parametrize("kind", LASTING)
def test_a_conversation_that_moves_between_two(chaos: Stage, kind: str) -> None:
    """A load balancer gives each request to the other one; it stays one run."""
    store, model = chaos.store(kind), chaos.model.url
    with chaos.served(store, model=model) as one, chaos.served(store, model=model) as two:
        urls = itertools.cycle([one.url, two.url])
        agent = ProxyAgent(one.url, chaos.world.mend, next_url=lambda: next(urls))
        said = agent.work()
    found = proven(store, agent.run)
    note("a conversation at two replicas", kind, [found], seen=agent.seen)
    assert said == "It is fixed now."
