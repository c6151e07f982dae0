"""TARGET: what it may name, and what is said when it names nothing."""

import asyncio
import json
import sys
from collections.abc import Iterator
from contextlib import AsyncExitStack
from pathlib import Path

import pytest
from langgraph.graph.state import CompiledStateGraph

from guardrails.cli.graphs import Built, build_graph
from guardrails.cli.targets import load_object
from guardrails.errors import TargetError

GRAPHS = """
from contextlib import asynccontextmanager
from typing import TypedDict
from langgraph.graph import START, StateGraph

class State(TypedDict):
    messages: list

builder = StateGraph(State)
builder.add_node("agent", lambda state: {"messages": []})
builder.add_edge(START, "agent")
graph = builder.compile()
seen = []

def make():
    return graph

async def make_later():
    return builder

def make_with(model):
    seen.append(model)
    return graph

def make_configured(config):
    seen.append(config)
    return graph

@asynccontextmanager
async def make_open():
    seen.append("opened")
    yield graph
    seen.append("closed")

def broken():
    raise ValueError("no key for the model")

def greedy(tools):
    return graph

empty = StateGraph(State)
number = 42

class Holder:
    inside = graph
"""


@pytest.fixture(autouse=True)
def _clean(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "path", list(sys.path))


@pytest.fixture
def agents(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """Write a module of graphs under a name that no other test uses."""
    name = f"agents_{tmp_path.name.replace('-', '_')}"
    path = tmp_path / f"{name}.py"
    path.write_text(GRAPHS)
    monkeypatch.chdir(tmp_path)
    yield path
    sys.modules.pop(name, None)


def _build(target: str, *, model: str = "") -> Built:
    async def build() -> Built:
        async with AsyncExitStack() as stack:
            return await build_graph(load_object(target), model=model, stack=stack)

    return asyncio.run(build())


@pytest.mark.parametrize(
    "attribute", ["graph", "builder", "make", "make_later", "make_open", "Holder.inside"]
)
def test_graphs_builders_and_factories_become_graphs(agents: Path, attribute: str) -> None:
    """A compiled graph, a builder and every kind of factory may be named."""
    assert isinstance(_build(f"{agents.name}:{attribute}").graph, CompiledStateGraph)


def test_a_module_is_found_in_the_current_folder(agents: Path) -> None:
    """`module:attribute` works without installing anything."""
    assert isinstance(_build(f"{agents.stem}:graph").graph, CompiledStateGraph)


def test_a_factory_is_given_the_model_that_it_takes(agents: Path) -> None:
    """`--model` reaches a parameter called `model`, and this is known."""
    built = _build(f"{agents.name}:make_with", model="openai:gpt-5")
    assert built.took_model
    assert sys.modules[agents.stem].seen == ["openai:gpt-5"]


def test_a_graph_takes_no_model(agents: Path) -> None:
    """Nobody is told that a model is in use which is not."""
    assert not _build(f"{agents.name}:graph", model="openai:gpt-5").took_model


def test_a_factory_is_given_a_config(agents: Path) -> None:
    """LangGraph's own servers pass `config`; so do we."""
    _build(f"{agents.name}:make_configured", model="openai:gpt-5")
    assert sys.modules[agents.stem].seen == [{"configurable": {"model": "openai:gpt-5"}}]


def test_a_context_manager_is_closed_after_the_run(agents: Path) -> None:
    """What a factory opened does not outlive the run."""
    _build(f"{agents.name}:make_open")
    assert sys.modules[agents.stem].seen == ["opened", "closed"]


@pytest.mark.parametrize(
    ("target", "said"),
    [
        ("{file}:grahp", "has no attribute 'grahp'; did you mean 'graph'?"),
        ("{file}:number", "is an int, not a graph"),
        ("{file}:Holder", "is the class Holder, not a graph"),
        ("{file}:empty", "compiling the graph failed"),
        ("{file}:broken", "failed: ValueError: no key for the model ({file}:36)"),
        ("{file}:greedy", "wants 'tools', which a run does not have"),
        ("{file}:make_with", "wants a model; give --model provider:name"),
        ("{file}", "names no attribute; write {file}:graph"),
        ("./nowhere.py:graph", "nowhere.py: no such file"),
        ("no_such_module_at_all:graph", "no module named 'no_such_module_at_all'"),
        (":graph", "is no target"),
        ("{stem}:", "is no target"),
        ("graph", "there is no langgraph.json"),
    ],
)
def test_a_wrong_target_is_told_in_one_line(agents: Path, target: str, said: str) -> None:
    """Each mistake has its own sentence, with the way out."""
    names = {"file": agents.name, "stem": agents.stem}
    with pytest.raises(TargetError) as caught:
        _build(target.format(**names))
    assert said.format(**names) in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_near_file_is_suggested(agents: Path) -> None:
    """A typo in the file's name is the likeliest mistake."""
    with pytest.raises(TargetError, match=f"did you mean '{agents.name}'"):
        load_object(f"./{agents.name.replace('agents', 'agent')}:graph")


@pytest.mark.parametrize(
    ("code", "said"),
    [
        ("import nothing_like_this\n", "ModuleNotFoundError: No module named 'nothing_like_this'"),
        ("\n\nraise RuntimeError('no key')\n", "RuntimeError: no key ({name}:3)"),
        ("def f(:\n", "SyntaxError: invalid syntax ({name}:1)"),
        ("raise SystemExit('usage: …')\n", "SystemExit: usage: … ({name}:1)"),
    ],
)
def test_an_error_while_importing_names_the_users_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, code: str, said: str
) -> None:
    """What is wrong in the user's file is told with its line, not with ours."""
    monkeypatch.chdir(tmp_path)
    path = tmp_path / f"bad_{tmp_path.name.replace('-', '_')}.py"
    path.write_text(code)
    with pytest.raises(TargetError) as caught:
        load_object(f"{path.name}:graph")
    assert said.format(name=path.name) in str(caught.value)


