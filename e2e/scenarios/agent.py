"""The agent under guard: `guarded-agent run e2e.scenarios.agent:build`.

A `create_agent` graph with a scripted model and real tools. It knows nothing of the guard; what it
plays and where it works come in by the environment, as an agent in a pod would be configured.
"""

# LangGraph leaves its generics open in nearly every signature, so partly unknown types remain:
# pyright: reportUnknownMemberType=false, reportUnknownVariableType=false

from __future__ import annotations

import os
import subprocess
import time
from pathlib import Path
from typing import Any

import httpx2
import msgspec
from langchain.agents import create_agent
from langchain_core.tools import BaseTool, StructuredTool
from langgraph.graph.state import CompiledStateGraph

from e2e.scenarios.scripts import SCENARIOS
from guardrails.testing.scripted import ScriptedModel

SETTING_VARIABLE = "E2E_AGENT"
"""Holds an `AgentSetting` as JSON."""

COMMAND_SECONDS = 60.0
"""Longest time of one command line; `kubectl rollout status` is given its own limit below it."""

WAIT_AT_MOST_SECONDS = 10.0


class AgentSetting(msgspec.Struct, frozen=True, kw_only=True):
    """Where an agent works, and what it plays."""

    scenario: str
    kubectl_folder: str
    """Put first on the PATH of its commands."""
    kubeconfig: str
    """Its own credentials; never the guard's."""
    prometheus_url: str
    alertmanager_url: str


def build() -> CompiledStateGraph[Any, Any, Any, Any]:
    """Build the agent that the environment describes."""
    setting = msgspec.json.decode(os.environ[SETTING_VARIABLE], type=AgentSetting)
    scenario = SCENARIOS[setting.scenario]
    model = ScriptedModel(
        turns=list(scenario.script),
        at_end="repeat" if scenario.forever else "raise",
        model_name=setting.scenario,
    )
    return create_agent(model, tools=tools_of(setting))


def tools_of(setting: AgentSetting) -> list[BaseTool]:
    """Return the tools of an SRE agent: a shell with kubectl, the alerts, and patience."""

    def bash(command: str) -> str:
        """Run a command line; kubectl and curl are there."""
        return _run(command, setting)

    def firing_alerts() -> str:
        """List the alerts that are pending or firing."""
        answer = httpx2.get(
            f"{setting.prometheus_url}/api/v1/alerts", timeout=5.0, trust_env=False
        ).raise_for_status()
        alerts = answer.json()["data"]["alerts"]
        lines = [f"{one['state']} {one['labels']}" for one in alerts]
        return "\n".join(lines) or "nothing is pending or firing"

    def wait(seconds: float) -> str:
        """Do nothing for some seconds, at most ten."""
        time.sleep(min(seconds, WAIT_AT_MOST_SECONDS))
        return "waited"

    return [StructuredTool.from_function(one) for one in (bash, firing_alerts, wait)]


def _run(command: str, setting: AgentSetting) -> str:
    cache = Path(setting.kubeconfig).parent / "agent-kubectl-cache"
    done = subprocess.run(
        ["bash", "-c", command],
        env={
            "PATH": f"{setting.kubectl_folder}:{os.environ.get('PATH', '')}",
            "HOME": os.environ.get("HOME", "/"),
            "KUBECONFIG": setting.kubeconfig,
            "KUBECACHEDIR": str(cache),
            "ALERTMANAGER_URL": setting.alertmanager_url,
        },
        capture_output=True,
        text=True,
        timeout=COMMAND_SECONDS,
        check=False,
    )
    printed = f"{done.stdout}{done.stderr}".strip()
    return printed if done.returncode == 0 else f"exit code {done.returncode}\n{printed}"
