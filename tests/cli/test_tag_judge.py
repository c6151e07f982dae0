"""`tag --judge`: a model adds what it quotes, and its failure costs nothing."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.batch.chatserver import ChatServer, serving

RUN = {
    "id": "monday",
    "messages": [
        {"role": "user", "content": "Errors on cart. Find the cause. Change nothing."},
        {
            "role": "assistant",
            "content": "I will only read the logs of cart.",
            "tool_calls": [
                {
                    "id": "c1",
                    "type": "function",
                    "function": {
                        "name": "kubectl",
                        "arguments": json.dumps({"command": "kubectl get pods -n shop"}),
                    },
                }
            ],
        },
        {"role": "tool", "tool_call_id": "c1", "content": "cart-0  0/1  CrashLoopBackOff"},
        {"role": "assistant", "content": "I cannot say yet why the cart crashes."},
    ],
}
TAG = {
    "mode": "FM-2.6",
    "steps": [1],
    "quotes": ["I will only read the logs of cart", "kubectl get pods -n shop"],
    "why": "says that it reads the logs and lists pods",
    "confidence": 0.6,
}


@pytest.fixture
def chat(monkeypatch: pytest.MonkeyPatch) -> Iterator[ChatServer]:
    """Serve a judge that finds one mode."""
    with serving(lambda _: json.dumps({"tags": [TAG]})) as server:
        monkeypatch.setenv("OPENAI_BASE_URL", server.url)
        monkeypatch.setenv("OPENAI_API_KEY", "none")
        for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy"):
            monkeypatch.delenv(name, raising=False)
        yield server


@pytest.fixture
def trace(tmp_path: Path) -> Path:
    """A chat log of one run."""
    path = tmp_path / "runs.jsonl"
    path.write_text(f"{json.dumps(RUN)}\n")
    return path


def test_a_judge_adds_what_it_quotes(cli, chat: ChatServer, trace: Path) -> None:
    """Marked, in the modes, and in nothing that decides the run."""
    ran = cli("tag", trace, "--judge", "openai:gpt-scripted")
    assert ran.code == 0, ran.err
    (line,) = [json.loads(text) for text in ran.out.splitlines()]
    assert chat.asked
    assert [(one["mode"], one["judged"]) for one in line["findings"]] == [("2.6", True)]
    assert line["modes"] == ["2.6"]
    assert line["decisive"] == []
    assert line["notes"]["judge"].startswith("openai:gpt-scripted: 1 asked, 1 added")


def test_a_judge_that_fails_costs_nothing(cli, chat: ChatServer, trace: Path) -> None:
    """The run is tagged by rules, and the note says what went wrong."""
    chat.script = lambda _: 400
    ran = cli("tag", trace, "--judge", "openai:gpt-scripted")
    assert ran.code == 0, ran.err
    (line,) = [json.loads(text) for text in ran.out.splitlines()]
    assert line["findings"] == []
    assert "1 failed" in line["notes"]["judge"]


def test_a_judge_that_is_none_is_told_at_once(cli, trace: Path) -> None:
    """A model string that nobody knows is a mistake of the command line."""
    ran = cli("tag", trace, "--judge", "nobody:knows")
    assert ran.code == 2
    assert "nobody" in ran.error
