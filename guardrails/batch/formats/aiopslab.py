"""State dumps of LangGraph SRE agents on AIOpsLab: triage, planner, investigators, supervisor.

One JSON object per run: what triage was shown, its symptoms, the planner's tasks, an analysis with
its messages for each investigation, and the supervisor's report.
"""

from collections.abc import Iterator, Sequence

import msgspec

from guardrails.batch.eventlog import EventLog, call_of
from guardrails.batch.formats.reader import RecordReader
from guardrails.batch.formats.values import Json, is_object, items, obj, text, whole
from guardrails.batch.recorded import RecordedRun, Verdict
from guardrails.core.events import PlanItem, ToolCall, ToolStatus

NAME = "aiopslab"
ABOUT = "state of a LangGraph SRE agent (symptoms, rca_tasks, rca_analyses_list, final_report)"

TRIAGE, PLANNER, SUPERVISOR = "triage", "planner", "supervisor"
_SHOWN = ("problematic_pods", "slow_traces", "problematic_metrics", "problematic_traces")
"""What the graph itself looked up for triage, before any model turn."""
_RIGHT = 4
"""Score of a root cause, of 5, from which on a run counts as right."""


def is_run(value: object) -> bool:
    """Tell whether a JSON value is such a state."""
    return is_object(value) and "rca_analyses_list" in value and "final_report" in value


def read(state: Json, *, name: str) -> RecordedRun:
    """Turn one state into a run.

    Args:
        state: The JSON object.
        name: What to call the run if it has no id.
    """
    stats = obj(state.get("stats"))
    testbed = obj(state.get("testbed"))
    run_id = str(state.get("_run_id") or stats.get("run_id") or name)
    log = EventLog(run_id)
    namespace = str(state.get("target_namespace") or "")
    task = f"{state.get('app_name', '')}: {state.get('app_summary', '')}"
    log.started(task, namespaces=[namespace] if namespace else [])
    _triage(log, state)
    _investigations(log, state, budget=whole(testbed.get("max_tool_calls")))
    _report(log, state)
    return RecordedRun(
        run_id=log.run,
        format=NAME,
        events=log.events,
        fault=str(testbed.get("fault_name") or ""),
        outcome=_outcome(state, testbed),
        notes={"agent": str(state.get("agent_configuration_name") or "")},
    )


def _read(value: object, name: str) -> RecordedRun:
    return read(obj(value), name=name)


READER = RecordReader(name=NAME, about=ABOUT, is_run=is_run, read=_read)


def _triage(log: EventLog, state: Json) -> None:
    for key in _SHOWN:
        if (shown := state.get(key)) is not None:
            call = call_of(f"shown-{key}", f"get_{key}", {})
            log.requested(call, agent=TRIAGE)
            log.returned(call, text(shown), agent=TRIAGE)
    symptoms = text(state.get("symptoms") or [])
    log.replied(symptoms, agent=TRIAGE)
    log.passed(symptoms, to=PLANNER, kind="report", agent=TRIAGE)


def _investigations(log: EventLog, state: Json, *, budget: int | None) -> None:
    tasks = [obj(task) for task in items(state.get("rca_tasks"))]
    plan = [_item(task) for task in tasks]
    if tasks:
        log.replied("\n".join(item.text for item in plan), agent=PLANNER)
        log.planned(plan, agent=PLANNER)
    done: set[str] = set()
    for number, analysis in enumerate(_analyses(state), start=1):
        task = obj(analysis.get("task"))
        ref = _ref(task)
        done.add(ref)
        agent = f"investigator {number}"
        log.passed(_task_text(task), to=agent, kind="task", ref=ref, budget=budget, agent=PLANNER)
        _history(log, items(analysis.get("message_history")), agent=agent)
        log.passed(_analysis_text(analysis), to=SUPERVISOR, kind="report", ref=ref, agent=agent)
    if tasks:
        log.planned((_done(item) if item.ref in done else item for item in plan), agent=SUPERVISOR)


def _analyses(state: Json) -> Iterator[Json]:
    """Yield each analysis once: LangGraph's reducer appends the same ones again in every round."""
    seen: dict[str, list[object]] = {}
    for item in items(state.get("rca_analyses_list")):
        # Different ones are told apart by their first fields, without a look at their messages.
        alike = seen.setdefault(_ref(obj(obj(item).get("task"))), [])
        if not any(_same(item, other) for other in alike):
            alike.append(item)
            yield obj(item)


def _same(one: object, other: object) -> bool:
    """Tell whether two values are the same JSON: 1 and 1.0 are equal, and not the same."""
    return one == other and msgspec.json.encode(one) == msgspec.json.encode(other)


def _history(log: EventLog, messages: Sequence[object], *, agent: str) -> None:
    """Append an investigator's messages. Results stand in the order of the calls, without ids."""
    waiting: list[ToolCall] = []
    for at, item in enumerate(messages):
        message = obj(item)
        if message.get("type") == "ToolMessage":
            if waiting:
                _result(log, waiting.pop(0), message, agent=agent)
            continue
        calls = [
            call_of(f"{agent}-{at}-{n}", str(call.get("name")), call.get("args") or {})
            for n, call in enumerate(map(obj, items(message.get("tool_calls"))))
        ]
        log.replied(text(message.get("content") or ""), calls=calls, agent=agent)
        for call in calls:
            log.requested(call, agent=agent)
        waiting = calls


def _result(log: EventLog, call: ToolCall, message: Json, *, agent: str) -> None:
    words = text(message.get("content") or "")
    failed = words.startswith("Error: ")
    status = ToolStatus.ERROR if failed else ToolStatus.OK
    log.returned(call, words, status=status, agent=agent)


def _report(log: EventLog, state: Json) -> None:
    report = obj(state.get("final_report"))
    words = "\n".join(f"{key}: {text(value)}" for key, value in report.items() if value)
    if not words:
        return
    log.replied(words, agent=SUPERVISOR)
    log.ended(words, agent=SUPERVISOR)


def _outcome(state: Json, testbed: Json) -> Verdict:
    """Read the judge's scores: a right run names the fault, or finds that there is none."""
    judged = obj(state.get("evaluation"))
    score = whole(judged.get("rca_score"))
    if score is None:
        return Verdict.UNKNOWN
    if testbed.get("fault_name") == "No fault":
        return Verdict.RIGHT if judged.get("detection") else Verdict.WRONG
    named = bool(judged.get("localization")) and score >= _RIGHT
    return Verdict.RIGHT if named else Verdict.WRONG


def _item(task: Json) -> PlanItem:
    return PlanItem(ref=_ref(task), text=_task_text(task), status="pending")


def _done(item: PlanItem) -> PlanItem:
    return PlanItem(ref=item.ref, text=item.text, status="done")


def _ref(task: Json) -> str:
    return f"T{task.get('priority')}"


def _task_text(task: Json) -> str:
    tools = ", ".join(map(str, items(task.get("suggested_tools"))))
    return (
        f"{_ref(task)}: {task.get('investigation_goal', '')} Target: "
        f"{task.get('resource_type', '')} {task.get('target_resource', '')}. Tools: {tools}"
    )


def _analysis_text(analysis: Json) -> str:
    parts = ("diagnosis", "reasoning", "insights", "steps_performed")
    return "\n".join(f"{key}: {text(analysis[key])}" for key in parts if analysis.get(key))
