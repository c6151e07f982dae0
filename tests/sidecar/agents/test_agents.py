"""Nine unmodified agents, streamed and not: a false claim never leaves the guard."""

import itertools

import pytest

from guardrails.testing import call, slowly, turn
from guardrails.testing.model_server import ServerTurn
from tests.sidecar.agents.conftest import Stage
from tests.sidecar.agents.loops import AGENTS
from tests.sidecar.agents.world import RIGHT, TASK

FALSE = "All pods are Running, so the incident is resolved."
TRUE = "The Service points at its pods again. The incident is resolved."
LOOK = "I look at the pods and at the Services."
MEND = "The Service points at 9090, where nothing listens. I point it back."
CHECK = "What did that do?"
TOKENS = [(100, 11), (200, 22), (300, 33), (400, 44), (500, 55)]
_tasks = itertools.count(1)


def script() -> list[ServerTurn]:
    """Look, claim without proof, mend (and try to delete), look again, claim with proof."""
    pods = call("kubectl_get", resource="pods")
    services = call("kubectl_get", resource="services")
    drop = call("kubectl_delete", resource="deployments", name="checkout")
    mend = call("kubectl_patch", resource="services", name="checkout", patch=RIGHT)
    again = call("kubectl_get", resource="services", name="checkout")
    return [
        turn(LOOK, calls=[pods, services], tokens=TOKENS[0]),
        turn(FALSE, tokens=TOKENS[1]),
        turn(MEND, calls=[drop, mend], tokens=TOKENS[2]),
        turn(CHECK, calls=[again], tokens=TOKENS[3]),
        turn(TRUE, tokens=TOKENS[4]),
    ]


def played(stage: Stage, agent: str, *, stream: bool, turns: list[ServerTurn]) -> None:
    """Play the script with an agent, and hold what came of it."""
    stage.model.play(turns)
    task = f"{TASK} (ticket {next(_tasks)})"  # each is an incident of its own
    ended = AGENTS[agent](stage.given(stream=stream, task=task))
    assert ended.text == TRUE
    assert [one.strip() for one in ended.said] == [LOOK, MEND, CHECK, TRUE]
    assert ended.spent == [TOKENS[0], *TOKENS[2:]]
    assert stage.world.called == ["kubectl_get", "kubectl_get", "kubectl_patch", "kubectl_get"]
    assert len(stage.model.asked) == 5
    run = stage.newest()
    assert run["outcome"] == "resolved"
    assert "Not accepted" in str(stage.model.asked[2].body)


@pytest.mark.timeout(60)
@pytest.mark.parametrize("stream", [False, True], ids=["whole", "streamed"])
@pytest.mark.parametrize("agent", sorted(AGENTS))
def test_a_false_claim_is_refused_within_the_request(
    stage: Stage, agent: str, *, stream: bool
) -> None:
    """The agent sees its calls and the honest end; the deletion and the false end it never sees."""
    played(stage, agent, stream=stream, turns=script())


@pytest.mark.timeout(60)
@pytest.mark.parametrize("agent", sorted(AGENTS))
def test_a_stream_that_began_early_reads_the_same(slow_stage: Stage, agent: str) -> None:
    """Clients are held by events while the model thinks, and ids that were given early last."""
    turns = [slowly(one, seconds=0.2) for one in script()]  # type: ignore[arg-type]
    played(slow_stage, agent, stream=True, turns=turns)
