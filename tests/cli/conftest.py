"""What the CLI tests share: running a command line, in this process or in one of its own."""

import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

import guarded_agent_entry
from guardrails.cli.app import run_cli
from guardrails.testing.demo_app import shop_app, shop_flows, shop_rules
from guardrails.testing.sim import SimCluster

ENTRY = Path(guarded_agent_entry.__file__)


@dataclass(frozen=True, slots=True, kw_only=True)
class Ran:
    """What a command line did."""

    code: int
    out: str
    err: str

    @property
    def error(self) -> str:
        """The one line on standard error; fails when there is not exactly one."""
        lines = [line for line in self.err.splitlines() if line.strip()]
        assert len(lines) == 1, self.err
        assert "Traceback" not in self.err
        assert lines[0].startswith("error: "), lines[0]
        return lines[0].removeprefix("error: ")


Cli = Callable[..., Ran]


@pytest.fixture
def cli(capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Cli:
    """Return a function that runs a command line in this process."""
    for name in [n for n in os.environ if n.startswith("GUARDED_AGENT_")]:
        monkeypatch.delenv(name)
    monkeypatch.delenv("KUBECONFIG", raising=False)
    # Targets put folders on the path; the next test must not find them there.
    monkeypatch.setattr(sys, "path", list(sys.path))

    def run(*arguments: str | Path) -> Ran:
        capfd.readouterr()
        code = run_cli([str(a) for a in arguments])
        captured = capfd.readouterr()
        return Ran(code=code, out=captured.out, err=captured.err)

    return run


@pytest.fixture
def cli_process() -> Cli:
    """Return a function that runs a command line as a process of its own."""

    def run(*arguments: str | Path, cwd: Path | None = None, timeout: float = 90.0) -> Ran:
        done = subprocess.run(
            [sys.executable, str(ENTRY), *map(str, arguments)],
            capture_output=True,
            text=True,
            check=False,
            cwd=cwd,
            timeout=timeout,
            env={k: v for k, v in os.environ.items() if not k.startswith("GUARDED_AGENT_")},
        )
        return Ran(code=done.returncode, out=done.stdout, err=done.stderr)

    return run


AGENT = """
from typing import Annotated, TypedDict
from langchain_core.messages import AIMessage
from langgraph.graph import START, StateGraph
from langgraph.graph.message import add_messages

class State(TypedDict):
    messages: Annotated[list, add_messages]

def says(text):
    print("a print of the agent")
    builder = StateGraph(State)
    builder.add_node("agent", lambda state: {"messages": [AIMessage(text)]})
    builder.add_edge(START, "agent")
    return builder.compile()

def fine():
    return says("Everything in the shop is healthy again. The incident is resolved.")

def lost():
    return says("I was unable to resolve the incident.")

def breaks():
    def node(state):
        raise RuntimeError("the provider said no")
    builder = StateGraph(State)
    builder.add_node("agent", node)
    builder.add_edge(START, "agent")
    return builder.compile()

def slow():
    import asyncio
    async def node(state):
        print("AT WORK", flush=True)
        await asyncio.sleep(60)
        return {"messages": [AIMessage("done")]}
    builder = StateGraph(State)
    builder.add_node("agent", node)
    builder.add_edge(START, "agent")
    return builder.compile()

def model_named(model):
    return says(f"{model} says that the incident is resolved.")
"""


@pytest.fixture
def agent(tmp_path: Path) -> Iterator[Path]:
    """Write a file of agents without tools: they only end, one way or another."""
    path = tmp_path / f"agent_{tmp_path.name.replace('-', '_')}.py"
    path.write_text(AGENT)
    yield path
    sys.modules.pop(path.stem, None)


@dataclass(frozen=True, slots=True, kw_only=True)
class Shop:
    """A healthy shop that runs, and the options that reach it."""

    cluster: SimCluster
    kubeconfig: Path

    @property
    def options(self) -> list[str]:
        return [
            "--kubeconfig",
            str(self.kubeconfig),
            "--prometheus",
            self.cluster.prometheus_url,
            "--alertmanager",
            self.cluster.alertmanager_url,
        ]


@pytest.fixture
def quick() -> list[str]:
    """Return options that make the gate's times short."""
    settings = (
        "gate.stable_for=300ms",
        "gate.window=500ms",
        "gate.poll_every=100ms",
        "gate.unknown_grace=200ms",
        "gate.list_timeout=2s",
        "gate.wait_at_most=10s",
    )
    return [part for setting in settings for part in ("--set", setting)]


@pytest.fixture
def shop(tmp_path: Path) -> Iterator[Shop]:
    """Run the demo's shop, healthy."""
    with SimCluster() as cluster:
        cluster.apply(shop_app())
        for flow in shop_flows():
            cluster.add_flow(flow)
        for rule in shop_rules():
            cluster.add_rule(rule)
        cluster.settle()
        yield Shop(cluster=cluster, kubeconfig=cluster.write_kubeconfig(tmp_path / "kubeconfig"))
