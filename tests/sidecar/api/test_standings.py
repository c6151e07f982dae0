"""A list that tells where runs stand: what it reads for that, and what it does not read again."""

from collections.abc import Sequence

from guardrails.core.evidence import GateVerdict
from guardrails.core.ids import RunId
from guardrails.core.incident import Incident
from guardrails.sidecar.api.standings import READ_AT_MOST, Standings
from guardrails.sidecar.app import make_app
from guardrails.sidecar.behind import StoreBehind
from guardrails.sidecar.stores.base import Record, Stored
from guardrails.sidecar.stores.memory import MemoryRuns
from tests.sidecar.api.apps import (
    CLAIM,
    LOOK,
    HeldGate,
    calling,
    full_app,
    make_service,
    opened,
)

ABOUT = Incident(task="checkout is down", namespaces=("shop",))


class Counted(StoreBehind):
    """A store that counts how often runs are read."""

    reads = 0

    def load(self, run: RunId) -> Stored | None:
        """Read a run."""
        self.reads += 1
        return super().load(run)

    def since(self, run: RunId, seq: int) -> Sequence[Record]:
        """Read what was added to one."""
        self.reads += 1
        return super().since(run, seq)


async def test_a_list_tells_where_runs_stand_when_it_is_asked_to() -> None:
    """Phase, steps, model and findings; without the question the answer is as it was."""
    async with calling(full_app(GateVerdict.PASS)) as client:
        run = await opened(client, model="openai:gpt-5")
        await client.post(
            f"/v1/sessions/{run}/events", json={"events": [{"number": 1, "fact": LOOK}]}
        )
        (plain,) = (await client.get("/v1/sessions")).json()["sessions"]
        assert sorted(plain) == ["changed", "created", "ended", "key", "run", "seq"]
        (row,) = (await client.get("/v1/sessions?standing=true")).json()["sessions"]
        told = row["standing"]
        assert (told["seq"], told["step"], told["steps"]) == (2, 1, 60)
        assert (told["model"], told["task"], told["outcome"]) == (
            "openai:gpt-5",
            "checkout is down",
            None,
        )
        await client.post(f"/v1/sessions/{run}/end", json={"number": 2, **CLAIM})
        (row,) = (await client.get("/v1/sessions?standing=true")).json()["sessions"]
        assert row["standing"]["outcome"] == "resolved"


async def test_a_list_tells_the_role_of_whoever_asks() -> None:
    """So a program can say at once what it will not be let do."""
    app = full_app(tokens=True)
    for token, role in (("t-viewer", "viewer"), ("t-operator", "operator")):
        async with calling(app, token=token) as client:
            assert (await client.get("/v1/sessions")).json()["role"] == role
    async with calling(full_app()) as client:
        assert "role" not in (await client.get("/v1/sessions")).json()


async def test_a_gate_at_work_is_told_with_what_it_waits_for() -> None:
    """In the list and in the run's state, until the gate is through."""
    gate = HeldGate()
    async with calling(full_app(gate=gate)) as client:
        run = await opened(client)
        await client.post(f"/v1/sessions/{run}/end", json={"number": 1, **CLAIM, "wait": 0})
        await gate.at_work.wait()
        (row,) = (await client.get("/v1/sessions?standing=true")).json()["sessions"]
        assert row["standing"]["ending"] == "final_answer"
        assert row["standing"]["progress"]["waiting_for"] == ["the rollout of checkout"]
        state = (await client.get(f"/v1/sessions/{run}")).json()
        assert state["progress"]["waiting_for"] == ["the rollout of checkout"]
        gate.let.set()
        await client.post(f"/v1/sessions/{run}/end", json={"number": 1, **CLAIM})
        (row,) = (await client.get("/v1/sessions?standing=true")).json()["sessions"]
        assert (row["standing"]["outcome"], row["standing"]["progress"]) == ("resolved", None)
        assert (await client.get(f"/v1/sessions/{run}")).json()["progress"] is None


async def test_runs_that_are_not_in_memory_are_read_a_part_at_a_time() -> None:
    """A list of many does not keep agents waiting; the next one goes on, and nothing twice."""
    store = Counted(MemoryRuns())
    before = make_service(store=store)
    for number in range(READ_AT_MOST + 5):
        await before.open(ABOUT, run=f"run-{number}")
    standings = Standings(make_service(store=store))
    rows = store.rows(limit=1_000)
    assert [len(await standings.of(rows)) for _ in range(2)] == [READ_AT_MOST, READ_AT_MOST + 5]
    store.reads = 0
    again = await standings.of(rows)
    assert (len(again), store.reads) == (READ_AT_MOST + 5, 0)


async def test_what_another_process_decided_is_read() -> None:
    """The row tells that there is more than is known here."""
    store = MemoryRuns()
    here, there = make_service(store=store), make_service(store=store)
    async with calling(make_app(here)) as one, calling(make_app(there)) as other:
        run = await opened(one)
        asked = "/v1/sessions?standing=true"
        (row,) = (await one.get(asked)).json()["sessions"]
        assert row["standing"]["step"] == 0
        sent = {"events": [{"number": 1, "fact": LOOK}]}
        await other.post(f"/v1/sessions/{run}/events", json=sent)
        (row,) = (await one.get(asked)).json()["sessions"]
        assert row["standing"]["step"] == 1


async def test_a_run_that_is_deleted_meanwhile_stands_nowhere() -> None:
    """It was in the list, and is not in the store any more."""
    store = MemoryRuns()
    await make_service(store=store).open(ABOUT, run="run-1")
    rows = store.rows()
    assert await Standings(make_service(store=MemoryRuns())).of(rows) == {}
