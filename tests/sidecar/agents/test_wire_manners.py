"""What clients meet besides turns: errors, long answers, rights, broken lines."""

import itertools
from typing import Any

import anthropic
import openai
import pytest

from guardrails.testing import Dropped, Refused, call, slowly, turn
from tests.cli.serving import BOT
from tests.sidecar.agents.conftest import OTHER, Stage
from tests.sidecar.agents.world import TASK, schema_of

_tasks = itertools.count(1)
LONG = "\n".join(f"line {number}: the pod said something" for number in range(2_000))
STATUSES = {
    400: (openai.BadRequestError, anthropic.BadRequestError),
    401: (openai.AuthenticationError, anthropic.AuthenticationError),
    404: (openai.NotFoundError, anthropic.NotFoundError),
    429: (openai.RateLimitError, anthropic.RateLimitError),
    500: (openai.InternalServerError, anthropic.InternalServerError),
    503: (openai.InternalServerError, anthropic.InternalServerError),
    529: (openai.InternalServerError, anthropic.InternalServerError),
}


def _task() -> str:
    return f"{TASK} (case {next(_tasks)})"


class Asks:
    """One request in each format, by the provider's own client."""

    def __init__(self, stage: Stage, *, token: str = BOT, retries: int = 0, run: str = "") -> None:
        headers = {"x-guarded-agent-run": run} if run else {}
        more: dict[str, Any] = {"api_key": token, "max_retries": retries}
        more |= {"default_headers": headers, "timeout": 30}
        self.openai = openai.OpenAI(base_url=f"{stage.url}/v1", **more)
        self.anthropic = anthropic.Anthropic(base_url=stage.url, **more)
        self.task = _task()

    def chat(self, *, stream: bool = False, **more: Any) -> str:
        """Ask by chat completions."""
        tool: Any = {"name": "kubectl_get", "parameters": schema_of("kubectl_get")}
        asked: dict[str, Any] = {
            "model": "scripted",
            "messages": [{"role": "user", "content": self.task}],
            "tools": [{"type": "function", "function": tool}],
            **more,
        }
        if not stream:
            reply = self.openai.chat.completions.create(**asked)
            return str(reply.choices[0].message.content)
        with self.openai.chat.completions.stream(**asked) as events:
            return str(events.get_final_completion().choices[0].message.content)

    def responses(self, *, stream: bool = False, **more: Any) -> str:
        """Ask by Responses."""
        tool: Any = {"type": "function", "name": "kubectl_get", "strict": False}
        asked: dict[str, Any] = {
            "model": "scripted",
            "input": self.task,
            "tools": [tool | {"parameters": schema_of("kubectl_get")}],
            **more,
        }
        if not stream:
            return str(self.openai.responses.create(**asked).output_text)
        with self.openai.responses.stream(**asked) as events:
            return str(events.get_final_response().output_text)

    def messages(self, *, stream: bool = False, **more: Any) -> str:
        """Ask by Anthropic's messages."""
        asked: dict[str, Any] = {
            "model": "scripted",
            "max_tokens": 1000,
            "messages": [{"role": "user", "content": self.task}],
            "tools": [{"name": "kubectl_get", "input_schema": schema_of("kubectl_get")}],
            **more,
        }
        if stream:
            with self.anthropic.messages.stream(**asked) as events:
                content: list[Any] = list(events.get_final_message().content)
        else:
            content = list(self.anthropic.messages.create(**asked).content)
        return "".join(one.text for one in content if one.type == "text")


FORMATS = ("chat", "responses", "messages")


@pytest.mark.timeout(60)
@pytest.mark.parametrize("stream", [False, True], ids=["whole", "streamed"])
@pytest.mark.parametrize("status", sorted(STATUSES))
@pytest.mark.parametrize("wire", FORMATS)
def test_errors_of_the_server_are_the_clients_own(
    stage: Stage, wire: str, status: int, *, stream: bool
) -> None:
    """By class, by status, by its words and by what the server says of waiting."""
    told = Refused(status=status, message="as the script says", headers={"retry-after": "7"})
    stage.model.play([told])
    expected = STATUSES[status][wire == "messages"]
    with pytest.raises(expected) as caught:
        getattr(Asks(stage), wire)(stream=stream)
    assert "as the script says" in str(caught.value)
    assert caught.value.response.headers["retry-after"] == "7"


