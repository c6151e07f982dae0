"""What tests of pages share: a browser, a service that runs as a process, and an agent in it."""

import contextlib
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import yaml
from playwright.sync_api import Browser

from guardrails.testing.demo_app import shop_app, shop_flows, shop_rules
from guardrails.testing.sim import SimCluster
from tests.browser import browser
from tests.cli.conftest import AGENT
from tests.cli.serving import BOT, ENTRY, READS, SRE, Serving, served

VIEWER = "eye-0123456789abcdef"
POLICY = {
    "fsm": {"machine": "none", "answer_within": "60s"},
    "gate": {
        "stable_for": "1500ms",
        "window": "6s",
        "poll_every": "200ms",
        "unknown_grace": "200ms",
        "wait_at_most": "40s",
    },
}
Agent = Callable[..., contextlib.AbstractContextManager["subprocess.Popen[str]"]]


@pytest.fixture(scope="module")
def chromium() -> Iterator[Browser]:
    """One browser for the tests of a module.

    Not for longer: while it is there, a loop runs in this thread, and asynchronous tests cannot.
    """
    with browser() as found:
        yield found


@pytest.fixture
def shop() -> Iterator[SimCluster]:
    """A healthy shop that runs."""
    with SimCluster() as cluster:
        cluster.apply(shop_app())
        for flow in shop_flows():
            cluster.add_flow(flow)
        for rule in shop_rules():
            cluster.add_rule(rule)
        cluster.settle()
        yield cluster


@pytest.fixture
def service(shop: SimCluster, tmp_path: Path) -> Iterator[Serving]:
    """A service that guards the shop, with a token for each role."""
    folder = tmp_path / "service"
    folder.mkdir()
    shop.add_user("guard", rules=READS)
    shop.write_kubeconfig(folder / "guard", user="guard")
    (folder / "tokens").write_text(f"bot:agent:{BOT}\nsre:operator:{SRE}\neye:viewer:{VIEWER}\n")
    (folder / "tokens").chmod(0o600)
    (folder / "policy.yaml").write_text(yaml.safe_dump({"schema_version": 1, "defaults": POLICY}))
    settings = {
        "store": {"url": "sqlite:runs.db"},
        "auth": {"mode": "tokens", "tokens": "tokens"},
        "policies": {"file": "policy.yaml"},
        "scope": {"namespaces": ["shop"]},
        "sources": {"kubeconfig": "guard", "prometheus": shop.prometheus_url},
    }
    (folder / "serve.yaml").write_text(yaml.safe_dump(settings))
    with served(folder, "--config", "serve.yaml") as serving:
        yield serving


@pytest.fixture
def agent(service: Serving, tmp_path: Path) -> Agent:
    """Return what starts an agent as a process of its own, guarded by the service."""
    (tmp_path / "agents.py").write_text(AGENT)
    (tmp_path / "token").write_text(f"{BOT}\n")

    @contextlib.contextmanager
    def started(name: str, *options: str) -> Iterator["subprocess.Popen[str]"]:
        given = ["--service", service.url, "--token-file", str(tmp_path / "token"), *options]
        process = subprocess.Popen(
            [sys.executable, str(ENTRY), "run", f"{tmp_path / 'agents.py'}:{name}", *given],
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            cwd=tmp_path,
        )
        try:
            yield process
        finally:
            if process.poll() is None:
                process.kill()
            process.communicate()

    return started
