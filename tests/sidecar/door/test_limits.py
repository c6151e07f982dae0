"""Limits: sizes, rates, crowds, sessions, and clients that drip."""

import asyncio
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from guardrails.core.ids import RunId
from guardrails.sidecar.auth.owned import OwnedRuns, asking
from guardrails.sidecar.auth.roles import Caller, Role
from guardrails.sidecar.config import LimitSettings
from guardrails.sidecar.limits.buckets import Buckets
from guardrails.sidecar.limits.middleware import Limits
from guardrails.sidecar.limits.sessions import SessionCounts, TooManySessionsError
from guardrails.sidecar.stores.base import Record, RunRow
from guardrails.sidecar.stores.memory import MemoryRuns
from tests.sidecar.door.asking import ask, who

BOT = {"caller": Caller(name="bot", role=Role.AGENT)}
OTHER = {"caller": Caller(name="other", role=Role.AGENT)}


async def test_a_body_within_the_limit_comes_whole() -> None:
    """Also when it comes in parts."""
    limits = Limits(who, LimitSettings(body_bytes=10))
    answered = await ask(limits, method="POST", parts=(b"12345", b"67890"))
    assert answered.json["size"] == 10


@pytest.mark.parametrize(
    ("headers", "parts"),
    [({"content-length": "11"}, (b"",)), ({}, (b"123456", b"78901", b"2"))],
)
async def test_a_longer_body_is_413(headers, parts) -> None:
    """By what it says of itself, and by what comes: a length may be left out, or be a lie."""
    limits = Limits(who, LimitSettings(body_bytes=10))
    answered = await ask(limits, method="POST", headers=headers, parts=parts)
    assert answered.status == 413
    assert "10 bytes" in answered.json["detail"]
    assert answered.headers["connection"] == "close"


async def test_a_body_that_drips_is_408() -> None:
    """Whoever sends half of it is not waited for."""
    limits = Limits(who, LimitSettings(body_timeout=0.05))
    answered = await ask(limits, method="POST", parts=(b"{",), stall=True)
    assert answered.status == 408


async def test_a_client_that_leaves_in_its_body_is_forgotten() -> None:
    """The application never hears of it, and its place is free again."""
    limits = Limits(who, LimitSettings(concurrent=1))

    async def leaves(scope, receive, send) -> None:
        async def gone() -> dict[str, str]:
            return {"type": "http.disconnect"}

        await limits(scope, gone, send)

    assert (await ask(leaves, method="POST", parts=(b"x",))).status == 0
    assert (await ask(limits)).status == 200


async def test_a_caller_that_asks_too_often_is_told_when_to_ask_again() -> None:
    """Others are not held up by it."""
    buckets = Buckets(rate=0.5, burst=2, clock=lambda: 0.0)
    limits = Limits(who, LimitSettings(), buckets=buckets)
    assert [(await ask(limits, state=BOT)).status for _ in range(3)] == [200, 200, 429]
    refused = await ask(limits, state=BOT)
    assert refused.headers["retry-after"] == "2"
    assert (await ask(limits, state=OTHER)).status == 200


async def test_a_probe_is_never_limited() -> None:
    """A busy service is not a dead one."""
    limits = Limits(who, LimitSettings(), buckets=Buckets(rate=0.001, burst=1, clock=lambda: 0.0))
    assert [(await ask(limits, "/healthz")).status for _ in range(5)] == [200] * 5


async def test_a_crowd_is_let_in_one_after_the_other() -> None:
    """Each caller has places, and there are so many in all."""
    free = asyncio.Event()

    async def waits(scope, receive, send) -> None:
        await free.wait()
        await who(scope, receive, send)

    limits = Limits(waits, LimitSettings(concurrent=3, concurrent_per_caller=2))
    bots = [asyncio.ensure_future(ask(limits, state=BOT)) for _ in range(3)]
    others = [asyncio.ensure_future(ask(limits, state=OTHER)) for _ in range(2)]
    await asyncio.sleep(0)
    free.set()
    statuses = [(await one).status for one in (*bots, *others)]
    assert statuses == [200, 200, 429, 200, 429]
    assert (await ask(limits, state=BOT)).status == 200


@given(
    rate=st.floats(0.1, 1000),
    burst=st.integers(1, 50),
    pauses=st.lists(st.floats(0, 1), max_size=80),
)
def test_no_bucket_gives_more_than_its_rate(rate: float, burst: int, pauses: list[float]) -> None:
    """Whenever it is asked: at most the burst, and the rate for the time that has passed."""
    now = [0.0]
    buckets = Buckets(rate=rate, burst=burst, clock=lambda: now[0])
    taken = 0
    for pause in pauses:
        now[0] += pause
        wait = buckets.take("one")
        taken += wait == 0.0
        assert taken <= burst + rate * now[0] + 1e-6
        assert wait <= 1 / rate + 1e-9


# Sessions

FIRST = Record(seq=1, event=b"{}", decision=b"{}")


def _open(runs: OwnedRuns, name: str, run: str) -> None:
    now = datetime.now(UTC)
    row = RunRow(run=RunId(run), key="", policy="{}", created=now, changed=now, seq=1)
    token = asking.set(Caller(name=name, role=Role.AGENT))
    try:
        runs.create(row, FIRST)
    finally:
        asking.reset(token)


def _limited(store: MemoryRuns, clock=lambda: 0.0, **limits: int) -> OwnedRuns:
    counts = SessionCounts(store, LimitSettings(**limits), clock=clock)
    return OwnedRuns(store, admit=counts.admit, left=counts.left)


def test_a_caller_has_so_many_open_sessions() -> None:
    """One that has ended makes room for the next."""
    runs = _limited(MemoryRuns(), sessions_per_caller=2)
    _open(runs, "bot", "r1")
    _open(runs, "bot", "r2")
    with pytest.raises(TooManySessionsError, match="bot has 2 open sessions"):
        _open(runs, "bot", "r3")
    _open(runs, "other", "r4")
    runs.append(RunId("r1"), Record(seq=2, event=b"{}", decision=b"{}"), ended=True)
    _open(runs, "bot", "r3")


def test_there_are_so_many_open_sessions_in_all() -> None:
    """Whoever began them."""
    runs = _limited(MemoryRuns(), sessions=2)
    _open(runs, "a", "r1")
    _open(runs, "b", "r2")
    with pytest.raises(TooManySessionsError, match=r"limits\.sessions"):
        _open(runs, "c", "r3")


def test_sessions_of_other_replicas_count() -> None:
    """The store is asked again after a while."""
    now, store = [0.0], MemoryRuns()
    mine = _limited(store, clock=lambda: now[0], sessions_per_caller=2)
    _open(mine, "bot", "r1")
    theirs = _limited(store, sessions_per_caller=10)
    _open(theirs, "bot", "r2")
    now[0] = 61.0
    with pytest.raises(TooManySessionsError):
        _open(mine, "bot", "r3")
