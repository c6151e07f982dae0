"""The service is killed at every write of a run, and started again: the run comes to its end."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import cycle, islice

import pytest

from e2e.sidecar.chaos.agents import WRITE, ApiAgent, GaveUpError, ProxyAgent
from e2e.sidecar.chaos.checks import runs_in
from e2e.sidecar.chaos.serving import Death
from e2e.sidecar.chaos.stage import Stage, proven, stage
from e2e.sidecar.chaos.table import note

LASTING = ["sqlite", "redis", "postgresql"]
FACTS = 14
"""That the agent of the decision API states."""
ENOUGH = 120
"""Deaths that no run needs."""


@pytest.fixture(scope="module", autouse=True)
def programs() -> None:
    """Build nothing of Kubernetes: the cluster is simulated here."""


@pytest.fixture(scope="module")
def chaos(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stage]:
    """Put a stage up."""
    with stage(tmp_path_factory.mktemp("chaos")) as found:
        yield found


def _deaths(*kinds: Death) -> list[Death]:
    return list(islice(cycle(kinds), ENOUGH))


@pytest.mark.timeout(240)
@pytest.mark.parametrize("kind", LASTING)
def test_killed_at_every_write_of_the_decision_api(chaos: Stage, kind: str) -> None:
    """Each process gets one write further: it dies just after it, or just before the next one."""
    store = chaos.store(kind)
    with chaos.served(store, deaths=_deaths(("after", 1), ("before", 2))) as serving:
        agent = ApiAgent(serving.url, "run", chaos.world.mend)
        outcome = agent.work()
        deaths = serving.deaths
    found = proven(store, "run")
    note("kill -9 at every write, API", kind, [found], seen=agent.seen, deaths=deaths)
    assert outcome == "resolved"
    assert agent.number == FACTS
    assert found.refused == 1
    assert deaths >= found.records


@pytest.mark.timeout(240)
@pytest.mark.parametrize("kind", LASTING)
def test_killed_at_every_write_of_the_proxy(chaos: Stage, kind: str) -> None:
    """OpenAI's client repeats its request; the false claim never reaches the agent."""
    store = chaos.store(kind)
    deaths = _deaths(("before", 2), ("after", 1))
    with chaos.served(store, deaths=deaths, model=chaos.model.url) as serving:
        agent = ProxyAgent(serving.url, chaos.world.mend)
        said = agent.work()
        died = serving.deaths
    assert runs_in(store) == [agent.run]
    found = proven(store, agent.run)
    note("kill -9 at every write, proxy", kind, [found], seen=agent.seen, deaths=died)
    assert said == "It is fixed now."
    assert agent.ran.count(WRITE) == 1
    assert "It is fixed." not in [one["content"] for one in agent.messages]
    assert died >= found.records


@pytest.mark.timeout(60)
@pytest.mark.parametrize("at", [1, 9, 16])
def test_a_run_in_memory_is_lost_clearly(chaos: Stage, at: int) -> None:
    """Its caller is told so at once, and no end of it is accepted."""
    with chaos.served("memory:", deaths=[("after", at)]) as serving:
        agent = ApiAgent(serving.url, "run", chaos.world.mend)
        if at == 1:  # it was not answered yet, so asking again begins it
            assert agent.work() == "resolved"
        else:
            with pytest.raises(GaveUpError, match="404 no run 'run'"):
                agent.work()
            assert not any(one.get("outcome") for one in agent.decisions.values())
    note(f"kill -9 after write {at}, API", "memory", [], seen=agent.seen, deaths=1)


@pytest.mark.timeout(60)
def test_a_conversation_in_memory_goes_on_as_a_new_run(chaos: Stage) -> None:
    """The proxy does not know it any more; what the agent claims is judged all the same."""
    deaths = [("after", 12)]
    with chaos.served("memory:", deaths=deaths, model=chaos.model.url) as serving:
        agent = ProxyAgent(serving.url, chaos.world.mend)
        said = agent.work()
        assert serving.deaths == 1
        trace = serving.read(f"/v1/sessions/{agent.run}/trace")
    note("kill -9 after write 12, proxy", "memory", [], seen=agent.seen, deaths=1)
    assert said == "It is fixed now."
    assert "It is fixed." not in [one["content"] for one in agent.messages]
    assert '"verdict":"pass"' in trace
