"""What is wrong with a request is told in one line, in one form."""

from collections.abc import AsyncGenerator

import httpx2
import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from structlog.testing import capture_logs

from guardrails.errors import InternalError
from guardrails.sidecar.api.bodies import OpenRun, StateFacts
from guardrails.sidecar.api.problems import ProblemError
from guardrails.sidecar.api.reading import BodyReader
from guardrails.sidecar.app import make_app
from guardrails.sidecar.stores.base import Record, RunRow, StoreError
from guardrails.sidecar.stores.memory import MemoryRuns
from tests.sidecar.api.apps import INCIDENT, LOOK, calling, full_app, make_service, opened

JSON = {"content-type": "application/json"}


class LostStore(MemoryRuns):
    """A store that is not reached."""

    def create(self, row: RunRow, first: Record) -> None:
        """Fail as a network does."""
        raise StoreError("redis: connection refused")


class BrokenStore(MemoryRuns):
    """A store with a bug in it."""

    def create(self, row: RunRow, first: Record) -> None:
        """Fail as nobody foresaw."""
        raise InternalError("secret-of-the-house")


@pytest.fixture
async def client() -> AsyncGenerator[httpx2.AsyncClient]:
    async with calling(full_app(tokens=False)) as client:
        yield client


@pytest.mark.parametrize(
    ("body", "headers", "status", "said"),
    [
        (b'{"incident"', JSON, 400, "the body is no JSON: Input data was truncated"),
        (b'{"incident": {"task": "\xff"}}', JSON, 400, "the body is no JSON"),
        (b"[" * 100_000, JSON, 400, "the body is no JSON"),
        (b"", JSON, 400, "the body is no JSON"),
        (b"{}", {"content-type": "text/plain"}, 415, "send content-type: application/json, not"),
        (b"{}", JSON, 422, "Object missing required field `incident`"),
        (b'{"incident": {"task": 7}}', JSON, 422, "got `int` - at `$.incident.task`"),
        (
            b'{"incident": {"task": "t", "namespace": "shop"}}',
            JSON,
            422,
            "there is no field $.incident.namespace",
        ),
        (b'{"incident": {"task": "t"}, "Key": "k"}', JSON, 422, "there is no field $.Key"),
    ],
)
async def test_a_body_that_is_wrong_is_told_with_the_place(
    client: httpx2.AsyncClient, body: bytes, headers: dict[str, str], status: int, said: str
) -> None:
    """Malformed, of another type, or of another form: each has its status."""
    answer = await client.post("/v1/sessions", content=body, headers=headers)
    assert answer.status_code == status
    assert answer.headers["content-type"] == "application/problem+json"
    assert said in answer.json()["detail"]
    assert "\n" not in answer.json()["detail"]


async def test_a_fact_of_the_guard_is_not_for_callers(client: httpx2.AsyncClient) -> None:
    """Or an agent would state the report that accepts its end."""
    run = await opened(client)
    fact = {"type": "gate_reported", "report": {}}
    answer = await client.post(
        f"/v1/sessions/{run}/events", json={"events": [{"number": 1, "fact": fact}]}
    )
    assert answer.status_code == 422
    assert "not for callers to state; they state agent_handed_off" in answer.json()["detail"]


async def test_a_misspelt_field_of_a_fact_is_refused(client: httpx2.AsyncClient) -> None:
    """It would be decided on as a call without arguments otherwise."""
    run = await opened(client)
    fact = {"type": "tool_requested", "call_id": "c", "tool": "kubectl", "argument": "{}"}
    answer = await client.post(
        f"/v1/sessions/{run}/events",
        json={"events": [{"number": 1, "fact": LOOK}, {"number": 2, "fact": fact}]},
    )
    assert answer.status_code == 422
    assert answer.json()["detail"] == "there is no field $.events[1].fact.argument"
    assert (await client.get(f"/v1/sessions/{run}")).json()["number"] == 0


@pytest.mark.parametrize(
    ("query", "said"),
    [
        ("limit=0", "Expected `int` >= 1"),
        ("limit=many", "Expected `int`, got `str`"),
        ("opened=true", "unknown field `opened`"),
        ("limit=1&limit=2", "given twice"),
        ("open=maybe", "Expected `bool"),
    ],
)
async def test_a_query_that_is_wrong_is_told(
    client: httpx2.AsyncClient, query: str, said: str
) -> None:
    """Nothing of it is left out in silence."""
    answer = await client.get(f"/v1/sessions?{query}")
    assert answer.status_code == 422
    assert said in answer.json()["detail"]


