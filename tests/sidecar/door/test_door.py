"""The door: tokens in headers, roles, and runs that are a caller's own."""

import asyncio
from collections.abc import Callable
from datetime import UTC, datetime
from typing import TypeVar

import pytest

from guardrails.core.ids import RunId
from guardrails.sidecar.auth.middleware import Authentication
from guardrails.sidecar.auth.owned import OwnedRuns, asking
from guardrails.sidecar.auth.roles import Caller, Role
from guardrails.sidecar.auth.tokens import AskLaterError
from guardrails.sidecar.stores.base import ConflictError, Record, RunRow, StoreError
from guardrails.sidecar.stores.memory import MemoryRuns
from tests.sidecar.door.asking import ask, who

T = TypeVar("T")

PEOPLE = {
    "agent-token": Caller(name="bot", role=Role.AGENT),
    "other-token": Caller(name="other", role=Role.AGENT),
    "viewer-token": Caller(name="dash", role=Role.VIEWER),
    "operator-token": Caller(name="sre", role=Role.OPERATOR),
}


class Known:
    """Knows four tokens."""

    async def caller(self, token: str) -> Caller | None:
        return PEOPLE.get(token)


class Silent:
    """Cannot tell now."""

    async def caller(self, token: str) -> Caller | None:
        raise AskLaterError("TokenReview: connection refused")


class Nobodys:
    """Knows the owner of no run."""

    def remembered(self, run: RunId) -> str | None:
        return None

    def owner_of(self, run: RunId) -> str | None:
        return None


def _door(app=who, *, authenticator=None, owners=None, open_metrics=True) -> Authentication:
    return Authentication(
        app,
        authenticator=authenticator or Known(),
        owners=owners or Nobodys(),
        open_metrics=open_metrics,
    )


def _bearer(token: str) -> dict[str, str]:
    return {"authorization": f"Bearer {token}"}


def _row(run: str, key: str = "") -> RunRow:
    now = datetime.now(UTC)
    return RunRow(run=RunId(run), key=key, policy="{}", created=now, changed=now, seq=1)


FIRST = Record(seq=1, event=b"{}", decision=b"{}")


def _begin(runs: OwnedRuns, caller: Caller | None, run: str, key: str = "") -> None:
    token = asking.set(caller)
    try:
        runs.create(_row(run, key), FIRST)
    finally:
        asking.reset(token)


def _as(caller: Caller, work: Callable[[], T]) -> T:
    token = asking.set(caller)
    try:
        return work()
    finally:
        asking.reset(token)


BOT, OTHER, SRE = PEOPLE["agent-token"], PEOPLE["other-token"], PEOPLE["operator-token"]


@pytest.mark.parametrize(
    ("path", "headers"),
    [
        ("/v1/sessions", {"authorization": "Bearer agent-token"}),
        ("/v1/sessions", {"authorization": "bearer  agent-token "}),
        ("/v1/sessions", {"x-guarded-agent-token": "agent-token"}),
        ("/v1/messages", {"x-api-key": "agent-token"}),
        (
            "/v1/chat/completions",
            {"authorization": "Bearer sk-model", "x-guarded-agent-token": "agent-token"},
        ),
    ],
)
async def test_a_token_comes_in_the_header_that_its_client_has(path: str, headers) -> None:
    """Our own header goes before the one of the model's provider."""
    answered = await ask(_door(), path, headers=headers)
    assert answered.json["caller"] == "bot"


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"authorization": "Basic agent-token"},
        {"authorization": "agent-token"},
        {"authorization": "Bearer nope"},
        {"x-api-key": "agent-token"},  # not on a path of the proxy
    ],
)
async def test_without_a_good_token_nobody_comes_in(headers) -> None:
    """401 says how to come in, as a problem, and the application is not asked."""
    answered = await ask(_door(), headers=headers)
    assert answered.status == 401
    assert answered.headers["www-authenticate"].startswith('Bearer realm="guarded-agent"')
    assert answered.headers["content-type"] == "application/problem+json"
    assert answered.json["status"] == 401


