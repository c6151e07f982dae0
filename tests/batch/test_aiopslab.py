"""State dumps of a LangGraph SRE agent: who did what, and how it came out."""

import json
from pathlib import Path

import pytest

from guardrails.batch.reading import read_runs
from guardrails.batch.recorded import RecordedRun

TASK = {
    "priority": 1,
    "investigation_goal": "See whether cart answers.",
    "target_resource": "cart",
    "resource_type": "service",
    "suggested_tools": ["get_logs"],
}
ANALYSIS = {
    "task": TASK,
    "diagnosis": "cart has no endpoints",
    "message_history": [
        {
            "type": "AIMessage",
            "content": "",
            "tool_calls": [{"name": "get_logs", "args": {"of": "cart"}}, {"name": "get_pods"}],
        },
        {"type": "ToolMessage", "content": "Error: no such pod"},
        {"type": "ToolMessage", "content": "[]"},
    ],
}
STATE = {
    "_run_id": "r-1",
    "app_name": "Shop",
    "app_summary": "sells things",
    "target_namespace": "shop",
    "agent_configuration_name": "plain",
    "problematic_pods": {"cart-1": "CrashLoopBackOff"},
    "symptoms": [{"resource": "cart"}],
    "rca_tasks": [TASK],
    "rca_analyses_list": [ANALYSIS, ANALYSIS],
    "final_report": {"root_cause": "cart's selector is wrong", "affected": ["cart"]},
    "testbed": {"fault_name": "wrong_selector", "max_tool_calls": 5},
    "evaluation": {"detection": True, "localization": True, "rca_score": 4},
}


def _read(tmp_path: Path, state: object) -> RecordedRun:
    path = tmp_path / "states.jsonl"
    path.write_text(json.dumps(state))
    (run,) = read_runs(path)
    return run


def test_every_role_of_the_graph_is_an_agent(tmp_path: Path) -> None:
    """An analysis that the graph's reducer repeats is told once."""
    run = _read(tmp_path, STATE)
    assert (run.run_id, run.format, run.fault) == ("r-1", "aiopslab", "wrong_selector")
    assert run.notes == {"agent": "plain"}
    assert [(type(e.fact).__name__, e.agent) for e in run.events] == [
        ("RunStarted", ""),
        ("ToolRequested", "triage"),
        ("ToolReturned", "triage"),
        ("ModelReplied", "triage"),
        ("MessagePassed", "triage"),
        ("ModelReplied", "planner"),
        ("PlanStated", "planner"),
        ("MessagePassed", "planner"),
        ("ModelReplied", "investigator 1"),
        ("ToolRequested", "investigator 1"),
        ("ToolRequested", "investigator 1"),
        ("ToolReturned", "investigator 1"),
        ("ToolReturned", "investigator 1"),
        ("MessagePassed", "investigator 1"),
        ("PlanStated", "supervisor"),
        ("ModelReplied", "supervisor"),
        ("EndRequested", "supervisor"),
    ]


def test_a_task_has_its_name_and_budget(tmp_path: Path) -> None:
    """The plan says what became of it."""
    facts = [event.fact for event in _read(tmp_path, STATE).events]
    task, report, plan = facts[7], facts[13], facts[14]
    assert (task.kind, task.to, task.ref, task.budget) == ("task", "investigator 1", "T1", 5)
    assert (report.kind, report.to, report.ref) == ("report", "supervisor", "T1")
    assert [item.status for item in plan.items] == ["done"]


def test_results_stand_in_the_order_of_the_calls(tmp_path: Path) -> None:
    """The dump keeps no ids; what begins with `Error: ` failed."""
    facts = [event.fact for event in _read(tmp_path, STATE).events]
    assert [(f.tool, f.status, f.text) for f in facts[11:13]] == [
        ("get_logs", "error", "Error: no such pod"),
        ("get_pods", "ok", "[]"),
    ]


@pytest.mark.parametrize(
    ("fault", "judged", "outcome"),
    [
        ("x", {"detection": True, "localization": True, "rca_score": 4}, "right"),
        ("x", {"detection": True, "localization": True, "rca_score": 3}, "wrong"),
        ("x", {"detection": True, "localization": False, "rca_score": 5}, "wrong"),
        ("No fault", {"detection": True, "localization": False, "rca_score": 1}, "right"),
        ("No fault", {"detection": False, "localization": False, "rca_score": 1}, "wrong"),
        ("x", {}, "unknown"),
    ],
)
def test_the_judge_says_how_it_came_out(
    tmp_path: Path, fault: str, judged: dict[str, object], outcome: str
) -> None:
    """A right run names the fault where it is, or sees that there is none."""
    state = {**STATE, "testbed": {"fault_name": fault}, "evaluation": judged}
    assert _read(tmp_path, state).outcome == outcome


def test_a_state_without_a_report_has_no_end(tmp_path: Path) -> None:
    """Nothing was claimed."""
    run = _read(tmp_path, {**STATE, "final_report": None})
    assert type(run.events[-1].fact).__name__ == "PlanStated"
