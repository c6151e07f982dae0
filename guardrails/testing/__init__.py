"""For our tests and our users': a simulated control plane, scripted agents, virtual time.

Names load on first use, so that `import guardrails.testing` costs nothing and pulls in no
framework.
"""

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from guardrails.testing.clock import ManualClock
    from guardrails.testing.sim import AlertRule, Flow, Match, Respond, SimCluster

_EXPORTS = {
    "AlertRule": "guardrails.testing.sim",
    "Flow": "guardrails.testing.sim",
    "ManualClock": "guardrails.testing.clock",
    "Match": "guardrails.testing.sim",
    "Respond": "guardrails.testing.sim",
    "SimCluster": "guardrails.testing.sim",
}

__all__ = ["AlertRule", "Flow", "ManualClock", "Match", "Respond", "SimCluster"]


def __getattr__(name: str) -> object:
    home = _EXPORTS.get(name)
    if home is None:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    found: object = getattr(import_module(home), name)
    return found
