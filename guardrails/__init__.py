"""Runtime guardrails for SRE agents.

An end is accepted only on evidence from Kubernetes and alerts. Adapters load on first use, so
importing this package does not import LangChain (2.4 s).
"""

# LangGraph leaves its generics open in nearly every signature, so partly unknown types remain:
# pyright: reportUnknownMemberType=false, reportUnknownVariableType=false
# pyright: reportUnknownArgumentType=false, reportUnknownParameterType=false

from importlib import import_module
from typing import TYPE_CHECKING, Any

from guardrails.core.installation import check_installation
from guardrails.version import VERSION as __version__  # noqa: F401, N811  # as the field names it

check_installation()

if TYPE_CHECKING:
    from guardrails.core.claims import Claim, ClaimKind
    from guardrails.core.decisions import Decision
    from guardrails.core.events import Event
    from guardrails.core.evidence import Evidence, GateReport, GateVerdict
    from guardrails.core.findings import Finding
    from guardrails.core.hooks import Hook
    from guardrails.core.incident import AlertMatcher, Goal, Incident, Slo, Workload
    from guardrails.core.outcome import Outcome
    from guardrails.core.result import RunResult
    from guardrails.engine import Guard, Session, replay
    from guardrails.errors import GuardrailsError
    from guardrails.gates.alerts.alertmanager import Alertmanager
    from guardrails.gates.alerts.prometheus import Prometheus
    from guardrails.gates.base import Gate
    from guardrails.gates.evidence_gate import EvidenceGate
    from guardrails.gates.kubernetes.client import KubernetesReader
    from guardrails.gates.reference.recorder import BaselineRecorder
    from guardrails.integrations.drive import drive
    from guardrails.integrations.langchain import GuardrailMiddleware
    from guardrails.integrations.langgraph import guard
    from guardrails.integrations.recalling import recall
    from guardrails.integrations.sending import clean_context
    from guardrails.integrations.tools import guard_tools
    from guardrails.policy.incidents import load_incident
    from guardrails.policy.load import load_settings
    from guardrails.policy.models import Settings
    from guardrails.sidecar.client import RemoteGuard, connect
    from guardrails.telemetry.jsonl import TraceFileHook
    from guardrails.telemetry.logs import StructlogHook
    from guardrails.telemetry.metrics import PrometheusHook

_HOMES = {
    "AlertMatcher": "core.incident",
    "Alertmanager": "gates.alerts.alertmanager",
    "BaselineRecorder": "gates.reference.recorder",
    "Claim": "core.claims",
    "ClaimKind": "core.claims",
    "Decision": "core.decisions",
    "Event": "core.events",
    "Evidence": "core.evidence",
    "EvidenceGate": "gates.evidence_gate",
    "Finding": "core.findings",
    "Gate": "gates.base",
    "GateReport": "core.evidence",
    "GateVerdict": "core.evidence",
    "Goal": "core.incident",
    "Guard": "engine",
    "GuardrailMiddleware": "integrations.langchain",
    "GuardrailsError": "errors",
    "Hook": "core.hooks",
    "Incident": "core.incident",
    "KubernetesReader": "gates.kubernetes.client",
    "Outcome": "core.outcome",
    "Prometheus": "gates.alerts.prometheus",
    "PrometheusHook": "telemetry.metrics",
    "RemoteGuard": "sidecar.client",
    "RunResult": "core.result",
    "Session": "engine",
    "Settings": "policy.models",
    "Slo": "core.incident",
    "StructlogHook": "telemetry.logs",
    "TraceFileHook": "telemetry.jsonl",
    "Workload": "core.incident",
    "clean_context": "integrations.sending",
    "connect": "sidecar.client",
    "drive": "integrations.drive",
    "guard": "integrations.langgraph",
    "guard_tools": "integrations.tools",
    "load_incident": "policy.incidents",
    "load_settings": "policy.load",
    "recall": "integrations.recalling",
    "replay": "engine",
}

__all__ = [
    "AlertMatcher",
    "Alertmanager",
    "BaselineRecorder",
    "Claim",
    "ClaimKind",
    "Decision",
    "Event",
    "Evidence",
    "EvidenceGate",
    "Finding",
    "Gate",
    "GateReport",
    "GateVerdict",
    "Goal",
    "Guard",
    "GuardrailMiddleware",
    "GuardrailsError",
    "Hook",
    "Incident",
    "KubernetesReader",
    "Outcome",
    "Prometheus",
    "PrometheusHook",
    "RemoteGuard",
    "RunResult",
    "Session",
    "Settings",
    "Slo",
    "StructlogHook",
    "TraceFileHook",
    "Workload",
    "clean_context",
    "connect",
    "drive",
    "guard",
    "guard_tools",
    "load_incident",
    "load_settings",
    "recall",
    "replay",
]


def __getattr__(name: str) -> Any:  # noqa: ANN401  # a module attribute can be anything
    home = _HOMES.get(name)
    if home is None:
        raise AttributeError(f"module 'guardrails' has no attribute {name!r}")
    return getattr(import_module(f"guardrails.{home}"), name)


def __dir__() -> list[str]:
    return sorted(__all__)
