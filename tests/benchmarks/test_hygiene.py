"""What the benchmark of filters counts, and what it says when there is nothing to count."""

from pathlib import Path

import pytest

from benchmarks.hygiene.__main__ import main
from benchmarks.hygiene.conversations import Conversation
from benchmarks.hygiene.cost import MESSAGES, made
from benchmarks.hygiene.facts import facts_in
from benchmarks.hygiene.keeping import is_valid, measured
from benchmarks.hygiene.rivals import OURS, RIVALS


def _turn(number: int, text: str) -> list[dict[str, object]]:
    function = {"name": "kubectl", "arguments": f'{{"n":{number}}}'}
    calls = [{"id": f"c{number}", "type": "function", "function": function}]
    return [
        {"role": "assistant", "content": "", "tool_calls": calls},
        {"role": "tool", "tool_call_id": f"c{number}", "content": text},
    ]


def _conversation(turns: int) -> Conversation:
    calm = "\n".join(f"10:00:{n:02} INFO order {'abcdefgh'[n % 8]} served" for n in range(60))
    said = [f"{calm}\nERROR dial cart-db-{n}:5432 refused" for n in range(turns)]
    messages = [
        {"role": "user", "content": "The shop is slow."},
        *(message for n, text in enumerate(said) for message in _turn(n, text)),
    ]
    facts = facts_in("cart-db-0 is down, plainly", said[0])
    return Conversation(source="made", name="made", messages=messages, facts=facts)


@pytest.mark.parametrize("given", [None, "nowhere"])
def test_without_conversations_it_says_what_to_set(
    given: str | None,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    tmp_path: Path,
) -> None:
    """No table of nothing: which variable is missing, and where the files are described."""
    monkeypatch.delenv("GUARDRAILS_DATA", raising=False)
    options = [] if given is None else ["--data", str(tmp_path / given)]
    monkeypatch.setattr("sys.argv", ["benchmarks.hygiene", *options])
    assert main() == 2
    assert "Set GUARDRAILS_DATA" in capsys.readouterr().err


def test_a_name_in_a_list_is_kept_but_not_in_place() -> None:
    """Ours lists names without their lines; the table tells both."""
    one = _conversation(8)
    assert one.facts == ("cart-db-0",)
    seen = measured(OURS, one, 0.5)
    assert (seen.facts, seen.kept, seen.in_place, seen.valid) == (1, 1, 1, True)
    tight = measured(OURS, one, 0.15)
    assert (tight.kept, tight.in_place) == (1, 0)


def test_no_filter_keeps_all() -> None:
    """What the others are compared with."""
    seen = measured("no filter", _conversation(3), 0.1)
    assert (seen.before, seen.kept) == (seen.after, seen.facts)


def test_every_filter_returns_pairs() -> None:
    """A rival that broke pairs would be counted as invalid, not as a saving."""
    one = _conversation(9)
    assert all(is_valid(rival(one.messages, 900)) for rival in RIVALS.values())
    assert not is_valid(one.messages[:-1])


def test_turns_of_one_kind_make_no_repetition() -> None:
    """Conversations for the clock give each turn ids of its own."""
    turns = made([_conversation(400)], seed=1)
    ids = [str(call["id"]) for turn in turns for call in turn[0].get("tool_calls") or ()]
    assert len(ids) == len(set(ids))
    assert sum(map(len, turns)) >= MESSAGES