@pytest.mark.timeout(60)
@pytest.mark.parametrize("wire", FORMATS)
def test_an_error_after_a_stream_began_is_the_clients_own(slow_stage: Stage, wire: str) -> None:
    """The status was sent by then, so it comes as an event, which raises all the same."""

    def late(body: dict[str, Any]) -> Refused:
        slowly(turn("unused"), seconds=0.4)(body)
        return Refused(status=500, message="as the script says")

    slow_stage.model.play([late])
    with pytest.raises((openai.APIError, anthropic.APIError), match="as the script says"):
        getattr(Asks(slow_stage), wire)(stream=True)


@pytest.mark.timeout(60)
@pytest.mark.parametrize("stream", [False, True], ids=["whole", "streamed"])
@pytest.mark.parametrize("wire", FORMATS)
def test_a_client_that_retries_doubles_no_event(stage: Stage, wire: str, *, stream: bool) -> None:
    """The server hung up on the first request; the second one goes on in the same run."""
    said = turn(LONG, calls=[call("kubectl_get", resource="pods")])
    stage.model.play([Dropped(said=said), said])
    asks = Asks(stage, retries=2)
    assert getattr(asks, wire)(stream=stream) == LONG
    run = stage.newest()["run"]
    trace = stage.asks(f"/v1/sessions/{run}/trace").text
    kinds = [kind for kind in ("model_replied", "tool_requested") if kind in trace]
    assert [trace.count(f'"type":"{kind}"') for kind in kinds] == [1, 1]
    assert asks.task in trace


@pytest.mark.timeout(60)
@pytest.mark.parametrize("wire", FORMATS)
def test_a_named_run_of_another_agent_is_forbidden(stage: Stage, wire: str) -> None:
    """In the words that the format's client reads; and nothing of it reaches a model."""
    stage.model.play([turn("I look.", calls=[call("kubectl_get", resource="pods")])])
    Asks(stage, token=OTHER).chat()
    run = stage.newest()["run"]
    asked = len(stage.model.asked)
    with pytest.raises((openai.PermissionDeniedError, anthropic.PermissionDeniedError)) as caught:
        getattr(Asks(stage, run=run), wire)()
    assert "was begun by another caller" in str(caught.value)
    assert "permission_error" in str(caught.value.body)
    assert len(stage.model.asked) == asked


@pytest.mark.timeout(60)
@pytest.mark.parametrize(("token", "status"), [("nobody-0123456789", 401), (f"look-{OTHER}", 403)])
@pytest.mark.parametrize("wire", FORMATS)
def test_who_may_not_ask_is_told_by_the_clients_own_error(
    stage: Stage, wire: str, token: str, status: int
) -> None:
    """A stranger is not known, and a viewer may not ask a model."""
    with pytest.raises((openai.APIStatusError, anthropic.APIStatusError)) as caught:
        getattr(Asks(stage, token=token), wire)()
    assert caught.value.status_code == status
    assert stage.model.asked == []


@pytest.mark.timeout(60)
def test_secrets_do_not_reach_a_server_that_keeps_the_conversation(stage: Stage) -> None:
    """A request that continues a response is cleaned as far as it holds anything."""
    stage.model.play(
        [
            turn("I look.", calls=[call("kubectl_get", call_id="c1", resource="pods")]),
            turn("And again.", calls=[call("kubectl_get", call_id="c2", resource="pods")]),
        ]
    )
    asks = Asks(stage)
    tool: Any = {"type": "function", "name": "kubectl_get", "strict": False}
    tools = [tool | {"parameters": schema_of("kubectl_get")}]
    first = asks.openai.responses.create(model="m", input=asks.task, tools=tools)
    secret = "postgres://shop:hunter2@db/orders"
    result: Any = {"type": "function_call_output", "call_id": "c1", "output": secret}
    second = asks.openai.responses.create(
        model="m", input=[result], previous_response_id=first.id, tools=tools
    )
    sent = stage.model.asked[-1].body["input"]
    assert second.output_text == "And again."
    assert sent[-1]["output"] == "postgres://shop:[redacted:url-password]@db/orders"
