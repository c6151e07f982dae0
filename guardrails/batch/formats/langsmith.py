"""Runs exported from LangSmith: trees (`child_runs`), or single ones with `parent_run_id`."""

import re
from collections.abc import Iterator, Sequence
from typing import Final

from guardrails.batch.formats.langgraphsteps import tool_result
from guardrails.batch.formats.messages import Answered, Asked, Message, message_of, result_text
from guardrails.batch.formats.reader import StreamReader
from guardrails.batch.formats.spans import Kind, Span, runs_of
from guardrails.batch.formats.values import (
    Json,
    first,
    is_list,
    is_object,
    items,
    noted,
    obj,
    objects,
    parsed,
    when,
    word,
)
from guardrails.batch.recorded import RecordedRun, Verdict

NAME = "langsmith"
ABOUT = "runs of LangSmith (run_type with inputs, outputs, child_runs or parent_run_id)"

_KINDS: Final[dict[str, Kind]] = {"llm": "model", "chat_model": "model", "tool": "tool"}
_FRAME = frozenset(
    {"langgraph", "agent", "model", "tools", "tool", "call_model", "should_continue", "prompt"}
    | {"model_request", "channelwrite", "__start__", "toolnode", "runnablecallable", "router"}
)
"""Names of what frameworks are made of: they name no agent."""
_INPUTS = ("input", "question", "query", "prompt", "user_message", "user_input", "text")
_OUTPUTS = ("output", "answer", "final_answer", "final_response", "response", "text")
"""Fields in which people put the one text that goes in or comes out."""
_PLUMBING = re.compile(r"runnable|channel|branch|.*(?:middleware|\.(?:before|after)_)|.*chain$")
"""Beginnings of such names, and LangChain's middleware: `SummarizationMiddleware.before_model`."""


def is_part(value: Json) -> bool:
    """Tell whether a JSON value is such a run."""
    return isinstance(value.get("run_type"), str) and bool(
        {"inputs", "child_runs", "trace_id", "parent_run_id"} & value.keys()
    )


def read(parts: Sequence[Json], name: str) -> Iterator[RecordedRun]:
    """Read the runs of a file, one per trace."""
    flat = [one for part in parts if is_part(part) for one in _flat(part, "", "")]
    yield from runs_of(_spans(flat), name=name, format_=NAME)


READER = StreamReader(name=NAME, about=ABOUT, is_part=is_part, read=read)


def _flat(run: Json, parent: str, trace: str) -> Iterator[tuple[str, str, Json]]:
    """Yield a run and those inside it, each with its parent and trace."""
    stack = [(run, parent, trace)]
    while stack:
        one, above, root = stack.pop()
        run_id = first(one, "id", "run_id")
        root = root or first(one, "trace_id") or ("" if one.get("parent_run_id") else run_id)
        yield above or word(one.get("parent_run_id")), root, one
        inner = objects(one.get("child_runs"))
        stack.extend((child, run_id, root) for child in reversed(inner))


def _spans(flat: Sequence[tuple[str, str, Json]]) -> list[Span]:
    """Read spans; a run that does not name its trace is in that of its parent."""
    traces: dict[str, str] = {}
    parents = {first(one, "id", "run_id"): parent for parent, _, one in flat}
    for _, trace, one in flat:
        if trace:
            traces[first(one, "id", "run_id")] = trace

    def trace_of(at: str) -> str:
        seen = {""}
        while at not in seen:
            if at in traces:
                return traces[at]
            seen.add(at)
            at = parents.get(at, "")
        return ""

    found: list[Span] = []
    for number, (parent, trace, one) in enumerate(flat, start=1):
        found.append(_span(one, parent=parent, trace=trace or trace_of(parent), number=number))
    return found


