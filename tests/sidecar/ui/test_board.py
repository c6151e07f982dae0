"""The list of many runs: windows of it, what changed, and runs that other processes work on."""

import asyncio
from collections.abc import Sequence
from datetime import timedelta
from pathlib import Path
from typing import Any

import msgspec
import pytest

from guardrails.core.events import EndRequested, ExitKind, ModelReplied
from guardrails.core.evidence import GateVerdict
from guardrails.core.incident import Incident
from guardrails.core.questions import Question, QuestionKind
from guardrails.errors import StoreError
from guardrails.reports.served import served_pages
from guardrails.sidecar.api.stopping import Stopping
from guardrails.sidecar.api.streams import Pace
from guardrails.sidecar.facts import Posted
from guardrails.sidecar.service import Service
from guardrails.sidecar.stores.base import RunRow
from guardrails.sidecar.stores.memory import MemoryRuns
from guardrails.sidecar.ui.board import PAGE, Board, Wanted
from guardrails.sidecar.ui.following import Following
from guardrails.sidecar.ui.lines import Stage as Stages
from guardrails.sidecar.ui.rendering import Rendering, wanted_of
from guardrails.sidecar.ui.streaming import Streams
from tests.sidecar.api.apps import AskingGate, HeldGate, make_service, sent_events
from tests.sidecar.ui.stage import Stage

QUESTION = Question(id="q-1", kind=QuestionKind.WHICH_NAMESPACE, text="Which namespace?")
ALL = Wanted()


class Counting(MemoryRuns):
    """A store that notes how many rows were asked for."""

    def __init__(self) -> None:
        super().__init__()
        self.asked: list[int] = []
        self.broken = False

    def rows(self, *, ended: bool | None = None, limit: int = 100) -> Sequence[RunRow]:
        if self.broken:
            raise StoreError("the disk is gone")
        self.asked.append(limit)
        return super().rows(ended=ended, limit=limit)


class Clock:
    """Seconds that a test lets pass."""

    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


async def begun(service: Service, count: int, *, task: str = "checkout is down") -> list[str]:
    """Begin runs; their tasks are numbered."""
    found: list[str] = []
    for n in range(count):
        incident = Incident(task=f"{task} {n}", namespaces=("shop",))
        found.append((await service.open(incident, model="openai:gpt-5")).run)
    return found


async def said(service: Service, run: str, number: int = 1) -> None:
    """Let the agent of a run take a turn."""
    await service.post(run, [Posted(number=number, fact=ModelReplied(text="I look."))])


async def ended(service: Service, run: str, number: int = 1) -> None:
    """Let a run end."""
    end = EndRequested(exit=ExitKind.CANCELLED)
    await service.settle(run, Posted(number=number, fact=end))


async def test_a_thousand_runs_are_twenty_pages() -> None:
    """The newest first, each once, and no page has more than a person reads."""
    service = make_service()
    runs = await begun(service, 1_000)
    board = Board(service)
    seen: list[str] = []
    for page in range(1, 21):
        window = await board.window(Wanted(page=page))
        assert (window.found, window.pages) == (1_000, 20)
        assert len(window.lines) == PAGE
        assert all(line.read for line in window.lines)
        seen += [line.run for line in window.lines]
    assert sorted(seen) == sorted(runs)
    assert (await board.window(Wanted(page=99))).wanted.page == 20
    assert window.counts == {"asks": 0, "open": 1_000, "ended": 0}


async def test_those_that_wait_for_a_person_stand_first() -> None:
    """However old they are; those that ended stand last."""
    store, clock = MemoryRuns(), Clock()
    asking = await begun(make_service(store=store, gate=AskingGate(QUESTION)), 1)
    service = make_service(store=store)
    done, under_way = await begun(service, 2)
    await ended(service, done)
    board = Board(service, clock=clock)
    lines = (await board.window(ALL)).lines
    assert [line.run for line in lines] == [*asking, under_way, done]
    assert [line.stage for line in lines] == [Stages.ASKS, Stages.OPEN, Stages.ENDED]
    for stage, run in zip(Stages, (asking[0], under_way, done), strict=True):
        assert [one.run for one in (await board.window(Wanted(stage=stage))).lines] == [run]


async def test_all_words_of_a_search_have_to_fit() -> None:
    """In the task, the model, the phase, the outcome, the key or the id."""
    service = make_service()
    runs = [*await begun(service, 2), *await begun(service, 1, task="payment is slow")]
    board = Board(service)
    wanted, typed = wanted_of({"q": "PAYMENT  gpt-5", "page": "1"})
    assert typed == "PAYMENT  gpt-5"
    assert [one.run for one in (await board.window(wanted)).lines] == [runs[2]]
    assert (await board.window(Wanted(words=("checkout", "claude")))).found == 0
    assert (await board.window(Wanted(words=(runs[1],)))).found == 1


@pytest.mark.parametrize("page", ["", "0", "-1", "x", "9" * 30, "\u0661"])
def test_what_is_no_page_is_the_first(page: str) -> None:
    """Addresses are typed by people."""
    assert wanted_of({"page": page, "show": "nothing"})[0] == ALL


async def test_only_news_is_read_however_many_look() -> None:
    """Twenty viewers in one moment cost one look, and a look costs what changed."""
    store, clock = Counting(), Clock()
    service = make_service(store=store)
    runs = await begun(service, 300)
    board = Board(service, clock=clock)
    await board.window(ALL)
    assert store.asked == [5_000]
    await asyncio.gather(*(board.window(Wanted(page=n % 3)) for n in range(20)))
    assert store.asked == [5_000]
    while (await board.window(ALL)).unread:
        clock.now += 0.6
    store.asked[1:] = []
    clock.now += 2.1
    await said(service, runs[7])
    before = (await board.window(ALL)).revision
    assert store.asked == [5_000, 128]
    clock.now += 2.1
    await asyncio.gather(*(board.window(ALL) for _ in range(20)))
    assert store.asked == [5_000, 128, 128]
    assert (await board.window(ALL)).revision == before


