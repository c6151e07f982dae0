"""The plan of `run --demo`: a simulated shop, a scripted agent, and the same guard as anywhere."""

import asyncio
import contextlib
import secrets
import shutil
import sys
import tempfile
from collections.abc import Generator, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass
from pathlib import Path

from guardrails.cli.graphs import INSTALL_LANGGRAPH, Built
from guardrails.cli.guards import LocalGuard
from guardrails.cli.settings import parse_assignments
from guardrails.cli.sources import SourceOptions, open_sources
from guardrails.cli.stages import Say, Stage
from guardrails.core.clock import SystemClock
from guardrails.engine import Guard
from guardrails.errors import SourceError, UsageError
from guardrails.gates.reference import record_baseline
from guardrails.policy.load import load_settings
from guardrails.policy.models import Settings
from guardrails.testing.demo import DEMO_SETTINGS, DemoStage, demo_agent, demo_stage
from guardrails.testing.demo_app import NAMESPACE
from guardrails.testing.scenarios import DEFAULT_SCENARIO, Scenario, scenario, scenarios
from guardrails.testing.sim import SimCluster

PACE_SECONDS = 0.6
"""Time that a scripted turn takes on a terminal; without one nobody reads along, and it is 0."""

_LIST_SECONDS = 5.0


@dataclass(frozen=True, slots=True, kw_only=True)
class DemoPlan:
    """A run of a scripted agent on a simulated cluster."""

    scenario: Scenario
    settings: Settings
    trace: Path
    pace: float

    @property
    def target(self) -> str:
        """The scenario."""
        return f"demo:{self.scenario.name}"

    @property
    def model(self) -> str:
        """The script, as a model's name."""
        return f"scripted:{self.scenario.name}"

    @contextlib.contextmanager
    def staged(self, say: Say) -> Generator[Stage]:
        """Bring up the shop, break it, and hand it over."""
        say(f"demo {self.scenario.name}: an agent that {self.scenario.title}")
        with contextlib.ExitStack() as stack:
            folder = _folder(stack)
            try:
                stage = stack.enter_context(
                    demo_stage(self.scenario, folder=folder, record=_record, say=say)
                )
            except TimeoutError as error:
                raise SourceError(str(error)) from error
            sources = open_sources(
                SourceOptions(
                    kubeconfig=stage.kubeconfig,
                    prometheus=stage.cluster.prometheus_url,
                    alertmanager=stage.cluster.alertmanager_url,
                ),
                timeout_seconds=self.settings.gate.list_timeout,
            )
            stack.callback(sources.close)
            yield Stage(
                incident=stage.incident,
                guard=LocalGuard(
                    settings=self.settings, sources=sources, baseline=(stage.baseline,)
                ),
                build=_Builder(stage=stage, pace=self.pace),
            )


def _folder(stack: contextlib.ExitStack) -> Path:
    """Make a folder that goes with the stack, whenever a signal unwinds it."""
    folder = Path(tempfile.gettempdir(), f"guarded-demo-{secrets.token_hex(8)}")
    stack.callback(shutil.rmtree, folder, ignore_errors=True)  # first: the signal may come between
    folder.mkdir(mode=0o700)
    return folder


@dataclass(frozen=True, slots=True, kw_only=True)
class _Builder:
    stage: DemoStage
    pace: float

    async def __call__(self, guard: Guard, stack: AsyncExitStack) -> Built:
        """Build the scripted agent under the guard's middleware."""
        del stack  # it opens nothing
        from guardrails.integrations.langchain import (  # noqa: PLC0415  # two seconds to import
            GuardrailMiddleware,
        )

        agent = demo_agent(
            self.stage, middleware=[GuardrailMiddleware(using=guard)], pace=self.pace
        )
        return Built(graph=agent, took_model=True)


def demo_plan(
    name: str | None,
    *,
    policy: Path | None,
    assignments: Sequence[str],
    shadow: bool,
    trace: Path | None,
    watch: str | None = None,
) -> DemoPlan:
    """Plan a demo.

    Args:
        name: The scenario; None for the default one.
        policy: A policy file to try out; the demo's short times win over it.
        assignments: `--set`.
        shadow: `--shadow`.
        trace: Where the trace goes; None for a file in the system's folder for temporary ones.
        watch: `--watch`.

    Raises:
        UsageError: No such scenario, LangChain is not installed, or a setting is wrong.
    """
    chosen = _scenarios(name)
    settings = load_settings(
        file=policy,
        profile=None,
        model="",
        environ={},  # a demo is the same on every machine
        flags={
            **DEMO_SETTINGS,
            **chosen.settings,
            **({"mode": "shadow"} if shadow else {}),
            **({"gate.watch_for": watch} if watch is not None else {}),
            **parse_assignments(assignments),
        },
    )
    return DemoPlan(
        scenario=chosen,
        settings=settings,
        trace=trace or _trace_file(chosen.name),
        pace=PACE_SECONDS if sys.stdout.isatty() else 0.0,
    )


def list_scenarios() -> None:
    """Print the scenarios."""
    _scenarios(None)
    for one in scenarios():
        mark = " (default)" if one.name == DEFAULT_SCENARIO else ""
        sys.stdout.write(f"{one.name:<14} ends {one.outcome:<11} {one.title}{mark}\n")


def _scenarios(name: str | None) -> Scenario:
    try:
        return scenario(name or DEFAULT_SCENARIO)
    except ImportError as error:
        raise UsageError(INSTALL_LANGGRAPH) from error


def _trace_file(name: str) -> Path:
    folder = Path(tempfile.mkdtemp(prefix="guarded-agent-"))
    return folder / f"{name}.jsonl"


def _record(cluster: SimCluster, kubeconfig: Path, path: Path) -> None:
    """Record the healthy shop, as `baseline record` would."""
    clock = SystemClock()
    options = SourceOptions(kubeconfig=kubeconfig, prometheus=cluster.prometheus_url)
    sources = open_sources(options, timeout_seconds=_LIST_SECONDS)
    with contextlib.closing(sources):
        asyncio.run(
            record_baseline(
                sources.cluster,
                namespaces=[NAMESPACE],
                path=path,
                at=clock.now(),
                prometheus=sources.prometheus,
            )
        )
