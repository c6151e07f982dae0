"""Invented runs for the tests of tagging: a shop whose agents are wrong in known ways."""

import json
from collections.abc import Iterable
from pathlib import Path

from guardrails.batch.lines import TaggedFinding, TaggedRun, mode_of
from guardrails.batch.recorded import Verdict
from guardrails.core.mast import MODES


def state(name: str, *, looks: int = 0, right: bool = False, agent: str = "plain") -> dict:
    """Return the state of a run that blames the cart after so many looks.

    Without a look, it ends too early (3.1), whatever else detectors make of it.
    """
    messages: list[dict] = []
    for number in range(looks):
        call = {"name": "kubectl", "args": {"command": f"kubectl get pods -n shop{number}"}}
        messages += [
            {"type": "AIMessage", "content": "Looking at the pods.", "tool_calls": [call]},
            {"type": "ToolMessage", "content": f"cart-{number}  0/1  CrashLoopBackOff  {number}"},
        ]
    task = {"priority": 1, "investigation_goal": "Look at cart.", "target_resource": "cart"}
    analysis = {"task": task, "message_history": messages, "diagnosis": "cart crashes"}
    return {
        "_run_id": name,
        "app_name": "shop",
        "target_namespace": "shop",
        "symptoms": ["cart answers with errors"],
        "rca_tasks": [],
        "rca_analyses_list": [analysis] if looks else [],
        "final_report": {"root_cause": "The cart crashes because its password is wrong."},
        "agent_configuration_name": agent,
        "testbed": {"fault_name": "cart crashes"},
        "evaluation": {"localization": right, "rca_score": 5 if right else 1},
    }


def write_states(path: Path, states: Iterable[dict]) -> Path:
    """Write states as JSON lines."""
    path.write_text("".join(f"{json.dumps(one)}\n" for one in states))
    return path


def tagged_run(  # each part that a test may set
    name: str = "run-1",
    *,
    outcome: Verdict = Verdict.WRONG,
    modes: Iterable[str] = (),
    model: str = "acme:large",
    agents: tuple[str, ...] = ("planner", "investigator 1"),
    by: str = "planner",
    **more: object,
) -> TaggedRun:
    """Return a line with one finding for each mode."""
    findings = [finding(mode, agent=by) for mode in sorted(modes)]
    given = {
        "source": "runs.jsonl",
        "format": "aiopslab",
        "fault": "cart crashes",
        "steps": 10,
        "events": 40,
        "tool_calls": 9,
        "tokens": None,
        "seconds": None,
        "after_decisive": None,
        "notes": {},
        **more,
    }
    return TaggedRun(
        run_id=name,
        model=model,
        outcome=outcome,
        agents=agents,
        modes=tuple(sorted(modes)),
        decisive=tuple(one.mode for one in findings if one.severity == "decisive"),
        findings=tuple(findings),
        **given,
    )


def finding(mode: str, *, agent: str = "planner") -> TaggedFinding:
    """Return a finding of a mode, with the mode's own weight."""
    known = mode_of(mode)
    assert known is not None
    return TaggedFinding(
        mode=mode,
        name=MODES[known].name,
        agent=agent,
        steps=(3,),
        evidence=("cart-0  0/1  CrashLoopBackOff",),
        confidence=0.9,
        detector="Invented",
        why="It is so for this test.",
        about="cart",
        severity=MODES[known].weight,
        judged=False,
    )
