"""What goes wrong around a turn: the models' server, the client, the time, the keys."""

import asyncio
import dataclasses
from collections.abc import Awaitable, Callable
from pathlib import Path

import httpx2
import pytest
from starlette.applications import Starlette
from starlette.middleware import Middleware

from guardrails.core.evidence import GateVerdict
from guardrails.core.incident import Incident
from guardrails.sidecar.proxy.settings import ProxySettings, Upstream
from guardrails.sidecar.proxy.upstream import ProxyError, headers_for
from tests.sidecar.proxy.stage import Reply, calling, said, stage

FAIL, PASS = GateVerdict.FAIL, GateVerdict.PASS
LOOK = ("c1", "kubectl get pods -n shop")


def _slowly(seconds: float) -> Callable[[], Awaitable[object]]:
    return lambda: asyncio.sleep(seconds)


@pytest.mark.parametrize(
    ("status", "headers"),
    [(401, {}), (429, {"retry-after": "7"}), (529, {}), (500, {"x-should-retry": "false"})],
)
@pytest.mark.parametrize("stream", [False, True])
async def test_an_error_of_the_server_is_passed_on_as_it_is(
    status: int, headers: dict[str, str], *, stream: bool
) -> None:
    """The agent's own client knows what to do with it."""
    body = {"error": {"message": "no", "type": "theirs"}}
    async with stage(Reply(body=body, status=status, headers=headers)) as on:
        response = await on.agent().post(stream=stream)
        assert response.status_code == status
        assert response.json() == body
        assert {name: response.headers[name] for name in headers} == headers


@pytest.mark.parametrize("body", [b"<html>oops</html>", b"[]", b'{"choices": []}', b""])
async def test_garbage_is_a_bad_gateway(body: bytes) -> None:
    """In the error's shape of the format, and recorded in the run."""
    async with stage(Reply(body=body), said("It is fixed.")) as on:
        agent = on.agent()
        response = await agent.post()
        assert response.status_code == 502
        assert "no valid reply" in response.json()["error"]["message"]
        await agent.to_the_end()
        assert (await on.facts(agent.run)).count("error_raised") == 1


async def test_a_stream_that_breaks_off_is_a_bad_gateway() -> None:
    """Half a turn is none: its last call may be half a command."""
    async with stage(Reply(body=b'data: {"choices": [{"delta": {"content": "It"}}]}\n\n')) as on:
        response = await on.agent().post(stream=True)
        assert response.status_code == 502


async def test_a_server_that_is_silent_times_out() -> None:
    """With the status by which clients try again."""
    slow = Reply(body={}, before=_slowly(3))
    async with stage(slow) as on:
        upstream = Upstream(base_url=f"{on.model.url}/v1", silence_seconds=0.2)
        on.proxy._models._settings = ProxySettings(upstreams={"chat": upstream})
        response = await on.agent().post()
        assert response.status_code == 504
        assert "in time" in response.json()["error"]["message"]


async def test_a_server_that_is_not_there_is_named() -> None:
    """Whoever reads the error knows that it is not the guard."""
    async with stage() as on:
        upstream = Upstream(base_url="http://127.0.0.1:9/v1")
        on.proxy._models._settings = ProxySettings(upstreams={"chat": upstream})
        response = await on.agent().post()
        assert response.status_code == 502
        assert "cannot be reached" in response.json()["error"]["message"]


@pytest.mark.parametrize("bypassed", [False, True])
async def test_the_proxy_of_the_environment_is_used(
    monkeypatch: pytest.MonkeyPatch, *, bypassed: bool
) -> None:
    """Clusters often reach models through one; what `NO_PROXY` names is asked directly."""
    async with stage(said("It is fixed.")) as on:
        monkeypatch.setenv("http_proxy", on.model.url)
        monkeypatch.setenv("no_proxy", "model.invalid" if bypassed else "")
        host = f"http://{'model' if bypassed else 'other'}.invalid"
        upstream = Upstream(base_url=f"{host}/v1")
        on.proxy._models._settings = ProxySettings(upstreams={"chat": upstream})
        response = await on.agent().post()
        assert response.status_code == (502 if bypassed else 200)
        assert len(on.model.asked) == (0 if bypassed else 1)


