"""What tool calls mean: policy, command lines, annotations, names, queries."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from guardrails.actions.classify import classify
from guardrails.actions.rules import ToolRules
from guardrails.core.toolaction import Effect, Target, ToolAction, ToolAnnotations

_CLAIMS_TO_READ = ToolAnnotations(read_only=True)


def _call(tool: str, **arguments: object) -> ToolAction:
    return classify(tool, json.dumps(arguments))


@pytest.mark.parametrize(
    ("tool", "effect"),
    [
        ("get_pods", Effect.READ),
        ("listPods", Effect.READ),
        ("kubectl_describe", Effect.READ),
        ("pod_logs", Effect.READ),
        ("k8s-get-events", Effect.READ),
        ("mcp.k8s/pods_list", Effect.READ),
        ("search_runbook", Effect.READ),
        ("get_restart_count", Effect.READ),
        ("transfer_to_remediator", Effect.READ),
        ("write_todos", Effect.READ),
        ("scale_deployment", Effect.WRITE),
        ("restartService", Effect.WRITE),
        ("patch-deployment", Effect.WRITE),
        ("rollback_release", Effect.WRITE),
        ("get_or_create_silence", Effect.WRITE),
        ("status_update", Effect.WRITE),
        ("load_generator_start", Effect.WRITE),
        ("history_clear", Effect.DESTRUCTIVE),
        ("show_restart_history", Effect.READ),
        ("check_restart_count", Effect.READ),
        ("wait", Effect.READ),
        ("exec_in_pod", Effect.WRITE),
        ("delete_pod", Effect.DESTRUCTIVE),
        ("drainNode", Effect.DESTRUCTIVE),
        ("helm-uninstall", Effect.DESTRUCTIVE),
        ("list_and_delete_pods", Effect.DESTRUCTIVE),
        ("submit", Effect.FINISH),
        ("submit_final_diagnosis", Effect.FINISH),
        ("final_answer", Effect.FINISH),
        ("task_complete", Effect.FINISH),
        ("done", Effect.FINISH),
    ],
)
def test_the_name_of_a_function_tool_tells_its_effect(tool: str, effect: Effect) -> None:
    """Words of the name decide, in any spelling."""
    action = classify(tool, "{}")
    assert (action.effect, action.understood) == (effect, True)


def test_a_tool_that_nothing_explains_is_a_write_not_understood() -> None:
    """The unknown is never read."""
    action = _call("frobnicate", a=1)
    assert (action.effect, action.understood) == (Effect.WRITE, False)


@pytest.mark.parametrize("arguments", ["{bad", "42", "[", '{"a": }', "\ud800"])
def test_malformed_arguments_are_not_understood(arguments: str) -> None:
    """A read tool with arguments that nobody can read is no read."""
    action = classify("get_pods", arguments)
    assert (action.effect, action.understood) == (Effect.WRITE, False)


def test_malformed_arguments_do_not_soften_a_destructive_name() -> None:
    """Broken JSON is no way around the name."""
    assert classify("delete_pod", "{").effect is Effect.DESTRUCTIVE


@pytest.mark.parametrize(
    ("tool", "arguments", "effect"),
    [
        ("bash", {"command": "kubectl get pods"}, Effect.READ),
        ("bash", {"command": "kubectl get pods; rm -rf /"}, Effect.DESTRUCTIVE),
        ("anything", {"cmd": "kubectl delete pod x"}, Effect.DESTRUCTIVE),
        ("kubectl", {"command": "get pods -n shop"}, Effect.READ),
        ("kubectl", {"command": "kubectl get pods"}, Effect.READ),
        ("kubectl", {"args": ["delete", "pod", "x"]}, Effect.DESTRUCTIVE),
        ("kubectl", {"command": "set image deploy/x a=b"}, Effect.WRITE),
        (
            "kubectl",
            {"command": "for p in a b; do kubectl delete pod $p; done"},
            Effect.DESTRUCTIVE,
        ),
        ("helm", {"args": "uninstall x"}, Effect.DESTRUCTIVE),
        ("helm", {"args": "test x"}, Effect.WRITE),
        ("exec_kubectl_cmd_safely", {"cmd": "kubectl scale deploy x --replicas=1"}, Effect.WRITE),
        ("kubectl_generic", {"command": "delete", "resourceType": "pod"}, Effect.DESTRUCTIVE),
        ("exec_in_pod", {"pod": "x", "command": "cat /a"}, Effect.READ),
        ("get_metrics", {"command": "rm -rf /"}, Effect.DESTRUCTIVE),
        ("delete_pod", {"command": "ls"}, Effect.DESTRUCTIVE),
        ("x", {"command": "ls", "cmd": "kubectl delete pod a"}, Effect.DESTRUCTIVE),
        ("run", {"argv": ["sh", "-c", "kubectl delete ns x"]}, Effect.WRITE),
        ("shell", {"argv": ["sh", "-c", "kubectl delete ns x"]}, Effect.DESTRUCTIVE),
        ("bash", {"commands": ["ls", "kubectl delete ns x"]}, Effect.DESTRUCTIVE),
        ("get_info", {"input": {"command": "rm -rf /"}}, Effect.DESTRUCTIVE),
        ("get_x", {"steps": [{"command": "kubectl delete ns x"}]}, Effect.DESTRUCTIVE),
        ("kubectl", {"kwargs": {"command": "kubectl get pods"}}, Effect.READ),
        ("kubectl_command", {"command": "get", "args": ["pods", "-n", "x"]}, Effect.READ),
        ("kubectl_command", {"command": "delete", "args": ["pod", "x"]}, Effect.DESTRUCTIVE),
        ("kubectl", {"verb": "delete", "resource": "pod", "name": "x"}, Effect.DESTRUCTIVE),
        ("kubectl", {"verb": "get", "resource": "pod", "name": "x"}, Effect.WRITE),
        ("curl", {"url": "http://x"}, Effect.READ),
        ("curl", {"url": "http://x", "method": "DELETE"}, Effect.DESTRUCTIVE),
    ],
)
def test_a_command_line_among_the_arguments_decides(
    tool: str, arguments: dict[str, object], effect: Effect
) -> None:
    """The line is judged, wherever the tool keeps it."""
    assert _call(tool, **arguments).effect is effect


def test_arguments_that_are_only_text_or_words_are_a_command_line() -> None:
    """Some tools take the line itself as their arguments."""
    assert classify("kubectl", '"delete pod x"').effect is Effect.DESTRUCTIVE
    assert classify("kubectl", '["delete", "pod", "x"]').effect is Effect.DESTRUCTIVE


def test_natural_language_is_not_taken_for_a_command_line() -> None:
    """`get rid of pod x` is no `kubectl get`."""
    action = _call("nl2kubectl", nl_query="get rid of pod x")
    assert (action.effect, action.understood) == (Effect.WRITE, False)


def test_a_shell_tool_without_a_line_is_not_understood() -> None:
    """Nobody knows what it would run."""
    assert not _call("bash", timeout=3).understood


def test_a_read_only_hint_is_believed_of_an_unknown_tool() -> None:
    """MCP annotations explain a name that says nothing."""
    action = classify("frobnicate", "{}", annotations=_CLAIMS_TO_READ)
    assert (action.effect, action.understood) == (Effect.READ, True)


@pytest.mark.parametrize(
    ("tool", "arguments"),
    [("bash", '{"command": "kubectl delete pod x"}'), ("delete_pod", '{"name": "x"}')],
)
def test_a_read_only_hint_is_not_believed_against_the_evidence(tool: str, arguments: str) -> None:
    """A hint is a claim of the tool; the line and the name say otherwise."""
    assert classify(tool, arguments, annotations=_CLAIMS_TO_READ).effect is Effect.DESTRUCTIVE


@pytest.mark.parametrize(
    ("tool", "effect"),
    [
        ("restart_pod", Effect.WRITE),
        ("scale_deployment", Effect.WRITE),
        ("run_report", Effect.READ),
        ("execute_promql", Effect.READ),
        ("frobnicate", Effect.READ),
    ],
)
def test_a_read_only_hint_is_believed_only_where_the_name_leaves_room(
    tool: str, effect: Effect
) -> None:
    """Hints of an MCP server are not to be trusted: `restart_pod` restarts, whatever it says."""
    assert classify(tool, "{}", annotations=_CLAIMS_TO_READ).effect is effect


@pytest.mark.parametrize(
    ("tool", "arguments", "effect"),
    [
        ("manage_pod", {"action": "list"}, Effect.READ),
        ("manage_pod", {"action": "delete"}, Effect.DESTRUCTIVE),
        ("pods", {"action": "restart"}, Effect.WRITE),
        ("execute_action", {"action": "delete_pod"}, Effect.DESTRUCTIVE),
        ("get_audit_log", {"verb": "delete"}, Effect.READ),
        ("http_request", {"method": "GET", "url": "http://x"}, Effect.READ),
        ("http_request", {"method": "POST", "url": "http://x"}, Effect.WRITE),
        ("http_request", {"method": "DELETE", "url": "http://x"}, Effect.DESTRUCTIVE),
    ],
)
def test_an_argument_may_name_the_verb(
    tool: str, arguments: dict[str, object], effect: Effect
) -> None:
    """Tools of many uses take what they do as an argument."""
    assert _call(tool, **arguments).effect is effect


@pytest.mark.parametrize("tool", ["g\u0435t_pods", "get\u2011pods", "\uff47et_pods"])
def test_a_name_of_look_alike_letters_is_never_a_read(tool: str) -> None:
    """A Cyrillic `e` is not ours."""
    assert classify(tool, "{}").effect is Effect.WRITE


def test_destructive_and_not_read_only_hints_raise_the_effect() -> None:
    """A tool may always confess more than its name does."""
    destroys = ToolAnnotations(destructive=True)
    changes = ToolAnnotations(read_only=False)
    assert classify("get_x", "{}", annotations=destroys).effect is Effect.DESTRUCTIVE
    assert classify("get_x", "{}", annotations=changes).effect is Effect.WRITE


def test_the_policy_wins_over_everything() -> None:
    """Names set by the policy are not argued with; the gravest of several wins."""
    rules = ToolRules(read=("safe_*",), write=("safe_but_*",), finish=("close_incident",))
    line = '{"command": "kubectl delete ns x"}'
    assert classify("safe_delete", line, rules=rules).effect is Effect.READ
    assert classify("safe_but_odd", line, rules=rules).effect is Effect.WRITE
    assert classify("CLOSE_INCIDENT", "{}", rules=rules).effect is Effect.FINISH
    assert classify("submit", "{}", rules=rules).effect is Effect.WRITE


def test_the_policy_can_name_tools_that_take_command_lines() -> None:
    """Any argument of such a tool may hold the line."""
    rules = ToolRules(shell=("runner",))  # noqa: S604  # globs, not subprocess's switch
    found = classify("runner", '{"what": "kubectl delete ns x"}', rules=rules)
    assert found.effect is Effect.DESTRUCTIVE


@pytest.mark.parametrize(
    ("tool", "arguments", "effect"),
    [
        ("query_prometheus", {"query": "up == 0"}, Effect.READ),
        ("execute_promql", {"query": "up"}, Effect.READ),
        ("prometheus", {"expr": "up"}, Effect.READ),
        ("loki", {"logql": '{app="x"}'}, Effect.READ),
        ("run_query", {"query": "rate(http_requests_total[5m]) > 0"}, Effect.READ),
        ("run_query", {"query": "restart"}, Effect.WRITE),
        ("execute_query", {"query": "up"}, Effect.READ),
        ("execute_query", {"query": "kube_pod_info"}, Effect.READ),
        ("web_search", {"query": "delete pod stuck terminating"}, Effect.READ),
        ("search_docs", {"query": "drop table"}, Effect.READ),
        ("knowledge_base", {"query": "set replicas"}, Effect.READ),
        ("find_in_database", {"query": "drop table x"}, Effect.DESTRUCTIVE),
        ("run_sql", {"sql": "SELECT 1"}, Effect.READ),
        ("run_sql", {"query": "DROP TABLE x"}, Effect.DESTRUCTIVE),
        ("db", {"sql": "EXPLAIN ANALYZE DELETE FROM x"}, Effect.DESTRUCTIVE),
        ("query_db", {"query": "update t set a=1"}, Effect.WRITE),
        ("delete_prometheus_series", {"query": "up"}, Effect.DESTRUCTIVE),
    ],
)
def test_queries_are_judged_by_their_language(
    tool: str, arguments: dict[str, object], effect: Effect
) -> None:
    """PromQL and LogQL ask; SQL may do anything."""
    assert _call(tool, **arguments).effect is effect


@pytest.mark.parametrize("query", ["(" * 100_000 + "1" + ")" * 100_000, "(" * 100_000])
def test_a_hostile_query_does_not_end_the_process(query: str) -> None:
    """promql-parser 0.12 overflows the stack on deep nesting; such a text is not given to it."""
    assert _call("run_query", query=query).effect is Effect.WRITE


def test_a_query_is_named_as_a_target() -> None:
    """Detectors compare what was asked."""
    assert _call("query_prometheus", query="up").operations[0].targets == (
        Target(kind="query", name="up"),
    )


@pytest.mark.parametrize(
    ("tool", "arguments", "target"),
    [
        ("get_pods", {"namespace": "shop"}, Target(kind="pod", namespace="shop")),
        (
            "delete_pod",
            {"name": "a", "namespace": "s"},
            Target(kind="pod", name="a", namespace="s"),
        ),
        ("get_logs", {"pod": "a", "ns": "s"}, Target(kind="pod", name="a", namespace="s")),
        ("scale", {"deployment_name": "a"}, Target(kind="deployment", name="a")),
        ("get", {"kind": "Service", "name": "a"}, Target(kind="service", name="a")),
        ("kubectl_get", {"resourceType": "pods", "name": "a"}, Target(kind="pod", name="a")),
        ("get_resource", {"resource": "deploy/a"}, Target(kind="deployment", name="a")),
        ("list_pods", {"label_selector": "app=x"}, Target(kind="pod", selector="app=x")),
        ("http_get", {"url": "http://x"}, Target(kind="url", name="http://x")),
    ],
)
def test_targets_come_from_the_arguments(
    tool: str, arguments: dict[str, object], target: Target
) -> None:
    """Kind, name, namespace and selector are found under the names that tools use."""
    assert _call(tool, **arguments).operations[0].targets == (target,)


def test_objects_beside_a_command_line_are_targets_too() -> None:
    """`exec_in_pod(pod=…, command=…)` speaks of the pod."""
    action = _call("exec_in_pod", pod="a", namespace="s", command="rm -r /x")
    assert action.operations[0].targets == (Target(kind="pod", name="a", namespace="s"),)
    assert action.operations[0].effect is Effect.DESTRUCTIVE


def test_a_repeated_call_is_remembered() -> None:
    """The same call gives the same value without another analysis."""
    first = _call("bash", command="kubectl get pods -n remembered")
    assert _call("bash", command="kubectl get pods -n remembered") is first


_KEYS = st.sampled_from(
    ["command", "args", "query", "name", "namespace", "kind", "pod", "x", "sql"]
)
_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(_KEYS, inner, max_size=4),
    max_leaves=8,
)
_TOOLS = st.sampled_from(["bash", "kubectl", "get_pods", "delete_x", "frob", "nl2kubectl", ""])


@given(_TOOLS, _JSON.map(json.dumps) | st.text(max_size=40))
def test_any_call_gets_an_answer_that_holds_the_rules(tool: str, arguments: str) -> None:
    """No call raises, the answer is always the same, and doubt is at least a write."""
    action = classify(tool, arguments)
    assert classify(tool, arguments) == action
    if not action.understood:
        assert action.effect.gravity >= Effect.WRITE.gravity


_WORDS = st.text(
    st.characters(exclude_categories=("C", "Z"), include_characters=" \n"), max_size=12
)


@given(st.lists(_WORDS, min_size=1, max_size=5))
def test_words_of_an_argv_reach_the_program_unchanged(words: list[str]) -> None:
    """Nothing in a list of words is shell syntax: `;` in a word is text."""
    action = classify("shell", json.dumps({"argv": ["kubectl", "get", *words]}))
    commands = [o for o in action.operations if o.program != "shell"]
    assert [(o.program, o.verb, o.effect) for o in commands] == [("kubectl", "get", Effect.READ)]
