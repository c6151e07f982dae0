"""Faults on demand: what a client meets when a server answers badly, late or not at all."""

import httpx2
import pytest

from guardrails.testing import Match, Respond, SimCluster

PODS = "/api/v1/namespaces/shop/pods"
LISTS = Match(server="kubernetes", verb="list", resource="pods")


@pytest.mark.parametrize(
    ("status", "reason"),
    [(401, "Unauthorized"), (403, "Forbidden"), (404, "NotFound"), (409, "Conflict"),
     (410, "Expired"), (429, "TooManyRequests"), (500, "InternalError"),
     (503, "ServiceUnavailable"), (504, "Timeout")],
)  # fmt: skip
def test_an_error_is_a_status_object(
    sim: SimCluster, http: httpx2.Client, status: int, reason: str
) -> None:
    """With the real reason; once, and then the true answer again."""
    sim.faults.add(LISTS, Respond(status=status), times=1)
    answer = http.get(PODS)
    assert (answer.status_code, answer.json()["code"]) == (status, status)
    assert answer.json()["reason"] == reason
    assert len(http.get(PODS).json()["items"]) == 2


def test_a_throttled_client_is_told_when_to_come_back(sim: SimCluster, http: httpx2.Client) -> None:
    """429 carries Retry-After in seconds."""
    sim.faults.add(LISTS, Respond(status=429, retry_after=7))
    assert http.get(PODS).headers["Retry-After"] == "7"


def test_a_fault_takes_only_what_it_matches(sim: SimCluster, http: httpx2.Client) -> None:
    """By verb, resource and namespace; `hits` counts, `remove` ends it."""
    fault = sim.faults.add(
        Match(verb="list", resource="pods", namespace="shop"), Respond(status=503)
    )
    assert http.get(PODS).status_code == 503
    assert http.get("/api/v1/namespaces/default/pods").status_code == 200
    assert http.get("/api/v1/namespaces/shop/services").status_code == 200
    sim.faults.remove(fault)
    assert http.get(PODS).status_code == 200
    assert fault.hits == 1


@pytest.mark.parametrize(
    ("respond", "error"),
    [
        (Respond(truncate=True), httpx2.RemoteProtocolError),
        (Respond(reset=True), httpx2.ReadError),
        (Respond(delay=30), httpx2.ReadTimeout),
    ],
)
def test_a_broken_answer_breaks_the_request(
    sim: SimCluster, http: httpx2.Client, respond: Respond, error: type[Exception]
) -> None:
    """Cut short, reset, or never there: the next request works."""
    sim.faults.add(LISTS, respond, times=1)
    with pytest.raises(error):
        http.get(PODS, timeout=0.3)
    assert http.get(PODS).status_code == 200


@pytest.mark.parametrize("respond", [Respond(garbage=True), Respond(wrong_content_type=True)])
def test_a_garbled_answer_is_no_json(
    sim: SimCluster, http: httpx2.Client, respond: Respond
) -> None:
    """It says 200 all the same."""
    sim.faults.add(LISTS, respond)
    answer = http.get(PODS)
    assert answer.status_code == 200
    with pytest.raises(ValueError, match="Expecting"):
        answer.json()


def test_prometheus_and_alertmanager_have_faults_of_their_own(sim: SimCluster) -> None:
    """Each in its own error shape; the Kubernetes API is untouched."""
    sim.faults.add(Match(server="prometheus"), Respond(status=503))
    sim.faults.add(Match(server="alertmanager"), Respond(empty_data=True))
    said = httpx2.get(f"{sim.prometheus_url}/api/v1/alerts")
    assert said.json() | {"error": ""} == {
        "status": "error", "errorType": "unavailable", "error": ""
    }  # fmt: skip
    assert httpx2.get(f"{sim.alertmanager_url}/api/v2/alerts").json() == {}


def test_a_revoked_token_is_a_401(sim: SimCluster) -> None:
    """As when it expired during a run."""
    token = sim.add_user("agent", rules=[{"verbs": ["list"], "resources": ["pods"]}])
    with httpx2.Client(
        base_url=sim.kubernetes_url, headers={"Authorization": f"Bearer {token}"}
    ) as http:
        assert http.get(PODS).status_code == 200
        sim.users.revoke("agent")
        assert http.get(PODS).status_code == 401


def test_large_answers_are_compressed_for_who_accepts_it(
    sim: SimCluster, http: httpx2.Client
) -> None:
    """Above 128 KiB, as the API server does; small ones are not."""
    data = {"text": "x" * 200_000}
    sim.apply({"kind": "ConfigMap", "apiVersion": "v1", "metadata": {"name": "big"}, "data": data})
    path = "/api/v1/namespaces/default/configmaps"
    packed = http.get(path, headers={"Accept-Encoding": "gzip"})
    plain = http.get(path, headers={"Accept-Encoding": "identity"})
    assert packed.headers["Content-Encoding"] == "gzip"
    assert "Content-Encoding" not in plain.headers
    assert packed.json() == plain.json()
    assert "Content-Encoding" not in http.get(PODS).headers
