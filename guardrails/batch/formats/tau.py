"""Records of tau-bench, as AgentRx labels them: a task, its conversation `traj`, and a reward."""

from guardrails.batch.formats.chat import run_of
from guardrails.batch.formats.messages import is_message
from guardrails.batch.formats.reader import RecordReader
from guardrails.batch.formats.values import first, items, noted, obj, word
from guardrails.batch.recorded import RecordedRun, Verdict

NAME = "tau"
ABOUT = "tau-bench records (traj, reward, task_id)"


def is_run(value: object) -> bool:
    """Tell whether a JSON value is such a record."""
    found = obj(value)
    if "traj" not in found or not ("reward" in found or "task_id" in found):
        return False
    said = items(found["traj"])
    return not said or is_message(said[0])


def read(value: object, name: str) -> RecordedRun:
    """Turn one record into a run; task and trial are its id, as the benchmark has no other."""
    record = obj(value)
    task, trial = word(record.get("task_id")), word(record.get("trial"))
    own = f"task_{task}" + (f"_trial_{trial}" if trial else "")
    info = obj(record.get("info"))
    return run_of(
        items(record.get("traj")),
        run_id=own if task else name,
        format_=NAME,
        model=first(info, "model", "agent_model"),
        outcome=_outcome(record.get("reward")),
        notes=noted(task=task, trial=trial, reward=record.get("reward")),
    )


READER = RecordReader(name=NAME, about=ABOUT, is_run=is_run, read=read)


def _outcome(reward: object) -> Verdict:
    """Read the reward: tau-bench gives 1 for a run that did all, and 0 for any other."""
    if isinstance(reward, bool) or not isinstance(reward, (int, float)):
        return Verdict.UNKNOWN
    return Verdict.RIGHT if reward >= 1 else Verdict.WRONG