def _span(run: Json, *, parent: str, trace: str, number: int) -> Span:
    kind = _KINDS.get(word(run.get("run_type")).lower(), "other")
    about = obj(obj(run.get("extra")).get("metadata"))
    chain = word(run.get("run_type")).lower() == "chain"
    agent = first(about, "lc_agent_name", "agent_name") or (_agent(run) if chain and parent else "")
    outputs = obj(run.get("outputs"))
    error = word(run.get("error"))
    asked, answered = _tool(run, error) if kind == "tool" else (None, None)
    return Span(
        span_id=first(run, "id", "run_id") or f"span-{number}",
        parent_id=parent,
        trace_id=trace,
        kind="agent" if kind == "other" and agent else kind,
        agent="" if kind == "tool" else agent,
        begin=when(run.get("start_time")),
        end=when(run.get("end_time")),
        inputs=tuple(_messages(run.get("inputs"))),
        outputs=tuple(_outputs(outputs)) if kind != "tool" else (),
        asked=asked,
        answered=answered,
        model=first(about, "ls_model_name")
        or first(obj(obj(run.get("extra")).get("invocation_params")), "model", "model_name"),
        session=first(about, "thread_id", "session_id", "conversation_id"),
        error=error.strip().splitlines()[0] if error.strip() and kind != "tool" else "",
        notes=noted(project=run.get("session_name")) if not parent else {},
        outcome=_outcome(run) if not parent else Verdict.UNKNOWN,
    )


def _agent(run: Json) -> str:
    """Return the agent that a chain is: a chain with a name of its own that holds model turns."""
    name = word(run.get("name"))
    plain = name.lower()
    if not plain or plain in _FRAME or _PLUMBING.match(plain):
        return ""
    tags = [tag for tag in items(run.get("tags")) if isinstance(tag, str)]
    inside = any(tag.startswith(("seq:step", "langsmith:hidden")) for tag in tags)
    return "" if inside and not run.get("child_runs") else name


def _messages(value: object) -> Iterator[Message]:
    """Yield the messages of inputs; LangChain nests those of a model call once more."""
    found = obj(value)
    listed = items(found.get("messages"))
    if listed and is_list(listed[0]):
        listed = items(listed[0])
    if not listed and (words := first(found, *_INPUTS)):
        yield Message(role="person", text=words)
    for item in listed:
        if (message := message_of(_pair(item))) is not None:
            yield message


def _pair(item: object) -> object:
    """Read `["user", "…"]`, as LangChain accepts it."""
    if is_list(item) and len(items(item)) == len(("role", "content")):
        role, content = items(item)
        return {"role": role, "content": content}
    return item


def _outputs(outputs: Json) -> Iterator[Message]:
    """Yield what came out: LangChain's generations, OpenAI's choices, messages, or one message."""
    for generation in items(outputs.get("generations")):
        inner = items(generation)[0] if is_list(generation) and generation else generation
        found = obj(inner)
        message = message_of(found.get("message"))
        if message is None and isinstance(found.get("text"), str):
            message = Message(role="model", text=word(found["text"]))
        if message is not None:
            yield message
        return
    for choice in objects(outputs.get("choices"))[:1]:
        if (message := message_of(choice.get("message"))) is not None:
            yield message
        return
    if items(outputs.get("messages")):
        yield from _messages(outputs)
    elif message := message_of(outputs) or message_of(outputs.get("output")):
        yield message
    elif words := first(outputs, *_OUTPUTS):
        yield Message(role="model", text=words)


def _tool(run: Json, error: str) -> tuple[Asked, Answered]:
    came = run.get("outputs")
    body = obj(came).get("output", came)
    given = obj(run.get("inputs")) or {"input": run.get("inputs")}
    name = word(run.get("name"))
    answered = tool_result(body) or Answered(
        call_id=first(given, "tool_call_id"), text=result_text(body), tool=name
    )
    if error:
        answered = Answered(call_id=answered.call_id, text=answered.text or error, failed=True)
    call_id = answered.call_id or first(run, "id", "run_id")
    arguments = _arguments(given)
    asked = Asked(call_id=call_id, tool=name or answered.tool, arguments=arguments)
    return asked, Answered(
        call_id=answered.call_id, text=answered.text, tool=asked.tool, failed=answered.failed
    )


def _arguments(given: Json) -> object:
    """Return a tool's arguments: LangChain's tracer writes them as one text of Python or JSON."""
    only = given.get("input") if len(given) == 1 else None
    if isinstance(only, str):
        found = parsed(only)
        return found if is_object(found) else {"input": only}
    return {key: value for key, value in given.items() if value is not None}


def _outcome(run: Json) -> Verdict:
    """Read the feedback that people or judges gave for correctness."""
    for key in ("correctness", "correct", "success"):
        score = obj(obj(run.get("feedback_stats")).get(key)).get("avg")
        if isinstance(score, (int, float)) and not isinstance(score, bool):
            return Verdict.RIGHT if score >= 1 else Verdict.WRONG
    return Verdict.UNKNOWN
