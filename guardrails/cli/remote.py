"""The plan of `run TARGET --service URL`: somebody's agent here, its guard elsewhere.

What the service has cannot be said here: the policy's settings, the cluster, the sources of alerts
and the baseline are its own.
"""

import contextlib
from collections.abc import Callable, Generator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

from guardrails.cli.files import check_writable
from guardrails.cli.guards import ServiceGuard
from guardrails.cli.incidents import read_incident
from guardrails.cli.plans import RunRequest, function_of, graph_builder
from guardrails.cli.stages import Say, Stage
from guardrails.cli.targets import load_object
from guardrails.core.incident import Incident
from guardrails.errors import UsageError
from guardrails.sidecar.client import Endpoint
from guardrails.sidecar.client.endpoint import ENV_URL

ELSEWHERE: Final = {
    "profile": "--profile",
    "assignments": "--set",
    "kubeconfig": "--kubeconfig",
    "context": "--context",
    "prometheus": "--prometheus",
    "alertmanager": "--alertmanager",
    "baseline": "--baseline",
    "reference": "--reference",
    "watch": "--watch",
    "shadow": "--shadow",
}
"""Options of what the service has, by parameter."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RemotePlan:
    """A run of somebody's agent that a service guards."""

    request: RunRequest
    endpoint: Endpoint
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
        """Load the agent's code."""
        request = self.request
        loaded = load_object(request.target)
        yield Stage(
            incident=self.incident,
            guard=ServiceGuard(endpoint=self.endpoint),
            build=graph_builder(loaded, request.model, say),
            graph_input=request.graph_input,
            claim=function_of(request.claim, "--claim"),
            on_refusal=function_of(request.on_refusal, "--on-refusal"),
        )


def plan_remote(
    request: RunRequest, endpoint: Endpoint, *, given: Callable[[str], bool]
) -> RemotePlan:
    """Read everything that can be read without running the user's code or asking the service.

    Args:
        request: The options.
        endpoint: The service.
        given: Whether a parameter was given on the command line; variables of the environment may
            be there for other commands.

    Raises:
        UsageError: An option says what the service has, or incident, payload or trace are wrong.
    """
    refused = [option for name, option in ELSEWHERE.items() if given(name)]
    if refused:
        raise UsageError(
            f"{', '.join(refused)}: the service at {endpoint.url} has its own; leave that out, or "
            f"--service (and {ENV_URL}) to guard in this process"
        )
    named = endpoint if request.policy is None else replace(endpoint, policy=_name(request.policy))
    incident = read_incident(
        file=request.incident,
        payload=request.alert_payload,
        task=request.task,
        goal=request.goal,
        namespaces=request.namespaces,
    )
    if request.trace is not None:
        check_writable(request.trace, option="--trace")
    return RemotePlan(request=request, endpoint=named, incident=_in_scope(incident))


def _name(policy: Path) -> str:
    """Return the name of a policy; `--policy` takes a file where the guard is in this process."""
    text = str(policy)
    if policy.suffix or policy.parent != Path():
        raise UsageError(
            f"--policy {text}: the service takes no files; give the name of a policy that it has, "
            f"or nothing for its usual one"
        )
    return text


def _in_scope(incident: Incident) -> Incident:
    """Give an incident that names no namespace those of its workloads; there is no context here."""
    if incident.namespaces:
        return incident
    named = tuple(dict.fromkeys(one.namespace for one in incident.workloads if one.namespace))
    if not named:
        raise UsageError(
            "which namespace? the service knows no context of yours; give -n NAMESPACE"
        )
    return replace(incident, namespaces=named)