async def test_cookies_of_one_agents_model_are_not_sent_with_anothers() -> None:
    """The pool of connections is shared; what servers remember in it is not."""
    replies = [dataclasses.replace(said("x"), headers={"set-cookie": "who=one"}), said("x")]
    async with stage(*replies) as on:
        await on.agent().post()
        await on.agent(task="another").post()
        assert "cookie" not in on.model.headers[1]


async def test_a_format_without_an_upstream_says_which_setting_it_needs() -> None:
    """It costs no request."""
    async with stage() as on:
        on.proxy._models._settings = ProxySettings()
        response = await on.agent().post()
        assert response.status_code == 404
        assert "upstreams.chat" in response.json()["error"]["message"]


async def test_whoever_hangs_up_while_the_model_works_stops_it() -> None:
    """Nothing of it is a fact, and the same request asks again."""
    asked, never = asyncio.Event(), asyncio.Event()

    async def wait() -> None:
        asked.set()
        await asyncio.wait_for(never.wait(), 5)

    async with stage(said("late", before=wait), calling(LOOK)) as on:
        agent = on.agent()
        task = asyncio.create_task(agent.post())
        await asyncio.wait_for(asked.wait(), 5)
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        for _ in range(100):
            if not on.proxy._tasks:
                break
            await asyncio.sleep(0.02)
        assert not on.proxy._tasks
        never.set()
        await agent.turn()
        assert await on.facts(agent.run) == ["run_started", "model_replied", "tool_requested"]


async def test_an_end_that_is_being_judged_is_finished_after_a_hang_up() -> None:
    """The same request is given what came of it, and the gate is not asked twice."""
    asked, go = asyncio.Event(), asyncio.Event()
    async with stage(said("It is fixed.")) as on:
        judge = on.gate.evaluate

        async def evaluate(*given: object, **more: object) -> object:
            asked.set()
            await go.wait()
            return await judge(*given, **more)  # type: ignore[arg-type]

        on.gate.evaluate = evaluate  # type: ignore[method-assign,assignment]
        agent = on.agent()
        task = asyncio.create_task(agent.post())
        await asyncio.wait_for(asked.wait(), 5)
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        await asyncio.sleep(0.05)
        again = asyncio.create_task(agent.to_the_end())
        go.set()
        assert await again == "It is fixed."
        assert len(on.gate.requests) == 1
        assert len(on.model.asked) == 1


async def test_a_stream_is_kept_open_while_the_gate_looks() -> None:
    """By chunks in which nothing is said: comments are nothing to clients that measure silence."""
    go = asyncio.Event()
    async with stage(said("It is fixed."), ping_seconds=0.05) as on:
        judge = on.gate.evaluate

        async def evaluate(*given: object, **more: object) -> object:
            await go.wait()
            return await judge(*given, **more)  # type: ignore[arg-type]

        on.gate.evaluate = evaluate  # type: ignore[method-assign,assignment]
        body = {"model": "m", "messages": on.agent().messages, "stream": True, "tools": []}
        body["tools"] = on.agent().tools
        async with on.client.stream("POST", "/v1/chat/completions", json=body) as response:
            assert response.headers["x-guarded-agent-run"]
            parts = response.aiter_text()
            assert '"role":"assistant"' in await anext(parts)
            assert '"delta":{}' in await anext(parts)
            go.set()
            assert "It is fixed." in "".join([part async for part in parts])


@pytest.mark.parametrize("stream", [False, True])
async def test_a_request_that_takes_too_long_ends_and_the_next_one_gets_its_turn(
    *, stream: bool
) -> None:
    """Clients repeat it by themselves."""
    go = asyncio.Event()
    async with stage(said("It is fixed."), deadline_seconds=0.3, ping_seconds=0.1) as on:
        judge = on.gate.evaluate

        async def evaluate(*given: object, **more: object) -> object:
            await go.wait()
            return await judge(*given, **more)  # type: ignore[arg-type]

        on.gate.evaluate = evaluate  # type: ignore[method-assign,assignment]
        agent = on.agent()
        late = await agent.post(stream=stream)
        assert late.status_code == (200 if stream else 504)
        assert "not ready within 0.3 s" in late.text
        go.set()
        assert await agent.to_the_end() == "It is fixed."
        assert len(on.model.asked) == 1


