"""How the way out of a pass becomes an end to judge, and how a refusal goes back into the graph."""

# LangGraph leaves its generics open in nearly every signature, so partly unknown types remain:
# pyright: reportUnknownMemberType=false, reportUnknownVariableType=false
# pyright: reportUnknownArgumentType=false, reportUnknownParameterType=false

import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, cast

import msgspec
from langchain_core.messages import (
    AIMessage,
    AnyMessage,
    BaseMessage,
    ToolMessage,
    convert_to_messages,
)
from langgraph.graph import END
from langgraph.types import Command, Overwrite, Send

from guardrails.core.decisions import Decision, Reason
from guardrails.core.events import EndRequested, ExitKind
from guardrails.engine import Session
from guardrails.errors import UsageError
from guardrails.hygiene.redact import clipped
from guardrails.integrations.claiming import OnRefusal, ReadClaim, end_of, resets_of
from guardrails.integrations.closing import NOT_RUN
from guardrails.integrations.holding import goal_of
from guardrails.integrations.langgraph.shape import Graph, Shape
from guardrails.integrations.mending import answers_to_unreadable
from guardrails.integrations.messages import repairs, with_repairs
from guardrails.integrations.passes import Pass, Way
from guardrails.integrations.replies import feedback_message, marked_refused
from guardrails.integrations.surgery import surgery_on

_JUDGED = {Reason.GATE_FAILED, Reason.GATE_PENDING, Reason.GATE_UNKNOWN, Reason.REGRESSED}


@dataclass(frozen=True, slots=True, kw_only=True)
class Reentry:
    """What the graph is sent back with."""

    update: dict[str, Any]
    goto: tuple[str, ...] = ()
    """Nodes to enter at; empty means the graph's own entrance."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Refusals:
    """Where refusals go in one graph."""

    graph: Graph
    shape: Shape
    on_refusal: OnRefusal | None = None

    def reentry(
        self,
        state: Mapping[str, Any],
        decision: Decision,
        *,
        session: Session,
        resets: Mapping[str, Any],
    ) -> Reentry:
        """Return how a refused end goes back in.

        Args:
            state: The state at the refused end.
            decision: The refusal.
            session: The run.
            resets: What the default takes back.

        Raises:
            UsageError: `on_refusal` names a node that the graph does not have, or gave nothing
                for a graph without messages.
        """
        said = self._asked(state, decision, session)
        if said is not None:
            return self._cleaned(state, self._with_repairs(state, said), session)
        if self.shape.messages is None:
            raise UsageError(
                f"on_refusal gave nothing for graph {self.graph.get_name()!r}, which keeps no "
                f"messages: return a state update that tells the agent why it was refused"
            )
        rows = self._rows(state)
        told = [*_marked(rows, decision), feedback_message(decision)]
        update = {**resets, self.shape.messages: told}
        return self._cleaned(state, self._with_repairs(state, Reentry(update=update)), session)

    def answering(
        self, state: Mapping[str, Any], *, call_id: str, said: str, session: Session
    ) -> Reentry:
        """Return how a call that was held goes back in: answered, like any other."""
        rows = self._rows(state)
        mended = [
            answer.model_copy(update={"content": said})
            if answer.tool_call_id == call_id
            else answer
            for answer in repairs(rows, said=NOT_RUN)
        ]
        update: dict[str, Any] = {self.shape.messages: mended} if self.shape.messages else {}
        return self._cleaned(state, Reentry(update=update), session)

    def resending(self, done: Pass) -> Reentry | None:
        """Return how calls that could not be read go back in, to the node that wrote them.

        Returns:
            None if the pass did not end by such a message, or the run's policy takes it for an end.
        """
        rows, key = self._rows(done.after), self.shape.messages
        reply = rows[-1] if rows else None
        if key is None or done.exit.way is not Way.ENDED or not isinstance(reply, AIMessage):
            return None
        if reply.tool_calls:
            return None
        answers = answers_to_unreadable(done.session, reply, agent=reply.name or "")
        if answers is None:
            return None
        node = done.reader.speaker(key, reply)
        again = Reentry(update={key: answers}, goto=(node,) if node else ())
        if done.watch.must_halt:
            return again  # nobody goes back in; whoever ends the run cleans the state
        return self._cleaned(done.after, again, done.session)

    def cleaned(self, state: Mapping[str, Any], session: Session) -> dict[str, Any]:
        """Return the update that takes out of a state what was taken back; often none."""
        return self._cleaned(state, Reentry(update={}), session).update

    def _cleaned(self, state: Mapping[str, Any], reentry: Reentry, session: Session) -> Reentry:
        key, rows = self.shape.messages, self._rows(state)
        if key is None or not session.state.early.taken_back:
            return reentry
        whole = self.shape.merged({key: rows}, {key: reentry.update.get(key, [])})
        found = surgery_on(session, cast("list[BaseMessage]", whole[key]))
        if found is None:
            return reentry
        session.observe(found.fact)
        update = {**reentry.update, key: Overwrite([_named(row) for row in found.messages])}
        return Reentry(update=update, goto=reentry.goto)

    def closing(self, state: Mapping[str, Any], message: AIMessage) -> dict[str, Any]:
        """Return the update that ends the conversation with a message, its open calls answered."""
        if self.shape.messages is None:
            return {}
        said = Reentry(update={self.shape.messages: [message]})
        return self._with_repairs(state, said).update

    def _asked(
        self, state: Mapping[str, Any], decision: Decision, session: Session
    ) -> Reentry | None:
        if self.on_refusal is None:
            return None
        report = session.state.report if decision.reason in _JUDGED else None
        said = self.on_refusal(dict(state), report, decision.to_model)
        match said:
            case Command():
                return Reentry(update=update_of(said), goto=self._nodes(said.goto))
            case Mapping():
                return Reentry(update=dict(said))
            case None:
                return None

    def _nodes(self, goto: object) -> tuple[str, ...]:
        asked = cast("Sequence[object]", goto) if isinstance(goto, (list, tuple)) else (goto,)
        names = tuple(str(name) for name in asked)
        if unknown := [n for n in names if n not in self.graph.nodes]:
            known = ", ".join(sorted(n for n in self.graph.nodes if n[0] != "_"))
            raise UsageError(
                f"on_refusal goes to {unknown[0]!r}, which graph {self.graph.get_name()!r} does "
                f"not have; its nodes: {known}"
            )
        return names

    def _with_repairs(self, state: Mapping[str, Any], reentry: Reentry) -> Reentry:
        """Answer every open call first; providers refuse a history with one (B25)."""
        key = self.shape.messages
        rows = self._rows(state)
        if key is None or not rows:
            return reentry
        added = _listed(reentry.update.get(key))
        whole = [_named(row) for row in with_repairs(cast("list[AnyMessage]", rows), said=NOT_RUN)]
        last = [_named(row) for row in repairs(rows, said=NOT_RUN)]
        if len(whole) == len(rows):
            return reentry
        if len(whole) == len(rows) + len(last) and isinstance(rows[-1], (AIMessage, ToolMessage)):
            update = {**reentry.update, key: [*last, *added]}
        else:
            kept = [row for row in added if row.id is None or all(row.id != r.id for r in rows)]
            update = {**reentry.update, key: Overwrite([*whole, *map(_named, kept)])}
        return Reentry(update=update, goto=reentry.goto)

    def _rows(self, state: Mapping[str, Any]) -> list[BaseMessage]:
        rows: object = state.get(self.shape.messages or "")
        found = cast("list[object]", rows) if isinstance(rows, list) else []
        return [row for row in found if isinstance(row, BaseMessage)]


@dataclass(frozen=True, slots=True, kw_only=True)
class Departure:
    """An end to judge, with what a refusal of it takes back."""

    end: EndRequested
    state: dict[str, Any]
    """The state at the end, a hand-off's update included."""
    resets: dict[str, Any] = field(default_factory=dict[str, Any])


