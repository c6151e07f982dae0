"""The demo's stage: a simulated shop, healthy at first; then a fault, and an agent.

Everything is on loopback and gone when the block ends. The same stage serves
`guarded-agent run --demo` and the tests that hold every scenario to its outcome.
"""

# LangGraph leaves its generics open in nearly every signature, so partly unknown types remain:
# pyright: reportUnknownMemberType=false, reportUnknownVariableType=false
# pyright: reportUnknownArgumentType=false, reportUnknownParameterType=false

import time
from collections.abc import Callable, Generator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import httpx2

from guardrails.core.incident import AlertMatcher, Incident
from guardrails.testing.demo_app import NAMESPACE, shop_app, shop_flows, shop_rules
from guardrails.testing.demo_tools import AGENT_RULES, DemoTools
from guardrails.testing.scenarios import Scenario
from guardrails.testing.sim import SimCluster

if TYPE_CHECKING:
    from langchain.agents.middleware import AgentMiddleware
    from langgraph.graph.state import CompiledStateGraph

AGENT = "system:serviceaccount:shop:sre-agent"
"""The agent's user; the guard reads with another."""

READY_WITHIN_SECONDS = 20.0
FIRING_WITHIN_SECONDS = 30.0
"""Limits of the two waits; both take three to six seconds on a quiet machine."""

_POLL_SECONDS = 0.1

DEMO_SETTINGS: dict[str, object] = {
    "gate.stable_for": "2s",
    "gate.poll_every": "500ms",
    "gate.wait_at_most": "60s",
    "gate.unknown_grace": "1s",
    "gate.list_timeout": "3s",
    "fsm.settle": "1s",
    "budgets.wall_time": "5m",
    "tools.read": ["wait"],
}
"""Seconds where production has minutes, as the shop's alert rules have. And what no name could
tell: the agent's tool `wait` changes nothing."""


@dataclass(frozen=True, slots=True, kw_only=True)
class DemoStage:
    """A shop with a fault, and where to reach it."""

    scenario: Scenario
    cluster: SimCluster
    kubeconfig: Path
    """For the guard: may read everything."""
    baseline: Path
    """Where the caller may record the healthy state; written by `record`."""
    incident: Incident
    tools: DemoTools


Record = Callable[[SimCluster, Path, Path], None]
"""Writes a baseline: cluster, kubeconfig, path of the file."""


@contextmanager
def demo_stage(
    scenario: Scenario, *, folder: Path, record: Record, say: Callable[[str], None]
) -> Generator[DemoStage]:
    """Set the stage of a scenario.

    Args:
        scenario: Which.
        folder: Where kubeconfig and baseline go.
        record: Called while the shop is healthy.
        say: Told what happens.

    Raises:
        TimeoutError: The shop does not get ready, or its alert does not fire.
    """
    with SimCluster() as cluster:
        cluster.apply(shop_app())
        for flow in shop_flows():
            cluster.add_flow(flow)
        for rule in shop_rules():
            cluster.add_rule(rule)
        token = cluster.add_user(AGENT, rules=AGENT_RULES)
        kubeconfig = cluster.write_kubeconfig(folder / "kubeconfig")
        began = time.monotonic()
        _until(lambda: _healthy(cluster), READY_WITHIN_SECONDS, "the shop is not ready")
        say(f"the shop is up and healthy ({time.monotonic() - began:.1f}s); baseline recorded")
        baseline = folder / "baseline.json"
        record(cluster, kubeconfig, baseline)
        scenario.fault(cluster)
        broken = time.monotonic()
        alerts = _wait_for_alert(cluster, scenario.alert)
        say(f"a fault is injected; {scenario.alert} fires after {time.monotonic() - broken:.1f}s")
        yield DemoStage(
            scenario=scenario,
            cluster=cluster,
            kubeconfig=kubeconfig,
            baseline=baseline,
            incident=Incident(
                task=scenario.task, goal=scenario.goal, namespaces=(NAMESPACE,), alerts=alerts
            ),
            tools=DemoTools(
                kubernetes_url=cluster.kubernetes_url,
                token=token,
                prometheus_url=cluster.prometheus_url,
                namespace=NAMESPACE,
            ),
        )


def demo_agent(
    stage: DemoStage, *, middleware: "Sequence[AgentMiddleware[Any, Any, Any]]", pace: float
) -> "CompiledStateGraph[Any, Any, Any, Any]":
    """Build the scenario's agent: a real `create_agent` graph with real tools.

    Args:
        stage: Where it works.
        middleware: The guard's.
        pace: Seconds that each model turn takes, so that a person can follow.
    """
    # LangChain takes two seconds to import.
    from langchain.agents import create_agent  # noqa: PLC0415
    from langchain_core.messages import AIMessage, BaseMessage  # noqa: PLC0415

    from guardrails.testing.scripted import ScriptedModel, Turn  # noqa: PLC0415

    scenario = stage.scenario

    def paced(played: Turn) -> Turn:
        if isinstance(played, BaseException) or pace <= 0:
            return played

        def speak(messages: list[BaseMessage]) -> AIMessage:
            time.sleep(pace)
            return played if isinstance(played, AIMessage) else played(messages)

        return speak

    model = ScriptedModel(
        turns=[paced(played) for played in scenario.script()],
        at_end="repeat" if scenario.forever else "raise",
        model_name=scenario.name,
    )
    if scenario.during is not None:
        scenario.during(stage.cluster)
    return create_agent(model, tools=stage.tools.all(), middleware=list(middleware))


def _healthy(cluster: SimCluster) -> bool:
    deployments = cluster.objects("Deployment", NAMESPACE)
    ready = all(
        (d.get("status") or {}).get("availableReplicas") == d["spec"]["replicas"]
        for d in deployments
    )
    if not ready or not deployments:
        return False
    return not any(_active(cluster))


def _active(cluster: SimCluster) -> Generator[dict[str, Any]]:
    answer = httpx2.get(f"{cluster.prometheus_url}/api/v1/alerts", timeout=5.0)
    for alert in answer.json()["data"]["alerts"]:
        if alert["labels"].get("alertname") != "Watchdog":
            yield alert


def _wait_for_alert(cluster: SimCluster, name: str) -> tuple[AlertMatcher, ...]:
    found: list[dict[str, Any]] = []

    def fires() -> bool:
        found[:] = [
            alert
            for alert in _active(cluster)
            if alert["labels"].get("alertname") == name and alert["state"] == "firing"
        ]
        return bool(found)

    _until(fires, FIRING_WITHIN_SECONDS, f"{name} does not fire")
    # Without the `service` label: the callers of a broken service fire the same alert later.
    labels = {"alertname": name, "namespace": NAMESPACE}
    return (AlertMatcher(labels=labels, starts_at=min(_time(a["activeAt"]) for a in found)),)


def _time(text: str) -> datetime:
    return datetime.fromisoformat(text).astimezone(UTC)


def _until(done: Callable[[], bool], within: float, otherwise: str) -> None:
    deadline = time.monotonic() + within
    while not done():
        if time.monotonic() > deadline:
            raise TimeoutError(f"the demo's stage: {otherwise} after {within:g}s")
        time.sleep(_POLL_SECONDS)
