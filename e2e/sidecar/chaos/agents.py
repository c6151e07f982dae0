"""Agents that come to the guard with a false claim, mend the fault, and claim again.

One states numbered facts to the decision API, and says each again until it is answered. The other
is a loop of OpenAI's client, as it comes, at the model proxy.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Final, cast

import httpx2
import openai

from e2e.sidecar.chaos.world import INCIDENT

PATIENCE_SECONDS: Final = 40.0
"""How long one request is repeated."""
PAUSE_SECONDS: Final = 0.05
AGAIN: Final = frozenset({409, 429, 500, 502, 503, 504})
"""Statuses after which the same request is sent again."""
READ: Final = "kubectl get endpointslices -n shop"
WRITE: Final = "kubectl set selector service/checkout app=checkout -n shop"


class GaveUpError(Exception):
    """The guard did not answer, or not as it should."""


@dataclass
class ApiAgent:
    """States facts by number.

    Attributes:
        mend: What its write does to the world.
        seen: What it was told besides what it asked for: each kind of answer, once.
        decisions: By number.
    """

    url: str
    run: str
    mend: Callable[[], None]
    patience: float = PATIENCE_SECONDS
    seen: list[str] = field(default_factory=list[str])
    decisions: dict[int, dict[str, Any]] = field(default_factory=dict[int, dict[str, Any]])
    number: int = 0
    client: httpx2.Client = field(
        default_factory=lambda: httpx2.Client(
            timeout=15.0, limits=httpx2.Limits(max_keepalive_connections=0)
        )
    )

    def work(self) -> str:
        """Do everything; return the outcome of the run."""
        self.prepare()
        return str(self.end("It is fixed now.").get("outcome"))

    def prepare(self) -> None:
        """Do everything but the honest claim: look twice, claim falsely, mend, look."""
        self.open()
        self.look("c1", first="I look at the endpoints.")
        self.look("c2", first="I look again.")
        refused = self.end("It is fixed.")
        if refused.get("next") == "end":
            raise GaveUpError(f"a false claim ended the run: {refused}")
        self.fix()
        self.look("c4", first="I check.")

    def open(self) -> None:
        """Begin the run; once, however often it is asked for."""
        self.ask("/v1/sessions", {"run": self.run, "incident": INCIDENT})

    def look(self, call: str, *, first: str) -> None:
        """Say something, and read."""
        self.state({"type": "model_replied", "text": first})
        self.call(call, READ)

    def fix(self) -> None:
        """Say something, and write."""
        self.state({"type": "model_replied", "text": "I let the Service select its pods."})
        self.call("c3", WRITE, then=self.mend)

    def call(self, call: str, command: str, *, then: Callable[[], None] | None = None) -> None:
        """Ask for a call, make it, and give what it returned."""
        asked = {"type": "tool_requested", "call_id": call, "tool": "kubectl"}
        decision = self.state({**asked, "arguments": json.dumps({"command": command})})
        if decision.get("verdict", "allow") != "allow":
            raise GaveUpError(f"{command}: {decision}")
        if then is not None:
            then()
        back = {"type": "tool_returned", "call_id": call, "tool": "kubectl", "status": "ok"}
        self.state({**back, "text": "done"})

    def state(self, fact: dict[str, Any]) -> dict[str, Any]:
        """State one fact until it is decided."""
        self.number += 1
        events = [{"number": self.number, "fact": fact}]
        answer = self.ask(f"/v1/sessions/{self.run}/events", {"events": events})
        return self._note(answer["decisions"][0]["decision"])

    def end(self, text: str) -> dict[str, Any]:
        """Claim, and wait for the decision."""
        self.number += 1
        claim = {"kind": "mitigated", "text": text}
        body = {"number": self.number, "exit": "final_answer", "claim": claim, "wait": 10}
        until = time.monotonic() + 2 * self.patience
        while time.monotonic() < until:
            decision = self.ask(f"/v1/sessions/{self.run}/end", body)["decision"]
            if decision is not None:
                return self._note(decision)
        raise GaveUpError("the end was not decided")

    def ask(self, path: str, body: dict[str, Any]) -> dict[str, Any]:
        """Post until there is an answer.

        Raises:
            GaveUpError: None came in time, or one that repeating does not help.
        """
        until = time.monotonic() + self.patience
        while True:
            try:
                answer = self.client.post(self.url + path, json=body)
            except httpx2.HTTPError as error:
                self._saw(type(error).__name__)
            else:
                if answer.is_success:
                    return cast("dict[str, Any]", answer.json())
                said = f"{answer.status_code} {_detail(answer)}"
                self._saw(said)
                if answer.status_code not in AGAIN:
                    raise GaveUpError(said)
            if time.monotonic() > until:
                raise GaveUpError(self.seen[-1])
            time.sleep(PAUSE_SECONDS)

    def _note(self, decision: dict[str, Any]) -> dict[str, Any]:
        self.decisions[self.number] = decision
        return decision

    def _saw(self, what: str) -> None:
        if what not in self.seen:
            self.seen.append(what)


def _detail(answer: httpx2.Response) -> str:
    problem = "json" in answer.headers.get("content-type", "")
    return str(answer.json().get("detail", "")) if problem else f"without a reason: {answer.text}"


TOOLS: Final[list[Any]] = [
    {
        "type": "function",
        "function": {
            "name": "kubectl",
            "parameters": {
                "type": "object",
                "properties": {"command": {"type": "string"}},
                "required": ["command"],
            },
        },
    }
]


@dataclass
class ProxyAgent:
    """A loop of OpenAI's client, with the retries that it comes with."""

    url: str
    mend: Callable[[], None]
    next_url: Callable[[], str] | None = None
    """Where the next turn is asked for, if not always at one place."""
    patience: float = 3 * PATIENCE_SECONDS
    """One turn may hold several of the model's, and a death at each of their writes."""
    seen: list[str] = field(default_factory=list[str])
    messages: list[dict[str, Any]] = field(default_factory=list[dict[str, Any]])
    ran: list[str] = field(default_factory=list[str])
    run: str = ""

    def work(self) -> str:
        """Take turns until the model only speaks; return what it says."""
        self.messages = [{"role": "user", "content": INCIDENT["task"]}]
        with openai.OpenAI(base_url=f"{self.url}/v1", api_key="agent", timeout=20.0) as client:
            for _ in range(12):
                message = self._turn(client)
                self.messages.append(message)
                if not message.get("tool_calls"):
                    return str(message["content"])
                for call in message["tool_calls"]:
                    self._run(call)
        raise GaveUpError("no end within 12 turns")

    def _turn(self, client: openai.OpenAI) -> dict[str, Any]:
        if self.next_url is not None:
            client.base_url = f"{self.next_url()}/v1"
        until = time.monotonic() + self.patience
        while time.monotonic() < until:
            try:
                found = client.chat.completions.with_raw_response.create(
                    model="scripted",
                    messages=cast("Any", self.messages),
                    tools=TOOLS,
                )
            except openai.APIStatusError as error:
                self._saw(f"{error.status_code} {error.message}")
            except openai.APIError as error:
                self._saw(type(error).__name__)
            else:
                self.run = found.headers["x-guarded-agent-run"]
                turn = found.parse().choices[0].message
                return turn.model_dump(exclude_none=True)
            time.sleep(PAUSE_SECONDS)
        raise GaveUpError(self.seen[-1])

    def _run(self, call: dict[str, Any]) -> None:
        command = json.loads(call["function"]["arguments"])["command"]
        self.ran.append(command)
        if command == WRITE:
            self.mend()
        self.messages.append({"role": "tool", "tool_call_id": call["id"], "content": "done"})

    def _saw(self, what: str) -> None:
        if what not in self.seen:
            self.seen.append(what)