async def test_two_tokens_in_one_request_are_none() -> None:
    """Whoever stands between may have added the second one."""

    async def twice(scope, receive, send) -> None:
        scope["headers"].append((b"authorization", b"Bearer other-token"))
        await _door()(scope, receive, send)

    assert (await ask(twice, headers=_bearer("agent-token"))).status == 401


async def test_a_cluster_that_does_not_answer_is_503() -> None:
    """401 would make a client throw a good token away."""
    answered = await ask(_door(authenticator=Silent()), headers=_bearer("agent-token"))
    assert answered.status == 503
    assert int(answered.headers["retry-after"]) > 0


@pytest.mark.parametrize("path", ["/healthz", "/readyz"])
async def test_probes_need_no_token(path: str) -> None:
    """The kubelet has none."""
    assert (await ask(_door(), path)).status == 200


@pytest.mark.parametrize(("open_", "status"), [(True, 200), (False, 401)])
async def test_metrics_are_open_by_setting(open_: bool, status: int) -> None:  # noqa: FBT001
    """Prometheus may be given a token."""
    assert (await ask(_door(open_metrics=open_), "/metrics")).status == status


RIGHTS = [
    ("POST", "/v1/sessions", {"agent", "operator"}),
    ("GET", "/v1/sessions", {"agent", "viewer", "operator"}),
    ("GET", "/v1/sessions/r1/trace", {"agent", "viewer", "operator"}),
    ("POST", "/v1/sessions/r1/events", {"agent", "operator"}),
    ("POST", "/v1/sessions/r1/decisions", {"agent", "operator"}),
    ("POST", "/v1/sessions/r1/end", {"agent", "operator"}),
    ("POST", "/v1/sessions/r1/look", {"agent", "operator"}),
    ("POST", "/v1/sessions/r1/answers", {"operator"}),
    ("POST", "/v1/sessions/r1/answers/", {"operator"}),
    ("POST", "/v1/sessions/r1/allowances", {"operator"}),
    ("POST", "/v1/chat/completions", {"agent", "operator"}),
    ("POST", "/v1/responses", {"agent", "operator"}),
    ("POST", "/v1/messages", {"agent", "operator"}),
    ("GET", "/v1/models", {"agent", "operator"}),
]


@pytest.mark.parametrize(("method", "path", "roles"), RIGHTS)
async def test_each_role_may_what_it_is_for(method: str, path: str, roles: set[str]) -> None:
    """An agent answers no question and allows no loss; a viewer changes nothing."""
    for token, caller in PEOPLE.items():
        answered = await ask(_door(), path, method=method, headers=_bearer(token))
        wanted = {200, 201} if caller.role in roles else {403}
        assert answered.status in wanted, (caller, answered.body)


async def test_an_agent_reads_its_own_runs_only() -> None:
    """People read all of them."""
    runs = OwnedRuns(MemoryRuns())
    _begin(runs, BOT, "r1")
    door = _door(owners=runs)
    for token, status in (("agent-token", 200), ("other-token", 403), ("viewer-token", 200)):
        assert (await ask(door, headers=_bearer(token))).status == status


async def test_a_run_that_nobody_owns_is_no_agents() -> None:
    """It was begun while nobody was asked for a name."""
    runs = OwnedRuns(MemoryRuns())
    _begin(runs, None, "r1")
    assert (await ask(_door(owners=runs), headers=_bearer("agent-token"))).status == 403


async def test_the_proxy_takes_no_run_of_another() -> None:
    """A header names the run there."""
    runs = OwnedRuns(MemoryRuns())
    _begin(runs, BOT, "r1")
    for token, status in (("agent-token", 200), ("other-token", 403)):
        headers = {**_bearer(token), "x-guarded-agent-run": "r1"}
        answered = await ask(_door(owners=runs), "/v1/responses", method="POST", headers=headers)
        assert answered.status == status


