"""Trees of spans as runs: what tracers of any make record of model calls, tools and agents.

A model span repeats the whole conversation so far; what is new in it is taken. An agent's span
lies around what it does; its name is the agent's. Times give the order.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import Literal

from guardrails.batch.eventlog import EventLog
from guardrails.batch.formats.messages import Answered, Asked, Message
from guardrails.batch.formats.transcript import Transcript
from guardrails.batch.formats.values import noted
from guardrails.batch.recorded import RecordedRun, Verdict
from guardrails.core.events import ErrorRaised, ExitKind

Kind = Literal["model", "tool", "agent", "other"]

_NO_TIME = datetime.min.replace(tzinfo=UTC)


@dataclass(frozen=True, slots=True, kw_only=True)
class Span:
    """One span."""

    span_id: str
    parent_id: str = ""
    trace_id: str = ""
    kind: Kind = "other"
    agent: str = ""
    """The agent's name, where the span says it."""
    begin: datetime | None = None
    end: datetime | None = None
    inputs: tuple[Message, ...] = ()
    outputs: tuple[Message, ...] = ()
    asked: Asked | None = None
    """The call of a tool span."""
    answered: Answered | None = None
    model: str = ""
    session: str = ""
    error: str = ""
    notes: Mapping[str, str] = field(default_factory=dict[str, str])
    outcome: Verdict = Verdict.UNKNOWN


def runs_of(spans: Sequence[Span], *, name: str, format_: str) -> Iterator[RecordedRun]:
    """Yield a run per trace, in the order in which the file names them."""
    traces: dict[str, list[Span]] = {}
    for span in spans:
        traces.setdefault(span.trace_id, []).append(span)
    for number, (trace_id, found) in enumerate(traces.items(), start=1):
        if any(span.kind in {"model", "tool"} or span.outputs for span in found):
            yield _run(found, run_id=trace_id or f"{name}#{number}", format_=format_)


def _run(spans: Sequence[Span], *, run_id: str, format_: str) -> RecordedRun:
    log = EventLog(run_id)
    tree = _Tree(spans)
    fold = _Fold(Transcript(log, model=next((s.model for s in spans if s.model), "")), tree)
    for span in sorted(spans, key=lambda s: s.end or s.begin or _NO_TIME):
        fold.add(span)
    if not any(span.kind == "model" for span in spans):
        fold.from_root()
    end = fold.end()
    return RecordedRun(
        run_id=log.run,
        format=format_,
        events=log.events,
        model=fold.transcript.model,
        outcome=next((s.outcome for s in spans if s.outcome is not Verdict.UNKNOWN), tree.outcome),
        timed=log.timed,
        notes={
            **{key: value for span in spans for key, value in span.notes.items()},
            **noted(
                end=end,
                session=next((s.session for s in spans if s.session), ""),
                content="" if fold.worded or not fold.turns else "words were not recorded",
                repeated_spans=tree.repeated or "",
            ),
        },
    )


class _Tree:
    """Who is whose parent, and which agent a span belongs to."""

    outcome = Verdict.UNKNOWN

    def __init__(self, spans: Sequence[Span]) -> None:
        self.by_id: dict[str, Span] = {}
        self.repeated = 0
        for span in spans:
            self.repeated += span.span_id in self.by_id
            self.by_id[span.span_id] = span
        self.roots = [span for span in spans if span.parent_id not in self.by_id]
        working = {self._named(span) for span in spans if span.kind in {"model", "tool"}}
        self._idle = {span.agent for span in spans} - working if working else set[str]()
        """Names of what does nothing itself: a workflow around agents, or a graph of them."""

    def above(self, span: Span) -> Iterator[Span]:
        """Yield a span and those around it, inner ones first; circles are cut."""
        seen: set[str] = set()
        at: Span | None = span
        while at is not None and at.span_id not in seen:
            seen.add(at.span_id)
            yield at
            at = self.by_id.get(at.parent_id)

    def agent(self, span: Span) -> str:
        """Return the agent that a span belongs to; empty where nobody is named."""
        return next((one.agent for one in self.above(span) if self._acts(one)), "")

    def inputs(self, span: Span) -> Sequence[Message]:
        """Return what a model was given; where its own span does not say, what the step around was.

        LangChain's plain tracers turn a conversation into one prompt.
        """
        return next((one.inputs for one in self.above(span) if one.inputs), ())

    def outer(self, span: Span) -> str | None:
        """Return the agent for which a span's agent works; None for the outermost one."""
        own = self.agent(span)
        others = (one.agent for one in self.above(span) if self._acts(one) and one.agent != own)
        return next(others, None)

    def called(self, span: Span) -> bool:
        """Tell whether an agent's work lies inside a tool call: then the call says what it got."""
        own = self.agent(span)
        for one in self.above(span):
            if one.kind == "tool":
                return True
            if self._acts(one) and one.agent != own:
                return False
        return False

    def _named(self, span: Span) -> str:
        return next((one.agent for one in self.above(span) if one.agent), "")

    def _acts(self, span: Span) -> bool:
        return bool(span.agent) and span.agent not in self._idle


