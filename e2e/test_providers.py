"""A machine that lacks something is told what, before anything is started."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from e2e.clusters.build import GO_MODULES, KUBERNETES, KUBERNETES_VARIABLE, REPO_ROOT, build
from e2e.clusters.child import Child
from e2e.clusters.choice import PROVIDER_VARIABLE, chosen_provider
from e2e.clusters.errors import ChildFailedError, ClusterUnavailableError
from e2e.clusters.kind import KindProvider
from e2e.clusters.monitoring import program
from e2e.clusters.ports import free_ports, is_bound
from e2e.clusters.processes import ProcessProvider


@pytest.fixture
def bare_path(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Leave nothing on PATH."""
    monkeypatch.setenv("PATH", str(tmp_path))


@pytest.mark.usefixtures("bare_path")
def test_missing_go_is_named(tmp_path: Path) -> None:
    """Without Go the build says so and what to do instead."""
    with pytest.raises(ClusterUnavailableError, match=r"`go` is not on PATH.*E2E_PROVIDER=kind"):
        build(cache=tmp_path)


@pytest.mark.usefixtures("bare_path")
def test_missing_prometheus_is_named() -> None:
    """Without Prometheus, and without apt to get it, its package is named."""
    with pytest.raises(ClusterUnavailableError, match="apt-get install"):
        program("prometheus")


@pytest.mark.usefixtures("bare_path")
def test_kind_without_docker_is_refused() -> None:
    """The kind provider names the first program it lacks."""
    with pytest.raises(ClusterUnavailableError, match=r"`docker`.*E2E_PROVIDER=processes"):
        KindProvider().up()


def test_kind_without_a_docker_daemon_is_refused(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """Programs without a daemon behind them are not enough."""
    for name in ("docker", "kind", "helm", "kubectl"):
        path = tmp_path / name
        path.write_text("#!/bin/sh\necho no daemon >&2\nexit 1\n", encoding="utf-8")
        path.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:/bin")

    with pytest.raises(ClusterUnavailableError, match=r"Docker does not answer.*no daemon"):
        KindProvider().up()


@pytest.mark.parametrize(("name", "kind"), [("processes", ProcessProvider), ("kind", KindProvider)])
def test_environment_names_the_provider(
    name: str, kind: type, monkeypatch: pytest.MonkeyPatch
) -> None:
    """`E2E_PROVIDER` chooses."""
    monkeypatch.setenv(PROVIDER_VARIABLE, name)

    assert isinstance(chosen_provider(), kind)


def test_unknown_provider_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    """A provider that does not exist is refused with those that do."""
    monkeypatch.setenv(PROVIDER_VARIABLE, "minikube")

    with pytest.raises(ClusterUnavailableError, match="processes and kind"):
        chosen_provider()


def test_child_that_dies_is_noticed_with_its_log(tmp_path: Path) -> None:
    """Waiting for a dead process ends at once, and says what it printed last."""
    command = ["/bin/sh", "-c", "echo cannot bind; exit 7"]
    child = Child("server", command=command, log=tmp_path / "log")
    child.start()

    with pytest.raises(ChildFailedError, match=r"(?s)code 7.*cannot bind"):
        child.wait_until(lambda: False)


def test_child_that_ignores_sigterm_is_killed(tmp_path: Path) -> None:
    """A process that does not end when asked is made to."""
    log = tmp_path / "log"
    script = "trap '' TERM; echo up; while :; do sleep 1; done"
    child = Child("stubborn", command=["/bin/sh", "-c", script], log=log)
    child.start()
    child.wait_until(lambda: "up" in log.read_text(encoding="utf-8"))

    child.stop(timeout=0.2)

    assert not child.running


def test_free_ports_are_different_and_free() -> None:
    """Ports handed out together are distinct and nothing listens on them."""
    ports = free_ports(20)

    assert len(set(ports)) == 20
    assert not any(map(is_bound, ports))


@pytest.mark.parametrize("end", KUBERNETES)
def test_build_pins_agree_with_the_version_it_stamps(end: str) -> None:
    """The version that binaries report is the one that go.mod pins."""
    chosen = KUBERNETES[end]
    pins = (GO_MODULES / chosen.module / "go.mod").read_text(encoding="utf-8")

    assert re.search(rf"k8s\.io/kubernetes {re.escape(chosen.version)}\b", pins)
    for tool in chosen.tools:
        text = (GO_MODULES / tool.module / "go.mod").read_text(encoding="utf-8")
        assert tool.package in text


def test_an_unknown_version_is_refused(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Rather than the usual one built in its place."""
    monkeypatch.setenv(KUBERNETES_VARIABLE, "1.29")
    with pytest.raises(ClusterUnavailableError, match=r"'1\.29' is no version; there are highest"):
        build(cache=tmp_path)


def test_the_ends_are_those_that_are_told() -> None:
    """The support page names them."""
    page = (REPO_ROOT / "docs/reference/support.md").read_text(encoding="utf-8")
    for chosen in KUBERNETES.values():
        assert chosen.version.removeprefix("v") in page