async def test_a_body_that_is_too_large_is_refused_before_it_is_read() -> None:
    """By its length if it tells one, or when there is too much."""

    async def chunks() -> AsyncGenerator[bytes]:
        for _ in range(20):
            yield b" " * 100

    async with calling(make_app(make_service(), body_limit=1_000)) as client:
        told = await client.post("/v1/sessions", content=b" " * 2_000, headers=JSON)
        streamed = await client.post("/v1/sessions", content=chunks(), headers=JSON)
        assert (told.status_code, streamed.status_code) == (413, 413)
        assert "at most 1000 bytes" in told.json()["detail"]


@pytest.mark.parametrize(
    ("method", "path", "allow"),
    [
        ("DELETE", "/v1/sessions", "GET, POST"),
        ("PUT", "/v1/sessions/r-1/events", "GET, POST"),
        ("GET", "/v1/sessions/r-1/end", "POST"),
        ("POST", "/healthz", "GET"),
    ],
)
async def test_another_method_is_told_which_there_are(
    client: httpx2.AsyncClient, method: str, path: str, allow: str
) -> None:
    """All of a path, though several operations are on it."""
    answer = await client.request(method, path)
    assert answer.status_code == 405
    assert answer.headers["allow"] == allow
    assert answer.json()["status"] == 405


async def test_a_path_that_is_not_there_is_told_in_the_same_form(
    client: httpx2.AsyncClient,
) -> None:
    """The router's own answers are problems too."""
    answer = await client.get("/v2/sessions")
    assert answer.status_code == 404
    assert answer.headers["content-type"] == "application/problem+json"


async def test_a_store_that_is_not_reached_is_told_with_when_to_ask_again() -> None:
    """Nothing was decided, and the same request may come again."""
    async with calling(full_app(store=LostStore())) as client:
        answer = await client.post("/v1/sessions", json={"incident": INCIDENT})
        assert answer.status_code == 503
        assert answer.headers["retry-after"] == "1"
        said = "redis: connection refused; nothing was decided: ask again"
        assert answer.json()["detail"] == said


async def test_a_bug_is_told_by_an_id_only() -> None:
    """What it says of itself is in the log, under that id."""
    with capture_logs() as logged:
        async with calling(full_app(store=BrokenStore())) as client:
            answer = await client.post("/v1/sessions", json={"incident": INCIDENT})
    assert answer.status_code == 500
    assert "secret-of-the-house" not in answer.text
    (line,) = [one for one in logged if one["log_level"] == "error"]
    assert line["id"] == answer.json()["id"]
    assert "secret-of-the-house" in str(line["exc_info"])


_json = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=10,
)


@given(_json, st.sampled_from([OpenRun, StateFacts]))
def test_any_json_is_taken_or_refused(value: object, kind: type[msgspec.Struct]) -> None:
    """Nothing that a caller sends is an error of ours."""
    data = msgspec.json.encode(value)
    try:
        assert isinstance(BodyReader(kind)(data), kind)
    except ProblemError as refused:
        assert refused.kind.status in {400, 422}  # noqa: PT017  # one of two ends is right


@given(st.text(min_size=1).filter(lambda name: name not in OpenRun.__struct_fields__))
def test_no_field_is_left_out_in_silence(name: str) -> None:
    """Whatever its name is, at the top and in the incident."""
    reader = BodyReader(OpenRun)
    for body in ({"incident": {"task": "t"}, name: 1}, {"incident": {"task": "t", f"{name}!": 1}}):
        with pytest.raises(ProblemError, match="no field"):
            reader(msgspec.json.encode(body))


@given(st.integers(min_value=1, max_value=2**53 - 1))
def test_a_whole_number_may_be_written_as_a_float(number: int) -> None:
    """JSON has one kind of number."""
    body = b'{"events": [{"number": %d.0, "fact": {"type": "model_replied"}}]}' % number
    assert BodyReader(StateFacts)(body).events[0].number == number