def departure_of(done: Pass, *, claim: ReadClaim | None) -> Departure:
    """Return the end that a pass leads to. Not for passes that were held or paused."""
    passed, out = done.passed, done.exit
    match out.way:
        case Way.HALTED:
            return Departure(end=EndRequested(exit=ExitKind.BUDGET), state=done.after)
        case Way.RECURSION:
            end = EndRequested(exit=ExitKind.RECURSION, detail=clipped(str(out.error), 200))
            return Departure(end=end, state=done.after)
        case Way.FAILED:
            error = out.error
            end = EndRequested(
                exit=ExitKind.ERROR, detail=clipped(f"{type(error).__name__}: {error}", 500)
            )
            return Departure(end=end, state=done.after)
        case Way.LEFT:
            return _handed_off(done, claim)
        case _:
            end = end_of(passed, goal=goal_of(done.session), claim=claim)
            return Departure(end=end, state=done.after, resets=_resets(done))


def _handed_off(done: Pass, claim: ReadClaim | None) -> Departure:
    """A hand-off to the end is an answer; one to anybody else leaves the guard's sight."""
    command = done.exit.command or Command()
    to = goto_of(command)
    state = done.shape.merged(done.after, update_of(command))
    done.reader.left_with(done.top or (), state)
    done.watch.handed_off(to, leaves_graph=True)
    if to != END:
        detail = f"handed off to {to!r}, outside of the guarded graph"
        return Departure(end=EndRequested(exit=ExitKind.HANDOFF, detail=detail), state=state)
    end = end_of(done.passed, goal=goal_of(done.session), claim=claim)
    end = msgspec.structs.replace(end, exit=ExitKind.HANDOFF)
    return Departure(end=end, state=state, resets=_resets(done))


def goto_of(command: Command[Any]) -> str:
    """Return where a command goes first, or the end when it goes nowhere."""
    goto: object = command.goto
    if isinstance(goto, (list, tuple)):
        rows = cast("Sequence[object]", goto)
        goto = rows[0] if rows else END
    return goto.node if isinstance(goto, Send) else str(goto)


def _resets(done: Pass) -> dict[str, Any]:
    resets = resets_of(done.passed, public=done.shape.outputs, coerced=done.shape.coerced)
    return {
        key: value
        for key, value in resets.items()
        if key in done.shape.hints and done.shape.replaces(key)
    }


def update_of(command: Command[Any]) -> dict[str, Any]:
    """Return the state update that a command carries."""
    update: object = command.update
    match update:
        case None:
            return {}
        case Mapping():
            return dict(cast("Mapping[str, Any]", update))
        case _:
            return dict(command._update_as_tuples())  # noqa: SLF001  # pyright: ignore[reportPrivateUsage]  # the one place that knows every form of an update


def _listed(update: object) -> list[BaseMessage]:
    if update is None:
        return []
    rows: list[Any] = cast("list[Any]", update) if isinstance(update, list) else [update]
    return convert_to_messages(rows)


def _marked(rows: Sequence[BaseMessage], decision: Decision) -> list[AIMessage]:
    """Return the refused answer with its mark; it takes the place of the message with its id."""
    last = rows[-1] if rows else None
    if not isinstance(last, AIMessage) or not last.id or last.tool_calls:
        return []
    return [marked_refused(last, decision)]


def _named(row: Any) -> Any:  # noqa: ANN401  # any message type, and the same one back
    """Give a message an id; the reducer that usually does so is passed over by an overwrite."""
    message = cast("BaseMessage", row)
    return message if message.id else message.model_copy(update={"id": str(uuid.uuid4())})