def test_a_file_named_like_a_module_of_python_replaces_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """`random.py` beside the agent is loaded under a name of its own."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "random.py").write_text("graph = 1\n")
    import random  # noqa: PLC0415  # the module that must stay

    assert load_object("random.py:graph").value == 1
    assert sys.modules["random"] is random


def test_langgraph_json_names_graphs(agents: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A name is looked up in the nearest project file, from any folder below it."""
    project = {
        "dependencies": ["."],
        "graphs": {"sre": f"./{agents.name}:make", "other": {"path": f"./{agents.name}:graph"}},
        "env": {"SRE_TEST_TOKEN": "from-project"},
    }
    (agents.parent / "langgraph.json").write_text(json.dumps(project))
    below = agents.parent / "deeper"
    below.mkdir()
    monkeypatch.chdir(below)
    monkeypatch.setenv("SRE_TEST_TOKEN", "already-set")
    assert isinstance(_build("sre").graph, CompiledStateGraph)
    assert isinstance(_build("other").graph, CompiledStateGraph)


def test_the_projects_variables_are_set_and_win_over_nothing(
    agents: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A variable that is set already keeps its value."""
    monkeypatch.setenv("SRE_TEST_ONE", "mine")
    monkeypatch.setenv("SRE_TEST_TWO", "")
    monkeypatch.delenv("SRE_TEST_TWO")
    (agents.parent / ".env").write_text("# keys\nSRE_TEST_ONE=theirs\nexport SRE_TEST_TWO='two'\n")
    (agents.parent / "langgraph.json").write_text(
        json.dumps({"graphs": {"sre": f"./{agents.name}:graph"}, "env": ".env"})
    )
    load_object("sre")
    import os  # noqa: PLC0415  # read after the fact

    assert (os.environ["SRE_TEST_ONE"], os.environ["SRE_TEST_TWO"]) == ("mine", "two")
    monkeypatch.delenv("SRE_TEST_TWO")


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("{", "langgraph.json: "),
        ('{"graphs": []}', "Expected `object`"),
        ('{"graphs": {}}', "names no graph 'sre'; it names none"),
        ('{"graphs": {"srf": "./a.py:graph"}}', "did you mean 'srf'?"),
        ('{"graphs": {"sre": "./a.py"}}', "is not file.py:attribute"),
        ('{"graphs": {"sre": "./a.py:g"}, "env": ".none"}', "env: cannot read"),
    ],
)
def test_a_wrong_project_file_is_told_in_one_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, text: str, said: str
) -> None:
    """The file is named, and what is wrong in it."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "langgraph.json").write_text(text)
    with pytest.raises(TargetError, match="langgraph") as caught:
        load_object("sre")
    assert said in str(caught.value)
