"""Conversations of real agents, read from the folder that `GUARDRAILS_DATA` names.

Each becomes a list of OpenAI messages up to its last answer, and the facts that this answer
needed: what the agent must still see to come to it.
"""

import gzip
import json
from collections import deque
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

import yaml

from benchmarks.hygiene.facts import facts_in

Json = dict[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class Conversation:
    """One agent's work on one incident."""

    source: str
    name: str
    messages: Sequence[Json]
    facts: tuple[str, ...]
    """Names, values and statuses that tools returned and the answer rests on."""


def conversations(folder: Path) -> Iterator[Conversation]:
    """Yield every conversation in a folder; those without a fact say nothing and are left out."""
    for one in (*_holmes(folder), *_sre_runs(folder), *_claude(folder), *_codex(folder)):
        if one.facts and len(one.messages) > _FEW:
            yield one


_FEW = 4
"""Messages of a conversation in which there is nothing to leave out."""


def _of(source: str, name: str, messages: Sequence[Json], answer: str) -> Conversation:
    shown = "\n".join(str(m.get("content")) for m in messages if m.get("role") == "tool")
    return Conversation(source=source, name=name, messages=messages, facts=facts_in(answer, shown))


def _holmes(folder: Path) -> Iterator[Conversation]:
    for path in sorted((folder / "holmes").glob("*conversation_history*.json.gz")):
        messages: list[Json] = json.loads(gzip.decompress(path.read_bytes()))
        case = path.with_name(path.name.replace("conversation_history.json", "test_case.yaml"))
        if case == path or not case.exists():
            continue  # nothing says what must survive
        answer = _expected(yaml.safe_load(gzip.decompress(case.read_bytes())))
        if messages[-1].get("role") == "assistant" and not messages[-1].get("tool_calls"):
            messages = messages[:-1]
        yield _of("holmes", path.name.split(".")[0], [_plain(m) for m in messages], answer)


def _expected(case: object) -> str:
    """Return what must survive: a field of a case, or the whole of it."""
    fields = cast("Json", case) if isinstance(case, dict) else {}
    return str(fields.get("expected_output", case))


def _plain(message: Json) -> Json:
    kept = ("role", "content", "tool_calls", "tool_call_id", "name")
    return {"content": "", **{key: message[key] for key in kept if message.get(key) is not None}}


def _sre_runs(folder: Path) -> Iterator[Conversation]:
    path = folder / "sre_runs_dev.jsonl.gz"
    if not path.exists():
        return
    with gzip.open(path, "rt") as lines:
        for line in lines:
            run: Json = json.loads(line)
            report: Json = run.get("final_report") or {}
            answer = json.dumps([report.get("root_cause"), report.get("affected_resources")])
            yield _of("sre runs", str(run["_run_id"]), list(_run_messages(run)), answer)


def _run_messages(run: Json) -> Iterator[Json]:
    yield {"role": "system", "content": str(run.get("app_summary"))}
    yield {"role": "user", "content": json.dumps(run.get("symptoms"))}
    for number, analysis in enumerate(run.get("rca_analyses_list") or ()):
        goal = (analysis.get("task") or {}).get("investigation_goal")
        yield {"role": "user", "content": str(goal)}
        yield from _investigation(analysis.get("message_history") or (), prefix=f"{number}-")


def _investigation(history: Sequence[Json], *, prefix: str) -> Iterator[Json]:
    """Yield an investigator's messages. Results stand in the order of the calls, without ids."""
    waiting: deque[str] = deque()
    for at, message in enumerate(history):
        match message.get("type"):
            case "AIMessage":
                named = [
                    _call({**call, "id": f"{prefix}{at}-{n}"}, "")
                    for n, call in enumerate(message.get("tool_calls") or ())
                ]
                calls = [c for c in named if not c["function"]["name"].startswith(_ANSWERS)]
                waiting = deque(call["id"] for call in calls)
                if calls:
                    said = message.get("content") or ""
                    yield {"role": "assistant", "content": said, "tool_calls": calls}
            case "ToolMessage" if waiting:
                content = message.get("content")
                text = content if isinstance(content, str) else json.dumps(content)
                yield {"role": "tool", "tool_call_id": waiting.popleft(), "content": text}
            case _:
                continue


_ANSWERS = "submit"
"""Begins the name of the tool by which an investigator answers."""


def _call(call: Json, prefix: str) -> Json:
    arguments = call.get("args", call.get("arguments"))
    text = arguments if isinstance(arguments, str) else json.dumps(arguments)
    function = {"name": call.get("name"), "arguments": text}
    return {"id": f"{prefix}{call.get('id')}", "type": "function", "function": function}


def _claude(folder: Path) -> Iterator[Conversation]:
    for path in sorted((folder / "sregym").glob("claudecode*sessions*.jsonl.gz")):
        records = [json.loads(line) for line in gzip.decompress(path.read_bytes()).splitlines()]
        messages: list[Json] = []
        for record in records:
            if record.get("type") in {"user", "assistant"}:
                messages += _from_anthropic(record["message"])
        answer = _last_said(messages)
        yield _of("claude code", path.name[:24], _without_end(messages), answer)


def _from_anthropic(message: Json) -> Iterator[Json]:
    content = message["content"]
    if isinstance(content, str):
        yield {"role": message["role"], "content": content}
        return
    text = "\n".join(block["text"] for block in content if block["type"] == "text")
    if message["role"] == "assistant":
        calls = [
            _call({"id": b["id"], "name": b["name"], "args": b["input"]}, "")
            for b in content
            if b["type"] == "tool_use"
        ]
        yield {"role": "assistant", "content": text, **({"tool_calls": calls} if calls else {})}
        return
    for block in content:
        if block["type"] == "tool_result":
            inner = block.get("content")
            said = inner if isinstance(inner, str) else json.dumps(inner)
            yield {"role": "tool", "tool_call_id": block["tool_use_id"], "content": said}
    if text:
        yield {"role": "user", "content": text}


def _codex(folder: Path) -> Iterator[Conversation]:
    paths = [*(folder / "itbench").glob("*.jsonl.gz"), *(folder / "sregym").glob("codex*sessions*")]
    for path in sorted(paths):
        messages: list[Json] = []
        for line in gzip.decompress(path.read_bytes()).splitlines():
            messages += _from_codex(json.loads(line).get("payload") or {})
        answer = _last_said(messages)
        yield _of("codex", path.name[:30], _without_end(messages), answer)


def _from_codex(item: Json) -> Iterator[Json]:
    match item.get("type"):
        case "message":
            text = "\n".join(str(part.get("text", "")) for part in item.get("content") or ())
            role = "assistant" if item.get("role") == "assistant" else "user"
            yield {"role": role, "content": text}
        case "function_call" | "custom_tool_call":
            arguments = item.get("arguments", item.get("input"))
            call = {"id": item.get("call_id"), "name": item.get("name"), "args": arguments}
            yield {"role": "assistant", "content": "", "tool_calls": [_call(call, "")]}
        case "function_call_output" | "custom_tool_call_output":
            output = item.get("output")
            text = output if isinstance(output, str) else json.dumps(output)
            yield {"role": "tool", "tool_call_id": item.get("call_id"), "content": text}
        case _:
            return


def _last_said(messages: Sequence[Json]) -> str:
    """Return the last words, or the last calls where the answer was written into a file."""
    said = [m for m in messages if m["role"] == "assistant"][-3:]
    return "\n".join(f"{m['content']} {json.dumps(m.get('tool_calls', ''))}" for m in said)


def _without_end(messages: Sequence[Json]) -> Sequence[Json]:
    places = [at for at, m in enumerate(messages) if m["role"] == "assistant"][-3:]
    return messages[: places[0]] if places else messages
