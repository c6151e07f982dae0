"""For our tests and our users': a simulated control plane, scripted agents, virtual time.

Names load on first use, so that `import guardrails.testing` costs nothing and pulls in no
framework. `docs/reference/testing.md` shows how to test an agent with them.
"""

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from guardrails.testing.clock import ManualClock
    from guardrails.testing.gates import ScriptedGate, scripted_report
    from guardrails.testing.model_server import (
        AskedFor,
        Dropped,
        Refused,
        ScriptedServer,
        slowly,
    )
    from guardrails.testing.personas import PERSONAS, Repertoire, persona
    from guardrails.testing.recorder import Recorder
    from guardrails.testing.scripted import ScriptedModel, ScriptEndedError, call, turn
    from guardrails.testing.sim import AlertRule, ClusterTime, Flow, Match, Respond, SimCluster

_HOMES = {
    "AlertRule": "sim",
    "AskedFor": "model_server",
    "ClusterTime": "sim",
    "Dropped": "model_server",
    "Flow": "sim",
    "ManualClock": "clock",
    "Match": "sim",
    "PERSONAS": "personas",
    "Recorder": "recorder",
    "Refused": "model_server",
    "Repertoire": "personas",
    "Respond": "sim",
    "ScriptEndedError": "scripted",
    "ScriptedGate": "gates",
    "ScriptedModel": "scripted",
    "ScriptedServer": "model_server",
    "SimCluster": "sim",
    "call": "scripted",
    "persona": "personas",
    "scripted_report": "gates",
    "slowly": "model_server",
    "turn": "scripted",
}

__all__ = [
    "PERSONAS",
    "AlertRule",
    "AskedFor",
    "ClusterTime",
    "Dropped",
    "Flow",
    "ManualClock",
    "Match",
    "Recorder",
    "Refused",
    "Repertoire",
    "Respond",
    "ScriptEndedError",
    "ScriptedGate",
    "ScriptedModel",
    "ScriptedServer",
    "SimCluster",
    "call",
    "persona",
    "scripted_report",
    "slowly",
    "turn",
]


def __getattr__(name: str) -> object:
    home = _HOMES.get(name)
    if home is None:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    found: object = getattr(import_module(f"{__name__}.{home}"), name)
    return found


def __dir__() -> list[str]:
    return [*__all__]