async def test_the_owner_outlives_the_process() -> None:
    """It is in the store, with the run."""
    store = MemoryRuns()
    _begin(OwnedRuns(store), BOT, "r1", key="k")
    assert OwnedRuns(store).owner_of(RunId("r1")) == "bot"


async def test_opening_a_run_of_another_under_its_id_shows_nothing() -> None:
    """The application gives back the run that is open already."""
    runs = OwnedRuns(MemoryRuns())
    _begin(runs, BOT, "r1")

    async def reopens(scope, receive, send) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": b'{"run":"r1",', "more_body": True})
        await send({"type": "http.response.body", "body": b'"secret":1}'})

    door = _door(reopens, owners=runs)
    own = await ask(door, "/v1/sessions", method="POST", headers=_bearer("agent-token"))
    assert own.json == {"run": "r1", "secret": 1}
    other = await ask(door, "/v1/sessions", method="POST", headers=_bearer("other-token"))
    assert other.status == 403
    assert "secret" not in other.json


def test_two_agents_may_use_one_key() -> None:
    """Each finds its own run; one agent has one run under a key."""
    runs = OwnedRuns(MemoryRuns())
    _begin(runs, BOT, "r1", key="incident-7")
    _begin(runs, OTHER, "r2", key="incident-7")
    with pytest.raises(ConflictError):
        _begin(runs, BOT, "r3", key="incident-7")
    assert _as(BOT, lambda: runs.find("incident-7")) == "r1"
    assert _as(OTHER, lambda: runs.find("incident-7")) == "r2"
    assert _as(SRE, lambda: runs.find("incident-7")) in {"r1", "r2"}
    assert _as(BOT, lambda: [row.run for row in runs.rows()]) == ["r1"]
    assert {row.key for row in _as(SRE, runs.rows)} == {"incident-7"}


def test_runs_without_a_key_stand_in_nobodys_way() -> None:
    """Their stored keys differ, and are shown as none."""
    runs = OwnedRuns(MemoryRuns())
    for run in ("r1", "r2"):
        _begin(runs, BOT, run)
    assert {row.key for row in runs.rows()} == {""}
    found = runs.load(RunId("r1"))
    assert found is not None
    assert found.row.key == ""


async def test_without_tokens_the_service_is_asked_as_this_machine_only() -> None:
    """A web page makes a browser ask under the page's own name."""
    door = Authentication(who, authenticator=None, owners=Nobodys())
    for host in ("localhost", "127.0.0.1:8321", "[::1]:8321", "LOCALHOST:1"):
        assert (await ask(door, headers={"host": host})).status == 200
    for host in ("evil.example", "127.0.0.1.evil.example:8321", ""):
        assert (await ask(door, headers={"host": host})).status == 403
    anyhow = Authentication(who, authenticator=None, owners=Nobodys(), any_host=True)
    assert (await ask(anyhow, headers={"host": "guard.shop.svc"})).status == 200


async def test_a_store_that_is_down_lets_no_agent_at_a_run() -> None:
    """Whose it is cannot be told."""

    class Down(Nobodys):
        def owner_of(self, run: RunId) -> str | None:
            raise StoreError("connection refused")

    answered = await ask(_door(owners=Down()), headers=_bearer("agent-token"))
    assert answered.status == 503


async def test_requests_at_the_same_time_do_not_mix_callers() -> None:
    """Who asks is known to the store by the request, also in threads."""
    seen: dict[str, str] = {}

    async def slow(scope, receive, send) -> None:
        await asyncio.sleep(0)
        caller = await asyncio.to_thread(asking.get)
        seen[scope["path"]] = caller.name
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": b""})

    door = _door(slow)
    await asyncio.gather(
        *(
            ask(door, f"/v1/{token}", method="POST", headers=_bearer(token))
            for token in ("agent-token", "other-token", "operator-token")
        )
    )
    assert seen == {
        "/v1/agent-token": "bot",
        "/v1/other-token": "other",
        "/v1/operator-token": "sre",
    }
    assert asking.get() is None
