"""Who sees pages, who may answer there, and what no other site can make a browser do."""

from pathlib import Path

import pytest

from guardrails.core.evidence import GateVerdict
from guardrails.core.questions import Candidate, Question, QuestionKind
from guardrails.sidecar.config import LimitSettings, UiSettings
from tests.sidecar.api.apps import AskingGate, opened
from tests.sidecar.ui.stage import BASE, TOKENS, Stage, cookies, post

QUESTION = Question(
    id="q-1",
    kind=QuestionKind.WHICH_NAMESPACE,
    text="Which namespace?",
    candidates=(Candidate(id="shop", label="namespace shop", namespace="shop"),),
)


@pytest.fixture
def stage(tmp_path: Path) -> Stage:
    """Pages of a service whose gate has a question."""
    return Stage(tmp_path, gate=AskingGate(QUESTION))


@pytest.mark.parametrize("path", ["/ui", "/ui/runs/x", "/ui/runs/x/report", "/ui/events"])
async def test_strangers_are_sent_to_the_form_and_back(stage: Stage, path: str) -> None:
    """No page says anything before."""
    async with stage.browser() as client:
        answer = await client.get(path)
        assert (answer.status_code, answer.headers["location"]) == (
            303,
            f"/ui/sign-in?to={path}",
        )
        form = await client.get(answer.headers["location"])
        assert f'name="to" value="{path}"' in form.text


async def test_the_cookie_is_a_random_id_that_no_script_reads(stage: Stage) -> None:
    """It is sent to pages alone, from our own site alone, and holds no token."""
    async with stage.browser() as client:
        first = await post(client, "/ui/sign-in", token=TOKENS["viewer"])
        second = await post(client, "/ui/sign-in", token=TOKENS["viewer"])
    (cookie,) = cookies(first)
    parts = {part.strip().lower().partition("=")[0] for part in cookie.split(";")}
    assert {"httponly", "samesite", "path", "max-age"} <= parts
    assert "SameSite=strict" in cookie
    assert "Path=/ui" in cookie
    assert "secure" not in parts
    assert TOKENS["viewer"] not in cookie
    assert cookies(second) != cookies(first)
    assert len(stage.sign_ins) == 1


@pytest.mark.parametrize(
    ("base", "ui"),
    [("https://localhost", UiSettings()), (BASE, UiSettings(behind_tls=True))],
    ids=["own", "in front"],
)
async def test_over_tls_the_cookie_is_sent_over_tls_only(
    tmp_path: Path, base: str, ui: UiSettings
) -> None:
    """Its name says so too, so that no plain page can put another in its place."""
    stage = Stage(tmp_path, ui=ui)
    async with stage.browser(base=base) as client:
        (cookie,) = cookies(await post(client, "/ui/sign-in", token=TOKENS["viewer"]))
    assert cookie.startswith("__Secure-guarded-agent=")
    assert "; Secure" in cookie


async def test_the_cookie_opens_no_operation_of_the_api(stage: Stage) -> None:
    """A page cannot be made to ask there in somebody's name."""
    async with stage.signed_in("operator") as client:
        kept = "; ".join(f"{one.name}={one.value}" for one in client.cookies.jar)
        answer = await client.get("/v1/sessions", headers={"cookie": kept})
    assert answer.status_code == 401


@pytest.mark.parametrize(
    ("token", "status", "said"),
    [
        ("", 401, "not known"),
        ("wrong-0123456789abcdef", 401, "not known"),
        (TOKENS["agent"], 403, "is an agent"),
    ],
)
async def test_a_token_that_lets_nobody_in_is_told(
    stage: Stage, token: str, status: int, said: str
) -> None:
    """And not repeated on the page."""
    async with stage.browser() as client:
        answer = await post(client, "/ui/sign-in", token=token)
    assert answer.status_code == status
    assert said in answer.text
    assert not token or token not in answer.text
    assert cookies(answer) == []


async def test_an_agents_own_token_opens_no_page(stage: Stage) -> None:
    """An agent must not answer its own question, here as little as there."""
    async with stage.api("agent") as agent:
        run = await opened(agent)
        assert (await agent.get("/ui")).status_code == 403
        answer = await post(agent, f"/ui/runs/{run}/answers", question="q-1", text="shop")
        assert answer.status_code == 403


async def test_a_viewer_reads_and_cannot_answer(stage: Stage) -> None:
    """There is no form, and one sent all the same is turned away."""
    async with stage.api() as agent, stage.signed_in("viewer") as viewer:
        run = await opened(agent)
        page = await viewer.get(f"/ui/runs/{run}")
        assert "Which namespace?" in page.text
        assert "/answers" not in page.text
        answer = await post(viewer, f"/ui/runs/{run}/answers", question="q-1", text="shop")
        assert answer.status_code == 403
        state = await viewer.get(f"/ui/runs/{run}")
        assert "answered" not in state.text