async def test_rounds_within_a_request_are_bounded() -> None:
    """The next request goes on from there, with what the model was told."""
    async with stage(
        said(""), said(""), said("It is fixed."), max_rounds=2, verdicts=(PASS,)
    ) as on:
        agent = on.agent()
        assert (await agent.post()).status_code == 504
        assert await agent.to_the_end() == "It is fixed."
        assert len(on.model.asked) == 3
        assert len(on.model.shown(2)) == 6


async def test_models_and_token_counts_are_passed_through() -> None:
    """Agents ask for both before their first turn."""
    async with stage(Reply(body={"data": [{"id": "m"}]}), Reply(body={"input_tokens": 3})) as on:
        listed = await on.client.get("/v1/models")
        assert listed.json() == {"data": [{"id": "m"}]}
        counted = await on.client.post("/v1/messages/count_tokens", json={"messages": []})
        assert counted.json() == {"input_tokens": 3}
        assert on.store.rows() == []


async def test_the_agents_own_key_goes_upstream() -> None:
    """With the provider's headers, and nothing else of the agent's."""
    async with stage(said("It is fixed.")) as on:
        sent = {"authorization": "Bearer mine", "openai-project": "p", "cookie": "c=1"}
        await on.agent(headers=sent).post()
        got = on.model.headers[0]
        assert got["authorization"] == "Bearer mine"
        assert got["openai-project"] == "p"
        assert "cookie" not in got
        assert "x-guarded-agent-run" not in got


def test_a_token_of_the_guard_never_goes_upstream() -> None:
    """Without a key of the upstream's own there is none to send."""
    upstream = Upstream(base_url="http://model/v1")
    with pytest.raises(ProxyError, match=r"upstreams\.chat\.api_key_file"):
        headers_for("chat", upstream, {"authorization": "Bearer guard"}, own=False)


def test_a_key_is_read_from_its_file_at_every_request(tmp_path: Path) -> None:
    """A rotated one is used at once, and no `repr` shows it."""
    file = tmp_path / "key"
    upstream = Upstream(base_url="http://model/v1", api_key_file=file)
    with pytest.raises(ProxyError, match="cannot be read"):
        headers_for("chat", upstream, {}, own=False)
    for key in ("one", "two"):
        file.write_text(f"{key}\n")
        found = headers_for("anthropic", upstream, {"x-api-key": "guard"}, own=False)
        assert found.values["x-api-key"] == key
        assert key not in repr(found)


async def test_a_run_that_was_closed_stays_closed_for_its_agent() -> None:
    """Whatever it sends gets the closing words, and no model is asked."""
    async with stage(calling(LOOK), verdicts=(FAIL,)) as on:
        await on.service.open(Incident(task="checkout is down"), run="r1")
        agent = on.agent(headers={"x-guarded-agent-run": "r1"})
        await agent.turn()
        live = await on.service.run("r1")
        live.decided(lambda: live.guard.fail(live.session, ValueError("gone"), where="graph"))
        assert (await agent.to_the_end()).startswith("The work on the incident was broken off")
        assert len(on.model.asked) == 1


async def test_a_viewer_may_not_use_the_proxy() -> None:
    """It is for agents and operators."""

    class AsViewer:
        def __init__(self, app: object) -> None:
            self.app = app

        async def __call__(self, scope: dict[str, object], receive: object, send: object) -> None:
            caller = type("Caller", (), {"name": "v", "role": "viewer"})()
            scope.setdefault("state", {})["caller"] = caller  # type: ignore[index,attr-defined]
            await self.app(scope, receive, send)  # type: ignore[operator]

    async with stage(said("x")) as on:
        app = Starlette(routes=on.proxy.routes(), middleware=[Middleware(AsViewer)])  # type: ignore[arg-type]
        transport = httpx2.ASGITransport(app=app)
        async with httpx2.AsyncClient(transport=transport, base_url="http://p") as client:
            response = await client.post(
                "/v1/chat/completions", json={"model": "m", "messages": on.agent().messages}
            )
        assert response.status_code == 403
        assert on.model.asked == []
