"""What `codex exec --json` prints: a thread, its turns, and items that begin and are completed.

It says less than a rollout: not what was asked, and no times. What the model wrote in one breath is
not told either, so words and the item after them are a turn, and each further item is one.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Final

from guardrails.batch.eventlog import EventLog
from guardrails.batch.formats.messages import Answered, Asked, Message, usage_of
from guardrails.batch.formats.reader import StreamReader
from guardrails.batch.formats.transcript import Transcript
from guardrails.batch.formats.values import Json, first, noted, obj, objects, text, word
from guardrails.batch.recorded import RecordedRun
from guardrails.core.events import Usage

NAME = "codex-exec"
ABOUT = "output of codex exec --json (lines of type thread.started, turn.started, item.completed)"

_KINDS = ("thread.", "turn.", "item.")
_DONE: Final = frozenset({"completed", "failed", "declined"})


def is_part(value: Json) -> bool:
    """Tell whether a JSON value is a line of such an output."""
    kind = word(value.get("type"))
    if not kind.startswith(_KINDS):
        return False
    return "thread_id" in value or kind.startswith("turn.") or "type" in obj(value.get("item"))


def read(parts: Sequence[Json], name: str) -> Iterator[RecordedRun]:
    """Read an output as one run."""
    log = EventLog(next((first(p, "thread_id") for p in parts if "thread_id" in p), "") or name)
    fold = _Fold(Transcript(log))
    for part in parts:
        fold.add(part)
    fold.flush()
    end = fold.transcript.end()
    yield RecordedRun(
        run_id=log.run,
        format=NAME,
        events=log.events,
        timed=False,
        notes=noted(end=fold.stopped or end, task="the log does not hold what was asked"),
    )


READER = StreamReader(name=NAME, about=ABOUT, is_part=is_part, read=read)


class _Fold:
    """Gathers turns from items."""

    def __init__(self, transcript: Transcript) -> None:
        self.transcript = transcript
        self.stopped = ""
        self._said: Message | None = None
        self._begun: set[str] = set()
        """Items that are under way."""

    def add(self, part: Json) -> None:
        kind = word(part.get("type"))
        if kind == "turn.completed":
            self.flush(usage_of(part.get("usage")))
        elif kind in {"turn.failed", "error"}:
            said = word(part.get("message")) or first(obj(part.get("error")), "message")
            self.stopped = said[:200] or "the turn failed"
        elif kind.startswith("item."):
            self._item(obj(part.get("item")))

    def flush(self, usage: Usage | None = None) -> None:
        """Append the words that no call followed; the thread's count stands with its last ones."""
        if self._said is not None:
            self.transcript.add(replace(self._said, usage=usage))
            self._said = None

    def _item(self, item: Json) -> None:
        match word(item.get("type")):
            case "agent_message":
                self.flush()
                self._say(text=word(item.get("text")))
            case "reasoning":
                self._say(thoughts=word(item.get("text")))
            case kind if (asked := _asked(kind, item)) is not None:
                self._called(asked, item)
            case _:
                pass

    def _say(self, *, text: str = "", thoughts: str = "") -> None:
        before = self._said or Message(role="model")
        joined = "\n".join(one for one in (before.thoughts, thoughts) if one)
        self._said = replace(before, text=text or before.text, thoughts=joined)
        self.stopped = ""

    def _called(self, asked: Asked, item: Json) -> None:
        if asked.call_id not in self._begun:
            self._begun.add(asked.call_id)
            said = self._said or Message(role="model")
            self._said = None
            self.transcript.add(replace(said, calls=(asked,)))
        if word(item.get("status")) in _DONE or asked.tool == _PLAN:
            self.transcript.result(_answered(asked, item))


_PLAN: Final = "update_plan"


def _asked(kind: str, item: Json) -> Asked | None:
    """Return the call that an item is, by the names that rollouts have for it."""
    said: Mapping[str, tuple[str, object]] = {
        "command_execution": ("exec_command", {"cmd": item.get("command")}),
        "mcp_tool_call": (
            "__".join(("mcp", word(item.get("server")), word(item.get("tool")))),
            item.get("arguments") or {},
        ),
        "file_change": ("apply_patch", {"changes": item.get("changes")}),
        "web_search": ("web_search", {"query": item.get("query")}),
        "todo_list": (_PLAN, {"plan": [_step(one) for one in objects(item.get("items"))]}),
    }
    if kind not in said:
        return None
    tool, arguments = said[kind]
    return Asked(call_id=word(item.get("id")), tool=tool, arguments=arguments)


def _step(one: Json) -> dict[str, object]:
    status = "completed" if one.get("completed") is True else "pending"
    return {"step": one.get("text"), "status": status}


def _answered(asked: Asked, item: Json) -> Answered:
    code = item.get("exit_code")
    error = first(obj(item.get("error")), "message")
    came = item.get("aggregated_output", item.get("result"))
    return Answered(
        call_id=asked.call_id,
        tool=asked.tool,
        text=error or ("" if came is None else text(came)),
        failed=bool(error) or word(item.get("status")) == "failed" or code not in {0, None},
    )
