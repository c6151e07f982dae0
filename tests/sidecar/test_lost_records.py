"""A store that fails over may lose its last records: the service goes on from what it has."""

from collections.abc import Sequence
from dataclasses import replace

import msgspec
import pytest

from guardrails.core.claims import Claim, ClaimKind
from guardrails.core.decisions import Next
from guardrails.core.events import AnyFact, EndRequested, ExitKind, ModelReplied
from guardrails.core.evidence import GateVerdict
from guardrails.core.ids import RunId
from guardrails.core.incident import Incident
from guardrails.sidecar.facts import GapError, Posted
from guardrails.sidecar.service import Service, UnknownRunError
from guardrails.sidecar.stores.memory import MemoryRuns
from guardrails.testing.gates import ScriptedGate
from tests.settings import FREE

ABOUT = Incident(task="checkout is down", namespaces=("shop",))
CLAIM = EndRequested(
    exit=ExitKind.FINAL_ANSWER, claim=Claim(kind=ClaimKind.MITIGATED, text="It is fixed.")
)


class FailingOver:
    """Runs on a server whose replica takes over without the last records."""

    name = "memory"

    def __init__(self) -> None:
        self.runs = MemoryRuns()

    def __getattr__(self, name: str) -> object:
        return getattr(self.runs, name)

    def lose(self, run: RunId, *, keeping: int) -> None:
        """Go on with the first records of a run."""
        found, records = self.runs.load(run), list(self.runs.records(run))
        assert found is not None
        self.runs = MemoryRuns()
        if keeping:
            self.runs.create(replace(found.row, seq=1, ended=False), records[0])
        for record in records[1:keeping]:
            self.runs.append(run, record)


def _service(store: FailingOver) -> Service:
    gate = ScriptedGate(GateVerdict.PASS)
    return Service(
        store=store,  # type: ignore[arg-type]
        settings=lambda _policy, _model: FREE,
        gate=lambda _settings: gate,
    )


def _says(*words: str, first: int = 1) -> Sequence[Posted]:
    facts: list[AnyFact] = [ModelReplied(text=text) for text in words]
    return [Posted(number=number, fact=fact) for number, fact in enumerate(facts, start=first)]


def _texts(store: FailingOver, run: RunId) -> list[str]:
    events = [msgspec.json.decode(one.event) for one in store.runs.records(run)]
    return [e["fact"]["text"] for e in events if e["fact"]["type"] == "model_replied"]


async def test_the_caller_is_told_what_was_lost_and_states_it_again() -> None:
    """By the number that is next; then everything is there once, in its order."""
    store = FailingOver()
    service = _service(store)
    run = (await service.open(ABOUT)).run
    await service.post(run, _says("one", "two", "three"))
    store.lose(run, keeping=2)
    with pytest.raises(GapError) as caught:
        await service.post(run, _says("four", first=4))
    assert caught.value.expected == 2
    await service.post(run, _says("two", "three", "four", first=2))
    assert _texts(store, run) == ["one", "two", "three", "four"]


async def test_a_fact_that_was_answered_and_lost_is_decided_again() -> None:
    """Who states it again is not told to state one that comes later."""
    store = FailingOver()
    service = _service(store)
    run = (await service.open(ABOUT)).run
    await service.post(run, _says("one", "two", "three"))
    store.lose(run, keeping=3)
    await service.post(run, _says("three", first=3))
    assert _texts(store, run) == ["one", "two", "three"]


async def test_what_another_process_wrote_in_its_place_is_what_counts() -> None:
    """As many records as before, and yet not the same ones."""
    store = FailingOver()
    first, second = _service(store), _service(store)
    run = (await first.open(ABOUT)).run
    await first.post(run, _says("one", "two"))
    store.lose(run, keeping=2)
    await second.post(run, _says("other", "more", first=2))
    assert (await first.current(run)).number == 3
    await first.post(run, _says("last", first=4))
    assert _texts(store, run) == ["one", "other", "more", "last"]


async def test_an_accepted_end_that_was_lost_is_judged_again() -> None:
    """What the store does not hold has not been accepted."""
    store = FailingOver()
    service = _service(store)
    run = (await service.open(ABOUT)).run
    end = Posted(number=1, fact=CLAIM)
    accepted = await service.settle(run, end)
    before = len(list(store.runs.records(run)))
    store.lose(run, keeping=1)
    again = await service.settle(run, end)
    assert accepted is not None
    assert again is not None
    assert accepted.next is again.next is Next.END
    assert len(list(store.runs.records(run))) == before


async def test_a_verdict_alone_that_was_lost_is_reached_again() -> None:
    """The end was stated, and what the gate said of it is gone."""
    store = FailingOver()
    service = _service(store)
    run = (await service.open(ABOUT)).run
    end = Posted(number=1, fact=CLAIM)
    await service.settle(run, end)
    store.lose(run, keeping=2)
    again = await service.settle(run, end)
    assert again is not None
    assert again.next is Next.END
    found = store.runs.load(run)
    assert found is not None
    assert found.row.ended


async def test_a_run_that_was_lost_whole_is_unknown() -> None:
    """As it is after a restart of a service that keeps runs in memory."""
    store = FailingOver()
    service = _service(store)
    run = (await service.open(ABOUT)).run
    await service.post(run, _says("one"))
    store.lose(run, keeping=0)
    with pytest.raises(UnknownRunError, match="no run"):
        await service.post(run, _says("two", first=2))


async def test_shutting_down_stores_nothing_of_what_was_lost() -> None:
    """A session that is kept whole would bring it back for whoever reads the run next."""
    store = FailingOver()
    service, other = _service(store), _service(store)
    run = (await service.open(ABOUT)).run
    await service.post(run, _says("one", "two"))
    store.lose(run, keeping=2)
    await other.post(run, _says("other", first=2))
    await service.shutdown()
    found = store.runs.load(run)
    assert found is not None
    assert found.snapshot == b""
