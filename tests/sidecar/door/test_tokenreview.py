"""Kubernetes tokens: whose they are, what they may do here, and what happens when nobody says."""

import asyncio
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest

from guardrails.gates.kubernetes.client import KubernetesReader
from guardrails.gates.kubernetes.connect import connect
from guardrails.gates.kubernetes.reviews import TokenOwner
from guardrails.gates.snapshot import Read, ReadStatus
from guardrails.sidecar.auth.roles import Role
from guardrails.sidecar.auth.tokenreview import TokenReviews
from guardrails.sidecar.auth.tokens import AskLaterError
from guardrails.sidecar.config import AccountRole, AuthSettings
from guardrails.testing.sim import SimCluster

REVIEWS = [
    {"apiGroups": ["authentication.k8s.io"], "resources": ["tokenreviews"], "verbs": ["create"]}
]
BOT = "system:serviceaccount:agents:bot"


def _auth(*accounts: AccountRole, **more: float) -> AuthSettings:
    return AuthSettings(mode="tokenreview", accounts=accounts, **more)


class Reviewer:
    """A cluster that knows some tokens, and counts how often it is asked."""

    def __init__(self, **users: str) -> None:
        self.users = users
        self.asked = 0
        self.read = Read()

    async def owner_of(self, token: str, *, audiences: Sequence[str] = ()) -> TokenOwner:
        self.asked += 1
        await asyncio.sleep(0)
        user = self.users.get(token, "")
        return TokenOwner(read=self.read, known=bool(user), user=user, groups=("sre",))


@pytest.fixture
def cluster(tmp_path: Path) -> Iterator[tuple[SimCluster, KubernetesReader, str]]:
    """Run an API server, and read it as somebody who may review tokens."""
    with SimCluster() as sim:
        sim.add_user("guard", rules=REVIEWS)
        token = sim.add_user(BOT, rules=[])
        reader = connect(sim.write_kubeconfig(tmp_path / "config", user="guard"))
        yield sim, reader, token
        reader.close()


async def test_the_cluster_says_whose_a_token_is(cluster) -> None:
    """A ServiceAccount has the role that the settings give it."""
    _, reader, token = cluster
    reviews = TokenReviews(reader, _auth(AccountRole(account="agents/*", role=Role.AGENT)))
    found = await reviews.caller(token)
    assert found is not None
    assert (found.name, found.role) == (BOT, Role.AGENT)
    assert await reviews.caller("made-up") is None


async def test_whoever_the_settings_do_not_name_has_no_role(cluster) -> None:
    """They are known, so it is no question of the token."""
    _, reader, token = cluster
    reviews = TokenReviews(reader, _auth(AccountRole(account="agents/other", role=Role.AGENT)))
    with pytest.raises(PermissionError, match=BOT):
        await reviews.caller(token)


async def test_a_guard_that_may_not_review_says_ask_later(cluster, tmp_path: Path) -> None:
    """The caller's token is not what is wrong."""
    sim, _, token = cluster
    sim.add_user("blind", rules=[])
    reader = connect(sim.write_kubeconfig(tmp_path / "blind", user="blind"))
    reviews = TokenReviews(reader, _auth(AccountRole(account="agents/*", role=Role.AGENT)))
    with pytest.raises(AskLaterError, match="403"):
        await reviews.caller(token)
    reader.close()


async def test_an_api_server_that_is_down_lets_nobody_new_in(cluster) -> None:
    """Who was known a moment ago still is."""
    sim, reader, token = cluster
    reviews = TokenReviews(reader, _auth(AccountRole(account="agents/*", role=Role.AGENT)))
    await reviews.caller(token)
    sim.stop("kubernetes")
    assert await reviews.caller(token) is not None
    with pytest.raises(AskLaterError):
        await reviews.caller("another")


async def test_answers_are_believed_for_a_while() -> None:
    """A yes longer than a no."""
    now = [0.0]
    reviewer = Reviewer(good="sre")
    auth = _auth(AccountRole(user="sre", role=Role.OPERATOR), cache_for=60.0, deny_for=5.0)
    reviews = TokenReviews(reviewer, auth, clock=lambda: now[0])
    for token in ("good", "bad", "good", "bad"):
        await reviews.caller(token)
    assert reviewer.asked == 2
    now[0] = 6.0
    await reviews.caller("good")
    await reviews.caller("bad")
    assert reviewer.asked == 3
    now[0] = 61.0
    await reviews.caller("good")
    assert reviewer.asked == 4


async def test_a_crowd_with_one_token_asks_once() -> None:
    """An agent opens many connections at the same moment."""
    reviewer = Reviewer(good="sre")
    reviews = TokenReviews(reviewer, _auth(AccountRole(group="sre", role=Role.VIEWER)))
    found = await asyncio.gather(*(reviews.caller("good") for _ in range(50)))
    assert reviewer.asked == 1
    assert {one.role for one in found if one is not None} == {Role.VIEWER}


async def test_a_failure_is_not_remembered() -> None:
    """The next request asks again."""
    reviewer = Reviewer(good="sre")
    reviewer.read = Read(status=ReadStatus.UNREACHABLE, message="down", temporary=True)
    reviews = TokenReviews(reviewer, _auth(AccountRole(user="sre", role=Role.OPERATOR)))
    with pytest.raises(AskLaterError):
        await reviews.caller("good")
    reviewer.read = Read()
    assert await reviews.caller("good") is not None


async def test_the_first_entry_that_fits_counts() -> None:
    """A narrower entry stands before a wider one."""
    reviewer = Reviewer(good=BOT)
    auth = _auth(
        AccountRole(account="agents/bot", role=Role.OPERATOR),
        AccountRole(account="agents/*", role=Role.AGENT),
    )
    found = await TokenReviews(reviewer, auth).caller("good")
    assert found is not None
    assert found.role is Role.OPERATOR