async def test_a_run_of_another_replica_is_seen_by_way_of_the_store() -> None:
    """It is not held here for that, so that no run worked on here has to go."""
    store, clock = Counting(), Clock()
    ours, theirs = make_service(store=store), make_service(store=store, gate=AskingGate(QUESTION))
    board = Board(ours, clock=clock)
    assert (await board.window(ALL)).found == 0
    (run,) = await begun(theirs, 1)
    clock.now += 2.1
    (line,) = (await board.window(ALL)).lines
    assert (line.run, line.questions, line.task) == (run, 1, "checkout is down 0")
    assert line.model == "openai:gpt-5"
    await theirs.answer(run, question="q-1", text="shop")
    clock.now += 2.1
    await board.window(ALL)
    (line,) = (await board.window(ALL)).lines
    assert line.questions == 0
    assert ours.held(run) is None


async def test_a_run_that_was_deleted_goes_with_the_next_whole_look() -> None:
    """At most a minute later."""
    store, clock = Counting(), Clock()
    service = make_service(store=store)
    (run,) = await begun(service, 1)
    await ended(service, run)
    board = Board(service, clock=clock)
    assert (await board.window(ALL)).found == 1
    await service.expire(ended=timedelta(0), idle=timedelta(days=1))
    clock.now += 61
    assert (await board.window(ALL)).found == 0


async def test_a_gate_at_work_says_why_it_waits() -> None:
    """From the process that it works in."""
    gate = HeldGate()
    service = make_service(gate=gate)
    (run,) = await begun(service, 1)
    board = Board(service, clock=Clock())
    end = Posted(number=1, fact=EndRequested(exit=ExitKind.FINAL_ANSWER))
    waiting = asyncio.create_task(service.settle(run, end))
    await gate.at_work.wait()
    (line,) = (await board.window(ALL)).lines
    assert line.gate.why in {"the rollout of checkout", ""}
    gate.let.set()
    await waiting


def _streams(service: Service) -> tuple[Streams, Stopping]:
    pages, stopping = served_pages(), Stopping()
    rendering = Rendering(pages, authenticated=False)
    board, following = Board(service), Following(service, pages)
    return Streams(service, board, following, rendering, stopping=stopping), stopping


async def _yes() -> bool:
    return True


async def _event(stream: Any) -> tuple[str, dict[str, Any]]:
    """Return the next event of a stream that says something."""
    while True:
        found = sent_events((await anext(stream)).decode())
        if found:
            kind, data = found[0]
            return kind, msgspec.json.decode(data)


async def test_a_stream_of_the_list_sends_what_changed_and_no_more() -> None:
    """One row of fifty, when one run went on."""
    service = make_service()
    runs = await begun(service, 60)
    streams, stopping = _streams(service)
    stream = streams.runs(ALL, typed="", still=_yes)
    kind, first = await _event(stream)
    assert kind == "rows"
    assert len(first["order"]) == len(first["rows"]) == PAGE
    await said(service, runs[-1])
    await said(service, runs[0])  # which is on the second page
    _, second = await _event(stream)
    assert list(second["rows"]) == [f"run-{runs[-1]}"]
    assert second["order"] == first["order"]
    (new,) = await begun(service, 1)
    _, third = await _event(stream)
    assert third["order"][0] == f"run-{new}"
    assert len(third["order"]) == PAGE
    stopping.begin()
    assert [part async for part in stream] == []


async def test_a_stream_tells_that_the_store_does_not_answer_and_goes_on() -> None:
    """Nobody has to load the page again."""
    store = Counting()
    service = make_service(store=store)
    await begun(service, 1)
    streams, stopping = _streams(service)
    store.broken = True
    stream = streams.runs(ALL, typed="", still=_yes)
    kind, told = await _event(stream)
    assert (kind, told["why"]) == ("trouble", "the disk is gone")
    store.broken = False
    kind, _ = await _event(stream)
    assert kind == "rows"
    stopping.begin()


async def test_a_stream_of_a_run_sends_the_parts_that_changed_until_it_ends() -> None:
    """A turn changes what happened last, and no question."""
    service = make_service(GateVerdict.FAIL)
    (run,) = await begun(service, 1)
    streams, _ = _streams(service)
    live = await service.run(run)
    stream = streams.run(live.run, may_answer=True, still=_yes)
    _, first = await _event(stream)
    assert {"head", "questions", "gate", "findings", "facts", "activity"} == set(first)
    await said(service, run)
    _, second = await _event(stream)
    assert "activity" in second
    assert "questions" not in second
    await ended(service, run, 2)
    kind, third = await _event(stream)
    assert "aborted" in third["head"]
    kind, _ = await _event(stream)
    assert kind == "end"
    assert [part async for part in stream] == []


async def test_a_stream_ends_when_its_viewer_may_see_it_no_more(tmp_path: Path) -> None:
    """The token is asked about as long as the stream goes on."""
    stage = Stage(tmp_path)
    asked = 0

    async def still() -> bool:
        nonlocal asked
        asked += 1
        return False

    service = stage.service
    pages = served_pages()
    streams = Streams(
        service,
        Board(service),
        Following(service, pages),
        Rendering(pages, authenticated=True),
        stopping=Stopping(),
        pace=Pace(ping_seconds=0.0),
    )
    assert [part async for part in streams.runs(ALL, typed="", still=still)] == []
    assert asked == 1
