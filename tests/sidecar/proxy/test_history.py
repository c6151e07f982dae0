"""How conversations are known again, whatever a client does to their spelling."""

import subprocess
import sys
from dataclasses import replace

import msgspec
from hypothesis import given
from hypothesis import strategies as st

from guardrails.core.ids import RunId
from guardrails.hygiene.messages import Call, Message, Role
from guardrails.sidecar.proxy.conversation import grown
from guardrails.sidecar.proxy.history import History
from guardrails.sidecar.proxy.kept import HIDDEN, Hidden, Kept, Thread, bounded
from guardrails.sidecar.proxy.known import Known
from guardrails.sidecar.proxy.matching import best, match
from guardrails.sidecar.proxy.wire.base import Asked, ToolSpec

TOOLS = (ToolSpec(name="kubectl"),)
TEXTS = st.text("abc ", min_size=1, max_size=5).filter(str.strip)


@st.composite
def conversations(draw: st.DrawFn) -> tuple[Message, ...]:
    """A task, and turns with calls and their results."""
    found = [Message(role=Role.USER, text=draw(TEXTS))]
    for turn in range(draw(st.integers(0, 5))):
        calls = tuple(
            Call(call_id=f"c{turn}-{at}", tool="kubectl") for at in range(draw(st.integers(1, 3)))
        )
        found.append(Message(role=Role.ASSISTANT, text=draw(TEXTS), calls=calls))
        found += [Message(role=Role.TOOL, text=draw(TEXTS), call_id=call.call_id) for call in calls]
    return tuple(found)


def _asked(messages: tuple[Message, ...], *, tools: bool = True, system: str = "s") -> Asked:
    placed = tuple(replace(m, at=at) for at, m in enumerate(messages))
    items = tuple({"n": at} for at in range(len(placed)))
    given_tools = TOOLS if tools else ()
    return Asked(raw={}, items=items, messages=placed, system=system, tools=given_tools)


def _thread(messages: tuple[Message, ...]) -> Thread:
    history = History.of(_asked(messages))
    thread = Thread(root=history.root, system=history.system, calls=tuple(history.calls))
    return grown(thread, history)


@given(conversations(), conversations())
def test_what_goes_on_is_known_and_counts_as_known(
    before: tuple[Message, ...], more: tuple[Message, ...]
) -> None:
    """All that stood in the last request is no news."""
    asked = _asked((*before, *more))
    history = History.of(asked)
    found = match(_thread(before), asked, history)
    assert found is not None
    # A turn that goes on with the model's own words is one unit with them.
    assert history.since(found.known) == asked.messages[len(before) :]


@given(st.lists(conversations(), min_size=1, max_size=6), conversations(), st.booleans())
def test_no_run_that_a_request_may_belong_to_is_passed_over(
    before: list[tuple[Message, ...]],
    more: tuple[Message, ...],
    tools: bool,  # noqa: FBT001  # drawn
) -> None:
    """Only likely ones are looked at, and every one that fits is likely."""
    known = Known(at_most=8)
    threads = [msgspec.structs.replace(_thread(one), summaries=(one[0].text,)) for one in before]
    for at, thread in enumerate(threads):
        known.note(RunId(str(at)), Kept(client="c", wire="chat", threads=(thread,)))
    for messages in (*before, (*before[0], *more), (*before[0][1:], *more), more):
        asked = _asked(messages, tools=tools)
        history = History.of(asked)
        likely = [run for run, _ in known.likely(asked, history)]
        fits = [at for at, thread in enumerate(threads) if match(thread, asked, history)]
        assert likely == sorted(likely)
        assert {str(at) for at in fits} <= set(likely)


def test_runs_that_were_met_long_ago_are_forgotten_with_their_marks() -> None:
    """Memory has a bound."""
    known = Known(at_most=2)
    for at in range(5):
        task = (Message(role=Role.USER, text=f"case {at}"),)
        known.note(RunId(str(at)), Kept(client="c", wire="chat", threads=(_thread(task),)))
        known.note(RunId(str(at)), Kept(client="c", wire="chat"))  # nothing to know it by
    first = _asked((Message(role=Role.USER, text="case 0"),))
    last = _asked((Message(role=Role.USER, text="case 4"),))
    assert list(known.likely(first, History.of(first))) == []
    assert [run for run, _ in known.likely(last, History.of(last))] == ["4"]
    assert RunId("2") not in known
    assert len(known._by_mark) == 2


@given(conversations())
def test_spelling_changes_nothing(messages: tuple[Message, ...]) -> None:
    """Clients strip and pad texts, and write one turn as several items."""
    split = tuple(
        part
        for m in messages
        for part in (
            (replace(m, calls=()), *(replace(m, text="", calls=(call,)) for call in m.calls))
            if m.role is Role.ASSISTANT
            else (replace(m, text=f" {m.text}\n"),)
        )
    )
    assert History.of(_asked(split)).heads == History.of(_asked(messages)).heads


@given(conversations(), conversations())
def test_the_longest_known_conversation_is_taken(
    short: tuple[Message, ...], more: tuple[Message, ...]
) -> None:
    """Of two that a request goes on with, the other one is its beginning."""
    long = (*short, *more)
    asked = _asked((*long, Message(role=Role.USER, text="on")))
    found = best([_thread(short), _thread(long)], asked, History.of(asked))
    assert found is not None
    assert found[0] == 1


def test_other_instructions_over_the_same_task_are_another_conversation() -> None:
    """A request for a title quotes the task."""
    task = (Message(role=Role.USER, text="checkout is down"),)
    asked = _asked(task, tools=False, system="Write a title.")
    assert match(_thread(task), asked, History.of(asked)) is None


def test_instructions_that_change_with_the_time_are_the_same_agents() -> None:
    """A call that both know tells so."""
    call = Call(call_id="c1", tool="kubectl")
    messages = (
        Message(role=Role.USER, text="checkout is down"),
        Message(role=Role.ASSISTANT, calls=(call,)),
        Message(role=Role.TOOL, text="ok", call_id="c1"),
    )
    asked = _asked(messages, system="It is 10:02.")
    found = match(_thread(messages[:2]), asked, History.of(asked))
    assert found is not None
    assert found.known == 2


def test_calls_of_another_conversation_are_not_enough_when_most_are_unknown() -> None:
    """Some models number their calls anew in each conversation."""
    known = (
        Message(role=Role.USER, text="a"),
        Message(role=Role.ASSISTANT, calls=(Call(call_id="call_0", tool="kubectl"),)),
    )
    other = (
        Message(role=Role.USER, text="b"),
        *(
            Message(role=Role.ASSISTANT, calls=(Call(call_id=f"call_{at}", tool="kubectl"),))
            for at in range(3)
        ),
    )
    asked = _asked(other)
    assert match(_thread(known), asked, History.of(asked)) is None


@given(st.lists(st.integers(1, 3_000), max_size=2 * HIDDEN))
def test_hidden_turns_are_bounded_and_the_newest_stay(sizes: list[int]) -> None:
    """A model need not be reminded of everything that it ever got wrong."""
    hidden = tuple(
        Hidden(after=at, head="", anchor="", items=({"text": "x" * size},))
        for at, size in enumerate(sizes)
    )
    left = bounded(hidden)
    assert left == hidden[len(hidden) - len(left) :]
    assert len(left) <= HIDDEN


def test_the_proxy_loads_no_langchain() -> None:
    """It takes 2.4 s to import, and the service's image has none."""
    module = "guardrails.sidecar.proxy.routes"
    code = f"import sys, {module}; print([m for m in sys.modules if m.startswith('lang')])"
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert found.stdout.strip() == "[]"
