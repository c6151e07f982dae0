"""A question outlives the process that put it: another one takes the answer."""

import json
import subprocess
import sys
from pathlib import Path

SCRIPT = '''
import json, sys
from langchain.agents import create_agent
from langchain_core.tools import tool
from langgraph.checkpoint.sqlite import SqliteSaver
from langgraph.types import Command
from guardrails.core.evidence import GateVerdict
from guardrails.core.incident import Incident
from guardrails.core.questions import Candidate, Question, QuestionKind
from guardrails.engine import Guard
from guardrails.integrations.langchain import GuardrailMiddleware
from guardrails.integrations.langgraph import guard as guarded
from guardrails.policy.models import Settings
from guardrails.testing import ScriptedGate, ScriptedModel, call, turn

kind, path, answer = sys.argv[1:]
ran = []

class Asks(ScriptedGate):
    @property
    def questions(self):
        which = Question(
            id="which", kind=QuestionKind.WHICH_NAMESPACE, text="Which?", why="two",
            candidates=(Candidate(id="shop", label="shop", namespace="shop"),),
        )
        return (which,) if len(self.opened[-1].namespaces) > 1 else ()

@tool
def get_pods() -> str:
    """List pods."""
    return "web 0/3"

@tool
def get_logs() -> str:
    """Read logs."""
    return "boom"

@tool
def scale_deployment() -> str:
    """Scale."""
    ran.append("scaled")
    return "scaled"

model = ScriptedModel(turns=[
    turn("I suspect that deployment `web` was scaled.", calls=[call("get_pods"), call("get_logs")]),
    turn("I scale it.", calls=[call("scale_deployment")]),
    turn("And look.", calls=[call("get_pods")]),
    turn("It is mended."),
])
using = Guard(
    gate=Asks(GateVerdict.PASS),
    incident=Incident(task="web", namespaces=("shop", "test")),
    settings=Settings.model_validate({"fsm": {"settle": 0}}),
)
tools = [get_pods, get_logs, scale_deployment]
with SqliteSaver.from_conn_string(path) as saver:
    if kind == "middleware":
        made = [GuardrailMiddleware(using=using)]
        agent = create_agent(model, tools, middleware=made, checkpointer=saver)
    else:
        agent = guarded(create_agent(model, tools, checkpointer=saver), using=using)
    given = Command(resume=answer) if answer else {"messages": [("user", "web is down")]}
    state = agent.invoke(given, {"configurable": {"thread_id": "t"}})
paused = [i.value["action_requests"][0]["id"] for i in state.get("__interrupt__", ())]
outcome = (state.get("guardrails_outcome") or {}).get("outcome")
print(json.dumps({"paused": paused, "outcome": outcome, "asked": model.asked, "ran": ran}))
'''


def run(kind: str, path: Path, answer: str = "") -> dict[str, object]:
    """Run the script in a process of its own."""
    command = [sys.executable, "-c", SCRIPT, kind, str(path), answer]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)
    assert done.returncode == 0, done.stderr[-2000:]
    found: dict[str, object] = json.loads(done.stdout.splitlines()[-1])
    return found


def test_another_process_takes_the_answer_to_the_middleware(tmp_path: Path) -> None:
    """Nothing was asked of the model before, and everything is done after."""
    before = run("middleware", tmp_path / "t.db")
    assert before == {"paused": ["which"], "outcome": None, "asked": 0, "ran": []}
    after = run("middleware", tmp_path / "t.db", "shop")
    assert after == {"paused": [], "outcome": "resolved", "asked": 4, "ran": ["scaled"]}


def test_another_process_takes_the_answer_to_a_guarded_graph(tmp_path: Path) -> None:
    """As above, for any compiled graph."""
    before = run("graph", tmp_path / "t.db")
    assert before == {"paused": ["which"], "outcome": None, "asked": 0, "ran": []}
    after = run("graph", tmp_path / "t.db", "1")
    assert after == {"paused": [], "outcome": "resolved", "asked": 4, "ran": ["scaled"]}
