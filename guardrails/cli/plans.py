"""The plan of `run TARGET`: from the options of the command line to a stage."""

import contextlib
from collections.abc import Callable, Generator
from contextlib import AsyncExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

from guardrails.cli.files import check_writable
from guardrails.cli.graphs import Built, build_graph
from guardrails.cli.guards import LocalGuard
from guardrails.cli.incidents import read_incident
from guardrails.cli.settings import read_settings
from guardrails.cli.sources import SourceOptions, in_scope, open_sources
from guardrails.cli.stages import Say, Stage
from guardrails.cli.targets import Loaded, load_object
from guardrails.core.incident import Goal, Incident
from guardrails.engine import Guard
from guardrails.errors import UsageError
from guardrails.gates.reference import find_snapshots, read_manifests
from guardrails.policy.models import Settings


@dataclass(frozen=True, slots=True, kw_only=True)
class RunRequest:
    """The options of `run TARGET`, as they were given."""

    target: str
    task: str | None = None
    goal: Goal | None = None
    incident: Path | None = None
    alert_payload: str | None = None
    namespaces: tuple[str, ...] = ()
    policy: Path | None = None
    profile: str | None = None
    assignments: tuple[str, ...] = ()
    model: str = ""
    kubeconfig: Path | None = None
    context: str | None = None
    prometheus: str | None = None
    alertmanager: str | None = None
    baseline: tuple[Path, ...] = ()
    manifests: tuple[Path, ...] = ()
    graph_input: str = ""
    claim: str | None = None
    on_refusal: str | None = None
    trace: Path | None = None
    shadow: bool = False
    watch: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class TargetPlan:
    """A run of somebody's agent on a cluster that exists."""

    request: RunRequest
    settings: Settings
    incident: Incident

    @property
    def target(self) -> str:
        """The agent, as the person named it."""
        return self.request.target

    @property
    def model(self) -> str:
        """`provider:name`, or empty."""
        return self.request.model

    @property
    def trace(self) -> Path | None:
        """Where the trace goes."""
        return self.request.trace

    @contextlib.contextmanager
    def staged(self, say: Say) -> Generator[Stage]:
        """Load the agent's code and open the sources."""
        request = self.request
        # The user's code runs here: after everything that can be wrong without it.
        loaded = load_object(request.target)
        claim = function_of(request.claim, "--claim")
        on_refusal = function_of(request.on_refusal, "--on-refusal")
        sources = open_sources(
            SourceOptions(
                kubeconfig=request.kubeconfig,
                context=request.context,
                prometheus=request.prometheus,
                alertmanager=request.alertmanager,
            ),
            timeout_seconds=self.settings.gate.list_timeout,
        )
        with contextlib.closing(sources):
            yield Stage(
                incident=in_scope(self.incident, sources),
                guard=LocalGuard(
                    settings=self.settings,
                    sources=sources,
                    baseline=request.baseline,
                    manifests=request.manifests,
                ),
                build=graph_builder(loaded, request.model, say),
                graph_input=request.graph_input,
                claim=claim,
                on_refusal=on_refusal,
            )


def plan_run(request: RunRequest) -> TargetPlan:
    """Read everything that can be read without running the user's code or asking the cluster.

    Raises:
        UsageError: Policy, incident, payload, baseline, manifests or trace file are wrong.
    """
    settings = read_settings(
        policy=request.policy,
        profile=request.profile,
        model=request.model,
        assignments=request.assignments,
        shadow=request.shadow,
        watch=request.watch,
    )
    incident = read_incident(
        file=request.incident,
        payload=request.alert_payload,
        task=request.task,
        goal=request.goal,
        namespaces=request.namespaces,
    )
    find_snapshots(request.baseline)
    read_manifests(request.manifests)
    if request.trace is not None:
        check_writable(request.trace, option="--trace")
    return TargetPlan(request=request, settings=settings, incident=incident)


def graph_builder(loaded: Loaded, model: str, say: Say) -> Callable[[Guard, AsyncExitStack], Any]:
    """Return what makes the graph of a target, in the event loop of the run."""

    async def build(_: Guard, stack: AsyncExitStack) -> Built:
        built = await build_graph(loaded, model=model, stack=stack)
        if model and not built.took_model:
            say(f"note: {loaded.name} takes no `model`; --model {model} only chose the profile")
        return built

    return build


def function_of(target: str | None, option: str) -> Callable[..., Any] | None:
    """Load the function that an option names.

    Raises:
        UsageError: It is no function.
    """
    if target is None:
        return None
    loaded = load_object(target)
    if not callable(loaded.value):
        raise UsageError(f"{option} {target}: this is no function")
    return cast("Callable[..., Any]", loaded.value)