async def test_an_operator_answers_by_the_form(stage: Stage) -> None:
    """By a choice, or by other words that win over it; the run has their name."""
    async with stage.api() as agent, stage.signed_in("operator") as person:
        run = await opened(agent)
        page = await person.get(f"/ui/runs/{run}")
        assert f'action="/ui/runs/{run}/answers"' in page.text
        answer = await post(person, f"/ui/runs/{run}/answers", question="q-1", choice="shop")
        assert (answer.status_code, answer.headers["location"]) == (303, f"/ui/runs/{run}")
        asked = (await agent.get(f"/v1/sessions/{run}/questions")).json()
        assert asked["questions"] == []
        (given,) = asked["answered"]
        assert (given["choice"], given["by"]) == ("shop", "operator-name")
        again = await post(person, f"/ui/runs/{run}/answers", question="q-1", choice="shop")
        assert again.status_code == 409
        assert "no question" in again.text


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"origin": "https://evil.example"},
        {"origin": "null"},
        {"sec-fetch-site": "cross-site", "origin": BASE},
        {"sec-fetch-site": "same-site"},
        {"sec-fetch-site": "none"},
    ],
)
async def test_a_form_of_another_site_does_nothing(stage: Stage, headers: dict[str, str]) -> None:
    """Even with the cookie, which browsers would not send with it."""
    async with stage.api() as agent, stage.signed_in("operator") as person:
        run = await opened(agent)
        path = f"/ui/runs/{run}/answers"
        answer = await post(person, path, headers=headers, question="q-1", text="shop")
        assert answer.status_code == 403
        out = await post(person, "/ui/sign-out", headers=headers)
        assert out.status_code == 403
        assert len(stage.sign_ins) == 1
        other = await post(person, "/ui/sign-in", headers=headers, token=TOKENS["viewer"])
        assert other.status_code == 403
        asked = (await agent.get(f"/v1/sessions/{run}/questions")).json()
        assert len(asked["questions"]) == 1


async def test_a_page_of_the_same_host_may_send_a_form(stage: Stage) -> None:
    """Where browsers tell no more than the origin, over plain HTTP, that is enough."""
    async with stage.browser() as client:
        answer = await post(client, "/ui/sign-in", headers={"origin": BASE}, token=TOKENS["viewer"])
    assert answer.status_code == 303


async def test_who_signs_out_is_out_at_once(stage: Stage) -> None:
    """The id is good for nothing any more, whoever kept it."""
    async with stage.signed_in("viewer") as client:
        kept = dict(client.cookies)
        out = await post(client, "/ui/sign-out")
        assert out.headers["location"] == "/ui/sign-in"
        assert all("max-age=0" in one.lower() for one in cookies(out))
        client.cookies.update(kept)
        assert (await client.get("/ui")).status_code == 303
    assert len(stage.sign_ins) == 0


async def test_a_token_that_is_taken_back_ends_its_sign_ins(stage: Stage) -> None:
    """At the next request, without a restart."""
    async with stage.signed_in("operator") as client:
        assert (await client.get("/ui")).status_code == 200
        stage.write_tokens("agent", "viewer")
        stage.now += 2
        assert (await client.get("/ui")).status_code == 303


async def test_a_sign_in_is_good_for_a_shift(stage: Stage) -> None:
    """Then the token is asked for again."""
    async with stage.signed_in("viewer") as client:
        stage.now += UiSettings().signed_in_for - 1
        assert (await client.get("/ui")).status_code == 200
        stage.now += 2
        assert (await client.get("/ui")).status_code == 303


async def test_trying_tokens_is_limited_as_all_requests_are(tmp_path: Path) -> None:
    """By the limits of the service."""
    stage = Stage(tmp_path, limits=LimitSettings(requests_per_second=1, burst=3))
    async with stage.browser() as client:
        tried = [
            (await post(client, "/ui/sign-in", token=f"guess-{n}-0123456789")).status_code
            for n in range(5)
        ]
    assert tried.count(401) == 3
    assert tried[-1] == 429


@pytest.mark.parametrize(
    "to", ["https://evil.example/ui", "//evil.example/ui", "/v1/sessions", "/ui/../v1", "/ui\\x"]
)
async def test_a_sign_in_leads_to_pages_of_ours_only(stage: Stage, to: str) -> None:
    """Whatever a link says."""
    async with stage.browser() as client:
        answer = await post(client, "/ui/sign-in", token=TOKENS["viewer"], to=to)
    assert answer.headers["location"] == "/ui"


async def test_without_tokens_the_page_says_that_everybody_may(tmp_path: Path) -> None:
    """It is asked by a name of this machine only, so that no other site's page reaches it."""
    stage = Stage(tmp_path, GateVerdict.PASS, authenticated=False)
    async with stage.browser() as client:
        page = await client.get("/ui")
        assert "No sign-in: whoever reaches this address may answer." in page.text
        assert (await client.get("/ui/sign-in")).headers["location"] == "/ui"
        static = await client.get("/ui/static/live.js", headers={"host": "rebound.example"})
        assert static.status_code == 403
        strange = await client.get("/ui", headers={"host": "rebound.example"})
        assert strange.status_code == 403
        form = await post(client, "/ui/runs/x/answers", headers={"origin": "http://x.example"})
        assert form.status_code == 403


async def test_a_form_of_too_many_bytes_is_turned_away(stage: Stage) -> None:
    """The limit of the API is for conversations; a form is no such thing."""
    async with stage.signed_in("operator") as person:
        answer = await post(person, "/ui/runs/x/answers", question="q", text="x" * 200_000)
    assert answer.status_code == 413
