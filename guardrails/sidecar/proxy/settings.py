"""What the model proxy is told: where models are, what runs are about, and how long it may take.

Keys of models are never in it, only the file or the environment variable that holds one.
"""

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Final, Literal

from pydantic import AfterValidator, StrictBool, StringConstraints, model_validator

from guardrails.core.incident import Goal, Incident
from guardrails.policy.durations import PositiveSeconds, Seconds
from guardrails.policy.incidentfile import AlertEntry, NamespaceName, SloEntry, WorkloadEntry
from guardrails.policy.strict import Count, Strict

Format = Literal["chat", "responses", "anthropic"]

KEPT_HEADERS: Final = frozenset({"authorization", "x-api-key", "host", "content-length"})
"""Headers that settings do not set: keys have fields of their own, the rest is the client's."""

SUMMARIES: Final = (
    r"(?i)\b(?:create|write) a (?:detailed )?summary of (?:the|our|this)[ \w]*conversation",
    r"(?i)\bsummari[sz]e (?:the|our|this)[ \w]*conversation",
    r"(?i)\bcontext checkpoint compaction\b",
)
"""How agents ask their model for a summary of a conversation that has grown too long (seen in
coding agents of the Claude and Codex kind). The reply goes to the agent, and is no end."""


def _url(text: str) -> str:
    if not re.fullmatch(r"https?://[^\s/?#]+(?:/[^\s?#]*)?", text):
        raise ValueError(f"{text!r} is no base URL; write it like https://api.openai.com/v1")
    return text.rstrip("/")


def _pattern(text: str) -> str:
    try:
        re.compile(text)
    except re.error as error:
        raise ValueError(f"{text!r} is no regular expression: {error}") from error
    return text


def _headers(headers: Mapping[str, str]) -> Mapping[str, str]:
    if taken := sorted(name for name in headers if name.lower() in KEPT_HEADERS):
        raise ValueError(
            f"{taken[0]!r} cannot be set here; a key of the model goes into api_key_file or "
            f"api_key_env"
        )
    return headers


class Upstream(Strict):
    """Where the models of one format are."""

    base_url: Annotated[str, StringConstraints(strip_whitespace=True), AfterValidator(_url)]
    """What stands before the format's own path, version included where it has one:
    `https://api.openai.com/v1`, `https://api.anthropic.com/v1`."""
    api_key_file: Path | None = None
    """Holds the key; read at every request, so a rotated one is used at once. None: see
    `api_key_env`."""
    api_key_env: Annotated[str, StringConstraints(min_length=1)] | None = None
    """Environment variable that holds the key. With neither, the agent's own key goes through; then
    the guard's token has to come in `x-guarded-agent-token`."""
    headers: Annotated[Mapping[str, str], AfterValidator(_headers)] = {}
    """Sent with every request, over the agent's own."""
    connect_seconds: PositiveSeconds = 10.0
    """For a connection, as in the providers' own clients."""
    silence_seconds: PositiveSeconds = 300.0
    """How long nothing may come: a reasoning model that does not stream thinks for minutes."""

    @model_validator(mode="after")
    def _one_key(self) -> "Upstream":
        if self.api_key_file is not None and self.api_key_env is not None:
            raise ValueError("give api_key_file or api_key_env, not both")
        return self


class Scope(Strict):
    """What runs are about that the proxy opens; the task is what the agent's user wrote."""

    goal: Goal = Goal.MITIGATION
    namespaces: tuple[NamespaceName, ...] = ()
    """With none no object is in scope, so that no end is ever accepted."""
    workloads: tuple[WorkloadEntry, ...] = ()
    alerts: tuple[AlertEntry, ...] = ()
    slo: tuple[SloEntry, ...] = ()

    def incident(self, task: str) -> Incident:
        """Return the incident of a run whose task is this text."""
        return Incident(
            task=task,
            goal=self.goal,
            namespaces=self.namespaces,
            workloads=tuple(one.value() for one in self.workloads),
            alerts=tuple(one.value() for one in self.alerts),
            slo=tuple(one.value(position=at) for at, one in enumerate(self.slo, 1)),
        )


class ProxySettings(Strict):
    """The model proxy. Without an upstream there is none."""

    upstreams: Mapping[Format, Upstream] = {}
    """By format; a format without one is answered 404."""
    incident: Scope = Scope()
    """Of runs that the proxy opens itself, because no header names one."""
    policy: str = ""
    """The policy of such runs, by name; empty for the usual one."""
    max_rounds: Count = 12
    """Turns of the model within one request of the agent. Ends are refused 4 times at most by
    default, and wrong calls taken back in pairs; more than 12 in a row lead nowhere."""
    deadline_seconds: PositiveSeconds = 570.0
    """For one request; the run goes on with the next one. The providers' clients give up at 600 s
    by default."""
    ping_seconds: PositiveSeconds = 10.0
    """A stream that has nothing to say yet is kept open by a ping this often."""
    retry_seconds: Seconds = 900.0
    """How long a request that is repeated word for word gets the same turn; later it is a new
    conversation. The providers' clients repeat within a minute; people come back after lunch."""
    people_answer: StrictBool = False
    """Put open questions to whoever talks with the agent: the question is its reply, and the next
    message of the user the answer. Otherwise such a run only reads. Turn it on only where a person
    writes the user messages: a program would answer its own questions."""
    auxiliary: Literal["pass", "guard"] = "pass"
    """What becomes of requests that have neither tools nor calls (titles, summaries): passed
    through, or guarded like any. Agents that call tools by text need `guard`."""
    auxiliary_prompts: tuple[Annotated[str, AfterValidator(_pattern)], ...] = SUMMARIES
    """A last user message that one of these is found in asks for a summary and not for a turn."""
    subagents: Literal["pass", "judge"] = "pass"
    """What becomes of the last words of a run's further agents: reports to the first one, or ends
    of the run."""
    max_reply_bytes: Count = 32_000_000
    """A longer reply of a model is an error; the longest contexts are 4 MB of text."""
