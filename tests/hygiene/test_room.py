"""Room by shorter results: who gives first, and what is told of what went."""

from guardrails.hygiene.context import Context
from guardrails.hygiene.forms import LIMITS, POINTER, WHOLE, Forms
from guardrails.hygiene.left import Left
from guardrails.hygiene.messages import Call, Message, Role
from guardrails.hygiene.tokens import Measure, characters_of
from guardrails.policy.models import HygieneSettings

CALM = "\n".join(f"10:00:{n % 60:02} INFO part {'abcdefgh'[n % 8] * 3} done" for n in range(200))


def looked(number: int, text: str) -> list[Message]:
    """Return a turn: one call, and its result."""
    call = Call(call_id=f"c{number}", tool="kubectl", arguments=f'{{"n":{number}}}')
    return [
        Message(role=Role.ASSISTANT, text=f"I look, {number}.", calls=(call,), at=2 * number + 1),
        Message(role=Role.TOOL, text=text, call_id=f"c{number}", at=2 * number + 2),
    ]


def history(*results: str) -> list[Message]:
    """Return an incident with a turn for each result."""
    turns = [message for n, text in enumerate(results) for message in looked(n, text)]
    return [Message(role=Role.USER, text="web is down", at=0), *turns]


def results(messages: tuple[Message, ...]) -> list[str]:
    """Return what results say."""
    return [message.text for message in messages if message.role is Role.TOOL]


def test_the_longest_give_first() -> None:
    """A short result stays whole while a long one still has more than it."""
    messages = history(CALM, "web 0/1 CrashLoopBackOff", "a", "b", "c")
    left = Context(HygieneSettings(tokens=500)).cleaned(messages)
    long, short, *_ = results(left.messages)
    assert len(long) < len(CALM) // 3
    assert short == "web 0/1 CrashLoopBackOff"
    assert [removal.why for removal in left.removals] == [Left.COMPRESSED]


def test_the_newest_turns_have_more() -> None:
    """Of two results of one length, what the agent works on stays longer."""
    newest = CALM.replace("INFO", "INFO the")
    left = Context(HygieneSettings(tokens=1_500, recent=1)).cleaned(history(CALM, newest))
    old, new = results(left.messages)
    assert len(old) < len(new)


def test_a_name_out_of_sight_is_told_once() -> None:
    """Two outputs named the same address in a calm line; one list tells it."""
    calm = CALM.replace("part hhh", "to mongodb-geo:27017")
    messages = history(calm, f"{calm}.", "a", "b", "c")
    left = Context(HygieneSettings(tokens=200)).cleaned(messages)
    told = [text for text in results(left.messages) if "mongodb-geo:27017" in text]
    assert len(told) == 1
    assert "[also named: mongodb-geo:27017" in told[0]


def test_a_result_becomes_a_pointer_before_its_turn_goes() -> None:
    """The agent's own words are short and hold what it concluded."""
    messages = history(*(f"{CALM}{n}" for n in range(12)))
    left = Context(HygieneSettings(tokens=900)).cleaned(messages)
    first = results(left.messages)[0]
    size = len(CALM) + 1
    assert first.startswith(f'[left out: a result of {size:,} characters; recall("c0") shows it]')
    assert "I look, 0." in {message.text for message in left.messages}
    assert {removal.why for removal in left.removals} == {Left.COMPRESSED}


def test_nobody_is_told_of_a_tool_that_is_not_there() -> None:
    """Behind the model proxy there is no `recall`; the rest is said as ever."""
    messages = history(CALM, *(f"{CALM}{n}" for n in range(12)))
    left = Context(HygieneSettings(tokens=900)).cleaned(messages, recall=False)
    texts = results(left.messages)
    size = len(CALM) + 1
    assert f"[left out: a result of {size:,} characters]" in texts
    assert not [text for text in texts if "recall(" in text]


def test_the_result_fits_wherever_it_can() -> None:
    """Notes and lists of names are within the budget."""
    messages = history(*(f"{CALM}{n}" for n in range(6)))
    for tokens in range(600, 12_000, 400):
        left = Context(HygieneSettings(tokens=tokens)).cleaned(messages).messages
        assert Measure().tokens(characters_of(left), messages=len(left)) <= tokens


def test_a_form_is_never_longer_than_the_text() -> None:
    """Down to the pointer; and what is a pointer already stays one."""
    forms = Forms(CALM, "c1")
    sizes = [forms.size(rung) for rung in range(POINTER + 1)]
    assert sizes[WHOLE] == len(CALM)
    assert max(sizes) == len(CALM)
    assert sizes[POINTER] < min(LIMITS)
    pointer = forms.at(POINTER).text
    assert Forms(pointer, "c1").at(POINTER).text == pointer


def test_what_is_known_to_be_the_least_is_never_more_than_it_is() -> None:
    """Sums of floors rule rungs out, so a floor above a size would leave out too much."""
    forms = Forms(CALM)
    for rung in (12, 14, 13):
        forms.at(rung)
        assert all(
            floor <= min(Forms(CALM).size(at), Forms(CALM).size(at + 1))
            for at, floor in enumerate(forms.floors)
        )
