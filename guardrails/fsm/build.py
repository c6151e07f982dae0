"""From a machine file to a table: names resolved, rows compiled, each with its line.

What is wrong with the file as written is told here, all of it at once and with its lines. Whether
its runs end is for `proof` to say.
"""

from collections.abc import Iterator, Sequence

from guardrails.errors import PolicyError
from guardrails.fsm.guards import ALWAYS, compiled, parse_guard
from guardrails.fsm.machine import ENDS, VERDICTS, Machine, Row, State, Trigger
from guardrails.fsm.spec import Answer, Arrow, Ends, MachineSpec, StateSpec
from guardrails.policy.document import Document, KeyPath
from guardrails.policy.problems import did_you_mean

Rows = Sequence[Arrow | Answer] | str


def build(spec: MachineSpec, document: Document) -> Machine:
    """Turn a file into a table.

    Raises:
        PolicyError: The states do not fit together; a line per trouble, in file order.
    """
    troubles = sorted(_troubles(spec, document), key=lambda trouble: trouble[0])
    if troubles:
        raise PolicyError("\n".join(said for _, said in troubles))
    return Machine(
        name=spec.machine,
        about=spec.about,
        start=spec.start,
        settle=spec.settle,
        budget=spec.budget,
        states={name: _state(name, state, spec, document) for name, state in spec.states.items()},
        source=document.source,
        spec=spec,
    )


def _state(name: str, state: StateSpec, spec: MachineSpec, document: Document) -> State:
    rows = {
        trigger: _rows(given, document=document, path=path)
        for trigger, given, path in _given(name, state, spec)
    }
    return State(
        name=name,
        about=state.about,
        allows=frozenset(state.allows),
        tools=state.tools,
        say=state.say or "",
        asks=state.asks,
        budget=state.budget,
        rows=rows,
        final=state.final,
        line=document.line(("states", name)),
    )


def _given(
    name: str, state: StateSpec, spec: MachineSpec
) -> Iterator[tuple[Trigger, Rows, KeyPath]]:
    """Yield the rows that a state has by itself or by the machine's defaults, with their places."""
    at: KeyPath = ("states", name)
    if state.gate is not None:
        verdicts = (state.gate.passed, state.gate.fail, state.gate.pending, state.gate.unknown)
        for trigger, given in zip(VERDICTS, verdicts, strict=True):
            yield trigger, given, (*at, "gate", trigger.value)
    if state.gate is not None or state.final is not None:
        return
    yield Trigger.NEXT, state.next, (*at, "next")
    for trigger in ENDS:
        own, common = _ends(state, trigger), _ends(spec, trigger)
        if own is not None:
            yield trigger, own, (*at, trigger.value)
        elif common is not None:
            yield trigger, common, (trigger.value,)
    for trigger, to in ((Trigger.SPENT, state.spent), (Trigger.UNANSWERED, state.unanswered)):
        if to is not None:
            yield trigger, to, (*at, trigger.value)


def _ends(of: StateSpec | MachineSpec, trigger: Trigger) -> Ends | None:
    match trigger:
        case Trigger.END:
            return of.end
        case Trigger.QUIT:
            return of.quit
        case _:
            return of.ask


def _rows(given: Rows, *, document: Document, path: KeyPath) -> tuple[Row, ...]:
    if isinstance(given, str):
        test = compiled(ALWAYS)
        return (Row(guard=None, test=test, to=given, line=document.line(path)),)
    return tuple(_row(row, line=document.line((*path, place))) for place, row in enumerate(given))


def _row(row: Arrow | Answer, *, line: int) -> Row:
    guard = None if row.when is None else parse_guard(row.when)
    refuse = row.refuse or "" if isinstance(row, Answer) else ""
    return Row(guard=guard, test=compiled(guard or ALWAYS), to=row.to, refuse=refuse, line=line)


Trouble = tuple[int, str]


def _troubles(spec: MachineSpec, document: Document) -> Iterator[Trouble]:
    def at(path: KeyPath, said: str) -> Trouble:
        line = document.line(path)
        return line, f"{document.source}:{line}: {said}"

    start = spec.states.get(spec.start)
    if start is None:
        yield at(("start",), f"start: {_no_state(spec.start, spec)}")
    elif start.gate is not None or start.final is not None:
        yield at(("start",), f"start: a run begins where the agent works, not in {spec.start!r}")
    for name, state in spec.states.items():
        path: KeyPath = ("states", name)
        for said in _misfits(state):
            yield at(path, f"{name}: {said}")
        for trigger, given, place in _given(name, state, spec):
            for said, where in _row_troubles(trigger, given, spec, place):
                yield at(where, f"{name}: {trigger}: {said}")


def _misfits(state: StateSpec) -> Iterator[str]:
    """Tell what a state of this kind cannot have, and what it must."""
    own = state.model_fields_set - {"about", "say"}
    if state.gate is not None or state.final is not None:
        kind = "gate" if state.gate is not None else "final"
        for extra in sorted(own - {kind}):
            yield f"{kind!r} and {extra!r} do not go together: the agent takes no turn here"
        return
    if state.budget is None or state.spent is None:
        yield "the agent works here, so 'budget' and 'spent' are needed: without them it may stay"
    if state.asks != (state.unanswered is not None):
        yield "'asks' and 'unanswered' go together: somebody may never answer"


def _row_troubles(
    trigger: Trigger, given: Rows, spec: MachineSpec, path: KeyPath
) -> Iterator[tuple[str, KeyPath]]:
    targets = [(given, path)] if isinstance(given, str) else []
    if not isinstance(given, str):
        targets = [(row.to, (*path, place)) for place, row in enumerate(given) if row.to]
        for place, row in enumerate(given):
            if row.when is None and trigger is Trigger.NEXT:
                said = "'when' is missing: without it the state would never be stayed in"
                yield said, (*path, place)
            elif row.when is None and place < len(given) - 1:
                yield "the row without 'when' must be the last one", (*path, place)
    for target, where in targets:
        if target not in spec.states:
            yield _no_state(target, spec), where


def _no_state(name: str, spec: MachineSpec) -> str:
    return f"no state is called {name!r}; {did_you_mean(name, spec.states)}"