class _Fold:
    """Appends spans as they end."""

    def __init__(self, transcript: Transcript, tree: _Tree) -> None:
        self.transcript = transcript
        self.tree = tree
        self.turns = 0
        self.worded = False
        self._heard: dict[str, set[tuple[str, str]]] = {}
        """What each agent was told: who said it, and words."""
        self._final: dict[str, str] = {}
        self._last = ""

    def add(self, span: Span) -> None:
        agent = self.tree.agent(span)
        match span.kind:
            case "model":
                self._model(span, agent)
            case "tool" if span.asked is not None and span.answered is not None:
                self.transcript.ran(span.asked, span.answered, agent=agent, at=span.end)
            case "agent":
                self._reports(span, agent)
            case _:
                pass

    def _model(self, span: Span, agent: str) -> None:
        self._inputs(span, agent)
        self.turns += 1
        if span.error:
            fact = ErrorRaised(error=span.error[:200], where="model", fatal=False)
            self.transcript.start(at=span.begin)
            self.transcript.log.note(fact, agent=agent, at=span.end)
            return
        message = _turn(span.outputs)
        self.worded = self.worded or bool(message.text or message.calls)
        self.transcript.add(_at(message, span.end), agent=agent)
        if message.text:
            self._final[agent] = message.text
        self._last = agent

    def _inputs(self, span: Span, agent: str) -> None:
        heard = self._heard.get(agent)
        first_time = heard is None
        heard = self._heard.setdefault(agent, set())
        inputs = self.tree.inputs(span)
        said = [m for m in inputs if m.role == "person" and m.text]
        goes_on = any(("person", m.text) in heard for m in said)
        for message in inputs:
            for result in message.results:
                if self.transcript.waits_for(result.call_id):
                    self.transcript.result(result, agent=agent, at=span.begin)
            new = (message.role, message.text) not in heard
            heard.add((message.role, message.text))
            if message.role == "system" and new:
                self.transcript.add(_at(message, span.begin))
            elif message.role == "person" and new and message.text:
                self._told(span, message, agent, first_time=first_time, goes_on=goes_on)

    def _told(
        self, span: Span, message: Message, agent: str, *, first_time: bool, goes_on: bool
    ) -> None:
        """Append words that an agent had not heard: a person's, or the task of another agent.

        A prompt that does not go on from what the agent knows was written by the program around it.
        """
        outer = self.tree.outer(span)
        if outer is None and (goes_on or not self.turns):
            self.transcript.add(_at(message, span.begin), agent=agent)
        elif first_time and outer is not None and not self.tree.called(span):
            self.transcript.start(at=span.begin)
            self.transcript.log.passed(
                message.text, to=agent, kind="task", agent=outer, at=span.begin
            )

    def _reports(self, span: Span, agent: str) -> None:
        outer = self.tree.outer(span)
        words = next((m.text for m in reversed(span.outputs) if m.text), "")
        words = words or self._final.get(agent, "")
        if outer is not None and words and not self.tree.called(span):
            self.transcript.start(at=span.begin)
            self.transcript.log.passed(words, to=outer, kind="report", agent=agent, at=span.end)

    def from_root(self) -> None:
        """Read the conversation that the outermost span holds, where no model span does."""
        for root in self.tree.roots:
            known = {(m.role, m.text, m.message_id) for m in root.inputs}
            told: Iterable[Message] = root.outputs
            if not any((m.role, m.text, m.message_id) in known for m in root.outputs):
                told = (*root.inputs, *root.outputs)
            for message in told:
                self.turns += message.role == "model"
                self.worded = self.worded or bool(message.text)
                self.transcript.add(message, agent=message.name if message.role == "model" else "")

    def end(self) -> str:
        """End the run; a run whose words were not recorded ends without a claim."""
        failed = next((root.error for root in self.tree.roots if root.error), "")
        if failed:
            self.transcript.start()
            self.transcript.log.ended("", exit_=ExitKind.ERROR, agent=self._last)
            return failed[:200]
        if self.turns and not self.worded:
            self.transcript.log.ended("", exit_=ExitKind.FINAL_ANSWER, agent=self._last)
            return ""
        return self.transcript.end()


def _turn(outputs: Sequence[Message]) -> Message:
    """Return what a model call gave as one turn: OpenAI's responses keep words and calls apart.

    Of several wordings only the first is taken: the others are choices that nobody took.
    """
    if not outputs:
        return Message(role="model")
    words = next((one.text for one in outputs if one.text), "")
    thoughts = next((one.thoughts for one in outputs if one.thoughts), "")
    calls = {call.call_id or repr(call): call for one in outputs for call in one.calls}
    return replace(outputs[0], text=words, thoughts=thoughts, calls=tuple(calls.values()))


def _at(message: Message, at: datetime | None) -> Message:
    """Return a message with its span's time. Results were taken from it when they were new."""
    kept = message.results if message.role == "tool" else ()
    return replace(message, at=at, results=kept)
