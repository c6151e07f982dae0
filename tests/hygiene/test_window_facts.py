"""What the line says that stands where turns went: what they showed to be wrong, if it still is."""

from datetime import UTC, datetime

from guardrails.actions.classify import classify
from guardrails.actions.facts.ledger import NOTHING_SEEN, Ledger
from guardrails.actions.facts.noting import noted, written
from guardrails.hygiene.clean import cleaned
from guardrails.hygiene.left import NOTE
from guardrails.hygiene.messages import Call, Message, Role
from guardrails.policy.models import HygieneSettings

GET = '{"command": "kubectl get pods -n shop"}'
DELETE = '{"command": "kubectl delete pod web-7d4b9c5f6-x2x5q -n shop"}'
PODS = (
    "NAME                  READY   STATUS             RESTARTS   AGE\n"
    "web-7d4b9c5f6-x2x5q   0/1     CrashLoopBackOff   7          9m\n"
    "cart-5b6f7d8c9-abcde  1/1     Running            0          9d\n"
)


def seen() -> Ledger:
    """What the first turn's read showed."""
    action = classify("kubectl", GET)
    at = datetime(2026, 1, 1, tzinfo=UTC)
    return noted(NOTHING_SEEN, action, PODS, step=1, at=at, call_id="c0")


def note(ledger: Ledger, *, tokens: int = 900) -> str:
    """Return the line in a history whose first turns find no room."""
    messages = [Message(role=Role.USER, text="web is down in shop", at=0)]
    for number in range(12):
        call = Call(call_id=f"c{number}", tool="kubectl", arguments=GET)
        text = PODS if number == 0 else f"line {number} " * 60
        at = 2 * number + 1
        messages += [
            Message(role=Role.ASSISTANT, calls=(call,), at=at),
            Message(role=Role.TOOL, text=text, call_id=call.call_id, tool="kubectl", at=at + 1),
        ]
    settings = HygieneSettings(filters=("window",), tokens=tokens, recent=1)
    found = cleaned(messages, settings, ledger=lambda: ledger).messages
    (line,) = [message.text for message in found if message.text.startswith(NOTE)]
    return line


def test_what_was_wrong_is_told() -> None:
    """With its step; what was well is not worth the room."""
    line = note(seen())
    assert "; what they showed to be wrong: pod shop/web-7d4b9c5f6-x2x5q: CrashLoopBackOff" in line
    assert "(step 1)" in line
    assert "1/1" not in line


def test_what_was_changed_since_is_not_told_as_a_fact() -> None:
    """It may be well by now."""
    ledger = written(seen(), classify("kubectl", DELETE), step=2)
    assert "what they showed to be wrong" not in note(ledger)


def test_what_a_newer_result_shows_is_not_told() -> None:
    """That result stands there itself."""
    action = classify("kubectl", GET)
    at = datetime(2026, 1, 1, tzinfo=UTC)
    ledger = noted(seen(), action, PODS, step=9, at=at, call_id="c11")
    assert "what they showed to be wrong" not in note(ledger)


def test_without_a_ledger_nothing_is_told() -> None:
    """Plain lists have none."""
    assert "what they showed to be wrong" not in note(NOTHING_SEEN)
