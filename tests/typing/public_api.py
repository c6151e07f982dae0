"""The public API as a user writes it: only type-checked (pyright, strict), never run.

A change of a signature that breaks a user's code breaks `make check` here first.
"""

# LangGraph leaves its generics open in nearly every signature, so partly unknown types remain:
# pyright: reportUnknownMemberType=false, reportUnknownVariableType=false

from pathlib import Path
from typing import Any, assert_type

from langchain.agents import create_agent
from langchain_core.tools import BaseTool
from langgraph.graph.state import CompiledStateGraph

from guardrails import (
    Alertmanager,
    AlertMatcher,
    Decision,
    Event,
    Evidence,
    EvidenceGate,
    Finding,
    Gate,
    GateReport,
    GateVerdict,
    Goal,
    Guard,
    GuardrailMiddleware,
    GuardrailsError,
    Hook,
    Incident,
    KubernetesReader,
    Outcome,
    Prometheus,
    PrometheusHook,
    RemoteGuard,
    RunResult,
    Settings,
    Slo,
    StructlogHook,
    TraceFileHook,
    Workload,
    connect,
    drive,
    guard,
    guard_tools,
    load_incident,
    load_settings,
    replay,
)
from guardrails.core.evidence import Tier
from guardrails.core.mast import FailureMode
from guardrails.sidecar.client import Endpoint

Graph = CompiledStateGraph[Any, Any, Any, Any]


def put_together() -> Guard:
    settings = load_settings(file=Path("policy.yaml"), model="openai:gpt-5")
    assert_type(settings, Settings)
    gate = EvidenceGate(
        reader=KubernetesReader.connect(context="prod", namespace="shop"),
        prometheus=Prometheus("http://prometheus:9090", timeout_seconds=5.0),
        alertmanager=Alertmanager("http://alertmanager:9093"),
        settings=settings.gate,
        baselines=[Path("baselines")],
    )
    as_gate: Gate = gate
    sinks: list[Hook] = [TraceFileHook(Path("run.jsonl")), StructlogHook(), PrometheusHook()]
    incident = load_incident("incident.yaml")
    assert_type(incident, Incident)
    return Guard(settings=settings, gate=as_gate, incident=incident, hooks=sinks)


def put_together_elsewhere(endpoint: Endpoint, incident: Incident) -> Guard:
    guards: list[Guard] = [
        RemoteGuard(endpoint, incident=incident),
        connect(local=put_together, incident=incident),
    ]
    return guards[0]


def by_hand() -> Incident:
    return Incident(
        task="Errors on checkout.",
        goal=Goal.MITIGATION,
        namespaces=("shop",),
        workloads=(Workload(kind="Deployment", name="checkout", namespace="shop"),),
        alerts=(AlertMatcher(labels={"alertname": "HighRequestErrorRate"}),),
        slo=(Slo(name="up", query="up == 1"),),
    )


def claim(state: dict[str, object]) -> str | None:
    return str(state["verdict"]) if "verdict" in state else None


def on_refusal(state: dict[str, object], report: GateReport | None, words: str) -> dict[str, str]:
    del state, report
    return {"note": words}


def around(graph: Graph, tools: list[BaseTool], using: Guard) -> Graph:
    # A tool may be a function or a provider's dict, too; a node takes them all.
    guarded_tools = guard_tools(tools, using=using)
    create_agent("openai:gpt-5", guarded_tools, middleware=[GuardrailMiddleware(using=using)])
    return guard(graph, using=using, claim=claim, on_refusal=on_refusal, errors="raise")


async def from_outside(graph: Graph, using: Guard) -> Outcome:
    try:
        driven = await drive(graph, {"messages": []}, using=using, incident=by_hand())
    except GuardrailsError:
        return Outcome.ABORTED
    result = driven.result
    assert_type(result, RunResult)
    if result.report is not None and result.verdict is GateVerdict.PASS:
        assert_type(result.tier, Tier | None)
        assert_type(result.report.evidence, tuple[Evidence, ...])
    assert_type(result.findings, tuple[Finding, ...])
    return result.outcome


def again(events: list[Event], settings: Settings) -> tuple[Decision, ...]:
    replayed = replay(events, settings=settings)
    for finding in replayed.findings:
        assert_type(finding.mode, FailureMode)
    return replayed.decisions
