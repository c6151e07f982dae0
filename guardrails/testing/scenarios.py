"""The demo's scenarios: a fault, what the scripted agent says and does about it, how it must end.

The agents are scripted, everything else is real: their tools, the graph, the guard, and a control
plane that behaves as its objects say. Scripts follow the failures that the MAST study of SRE
agents reports: a victory declared on pods that look fine, an end that comes too early, no end.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import TYPE_CHECKING

from guardrails.core.incident import Goal
from guardrails.core.outcome import Outcome
from guardrails.errors import UsageError

if TYPE_CHECKING:
    from guardrails.testing.scripted import Turn
    from guardrails.testing.sim import SimCluster

DEFAULT_SCENARIO = "false-victory"

Script = Callable[[], "Sequence[Turn]"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Scenario:
    """One story for the demo."""

    name: str
    title: str
    """What happens, in one sentence."""
    task: str
    """What the agent is told."""
    alert: str
    """Name of the alert that the fault makes fire."""
    fault: Callable[["SimCluster"], None]
    script: Script
    outcome: Outcome
    """How it must end; tested."""
    goal: Goal = Goal.MITIGATION
    forever: bool = False
    """Whether the last turn is played over and over."""
    settings: Mapping[str, object] = field(default_factory=lambda: MappingProxyType({}))
    """Policy settings of its own."""
    during: Callable[["SimCluster"], None] | None = None
    """What else happens to the cluster once the agent starts."""


def scenario(name: str) -> Scenario:
    """Find a scenario.

    Raises:
        UsageError: There is none of that name.
    """
    found = {one.name: one for one in scenarios()}
    if name not in found:
        listed = ", ".join(sorted(found))
        raise UsageError(f"--demo {name}: no such scenario; there are: {listed}")
    return found[name]


def scenarios() -> tuple[Scenario, ...]:
    """Return every scenario, the default one first."""
    from guardrails.testing.scenario_scripts import SCENARIOS  # noqa: PLC0415  # loads LangChain

    return SCENARIOS
