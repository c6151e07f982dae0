"""Objects by path, read from a server."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from guardrails.gates.asked import ObjectQuestion
from guardrails.gates.kubernetes.client import KubernetesReader
from guardrails.gates.kubernetes.connect import connect
from guardrails.gates.kubernetes.fetch import path_of
from guardrails.gates.reads import ReadStatus
from guardrails.testing import Match, Respond, SimCluster
from guardrails.testing.demo_app import shop_app

WEB: dict[str, Any] = {"kind": "Deployment", "group": "apps", "namespace": "shop"}


@pytest.fixture(scope="module")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SimCluster]:
    """A shop that stands still."""
    with SimCluster(autorun=False) as cluster:
        cluster.apply(shop_app())
        cluster.settle()
        yield cluster


@pytest.fixture(scope="module")
def reader(cluster: SimCluster, tmp_path_factory: pytest.TempPathFactory) -> KubernetesReader:
    """A reader with every right."""
    config: Path = tmp_path_factory.mktemp("kube") / "config"
    return connect(cluster.write_kubeconfig(config), timeout_seconds=2)


async def test_an_object_is_read_by_name(reader: KubernetesReader) -> None:
    """With its identity, and nothing but what stands at the path."""
    answer = await reader.fetch(ObjectQuestion(**WEB, name="checkout", path="spec.replicas"))
    assert answer.read.ok, answer.read.message
    (found,) = answer.objects
    assert (found.name, found.namespace) == ("checkout", "shop")
    assert found.uid
    assert found.values == ("2",)


async def test_objects_are_read_by_label(reader: KubernetesReader) -> None:
    """All of them; a condition's status is found by its type."""
    path = "status.conditions[type=Available].status"
    answer = await reader.fetch(ObjectQuestion(**WEB, label_selector="app=checkout", path=path))
    assert [x.values for x in answer.objects] == [('"True"',)]
    none = await reader.fetch(ObjectQuestion(**WEB, label_selector="app=nothing", path=path))
    assert (none.read.ok, none.objects) == (True, ())


async def test_pages_are_followed_to_the_end(
    reader: KubernetesReader, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Half a list would judge half of the objects."""
    monkeypatch.setattr("guardrails.gates.kubernetes.fetch.PAGE", 2)
    pods = ObjectQuestion(kind="Pod", namespace="shop", label_selector="app", path="metadata.name")
    answer = await reader.fetch(pods)
    assert answer.read.ok
    assert len(answer.objects) > 2
    monkeypatch.setattr("guardrails.gates.kubernetes.fetch.PAGES_AT_MOST", 1)
    answer = await reader.fetch(pods)
    assert not answer.read.ok
    assert "narrow label_selector" in answer.read.message


@pytest.mark.parametrize("question", [{"name": "checkuot"}, {"name": "checkout", "plural": "x"}])
async def test_what_is_not_there_is_no_answer(
    reader: KubernetesReader, question: dict[str, str]
) -> None:
    """A wrong name and a wrong resource alike."""
    answer = await reader.fetch(ObjectQuestion(**{**WEB, **question}, path="spec.replicas"))
    assert answer.read.status is ReadStatus.ERROR
    assert "404" in answer.read.message


@pytest.mark.parametrize(
    ("respond", "status"),
    [
        (Respond(status=403), ReadStatus.FORBIDDEN),
        (Respond(status=503), ReadStatus.ERROR),
        (Respond(garbage=True), ReadStatus.GARBLED),
        (Respond(truncate=True), ReadStatus.UNREACHABLE),
        (Respond(wrong_content_type=True), ReadStatus.GARBLED),
        (Respond(delay=5), ReadStatus.TIMEOUT),
    ],
)
@pytest.mark.parametrize("by", [{"name": "checkout"}, {"label_selector": "app=checkout"}])
async def test_a_broken_answer_is_none(
    cluster: SimCluster,
    reader: KubernetesReader,
    respond: Respond,
    status: ReadStatus,
    by: dict[str, str],
) -> None:
    """It says what happened, and holds no object."""
    rule = cluster.faults.add(Match(server="kubernetes", resource="deployments"), respond)
    try:
        answer = await reader.fetch(ObjectQuestion(**WEB, **by, path="spec.replicas"))
    finally:
        cluster.faults.remove(rule)
    assert answer.objects == ()
    assert answer.read.status is status


@pytest.mark.parametrize(
    ("question", "path"),
    [
        (
            ObjectQuestion(kind="Pod", namespace="a", name="x", path="p"),
            "/api/v1/namespaces/a/pods/x",
        ),
        (ObjectQuestion(kind="Node", name="n", path="p"), "/api/v1/nodes/n"),
        (
            ObjectQuestion(kind="Gateway", group="g.io", version="v1beta1", path="p"),
            "/apis/g.io/v1beta1/gateways",
        ),
        (
            ObjectQuestion(kind="IngressClass", group="networking.k8s.io", path="p"),
            "/apis/networking.k8s.io/v1/ingressclasses",
        ),
        (ObjectQuestion(kind="Proxy", group="x.io", plural="prox", path="p"), "/apis/x.io/v1/prox"),
        (ObjectQuestion(kind="Proxy", group="x.io", path="p"), "/apis/x.io/v1/proxies"),
    ],
)
def test_urls_follow_from_kind_and_group(question: ObjectQuestion, path: str) -> None:
    """By the API's rules; what does not follow them is given as `plural`."""
    assert path_of(question) == path
