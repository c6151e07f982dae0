"""What these tests share: a shop, a models' server, and the service before it as a process."""

import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx2
import pytest
import yaml

from guardrails.testing import ScriptedServer, SimCluster
from guardrails.testing.demo_app import NAMESPACE, shop_app
from guardrails.testing.demo_tools import AGENT_RULES, DemoTools
from tests.cli.serving import BOT, READS, SRE, served
from tests.sidecar.agents.loops import Given
from tests.sidecar.agents.world import World

OTHER = "other-0123456789abcdef"
DEFAULTS = {
    "gate": {
        "require": "state",
        "allow_no_alert_source": True,
        "stable_for": "0s",
        "poll_every": "100ms",
        "wait_at_most": "20s",
        "unknown_grace": "1s",
    },
    "fsm": {"settle": "0s"},
    "effects": {"destructive": "block"},
}
POLICY = {"schema_version": 1, "defaults": DEFAULTS}
SLOWLY = "slowly"
"""The service whose streams begin at once; the other one's begin with their turn."""


@dataclass(frozen=True, kw_only=True)
class Stage:
    """Everything together."""

    url: str
    model: ScriptedServer
    world: World

    def given(self, *, stream: bool, **more: Any) -> Given:
        """Return what an agent is given."""
        return Given(url=self.url, key=BOT, world=self.world, stream=stream, **more)

    def asks(self, path: str, *, token: str = SRE) -> httpx2.Response:
        """Ask the service as a person would."""
        headers = {"authorization": f"Bearer {token}"}
        return httpx2.get(f"{self.url}{path}", headers=headers, timeout=20)

    def newest(self) -> dict[str, Any]:
        """Return the run that changed last."""
        found = self.asks("/v1/sessions?limit=1000").json()["sessions"]
        run = max(found, key=lambda one: one["created"])["run"]
        return dict(self.asks(f"/v1/sessions/{run}").json())


@pytest.fixture(scope="package")
def shop() -> Iterator[World]:
    """Have a shop that is well."""
    with SimCluster() as cluster:
        cluster.apply(shop_app())
        token = cluster.add_user("agent", rules=AGENT_RULES)
        cluster.add_user("guard", rules=READS)
        tools = DemoTools(
            kubernetes_url=cluster.kubernetes_url,
            token=token,
            prometheus_url=cluster.prometheus_url,
            namespace=NAMESPACE,
        )
        until = time.monotonic() + 20
        while not _ready(cluster):
            assert time.monotonic() < until, "the shop is not ready"
            time.sleep(0.05)
        yield World(cluster=cluster, tools=tools)


@pytest.fixture(scope="package")
def models() -> Iterator[ScriptedServer]:
    """Have a models' server."""
    with ScriptedServer() as server:
        yield server


@pytest.fixture(scope="package")
def services(
    shop: World, models: ScriptedServer, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[dict[str, str]]:
    """Serve twice: as usual, and with streams that begin at once."""
    usual, slow = (
        _folder(tmp_path_factory.mktemp("serve"), shop, models, p) for p in ("10s", "50ms")
    )
    with (
        served(usual, "--config", "serve.yaml") as one,
        served(slow, "--config", "serve.yaml") as two,
    ):
        yield {"": one.url, SLOWLY: two.url}


@pytest.fixture
def stage(shop: World, models: ScriptedServer, services: dict[str, str]) -> Stage:
    """Have a broken shop, and a guard that answers as usual."""
    shop.breaks()
    models.play([])
    return Stage(url=services[""], model=models, world=shop)


@pytest.fixture
def slow_stage(shop: World, models: ScriptedServer, services: dict[str, str]) -> Stage:
    """Have a broken shop, and a guard whose streams begin before their turn is there."""
    shop.breaks()
    models.play([])
    return Stage(url=services[SLOWLY], model=models, world=shop)


def _folder(folder: Path, shop: World, models: ScriptedServer, ping: str) -> Path:
    shop.cluster.write_kubeconfig(folder / "guard", user="guard")
    (folder / "tokens").write_text(
        f"bot:agent:{BOT}\nother:agent:{OTHER}\nsre:operator:{SRE}\nlook:viewer:look-{OTHER}\n"
    )
    (folder / "tokens").chmod(0o600)
    (folder / "key").write_text("sk-of-the-guard")
    (folder / "policy.yaml").write_text(yaml.safe_dump(POLICY))
    upstream = {"base_url": models.url, "api_key_file": str(folder / "key")}
    settings = {
        "store": {"url": "memory:"},
        "auth": {"mode": "tokens", "tokens": "tokens"},
        "policies": {"file": "policy.yaml"},
        "scope": {"namespaces": [NAMESPACE]},
        "sources": {"kubeconfig": "guard"},
        "proxy": {
            "upstreams": dict.fromkeys(("chat", "responses", "anthropic"), upstream),
            "incident": {"namespaces": [NAMESPACE]},
            "ping_seconds": ping,
        },
    }
    (folder / "serve.yaml").write_text(yaml.safe_dump(settings))
    return folder


def _ready(cluster: SimCluster) -> bool:
    names = [one["metadata"]["name"] for one in shop_app() if one["kind"] == "Deployment"]
    found = [cluster.get("Deployment", name, NAMESPACE) for name in names]
    return all(
        one.get("status", {}).get("readyReplicas") == one["spec"]["replicas"] for one in found
    )
