"""A machine as a diagram and as a table, for documentation and for reviews."""

from collections.abc import Iterator

from guardrails.fsm.guards import written
from guardrails.fsm.machine import Machine, Row, State, Trigger

_SAID = {
    Trigger.NEXT: "",
    Trigger.END: "claims to be done",
    Trigger.QUIT: "gives up",
    Trigger.ASK: "asks for a person",
    Trigger.PASS: "gate: pass",
    Trigger.FAIL: "gate: fail",
    Trigger.PENDING: "gate: pending",
    Trigger.UNKNOWN: "gate: unknown",
    Trigger.SPENT: "budget spent",
    Trigger.UNANSWERED: "no answer",
}


def mermaid(machine: Machine) -> str:
    """Return a machine as a Mermaid state diagram.

    Rows that refuse an end stay where they are and are left out; the table has them.
    """
    lines = ["stateDiagram-v2", f"    [*] --> {_id(machine.start)}"]
    for state in machine.states.values():
        if state.name != _id(state.name):
            lines.append(f'    state "{state.name}" as {_id(state.name)}')
        lines += [f"    {_id(state.name)} --> {_id(to)}: {label}" for to, label in _arrows(state)]
        if state.final is not None:
            lines.append(f"    {_id(state.name)} --> [*]")
    return "\n".join(lines) + "\n"


def table(machine: Machine) -> tuple[dict[str, str], ...]:
    """Return a row per line of the machine: state, what it allows, event, guard, what follows."""
    return tuple(row for state in machine.states.values() for row in _rows(state))


def markdown(machine: Machine) -> str:
    """Return the table as Markdown."""
    rows = table(machine)
    heads = ("state", "allows", "when", "guard", "then")
    lines = [" | ".join(heads), " | ".join("---" for _ in heads)]
    lines += [" | ".join(row[head] or " " for head in heads) for row in rows]
    return "".join(f"| {line} |\n" for line in lines)


def _arrows(state: State) -> Iterator[tuple[str, str]]:
    """Yield each state that another leads to, with everything that leads there in one label."""
    labels: dict[str, list[str]] = {}
    for trigger, rows in state.rows.items():
        for row in rows:
            if row.to is not None:
                labels.setdefault(row.to, []).append(_label(trigger, row))
    for to, several in labels.items():
        yield to, "<br/>or ".join(several)


def _label(trigger: Trigger, row: Row) -> str:
    guard = "" if row.guard is None else written(row.guard)
    return ", ".join(part for part in (_SAID[trigger], guard) if part) or "always"


def _rows(state: State) -> Iterator[dict[str, str]]:
    allows = ", ".join(sorted(state.allows)) or "nothing"
    if state.final is not None:
        yield _row(state.name, "", "", "", f"ends {state.final}")
        return
    for trigger, rows in state.rows.items():
        for row in rows:
            guard = "" if row.guard is None else written(row.guard)
            then = row.to if row.to is not None else f"refused: {row.refuse}"
            when = _SAID[trigger] or "as soon as"
            if trigger is Trigger.SPENT and state.budget is not None:
                when = f"{state.budget.turns} turns spent"
            yield _row(state.name, "" if state.judges else allows, when, guard, then)


def _row(state: str, allows: str, when: str, guard: str, then: str) -> dict[str, str]:
    return {"state": state, "allows": allows, "when": when, "guard": guard, "then": then}


def _id(name: str) -> str:
    """Return a name as Mermaid takes it; a dash there is an arrow's."""
    return name.replace("-", "_")
