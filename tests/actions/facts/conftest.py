"""What the tests of facts share: a ledger that a run of commands filled."""

import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import pytest

from guardrails.actions.classify import classify
from guardrails.actions.evidence import evidence_kinds
from guardrails.actions.facts.asked import followed
from guardrails.actions.facts.ledger import Ledger
from guardrails.actions.facts.noting import noted, written
from guardrails.core.ids import CallId

BEGAN = datetime(2026, 1, 1, tzinfo=UTC)

Say = Callable[..., Ledger]


def after(ledger: Ledger, command: str, text: str = "", *, step: int = 1) -> Ledger:
    """Enter one command of a shell and what it printed, as the engine does."""
    arguments = json.dumps({"command": command})
    meant = classify("bash", arguments)
    action = followed(meant, kinds=evidence_kinds(meant, tool="bash", arguments=arguments))
    if action is None:
        return ledger
    ledger = written(ledger, action, step=step)
    at = BEGAN + timedelta(seconds=step)
    return noted(ledger, action, text, step=step, at=at, call_id=CallId(f"c{step}"))


@pytest.fixture
def say() -> Say:
    """Return a function that enters pairs of command and output, one a step, from step 1."""

    def _say(*calls: tuple[str, str]) -> Ledger:
        ledger = Ledger()
        for step, (command, text) in enumerate(calls, start=1):
            ledger = after(ledger, command, text, step=step)
        return ledger

    return _say
