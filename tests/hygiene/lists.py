"""Message lists of any kind for property tests, whole and broken ones, in each wire format."""

import json
from typing import Any

from hypothesis import strategies as st

Lists = st.SearchStrategy[list[dict[str, Any]]]

PODS = "\n".join(
    ["NAME   READY   STATUS    RESTARTS   AGE"]
    + [f"shop-{n}   1/1   Running   0   5d" for n in range(30)]
    + ["cart-7   0/1   CrashLoopBackOff   9   5d"]
)
LOG = "\n".join(
    [f"10:00:{n:02} INFO served order {n} to shop-{n}:8080" for n in range(40)]
    + ["10:00:59 ERROR dial tcp: lookup mongodb-geo:27017 refused"]
)
OBJECTS = json.dumps(
    {
        "items": [
            {"metadata": {"name": f"web-{n}"}, "spec": {"image": f"shop/web:{n}"}}
            for n in range(12)
        ]
    },
    indent=2,
)

TEXTS = st.sampled_from(
    [
        "",
        "ok",
        "I look.",
        "Ready 1/1\n" * 40,
        "error: refused\n" * 30,
        "<think>hm</think>done",
        "x" * 900,
        PODS,
        LOG,
        OBJECTS,
    ]
)
IDS = st.sampled_from(["a", "b", "c", "d"])
ARGUMENTS = st.sampled_from(
    ['{"command":"kubectl get pods"}', "{}", '{"command":"kubectl get', '{"b":1,"a":2}']
)
TOOLS = st.sampled_from(["kubectl", "get_logs"])


def _user(text: str) -> dict[str, Any]:
    return {"role": "user", "content": text}


def _system(text: str) -> dict[str, Any]:
    return {"role": "system", "content": text}


def _blocks(text: str) -> dict[str, Any]:
    return {"role": "user", "content": [{"type": "text", "text": text}]}


def _tool(call_id: str, text: str) -> dict[str, Any]:
    return {"role": "tool", "tool_call_id": call_id, "content": text}


def _assistant(
    text: str, ids: list[str], tool: str, arguments: str, thought: str
) -> dict[str, Any]:
    function = {"name": tool, "arguments": arguments}
    calls = [{"id": id_, "type": "function", "function": function} for id_ in ids]
    found: dict[str, Any] = {"role": "assistant", "content": text}
    if thought:
        found["reasoning_content"] = thought
    return {**found, "tool_calls": calls} if calls else found


OPENAI: Lists = st.lists(
    st.one_of(
        st.builds(_system, TEXTS),
        st.builds(_user, TEXTS),
        st.builds(_blocks, TEXTS),
        st.builds(
            _assistant,
            TEXTS,
            st.lists(IDS, max_size=3),
            TOOLS,
            ARGUMENTS,
            st.sampled_from(["", "I think."]),
        ),
        st.builds(_tool, IDS, TEXTS),
    ),
    max_size=14,
)
"""Chat completions, with results that answer nothing and calls that nobody answered."""


def _result(call_id: str, text: str) -> dict[str, Any]:
    return {"type": "tool_result", "tool_use_id": call_id, "content": text}


def _use(call_id: str, tool: str) -> dict[str, Any]:
    return {"type": "tool_use", "id": call_id, "name": tool, "input": {"command": "get pods"}}


def _said(text: str) -> list[dict[str, Any]]:
    return [{"type": "text", "text": text}] if text else []


def _results(results: list[dict[str, Any]], text: str) -> dict[str, Any]:
    return {"role": "user", "content": [*results, *_said(text)]}


def _calling(text: str, uses: list[dict[str, Any]]) -> dict[str, Any]:
    return {"role": "assistant", "content": [*_said(text), *uses]}


def _thinking(text: str) -> dict[str, Any]:
    thought = {"type": "thinking", "thinking": "hm", "signature": "s"}
    return {"role": "assistant", "content": [thought, *_said(text)]}


SPOKEN = TEXTS.filter(bool)

ANTHROPIC: Lists = st.lists(
    st.one_of(
        st.builds(_user, SPOKEN),
        st.builds(
            _results, st.lists(st.builds(_result, IDS, TEXTS), min_size=1, max_size=3), TEXTS
        ),
        st.builds(
            _calling,
            SPOKEN,
            st.lists(st.builds(_use, IDS, TOOLS), max_size=3, unique_by=lambda use: str(use["id"])),
        ),
        st.builds(_thinking, SPOKEN),
    ),
    max_size=12,
)
"""Messages of Anthropic's API, whole and broken."""


def openai_is_valid(messages: list[dict[str, Any]]) -> bool:
    """Tell whether each call is answered right behind it, once, and nothing else is."""
    waiting: list[str] = []
    for message in messages:
        if message["role"] == "tool":
            if message["tool_call_id"] not in waiting:
                return False
            waiting.remove(message["tool_call_id"])
        elif waiting:
            return False
        else:
            waiting = [call["id"] for call in message.get("tool_calls") or ()]
            if len(set(waiting)) < len(waiting):
                return False
    return not waiting


def anthropic_is_valid(messages: list[dict[str, Any]]) -> bool:
    """Tell whether each use is answered by the message behind it, its results first."""
    waiting: list[str] = []
    for message in messages:
        content: Any = message["content"]
        blocks: list[dict[str, Any]] = [] if isinstance(content, str) else content
        results = [b["tool_use_id"] for b in blocks if b["type"] == "tool_result"]
        first = [b["type"] == "tool_result" for b in blocks]
        if sorted(results) != sorted(waiting) or first != sorted(first, reverse=True):
            return False
        waiting = [b["id"] for b in blocks if b["type"] == "tool_use"]
    return not waiting
