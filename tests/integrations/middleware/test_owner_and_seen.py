"""Who owns a run, and what its session was told already."""

import threading
from collections.abc import Callable

import pytest

from guardrails.engine import Guard, Session, SessionKey
from guardrails.integrations.owner import current_owner, own
from guardrails.integrations.seen import SEEN_LIMIT, first_time, forget, was_seen
from tests.settings import FREE


@pytest.fixture
def begin() -> Callable[[str], tuple[Guard, Session]]:
    """Open sessions."""
    guard = Guard(settings=FREE)

    def _begin(key: str) -> tuple[Guard, Session]:
        return guard, guard.begin(SessionKey(key), adapter="test")

    return _begin


def test_owner_is_known_inside_and_gone_outside(
    begin: Callable[..., tuple[Guard, Session]],
) -> None:
    """Owners nest, and each leaves what was there before."""
    (guard, session), (_, inner) = begin("a"), begin("b")
    with own(guard, session, adapter="cli") as outer:
        with own(guard, inner, adapter="langgraph") as owner:
            assert current_owner.get() is owner
        assert current_owner.get() is outer
    assert current_owner.get() is None


def test_owner_is_gone_after_an_error(begin: Callable[..., tuple[Guard, Session]]) -> None:
    """A run that fails leaves no owner to the next one."""
    guard, session = begin("a")

    def fail() -> None:
        with own(guard, session, adapter="cli"):
            raise ConnectionError

    with pytest.raises(ConnectionError):
        fail()
    assert current_owner.get() is None


def test_fact_is_new_once_per_session_and_kind(begin: Callable[..., tuple[Guard, Session]]) -> None:
    """Ids of one session or kind say nothing about another."""
    (_, one), (_, two) = begin("a"), begin("b")
    assert first_time(one, "reply", "x")
    assert not first_time(one, "reply", "x")
    assert first_time(one, "request", "x")
    assert first_time(two, "reply", "x")
    assert was_seen(one, "reply", "x")
    assert forget(one, "reply", "x")
    assert not forget(one, "reply", "x")
    assert first_time(one, "reply", "x")


@pytest.mark.parametrize("nothing", [None, ""])
def test_fact_without_an_id_is_always_new(
    begin: Callable[..., tuple[Guard, Session]], nothing: str | None
) -> None:
    """It could be any, so it is counted rather than dropped."""
    _, session = begin("a")
    assert first_time(session, "reply", nothing)
    assert first_time(session, "reply", nothing)
    assert not was_seen(session, "reply", nothing)


def test_memory_is_bounded_and_the_oldest_goes(begin: Callable[..., tuple[Guard, Session]]) -> None:
    """A run of any length keeps the same memory."""
    _, session = begin("a")
    for n in range(SEEN_LIMIT + 1):
        first_time(session, "return", f"c{n}")
    assert not was_seen(session, "return", "c0")
    assert was_seen(session, "return", "c1")


def test_threads_that_meet_count_a_fact_once(begin: Callable[..., tuple[Guard, Session]]) -> None:
    """Callback and middleware see the same call at the same time."""
    _, session = begin("a")
    together, new = threading.Barrier(8, timeout=20), list[bool]()

    def see() -> None:
        together.wait()
        new.append(first_time(session, "request", "x"))

    threads = [threading.Thread(target=see) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(new) == [False] * 7 + [True]
