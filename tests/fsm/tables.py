"""Machines written in tests: a sound one, and ways to spoil it."""

from guardrails.errors import PolicyError
from guardrails.fsm.load import read_machine
from guardrails.fsm.machine import Machine
from guardrails.policy.yamlfile import parse_yaml

SOUND = """\
schema_version: 1
machine: sound
about: Look, mend, and let the gate judge.
start: look
quit: lost
ask: called
states:
  look:
    about: Look first.
    allows: [read]
    budget: {turns: 5}
    spent: called
    next:
      - {to: mend, when: reads >= 2}
    end:
      - {to: judge, when: sources >= 2}
      - {refuse: Look at more.}
  mend:
    about: Change what is wrong.
    allows: [read, write]
    budget: {turns: 10, calls: 30}
    spent: called
    end:
      - {to: judge, when: unchecked == 0}
      - {refuse: Look at what you changed.}
  judge:
    about: The gate looks.
    gate: {pass: done, fail: mend, pending: mend, unknown: called}
  done: {about: It is well., final: done}
  lost: {about: It is not., final: unresolved}
  called: {about: A person takes over., final: escalated}
"""


def machine(text: str = SOUND) -> Machine:
    """Build a machine without proving it."""
    document = parse_yaml(text.encode(), source="test.yaml", what="machine file", error=PolicyError)
    return read_machine(document)


def spoiled(*changes: tuple[str, str]) -> Machine:
    """Build the sound machine with parts of its text replaced."""
    text = SOUND
    for old, new in changes:
        assert text.count(old) == 1, f"{old!r} stands {text.count(old)} times"
        text = text.replace(old, new)
    return machine(text)
